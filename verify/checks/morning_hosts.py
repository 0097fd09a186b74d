# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MORNING: what the hosts say themselves - clocks, timers, units and file systems - and whether services answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.metrics import metrics
from verify.facts.probing import probe_samples
from verify.facts.storage import read_only, unmounted, unwatched
from verify.facts.verdicts import clock, percent, span

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


@control("MORNING-02", "units")
def no_unit_failed(host: Any) -> Iterator[Said]:
    """Ask systemd for the state of every unit and of the system as a whole: none failed, and the host is up and
    running. A unit that failed stays among these until it is started again or somebody resets it."""
    units = host.units
    failed = sorted({*host.failed_units, *(one.name for one in host.services.values() if one.active == "failed")})
    yield expect(units, f"systemd of {host.name} knows its units", observed=len(units), expected="1 or more")
    yield expect(not failed, f"none of {len(units)} units of {host.name} failed", observed=failed, expected=[])
    system = host.system
    counted = {"state": system.state, "failed": system.failed_units}
    claim = f"systemd of {host.name} is up and counts no failed unit"
    yield expect(system.state == "running" and not system.failed_units, claim, observed=counted, expected="running")


@control("MORNING-02", "storage")
def file_systems_are_there_and_have_room(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the host's own list of its file systems (df): each has room and inodes left, and Prometheus has a sample of
    each, so that none can fill unseen. What /etc/fstab wants mounted is mounted, and may be written to where it says
    so.

    The file system of a container lies on another one, whose sample counts for both.
    """
    disks = host.disks
    yield expect(disks, f"df shows file systems of {host.name}", observed=len(disks), expected="1 or more")
    for one in disks:
        for what, ratio, limit in (
            ("space", one.used_ratio, bounds.disk_max_ratio),
            ("inodes", one.inode_ratio, bounds.inode_max_ratio),
        ):
            claim = f"at most {percent(limit)} of the {what} on {one.target} of {host.name} is used, by df"
            yield expect(ratio <= limit, claim, observed=ratio, expected=limit)
    seen = metrics(estate)
    for name in ("filesystem_used_ratio", "filesystem_inodes_used_ratio"):
        unseen = [one.target for one in unwatched(disks, seen.hosts(name).get(host.name, []), inodes="inodes" in name)]
        yield expect(not unseen, f"Prometheus has {name} of each file system of {host.name}", observed=unseen)
    gone, closed = unmounted(host), read_only(host)
    yield expect(not gone, f"all that fstab of {host.name} names is mounted", observed=gone, expected=[])
    yield expect(not closed, f"no file system of {host.name} turned read-only", observed=closed, expected=[])


@control("MORNING-02", "services")
def the_critical_service_answers(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest result of each probe of a critical service: it is young, and it succeeded."""
    if not service.get("critical"):
        yield not_applicable(f"{service.name} is declared as not critical")
        return
    probe = service.get("probe")
    samples = probe_samples(estate, probe)
    yield expect(samples, f"Prometheus knows how the last probe of {service.name} ended", observed=len(samples))
    failed = [dict(one.labels) for one in samples if one.value != 1]
    yield expect(not failed, f"{service.name} answers at {probe}", observed=failed, expected=[])
    ages = [one.value for one in metrics(estate).some("probe_age_s") if one.labels.get("instance") == probe]
    oldest = max(ages, default=None)
    claim = f"{service.name} was probed within {span(bounds.probe_max_age_s)}"
    young = oldest is not None and oldest <= bounds.probe_max_age_s
    yield expect(young, claim, observed=oldest, expected=bounds.probe_max_age_s)
