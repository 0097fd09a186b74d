# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A figure of the ledger and the control that it belongs to read the same evidence."""

from __future__ import annotations

from types import SimpleNamespace

from verify.checks import opex, reliability
from verify.engine.control import Expectation
from verify.facts import figures, measured
from verify.facts.runs import runs

from .world import DAY, NOW, World, at

BOUNDS = SimpleNamespace(window_s=90 * DAY, mean_max_s=2 * 3600.0)


def world_with_a_long_outage() -> World:
    """Return a world with one outage that began before the window, one that ended before it, one that lasts."""
    world = World()
    outages = (
        ("long", 100, at(10 * DAY), "critical"),
        ("past", 100, at(95 * DAY), "critical"),
        ("open", 1, None, "critical"),
        ("minor", 1, at(DAY / 2), "high"),
    )
    rows = [
        {"id": name, "impact_start": at(began * DAY), "restored": ended, "priority": priority}
        for name, began, ended, priority in outages
    ]
    world.add("incident", *rows)
    return world


def test_an_outage_counts_while_any_of_it_lies_in_the_window() -> None:
    spans = measured.critical_outages(world_with_a_long_outage().estate, BOUNDS.window_s)
    assert [(one.name, one.end) for one in spans] == [("long", NOW - 10 * DAY), ("open", None)]


def test_the_trend_of_recovery_is_what_the_control_judges() -> None:
    estate = world_with_a_long_outage().estate
    kept = figures.recovery(estate, BOUNDS)
    said = next(iter(opex.critical_incidents_are_short(estate, BOUNDS)))
    assert kept.value == said.observed == (90 + 1) / 2 * DAY


def test_a_return_from_a_disaster_is_no_drill() -> None:
    """It measures no time to recover, and must not take the place of the drill before it."""
    world = World()
    packs = []
    for name, days in (("dropped_table", 9), ("activation", 5), ("failback", 4)):
        record = {
            "environment": "production",
            "started": at(days * DAY),
            "ended": at(days * DAY - 600),
            "scenario": {"name": name},
            "verdict": "pass",
            "achieved": {"rto_s": 17.0} if name == "dropped_table" else {},
        }
        packs.append({"name": name, "intact": True, "faults": [], "record": record})
    world.put("runs", "packs", {"packs": packs})
    assert [one.name for one in runs(world.estate).drills] == ["dropped_table"]
    bounds = SimpleNamespace(exercise_max_age_s=90 * DAY, recovery_max_s=7200.0)
    said = list(reliability._last_drill(world.estate, bounds))
    assert said[-1].says == "the drill dropped_table recovered within 2.0 h"
    assert all(isinstance(one, Expectation) and one.holds for one in said)
