# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MORNING: what every other line about a host rests on - its clock, and the timers that do its routine work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, unknown
from verify.facts.verdicts import clock, span

# Packages whose own work hangs on a timer that they bring. Source: their file lists in Debian 12.
_OF_PACKAGES = {"systemd": "systemd-tmpfiles-clean.timer", "logrotate": "logrotate.timer"}
_OF_FILES = "file-backup.timer"


@control("MORNING-02", "clock")
def the_clock_is_right(host: Any, bounds: Any) -> Iterator[Said]:
    """Compare the host's clock with the controller's, as both were read during the visit; the time that the answer took
    is taken off, because the two cannot be told apart.

    A clock that is off moves every instant of the host's evidence: how old a backup is, when somebody came in.
    """
    off = max(0.0, abs(host.clock.offset_s) - host.clock.uncertainty_s)
    claim = f"the clock of {host.name} is within {span(bounds.clock_max_s)} of the controller's"
    if off <= bounds.clock_max_s and host.clock.uncertainty_s > bounds.clock_uncertainty_max_s:
        yield unknown(
            f"Whether {claim} cannot be told: it answered after {span(2 * host.clock.uncertainty_s)}.",
            observed=host.clock.uncertainty_s,
        )
        return
    yield expect(off <= bounds.clock_max_s, claim, observed=host.clock.offset_s, expected=bounds.clock_max_s)


@control("MORNING-02", "timers")
def routine_work_is_on_time(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask systemd for its timers: those that the host's packages and the declared backup of its files need are active,
    and none is overdue.

    A timer that was stopped is no longer among those that systemd lists, so the ones that have to be there are named.
    """
    found = host.timers
    needed = [timer for package, timer in _OF_PACKAGES.items() if _installed(host, package)]
    assets = estate.views("asset")
    if any(one.get("source") == "restic" and one.get("host") == host.name for one in assets):
        needed.append(_OF_FILES)
    still = [name for name in needed if name not in found or found[name].active != "active"]
    yield expect(
        needed and not still, f"the timers that {host.name} needs are active ({', '.join(needed)})", observed=still
    )
    due = estate.fact(host.name, "timers").collected - bounds.timer_late_max_s
    late = {name: clock(one.next) for name, one in found.items() if one.next is not None and one.next < due}
    claim = f"none of the {len(found)} timers of {host.name} is overdue by {span(bounds.timer_late_max_s)}"
    yield expect(found and not late, claim, observed=late or len(found))


def _installed(host: Any, package: str) -> bool:
    return package in host.packages and bool(host.packages[package].installed)
