# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MONITORING: figures without a missing day, and changes that are written down as they happen."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.calendar import day_of
from verify.facts.deeds import SLACK_S, Deed, deeds, records_of, upgrades
from verify.facts.figures import names as figure_names
from verify.facts.history import figures
from verify.facts.registers import register
from verify.facts.verdicts import clock, span

DAY = 86400.0


@control("MONITORING-04")
def no_figure_misses_a_day(estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the key figures of past runs from the ledger: each has a sample of each of the last 30 days.

    A figure that measured nothing because there was nothing to measure counts; one whose source did not answer does
    not, and of one that was measured and could not be told nobody knows. Days before the ledger's first run are no
    history, so a young ledger is unknown.
    """
    past = figures(estate)
    names = figure_names(estate)
    yield expect(names, "key figures are declared", observed=len(names), expected="1 or more")
    days = _days(estate, bounds.window_s)
    if past.first is None or past.first > days[0]:
        yield unknown(f"the ledger begins on {past.first}, and {days[0]} to {days[-1]} are looked at")
        days = [day for day in days if past.first is not None and day >= past.first]
    for name in names:
        had, untold = past.days(name), past.untold(name)
        dark = [day.isoformat() for day in days if day in untold]
        if dark:
            yield unknown(f"{name} was measured on {len(dark)} days and could not be told", observed=dark)
        holes = [day.isoformat() for day in days if day not in had | untold]
        yield expect(not holes, f"{name} has a sample of each of {len(days)} days", observed=holes, expected=[])


def _days(estate: Any, window_s: float) -> list[datetime.date]:
    """Return the days of the window without today, whose sample this run brings."""
    today = day_of(estate, estate.now)
    return [today - datetime.timedelta(days=back) for back in range(round(window_s / DAY), 0, -1)]


@control("MONITORING-05")
def changes_are_written_down_as_they_happen(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take what was done to the estate by the records that procedures leave: deployments, patch runs, restores, and
    recoveries, live drills among them. Each belongs to a change on record that covers its time and that was brought up
    to date, with how it ended, when it was over: on the same day, or within the bound where the day was over too.

    What was written before something was done is its plan, and tells nothing of it. Upgrades that leave no record are
    read from apt's own history on each host, but for those of unattended-upgrades. What else leaves no record is not
    seen here: other controls compare the estate with its code and its page.
    """
    since = estate.now - bounds.window_s
    done = deeds(estate, since=since)
    done += [deed for host in estate.views("host") for deed in upgrades(estate, host, since=since)]
    changes = register(estate, "change")
    for deed in done:
        yield from _written(estate, deed, changes, bounds)
    if not done:
        yield not_applicable(f"nothing on record changed the estate in the last {span(bounds.window_s)}")


def _written(estate: Any, deed: Deed, changes: Any, bounds: Any) -> Iterator[Said]:
    found = records_of(deed, changes)
    yield expect(found, f"a change on record covers {deed.says}", observed=deed.change)
    if not found:
        return
    told = [one for one in found if one.at >= deed.ended - SLACK_S]
    day = day_of(estate, deed.ended)
    soon = [one for one in told if day_of(estate, one.at) == day or one.at - deed.ended <= bounds.lag_max_s]
    yield expect(
        soon,
        f"the change of {deed.says} was brought up to date on the same day",
        observed=[clock(one.at) for one in found],
        expected=[clock(deed.ended), day.isoformat()],
    )
    done = [one for one in soon or found if one.state in ("done", "failed", "rolled_back")]
    yield expect(done, f"the change of {deed.says} says how it ended", observed=[one.state for one in found])
