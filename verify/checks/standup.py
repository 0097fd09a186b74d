# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STANDUP: what the stand-up at nine has to have before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, unknown
from verify.facts.briefs import differences, open_at, standup
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
    """Take the calendar's changes and windows that begin within a day of the brief, and find each one in the brief.

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
        if begin <= one.planned_start < end
        and one.submitted <= begin
        and one.state not in ("draft", "rejected", "cancelled")
    ]
    # The oldest first, so the last wording of a window stays.
    known = register(estate, "window")
    told = {one.id for one in known if one.at <= begin}
    windows = [one for one in {one.id: one for one in known}.values() if begin <= one.start < end and one.id in told]
    yield from _listed("change", changes, brief.record.deployments, brief.day)
    yield from _listed("window", windows, brief.record.windows, brief.day)


@control("STANDUP-03")
def the_brief_tells_where_incidents_stand(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the incidents that were open when the brief was made: it lists each one, the time that its bound leaves is
    among its figures, and the incident says how far its cause is understood."""
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    found = open_at(estate, "incident", brief.record.produced, begin="impact_start", end="closed")
    yield from _listed("incident", found, brief.record.incidents, brief.day)
    for one in found:
        yield expect(one.cause_state, f"{one.id} says how far its cause is understood", observed=one.cause_state)
        left = (brief.record.figures or {}).get(f"{one.id}_left_s")
        yield expect(left is not None, f"the brief says how much time is left for {one.id}", observed=left)


@control("STANDUP-04")
def the_brief_says_on_whom_blocked_work_waits(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the work that was blocked when the brief was made: it lists each one, and the register names what it waits
    for and since when."""
    said, brief = standup(estate, bounds.due_s)
    yield from said
    if brief.record is None:
        return
    found = open_at(estate, "blocked_item", brief.record.produced, begin="blocked_since", end="released")
    yield from _listed("blocked item", found, brief.record.blocked, brief.day)
    for one in found:
        yield expect(
            one.depends_on.strip().lower() not in ("", "?", "unknown", "tbd", "nobody"),
            f"{one.id} names what it has waited for since it was blocked",
            observed=one.depends_on,
        )


def _listed(what: str, found: list[Any], listed: Any, day: Any) -> Iterator[Said]:
    missing = [f"{one.id}: {one.title}" for one in found if one.id not in (listed or ())]
    yield expect(
        not missing,
        f"the brief of {day} lists each {what} of {len(found)} that it has to",
        observed=missing,
        expected=[],
    )
