# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disasters and drills, step by step: was each line of the recovery done in time, and was it exercised lately.

A sealed pack is a drill, a disaster in earnest (``activation``) or the return from one (``failback``); its steps name
the line of the guide that they carry out. Windows count from the declaration; a procedure that declares nothing, such
as the drill on a copy, counts from its start.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._statement import CLOCK_TOLERANCE_S
from verify.engine.control import Said, expect
from verify.engine.estate import Estate
from verify.facts.instants import epoch, epoch_or_none
from verify.facts.runs import ACTIVATION, FAILBACK, Pack, runs
from verify.facts.verdicts import span

__all__ = ["Recovery", "disasters", "done_and_ready", "recoveries", "returns_from"]

_BEGUN = ("running", "interrupted", "done", "failed")
_PEOPLE = ("activate_team", "approve", "notify", "coordinate", "document", "improve")
"""Steps that only a person can take; a signature proves them."""
_SHOWN = ("name", "role", "fingerprint", "asked_at", "signed_at", "stand_in", "fault")


@dataclass(frozen=True)
class Recovery:
    """One recovery that was carried out: its sealed pack, and its record with texts as they were written."""

    pack: Pack
    record: Mapping[str, Any]

    @property
    def in_earnest(self) -> bool:
        """Return whether a disaster was declared, as opposed to a drill."""
        return self.pack.scenario == ACTIVATION

    @property
    def name(self) -> str:
        """Return how people call it."""
        return f"the {'activation' if self.in_earnest else 'drill'} {self.pack.name}"

    @property
    def declared(self) -> float:
        """Return the instant from which windows count, in seconds since the epoch."""
        return epoch(self.record.get("declared") or self.record["started"])

    @property
    def ended(self) -> float:
        """Return its end; that of its start where none was written."""
        return self.pack.ended or epoch(self.record["started"])

    def steps(self, item: str) -> list[Mapping[str, Any]]:
        """Return the steps that carry out a line of the guide, in their order."""
        return [step for step in self.record["steps"] if step.get("item") == item]

    def step(self, step_id: str) -> Mapping[str, Any] | None:
        """Return a step by its name."""
        return next((step for step in self.record["steps"] if step["id"] == step_id), None)

    def signature(self, step_id: str) -> Mapping[str, Any] | None:
        """Return the last signature that a step is said to carry, with its fault where it does not hold."""
        found = [row for row in self.pack.signed if row["step"] == step_id]
        return found[-1] if found else None


Claims = Callable[[Recovery], Iterator[Said]]


def recoveries(estate: Estate, since: float) -> list[Recovery]:
    """Return the drills and disasters that ended after an instant, the oldest first.

    Packs whose record cannot be read are left out here; that their seal is broken is the business of INFRA-05.
    """
    found = [Recovery(pack, pack.record) for pack in runs(estate).packs if pack.record and pack.scenario != FAILBACK]
    return sorted((one for one in found if one.ended >= since), key=lambda one: one.ended)


def disasters(estate: Estate, since: float) -> list[Recovery]:
    """Return the disasters in earnest that ended after an instant."""
    return [one for one in recoveries(estate, since) if one.in_earnest]


def returns_from(estate: Estate, disaster: Recovery) -> list[Pack]:
    """Return the sealed returns to the primary site that began after a disaster was declared."""
    return [
        pack
        for pack in runs(estate).packs
        if pack.scenario == FAILBACK and pack.record and (pack.started or 0) >= disaster.declared
    ]


def done_and_ready(
    estate: Estate,
    bounds: Any,
    item: str,
    *,
    drill: Claims | None = None,
    disaster: Claims | None = None,
    apart: bool = False,
) -> Iterator[Said]:
    """Make the two claims about a line of the guide: done in each disaster, and exercised lately.

    ``drill`` and ``disaster`` claim what the line's own words say beyond its steps; ``apart`` says that a disaster has
    no step for the line, because a procedure of its own carries it out. The newest drill or disaster that began the
    line counts as its exercise. Neither is a failure: what was never done is not ready.
    """
    within = bounds.exercise_max_age_s
    known = recoveries(estate, estate.now - within)
    events = [one for one in known if one.in_earnest]
    exercises = [one for one in known if any(step["status"] in _BEGUN for step in one.steps(item))]
    yield expect(
        exercises,
        f"{item} was carried out by a drill or in earnest within {span(within)}",
        observed=[one.pack.name for one in known],
        expected="1 or more",
    )
    newest = exercises[-1:]
    for one in [*events, *(row for row in newest if row not in events)]:
        if not (apart and one.in_earnest):
            yield from _carried_out(estate, one, item, getattr(bounds, "window_to_s", None))
        more = disaster if one.in_earnest else drill
        if more is not None:
            yield from more(one)


def _carried_out(estate: Estate, one: Recovery, item: str, window_to_s: float | None) -> Iterator[Said]:
    yield expect(one.pack.intact, f"the seal of {one.name} holds", observed=list(one.pack.faults))
    # A step that its plan left out, such as salvage where nothing was lost, is no gap; a line without any is.
    steps = [step for step in one.steps(item) if step["status"] != "skipped"]
    yield expect(steps, f"{one.name} carries out {item}", observed=[step["id"] for step in one.record["steps"]])
    for step in steps:
        yield from _in_time(one, step, window_to_s)
        if step["id"] in _PEOPLE:
            yield _signed(estate, one, step)


def _in_time(one: Recovery, step: Mapping[str, Any], window_to_s: float | None) -> Iterator[Said]:
    title = step.get("title") or step["id"]
    done = step["status"] == "done" and bool(step.get("started") and step.get("ended"))
    yield expect(done, f"{title!r} was done in {one.name}", observed=step["status"], expected="done")
    if not done:
        return
    yield expect(step.get("actor"), f"who or what did {title!r} in {one.name} is on record", observed=step.get("actor"))
    yield expect(
        step.get("digest"), f"what {title!r} collected in {one.name} has a digest", observed=step.get("digest")
    )
    yield expect(step.get("commands"), f"what {title!r} ran in {one.name} is on record", observed=step.get("commands"))
    if window_to_s is None:
        return
    # In a drill people gather before the fault is made: such a step has to fit into the window by its own length.
    begun, ended = epoch(step["started"]), epoch(step["ended"])
    took = max(ended - one.declared, ended - begun)
    yield expect(
        took <= window_to_s,
        f"{title!r} ended within {span(window_to_s)} of the declaration in {one.name}",
        observed=took,
        expected=window_to_s,
    )


def _signed(estate: Estate, one: Recovery, step: Mapping[str, Any]) -> Said:
    """Claim that a person signed a step while it ran. Where the environment is protected a stand-in's key is no
    person."""
    found = one.signature(step["id"])
    protected = bool(estate.declared("ops_protected", True))
    holds = found is not None and found["fault"] is None and _while_it_ran(found, step)
    if holds and protected:
        holds = not (found or {}).get("stand_in")
    who = "a person" if protected else "a person, or a stand-in of this environment that is not protected,"
    shown = found and {key: found.get(key) for key in _SHOWN}
    return expect(holds, f"{who} signed {step.get('title') or step['id']!r} of {one.name}", observed=shown)


def _while_it_ran(found: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    """Return whether a step began, its statement was asked for, it was signed, and the step ended, in this order."""
    instants = [step.get("started"), found["asked_at"], found["signed_at"], step.get("ended")]
    known = [epoch_or_none(one) for one in instants]
    return all(
        earlier is not None and later is not None and earlier <= later + CLOCK_TOLERANCE_S
        for earlier, later in pairwise(known)
    )
