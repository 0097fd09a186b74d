# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EOD: the end of the day."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import calendar, capacity
from verify.facts.figures import names as figure_names
from verify.facts.history import figures
from verify.facts.records import everything
from verify.facts.registers import register
from verify.facts.verdicts import clock, span

DAY = 86400.0


@control("EOD-01")
def figures_of_the_day_are_kept_and_compared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the ledger of past runs: each key figure has a sample from the last day, and one from a week and one from a
    month before it, each with a value, so that its change can be told. A figure that had nothing to measure on one of
    these days has no change, and the report says so. What the ledger is too young for is unknown."""
    past = figures(estate)
    names = figure_names(estate)
    yield expect(names, "key figures are declared", observed=len(names), expected="1 or more")
    if past.first is None:
        yield unknown("the ledger holds no run before this one")
        return
    oldest = calendar.day_of(estate, estate.now - bounds.max_age_s)
    silent: dict[str, str] = {}
    for name in names:
        last = max(past.days(name), default=None)
        yield expect(
            last is not None and last >= oldest,
            f"the ledger holds {name} of the last day",
            observed=last and last.isoformat(),
            expected=oldest.isoformat(),
        )
        if last is not None:
            yield from _compared(past, name, last, bounds, silent)
    left = len(names) - len(silent)
    claim = f"{left} of {len(names)} figures have values to compare"
    yield expect(left, f"{claim}; {', '.join(silent.values())}" if silent else claim, observed=silent)


def _compared(past: Any, name: str, last: datetime.date, bounds: Any, silent: dict[str, str]) -> Iterator[Said]:
    """Claim that a figure can be compared with what it was; note in ``silent`` why one has no value that could be."""
    for window_s in (bounds.week_s, bounds.month_s):
        then = last - datetime.timedelta(seconds=window_s)
        if past.first is None or past.first > then:
            yield unknown(f"the ledger begins on {past.first}, so no figure can be compared with {then}")
            continue
        now, before = past.on(name, last), past.on(name, then)
        empty = [(day, one) for day, one in ((last, now), (then, before)) if one is not None and one.value is None]
        if before is not None and empty:
            day, one = empty[0]
            silent[name] = f"{name} {one.reason} on {day}"
            continue
        yield expect(
            before is not None,
            f"{name} can be compared with its value {span(window_s)} before",
            observed={"day": then.isoformat(), "then": before and before.value, "now": now.value},
        )


@control("EOD-02")
def closed_incidents_taught_something(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the incidents that were closed in the last day: each carries what was learnt, in its own record or in its
    postmortem, and a person stands for it."""
    found = register(estate, "incident")
    closed = [one for one in found if one.closed is not None and one.closed >= estate.now - bounds.window_s]
    learnt = {one.incident: one for one in everything(estate, "postmortem") if one.lessons}
    for incident in closed:
        source = learnt.get(incident.id, incident)
        yield expect(
            source.lessons, f"{incident.id} ({incident.title}) has its lessons", observed=len(source.lessons or ())
        )
        yield expect(source.by, f"somebody wrote the lessons of {incident.id}", observed=source.by)
    if not closed:
        yield not_applicable(f"none of the {len(found)} incidents on record was closed in the last day")


@control("EOD-03")
def the_evening_backup_was_done_in_time(asset: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the last working day whose close of business is past: a backup of the asset began in that evening's window,
    ended without error before the window closed, and so did the check of its integrity.

    No declaration lets an asset off: one that takes no backup in the evening needs a waiver, with an approver and an
    end.
    """
    opened, due = _evening(estate, bounds)
    if asset.backups and all(one.started > due for one in asset.backups):
        yield unknown(f"the oldest backup of {asset.name} is younger than the last evening, {clock(due)}")
        return
    began = [one for one in asset.backups if opened <= one.started <= due]
    yield expect(
        began,
        f"a backup of {asset.name} began in the evening's window",
        observed=[clock(one.started) for one in asset.backups[-3:]],
        expected=[clock(opened), clock(due)],
    )
    for one in began[-1:]:
        yield expect(one.ok, f"the evening's backup {one.label} of {asset.name} has no error", observed=one.ok)
        yield expect(
            one.stopped <= due,
            f"the evening's backup {one.label} of {asset.name} ended before its window closed",
            observed=clock(one.stopped),
            expected=clock(due),
        )
        yield from _checked_in_time(asset, one, due)


def _checked_in_time(asset: Any, one: Any, due: float) -> Iterator[Said]:
    """Claim that the check of a backup ended well before an instant; when it ended has to be on record or measured."""
    name = f"the evening's backup {one.label} of {asset.name}"
    standing = asset.standing(one)
    proved = standing == "verified"
    if standing == "could_not_run":
        yield unknown(f"Whether {name} passed its integrity check cannot be told: the check could not run.")
        return
    yield expect(proved, f"{name} passed its integrity check", observed=standing, expected="verified")
    ended = asset.checked_at(one)
    if ended is not None:
        claim = f"the integrity check of {name} ended before its window closed"
        yield expect(ended <= due, claim, observed=clock(ended), expected=clock(due))
    elif proved:
        yield unknown(f"Nothing says when the integrity check of {name} ended.")


def _evening(estate: Any, bounds: Any) -> tuple[float, float]:
    """Return when the last evening's window of backups opened, and when it closed."""
    for day in reversed(calendar.working_days(estate, estate.now - 14 * DAY, estate.now)):
        due = calendar.instant(estate, day, bounds.due_s)
        if due <= estate.now:
            return calendar.instant(estate, day, bounds.opens_s), due
    raise ValueError("the calendar has no working day in two weeks")


@control("EOD-05")
def the_forecast_is_todays_and_its_error_known(pool: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the pool's newest forecast of each resource: it is from the last day. Then take the one before it: what it
    expected for now is set against what Prometheus sees, and the difference is shown."""
    found = [one for one in register(estate, "capacity_forecast") if one.pool == pool.name]
    for resource in ("cpu", "memory"):
        rows = sorted((one for one in found if one.resource == resource), key=lambda one: float(one.made))
        yield expect(rows, f"there is a forecast of {resource} of the pool {pool.name}", observed=len(rows))
        if not rows:
            continue
        age = estate.now - rows[-1].made
        yield expect(
            age <= bounds.max_age_s,
            f"the forecast of {resource} of the pool {pool.name} is from the last {span(bounds.max_age_s)}",
            observed=age,
            expected=bounds.max_age_s,
        )
        yield from _error(estate, pool, resource, rows[:-1])


def _error(estate: Any, pool: Any, resource: str, earlier: Any) -> Iterator[Said]:
    known = [point for forecast in earlier for point in forecast.predicted if abs(point.at - estate.now) <= DAY]
    yield expect(
        known,
        f"an earlier forecast of {resource} of the pool {pool.name} says what today would be",
        observed=len(known),
    )
    if known:
        point = min(known, key=lambda one: abs(one.at - estate.now))
        actual = capacity.mean(estate, pool, f"{resource}_used_ratio_avg_1d")
        yield expect(
            actual >= 0,
            f"the error of the forecast of {resource} of the pool {pool.name} is known",
            observed={"expected": point.ratio, "actual": actual, "error": point.ratio - actual},
        )
