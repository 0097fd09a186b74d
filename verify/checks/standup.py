# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STANDUP: what the stand-up at nine has to have before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, unknown
from verify.facts.briefs import differences, open_at, standup, tells_of_blocked, tells_of_incident
from verify.facts.registers import register
from verify.facts.verdicts import span


@control("STANDUP-01")
def the_brief_tells_the_state_of_the_estate(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take today's brief (yesterday's while today's is not due): it was there before nine, and each of its figures is
    what the metrics say.

    Figures can be compared for a while only: hours later the metrics say something else, and the brief of then can no
    longer be held against them.
    """
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    age = estate.now - brief.record.produced
    if age > bounds.comparable_s:
        yield unknown(
            f"the brief of {brief.day} is {span(age)} old; its figures can be compared for {span(bounds.comparable_s)}",
            observed=age,
        )
        return
    yield from differences(estate, brief.record, bounds.deviation_max_ratio)


@control("STANDUP-02")
def the_brief_lists_what_will_change(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the calendar's changes and windows of the day that follows the brief, those that had begun before it and
    were not over among them, and find each one in the brief.

    Only what was on record then can be in it; a change that is a draft, rejected or cancelled need not be. A window
    counts from when it was first put on record, so that a later wording takes it out of no brief.
    """
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    begin = brief.record.produced
    end = begin + bounds.horizon_s
    changes = [
        one
        for one in register(estate, "change")
        if _is_ahead(one.planned_start, one.planned_end, one.ended, begin, end)
        and one.submitted <= begin
        and one.state not in ("draft", "rejected", "cancelled")
    ]
    # The oldest first, so the last wording of a window stays.
    known = register(estate, "window")
    told = {one.id for one in known if one.at <= begin}
    newest = {one.id: one for one in known}.values()
    windows = [one for one in newest if _is_ahead(one.start, one.end, None, begin, end) and one.id in told]
    yield from _listed("change", changes, brief.record.deployments, brief.day)
    yield from _listed("window", windows, brief.record.windows, brief.day)


def _is_ahead(start: float, stop: float, ended: float | None, begin: float, end: float) -> bool:
    """Return whether a plan reaches into a time; one that had begun before it and was over by then does not."""
    return start < end and stop > begin and (start >= begin or ended is None or ended > begin)


@control("STANDUP-03")
def the_brief_tells_where_incidents_stand(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the incidents that were open when the brief was made: it lists each one, with how far its cause is
    understood, and among its figures (``<id>_left_s``) is the time that the bound of its priority left then, which is
    DELIVER-05's. The incident says how far its cause is understood too."""
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    found = open_at(estate, "incident", brief.record.produced, begin="impact_start", end="closed")
    yield from _listed("incident", found, brief.record.incidents, brief.day)
    for one in found:
        yield expect(one.cause_state, f"{one.id} says how far its cause is understood", observed=one.cause_state)
        yield from tells_of_incident(estate, brief.record, one)


@control("STANDUP-04")
def the_brief_says_on_whom_blocked_work_waits(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the work that was blocked when the brief was made: it lists each one, with what it waits for and since when,
    as the register has it."""
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    found = open_at(estate, "blocked_item", brief.record.produced, begin="blocked_since", end="released")
    yield from _listed("blocked item", found, brief.record.blocked, brief.day)
    for one in found:
        yield from tells_of_blocked(brief.record, one)


def _listed(what: str, found: list[Any], listed: Any, day: Any) -> Iterator[Said]:
    missing = [f"{one.id}: {one.title}" for one in found if one.id not in (listed or ())]
    yield expect(
        not missing,
        f"the brief of {day} lists each {what} of {len(found)} that it has to",
        observed=missing,
        expected=[],
    )
