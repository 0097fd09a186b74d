# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single checks say of pipelines, plans and briefs, at the edge of their bounds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from verify.checks import access, deliver, eod_work, infra, standup, team
from verify.engine.control import Expectation
from verify.engine.declared import Declared
from verify.facts import recovery
from verify.facts.pipelines import Pipeline
from verify.facts.records import everything

from .world import DAY, NOW, World, at

HOUR = 3600.0


def failed(said: Any) -> list[str]:
    """Return the claims of a check that do not hold."""
    return [one.says for one in said if isinstance(one, Expectation) and not one.holds]


def pipeline(*ages: float, **keys: Any) -> Pipeline:
    """Return a pipeline of which its system told so long ago, and which ran an hour ago."""
    world = World(verify_systems=[{"name": "ci", "kind": "pipelines", "administrators": ["platform A"]}])
    world.add("pipeline", *({"pipeline": "ledger", "administrators": [], "at": at(age), **keys} for age in ages))
    world.add("pipeline_run", {"pipeline": "ledger", "started": at(3600), "ended": at(3000)})
    return Pipeline(world.estate, Declared("pipeline", "ledger", {"cadence_s": DAY, "branch": "main"}))


@pytest.mark.parametrize(
    ("ages", "holds"), [((DAY,), True), ((DAY + 1,), False), ((400 * DAY,), False), ((400 * DAY, 60.0), True)]
)
def test_what_a_system_said_of_its_pipeline_grows_old(ages: tuple[float, ...], holds: bool) -> None:
    one = pipeline(*ages)
    bounds = SimpleNamespace(disabled_max_count=0, registered_max_age_s=DAY)
    said = list(deliver.the_pipeline_is_on_and_green(one, one.estate, bounds))
    assert failed(said) == ([] if holds else ["what is known of ledger was told within 24.0 h"])


@pytest.mark.parametrize(
    ("ages", "keys", "told"),
    [
        ((7 * DAY,), {}, "names no administrators of its own"),
        ((7 * DAY + 1,), {}, "was told 7.0 d ago; 7.0 d are allowed"),
        ((400 * DAY,), {"administrators": ["platform A"]}, "was told 400.0 d ago"),
        ((60.0,), {"administrators": ["platform A"]}, "all administrators of the pipeline ledger are declared"),
        ((), {}, "never told of it"),
    ],
)
def test_who_administers_a_pipeline_has_to_be_told_lately(ages: Any, keys: dict[str, Any], told: str) -> None:
    one = pipeline(*ages, **keys)
    bounds = SimpleNamespace(listing_max_age_s=7 * DAY)
    (said,) = access.the_pipeline_has_no_other_administrator(one, one.estate, bounds)
    assert told in str(said)


EOD_BOUNDS = SimpleNamespace(horizon_working_days=1, overlap_max_count=0)


def planned(*rows: tuple[float, float, dict[str, Any]]) -> list[str]:
    """Return what does not hold of changes that are planned so many hours from now, in a window that allows all."""
    world = World()
    whole = {"id": "W", "kind": "maintenance", "start": at(0), "end": at(-30 * DAY), "hosts": [], "services": []}
    world.add("window", whole)
    changes = [
        {
            **{"id": f"C{number}", "title": f"Change {number}", "state": "approved", "hosts": [], "services": []},
            **{"planned_start": at(-start * HOUR), "planned_end": at(-end * HOUR), **about},
        }
        for number, (start, end, about) in enumerate(rows)
    ]
    world.add("change", *changes)
    return failed(eod_work.tomorrow_is_planned_without_collisions(world.estate, EOD_BOUNDS))


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ((2, 4, {"hosts": ["db1"]}), (3, 5, {"hosts": ["db1", "lb1"]}), True),
        ((2, 4, {"hosts": ["db1"]}), (4, 5, {"hosts": ["db1"]}), False),
        ((2, 4, {"hosts": ["db1"]}), (3, 5, {"hosts": ["lb1"]}), False),
        ((2, 4, {"services": ["web"]}), (3, 5, {"services": ["web"]}), True),
        ((2, 4, {"hosts": ["db1"]}), (3, 5, {"hosts": ["db1"], "state": "draft"}), False),
        ((-2, 4, {"hosts": ["db1"], "state": "implementing"}), (3, 5, {"hosts": ["db1"]}), True),
    ],
)
def test_two_changes_of_one_host_may_not_overlap(one: Any, other: Any, collide: bool) -> None:
    told = "none of the 2 changes until the end of"
    assert [says.startswith(told) for says in planned(one, other) if "lies in a window" not in says] == [True] * collide


def test_tomorrow_reaches_to_the_end_of_the_next_working_day() -> None:
    # Now is a Wednesday, 9:46 in UTC: the day after it ends in 38.2 hours.
    about = {"hosts": ["db1"]}
    assert len(planned((36, 39, about), (38, 40, about))) == 1
    assert planned((39, 40, about), (39, 40, about)) == []


@pytest.mark.parametrize(
    ("start", "stop", "ended", "ahead"),
    [
        (1, 2, None, True),
        (-1, 2, None, True),
        (-1, 2, -0.5, False),
        (-1, 2, 1, True),
        (1, 2, -0.5, True),
        (-2, -1, None, False),
        (-2, 0, None, False),
        (23, 30, None, True),
        (24, 30, None, False),
    ],
)
def test_what_reaches_into_the_day_of_a_brief(start: float, stop: float, ended: float | None, ahead: bool) -> None:
    done = None if ended is None else NOW + ended * HOUR
    assert standup._is_ahead(NOW + start * HOUR, NOW + stop * HOUR, done, NOW, NOW + DAY) is ahead


@pytest.mark.parametrize(
    ("klass", "run", "protected", "counts"),
    [
        ("declared", None, True, False),
        ("declared", None, False, True),
        ("attested", None, True, True),
        ("machine", None, True, True),
        ("declared", "D1", True, True),
        ("declared", "D2", True, False),
        ("declared", "D3", True, False),
        ("declared", "D4", True, False),
    ],
    ids=["bare", "unprotected", "signed", "a playbook's", "drill", "broken seal", "a stand-in's", "another's"],
)
def test_whose_skills_count(klass: str, run: str | None, protected: bool, counts: bool) -> None:
    world = World(ops_protected=protected)
    done = {"procedure": "restore", "person": "Platform  a", "performed": at(DAY), "run": run}
    world.add("skills", done, record_class=klass)
    person = {"name": "platform A", "role": "operator", "stand_in": False, "fault": None}
    packs = [
        {"name": name, "intact": intact, "faults": [], "record": None, "signed": [{**person, **keys}]}
        for name, intact, keys in (
            *(("D1", True, {}), ("D2", False, {})),
            *(("D3", True, {"stand_in": True}), ("D4", True, {"name": "platform B"})),
        )
    ]
    world.put("runs", "packs", {"packs": packs})
    (row,) = everything(world.estate, "skills")
    assert team._is_vouched_for(world.estate, row) is counts


@pytest.mark.parametrize(("actor", "missing"), [("ansible", []), ("", ["who or what did 'fence' in D1 is on record"])])
def test_a_step_says_who_or_what_took_it(actor: str, missing: list[str]) -> None:
    drill: Any = SimpleNamespace(name="D1")
    step = {"id": "fence", "status": "done", "started": at(60), "ended": at(50), "digest": "x", "commands": ["y"]}
    assert failed(recovery._in_time(drill, {**step, "actor": actor}, None)) == missing


@pytest.mark.parametrize(("hours", "holds"), [(0, True), (1, True), (2, False)])
def test_a_pool_may_be_full_for_an_hour(hours: int, holds: bool) -> None:
    world = World()
    runs = {"db1": 48, "lb1": 48, "repo1": hours}
    rows = [({"host": host}, [[NOW - (many + 5) * HOUR, NOW - 6 * HOUR, "1"]]) for host, many in runs.items() if many]
    world.series("host_seen_hourly", HOUR, *rows)
    pool = Declared("pool", "db", {"hosts": ["db1", "lb1"], "left": ["repo1"]})
    bounds = SimpleNamespace(window_s=7 * DAY, pinned_max_s=HOUR)
    (said,) = infra._not_pinned(pool, world.estate, bounds, {"hosts": 2, "max": 3})
    assert isinstance(said, Expectation)
    assert said.holds is holds
