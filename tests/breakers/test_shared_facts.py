# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lines of the guide share is declared, used and true: nothing else lets a breaker turn a second control red."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import _breaker_table
import _shared
import _world
import pytest
from _shared import COVERED, SAME, SOURCES, Shared

BROAD = [one for one in _world.breakers() if one.also]
TABLES = {**SAME, **SOURCES}


@pytest.mark.parametrize("one", BROAD, ids=lambda one: f"{one.control}: {one.fault}")
def test_what_else_turns_red_shares_a_declared_fact(one: _world.Breaker) -> None:
    loose = [
        other
        for other in one.also
        if not (_shared.same_line(one.control, other) or _shared.relations(one.control, other))
    ]
    assert loose == []


def test_a_relation_has_one_place() -> None:
    assert set(SAME) & set(SOURCES) == set()
    assert len({one.says for one in TABLES.values()}) == len(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_each_control_of_a_relation_turns_red_with_another_of_it(name: str) -> None:
    shared = set(TABLES[name].controls)
    seen: set[str] = set()
    for one in BROAD:
        red = shared & {one.control, *one.also}
        seen |= red if one.control in shared and len(red) > 1 else set()
    assert shared - seen == set()


@pytest.mark.parametrize("one", BROAD, ids=lambda one: f"{one.control}: {one.fault}")
def test_the_fault_lies_in_what_is_shared(one: _world.Breaker) -> None:
    world = _world.fresh()
    one.put(world)
    touched = world.touched(_world.fresh())
    far = [
        other
        for other in one.also
        if not _shared.same_line(one.control, other)
        and not any(touched & set(shared.facts) for shared in _shared.relations(one.control, other))
    ]
    assert far == [], f"the fault is in {sorted(touched)}"


@pytest.mark.parametrize("name", TABLES)
def test_the_controls_of_a_relation_read_the_facts_that_they_share(name: str) -> None:
    # Which control reads what is declared (a variable) is not noted; evidence is.
    facts = {fact for fact in TABLES[name].facts if not fact.startswith("verify_")}
    assert TABLES[name].facts
    asked = {
        one: frozenset().union(*(_world.asked(one, world) for world in _worlds(one))) for one in TABLES[name].controls
    }
    assert {one: sorted(facts - found) for one, found in asked.items() if facts - found} == {}


def _worlds(control: str) -> Iterator[_world.World]:
    """Yield the green world, and then those in which faults turn the control and others red."""
    yield _world.fresh()
    for one in BROAD:
        if one.control == control:
            world = _world.fresh()
            one.put(world)
            yield world


def test_every_control_turns_red_alone_by_some_fault_unless_another_line_covers_it() -> None:
    alone = {one.control for one in _world.breakers() if not one.also}
    assert {one.control for one in _world.breakers()} - alone == set(COVERED)


@pytest.mark.parametrize("control", COVERED)
def test_what_covers_a_control_turns_red_with_it_whatever_the_fault(control: str) -> None:
    covering = set(COVERED[control])
    red = [{one.control, *one.also} for one in _world.breakers()]
    assert [sorted(one) for one in red if control in one and not one & covering] == []
    assert [
        one for one in covering if not any(shared in SAME.values() for shared in _shared.relations(control, one))
    ] == []


def test_the_table_says_what_lines_share() -> None:
    assert _shared.told("CORE-01", []) == "nothing"
    assert _shared.told("CORE-01", ["EOD-06.in_force"]) == "EOD-06.in_force (the estate equals its code)"
    assert _shared.told("TEAM-01", ["TEAM-01.commands", "X-02"]) == (
        "TEAM-01.commands (the documentation is the only witness); X-02"
    )
    assert _shared.told("ACCESS-02", ["ACCESS-02.pipeline"]) == "ACCESS-02.pipeline (a part of the same line)"
    noted: defaultdict[str, str] = defaultdict(str)
    _breaker_table.note(noted.__setitem__, "CORE-01", "a fault", "payload", ["EOD-06.in_force"])
    assert "the estate equals its code" in noted["breaker"]
    assert isinstance(SAME["drift"], Shared)
