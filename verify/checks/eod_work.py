# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EOD: tomorrow's plan, work that is committed, and security alerts that are answered."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable
from verify.facts import plans
from verify.facts.calendar import instant, working_day_ahead
from verify.facts.drift import all_compared, comparisons
from verify.facts.findings import security_reports
from verify.facts.registers import register
from verify.facts.verdicts import span

_PLANNED = ("submitted", "approved", "implementing")


@control("EOD-04")
def tomorrow_is_planned_without_collisions(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the windows and the changes from now to the end of the next working day: each change lies in a window that
    allows it, none touches a freeze, and neither two windows of work nor two changes on the same hosts or services
    overlap. A service stands for the hosts on which it runs.

    An id that two windows or two changes share, be it in the records of people and of playbooks, names neither.
    """
    last = working_day_ahead(estate, bounds.horizon_working_days)
    until = instant(estate, last + datetime.timedelta(days=1), 0.0)
    windows = register(estate, "window")
    changes = register(estate, "change")
    for what, rows in (("window", windows), ("change", changes)):
        yield _named_once(what, rows)
    soon = [one for one in windows if one.start < until and one.end > estate.now]
    planned = [
        one for one in changes if one.state in _PLANNED and one.planned_start < until and one.planned_end > estate.now
    ]
    allowing = [one for one in soon if one.kind != "freeze"]
    for change in planned:
        yield from _in_its_window(change, allowing)
    for freeze in (one for one in soon if one.kind == "freeze"):
        hit = [one.id for one in (*planned, *allowing) if plans.collide(one, freeze, estate)]
        yield expect(not hit, f"nothing is planned in the freeze {freeze.id}", observed=hit, expected=[])
    for what, rows, known in (("windows", allowing, windows), ("changes", planned, changes)):
        pairs = _colliding(estate, rows)
        yield expect(
            len(pairs) <= bounds.overlap_max_count,
            f"none of the {len(rows)} {what} until the end of {last} overlaps another ({len(known)} are on record)",
            observed=pairs,
            expected=bounds.overlap_max_count,
        )


def _colliding(estate: Any, rows: list[Any]) -> list[str]:
    """Return which two plans are about the same hosts or services at the same time."""
    pairs = itertools.combinations(rows, 2)
    return [f"{one.id} and {other.id}" for one, other in pairs if plans.collide(one, other, estate)]


def _named_once(what: str, rows: Any) -> Said:
    files: dict[str, list[str]] = {}
    for one in rows:
        files.setdefault(one.id, []).append(one.file)
    twice = {name: where for name, where in files.items() if len(where) > 1}
    told = "; ".join(f"{name} stands in {' and '.join(where)}, give one another id" for name, where in twice.items())
    claim = f"each of {len(files)} ids of a {what} is on record once"
    return expect(not twice, f"{claim}: {told}" if twice else claim, observed=twice, expected={})


def _in_its_window(change: Any, windows: Any) -> Iterator[Said]:
    named = [one for one in windows if one.id == change.window or change.id in (one.changes or ())]
    holds = [one.id for one in named or windows if plans.holds(one, change)]
    yield expect(holds, f"{change.id} ({change.title}) lies in a window", observed=[one.id for one in named])


@control("EOD-06")
def all_work_is_committed_and_pushed(repository: Any, bounds: Any) -> Iterator[Said]:
    """Ask git on the machine where people work: nothing in the checkout is changed or new, nothing is committed without
    being pushed, and the head of the remote is the one that is known here."""
    yield expect(repository.head, f"{repository.name} is a repository with commits", observed=repository.head)
    loose = [*repository.dirty, *repository.untracked]
    yield expect(
        len(loose) <= bounds.uncommitted_max_count,
        f"everything in {repository.name} is committed",
        observed=loose,
        expected=bounds.uncommitted_max_count,
    )
    yield expect(repository.upstream, f"the branch of {repository.name} has an upstream", observed=repository.upstream)
    yield expect(
        repository.ahead is not None and repository.ahead <= bounds.unpushed_max_count,
        f"everything in {repository.name} is pushed",
        observed=repository.ahead,
        expected=bounds.unpushed_max_count,
    )
    others = repository.unpushed_branches
    yield expect(
        len(others) <= bounds.unpushed_max_count, f"no branch of {repository.name} waits to be pushed", observed=others
    )
    yield expect(
        repository.remote_head == repository.head,
        f"the remote of {repository.name} has the commit that is checked out",
        observed=repository.remote_head,
        expected=repository.head,
    )


@control("EOD-06", "in_force")
def the_estate_is_what_main_says(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest comparison of each target with the code of the main branch: it is from the last day, looked at
    something, could validate every template, and found no difference. Each repository of infrastructure code is in one
    of them."""
    newest = comparisons(estate)
    yield all_compared(estate, newest)
    for target, check in newest.items():
        age = estate.now - check.checked
        yield expect(
            age <= bounds.drift_max_age_s,
            f"{target} was compared with the code in the last {span(bounds.drift_max_age_s)}",
            observed=age,
            expected=bounds.drift_max_age_s,
        )
        yield expect(check.valid and check.resources > 0, f"{check.tool} looked at {target}", observed=check.resources)
        names = [one.address for one in check.drifted]
        yield expect(not names, f"{target} is what the main branch says", observed=names, expected=[])


@control("EOD-07")
def security_alerts_have_an_owner_and_an_answer(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every security alert that is not closed: it has an owner, and somebody answered it within the bound of its
    severity, or that time is not over yet."""
    found = register(estate, "security_alert")
    open_ones = [one for one in found if one.closed is None]
    for one in open_ones:
        limit = getattr(bounds, f"{one.severity}_s")
        took = (estate.now if one.responded is None else one.responded) - one.raised
        yield expect(one.owner, f"{one.id} ({one.title}) has an owner", observed=one.owner)
        yield expect(
            took <= limit,
            f"{one.id}, which is {one.severity}, was answered within {span(limit)}",
            observed=took,
            expected=limit,
        )
    if not open_ones:
        yield not_applicable(f"none of the {len(found)} security alerts on record is open")


@control("EOD-07", "register")
def what_tools_report_is_in_the_register(estate: Any) -> Iterator[Said]:
    """Take what is critical or high in the newest scans of hosts and images, and the alerts of security that
    Alertmanager has, silenced ones too: an entry of the register that is not closed covers each, and is about that host
    or names none.

    An alert is one of security by a label that says so: ``category``, ``kind`` or ``team`` is ``security``.
    """
    entries = [one for one in register(estate, "security_alert") if one.closed is None]
    reported, looked = security_reports(estate)
    loose = [
        f"{one.name} of {one.subject}"
        for one in reported
        if not any(one.name in (row.covers or ()) and row.subject in (None, "", one.subject) for row in entries)
    ]
    yield expect(looked, f"hosts or images of {estate.name} were scanned", observed=looked, expected="1 or more")
    yield expect(
        not loose,
        f"an open entry of the register covers what {looked} scans and Alertmanager report: {_counted(reported)}",
        observed=loose,
        expected=[],
    )


def _counted(reported: Any) -> str:
    kinds = {"critical": "critical findings", "high": "high findings", "alert": "alerts of security"}
    counts = [f"{sum(one.what == kind for one in reported)} {words}" for kind, words in kinds.items()]
    return f"{counts[0]}, {counts[1]} and {counts[2]}"


@control("EOD-07", "incidents")
def security_incidents_have_an_owner(estate: Any) -> Iterator[Said]:
    """Take every incident of security that is not closed: it has an owner and a next action."""
    found = [one for one in register(estate, "incident") if one.kind == "security"]
    open_ones = [one for one in found if one.closed is None]
    for one in open_ones:
        yield expect(
            one.owner and one.next_action, f"{one.id} ({one.title}) has an owner and a next action", observed=one.owner
        )
    if not open_ones:
        yield not_applicable(f"none of the {len(found)} incidents of security on record is open")
