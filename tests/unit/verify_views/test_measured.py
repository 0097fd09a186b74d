# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A figure of the ledger and the control that it belongs to read the same evidence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from verify.checks import infra, opex, reliability
from verify.engine.control import Expectation
from verify.engine.declared import Declared
from verify.engine.estate import View
from verify.facts import figures, measured
from verify.facts.alerts import Answered, Episode
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


def test_recovery_is_told_from_its_detection_too() -> None:
    world = World()
    times = {"impact_start": at(DAY), "restored": at(DAY - 3600), "priority": "critical"}
    rows = (("one", at(DAY - 600)), ("none", None), ("late", at(DAY - 4000)))
    world.add("incident", *({"id": name, **times, "detected": detected} for name, detected in rows))
    spans = measured.critical_outages(world.estate, BOUNDS.window_s, since_detected=True)
    # What was noticed when it was over already took no time.
    assert [(one.name, round(one.end - one.start)) for one in spans if one.end] == [("one", 3000), ("late", 0)]
    said = next(iter(opex.critical_incidents_are_short(world.estate, BOUNDS)))
    assert said.says.endswith("; from their detection, 25.0 min on average, 50.0 min at most, 2 in all, 0 open)")


def test_answers_are_told_from_their_delivery_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest stands beside the quantile, and what nobody recorded the delivery of is not guessed."""
    world = World()
    episode = Episode("ServiceDown", "critical", {"host": "lb1"}, NOW - 4000, NOW - 2000)
    times = ((NOW - 3400, NOW - 3100), (None, NOW - 3400), (NOW - 3000, NOW - 3100), (NOW - 3700, None))
    found = [Answered(episode, delivered, answered, "x", "", None) for delivered, answered in times]
    monkeypatch.setattr(measured, "alerts", lambda _estate: SimpleNamespace(answers=lambda _since: found))
    spans = measured.delivered_answers(world.estate, DAY)
    assert [one.end and one.end - one.start for one in spans] == [300.0, 0.0, None]
    told = "from the delivery, the 95% quantile is without end of 3, the longest without end, 1 unanswered"
    assert reliability._delivered(world.estate, SimpleNamespace(window_s=DAY, p95_max_s=900.0)) == told


DRILL_BOUNDS = SimpleNamespace(exercise_max_age_s=90 * DAY, recovery_max_s=7200.0)


def pack(name: str, days: float, rto_s: float | None = 17.0, **more: Any) -> dict[str, Any]:
    """Return a sealed pack that ended ten minutes after it began, so many days ago."""
    record = {
        "environment": "production",
        "started": at(days * DAY),
        "ended": at(days * DAY - 600),
        "scenario": {"name": name},
        "mode": "live",
        "verdict": "pass",
        "achieved": {} if rto_s is None else {"rto_s": rto_s},
        "header": {"primary": "db1", "lost_hosts": ["lb1", "db1"]},
        **more,
    }
    return {"name": name, "intact": True, "faults": [], "record": record}


def last_drill(world: World, **about: Any) -> list[Any]:
    """Return what is said of the last drill of a service."""
    service = View(world.estate, Declared("service", "web", {"hosts": ["lb1"], **about}))
    return list(reliability._last_drill(service, world.estate, DRILL_BOUNDS))


def test_a_return_from_a_disaster_is_no_drill() -> None:
    """It measures no time to recover, and must not take the place of the drill before it."""
    world = World()
    packs = [pack("dropped_table", 9), pack("activation", 5, None), pack("failback", 4, None)]
    world.put("runs", "packs", {"packs": packs})
    assert [one.name for one in runs(world.estate).drills] == ["dropped_table"]
    said = last_drill(world)
    assert said[-1].says == "the drill dropped_table recovered within 2.0 h"
    assert all(isinstance(one, Expectation) and one.holds for one in said)


@pytest.mark.parametrize(
    ("mode", "about", "covered"),
    [
        ("live", {"hosts": "lb1"}, True),
        ("live", {"hosts": ["app3"]}, True),  # its traffic was moved
        ("live", {"hosts": ["mon1"]}, False),
        ("live", {"hosts": None}, False),
        ("copy", {"hosts": ["lb1"]}, False),
        ("copy", {"hosts": ["lb1"], "depends_on": ["db1"]}, True),
    ],
)
def test_a_drill_counts_for_the_services_that_it_covered(mode: str, about: dict[str, Any], covered: bool) -> None:
    world = World()
    world.put("runs", "packs", {"packs": [pack("one", 9, mode=mode, traffic=[{"host": "app3"}])]})
    first, *rest = last_drill(world, **about)
    assert (first.holds, bool(rest)) == (covered, covered)
    assert first.says == "a drill that covered web is on record"


def test_a_younger_drill_of_others_does_not_hide_the_own_one() -> None:
    world = World()
    other = pack("other", 2, 9000.0, header={"primary": "db9", "lost_hosts": ["db9"]})
    world.put("runs", "packs", {"packs": [pack("own", 9), other]})
    assert all(one.holds for one in last_drill(world))


def test_a_drill_whose_record_cannot_be_read_may_have_covered_the_service() -> None:
    world = World()
    lost = {"name": "newest", "intact": False, "faults": ["cut short"], "record": None}
    world.put("runs", "packs", {"packs": [lost]})
    assert [one.holds for one in last_drill(world) if isinstance(one, Expectation)] == [True, False]


@pytest.mark.parametrize(
    ("packs", "told"),
    [
        ([pack("live", 9), pack("copied", 2, mode="copy")], "the switch itself was last proved on 2026-11-16 by live"),
        ([pack("live", 9, verdict="fail"), pack("copied", 2, mode="copy")], "the switch itself was never proved"),
        ([pack("copied", 9, mode="copy"), pack("live", 2)], None),
    ],
)
def test_a_drill_on_a_copy_is_named_as_one(packs: list[dict[str, Any]], told: str | None) -> None:
    world = World()
    world.put("runs", "packs", {"packs": packs})
    bounds = SimpleNamespace(exercise_max_age_s=90 * DAY, rto_max_s=7200.0, rpo_max_s=60.0)
    claims = [one.says for one in infra.recovery_was_rehearsed(world.estate, bounds) if isinstance(one, Expectation)]
    said = next(one for one in claims if " passed" in one)
    assert said.endswith(f" passed, on a copy; {told}" if told else "the drill live passed")
