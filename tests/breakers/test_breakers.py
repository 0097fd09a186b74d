# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every control can fail: the green world is green, and each fault turns the control red that is there for it."""

from __future__ import annotations

import _breaker_table
import _world
import pytest

from verify.engine.words import GREEN


@pytest.fixture(scope="module")
def green() -> dict[str, list[str]]:
    """The controls of the unbroken world that are not green, with what they say."""
    return {
        result.control.id: [
            f"{row.kind} {row.subject}: {row.status}: {row.says}" for row in result.rows if not row.green
        ]
        for result in _world.results(_world.fresh())
    }


def test_the_golden_world_is_green(green: dict[str, list[str]]) -> None:
    assert green
    assert {control: told for control, told in green.items() if told} == {}


def test_every_control_has_a_breaker(green: dict[str, list[str]]) -> None:
    assert sorted(set(green) - {one.control for one in _world.breakers()}) == []


@pytest.mark.parametrize("one", _world.breakers(), ids=lambda one: f"{one.control}: {one.fault}")
def test_the_fault_turns_its_control_red_and_no_other(
    one: _world.Breaker, green: dict[str, list[str]], record_property: pytest.RecordProperty
) -> None:
    world = _world.fresh()
    one.put(world)
    red = {result.control.id for result in _world.results(world) if result.status not in GREEN}
    others = sorted(control for control in red if control != one.control and not green[control])
    _breaker_table.note(record_property, one.control, one.fault, _breaker_table.PAYLOAD, others)
    assert one.control in red
    assert green[one.control] == []
    assert others == sorted(one.also)
