# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers, one environment: the second procedure is refused before it touches anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._drill_world import ABSENT, SOURCE, World, server

pytestmark = [pytest.mark.slow, pytest.mark.played]

SURVEYED = {"timeline": SOURCE, "backup": {"label": "F"}, "backups": ["F"]}

OTHERS = {"drill": "x-1", "kind": "drill", "controller": "other", "since": "2026-11-23T20:00:00.000Z"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.interrupted_at("arrange")
    made.plan = [step for step in made.plan if step["id"] != "canary"]
    made.set(db1=server("writable"), db2=ABSENT)
    return made


DISASTER = {**OTHERS, "drill": "a-1", "kind": "activation"}
ASIDE = "/var/lib/ccobservatory/dr-lease.json.{}.overtaken"


def touched(world: World) -> set[str]:
    """Return what was changed on a host, the lease apart."""
    kept = {"postgresql_controldata", "wal_audit", "builtin_command", "builtin_ping", "pgbackrest_info"}
    done = {f"{module} {host}" for module, host, _args in world["calls"] if module not in kept}
    return {call for call in done if "repo1" not in call or "access" in call}


def entered_again(world: World) -> bool:
    """Tell whether a run after the first one entered its step."""
    return len([entry for entry in world.entries if entry["event"] == "enter" and entry["step"] == "arrange"]) > 1


def test_a_drill_that_goes_on_takes_its_own_lease_up_again(world: World) -> None:
    for _time in range(2):
        said = world.run("arrange")
        assert world["lease"]["drill"] == "d", said[-3000:]


@pytest.mark.parametrize(("given", "held"), [({}, "x-1"), ({"dr_lease_overtake": "x-1"}, "d")])
def test_another_procedure_is_only_overtaken_by_its_name(world: World, given: dict[str, Any], held: str) -> None:
    world.set(lease=OTHERS)
    said = world.run("arrange", **given)
    assert world["lease"]["drill"] == held, said[-3000:]
    assert entered_again(world) == (held == "d")
    assert ("x-1, started on other, holds test since 2026-11-23" in said) == (held == "x-1")


@pytest.mark.parametrize(("kind", "refused"), [("drill", False), ("activation", True)])
def test_a_disaster_waits_for_no_drill(tmp_path: Path, kind: str, refused: bool) -> None:
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("listen", survey=SURVEYED)
    world.set(db1=server("down"), db2=ABSENT, lease={**OTHERS, "kind": kind})
    said = world.run("restore", earnest=True)
    assert ("two procedures at once would undo one another" in said) == refused, said[-3000:]
    assert (world.called("pgbackrest_restore") == []) == refused
    assert (ASIDE.format("x-1") in world["aside"]) != refused


def test_a_closed_record_leaves_the_environment(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("restore", survey=SURVEYED)
    world.set(db1=server("down"), db2=ABSENT, lease={**OTHERS, "drill": "d", "kind": "activation"})
    said = world.run(earnest=True, dr_drill_abort=True)
    assert "is closed as aborted" in said, said[-3000:]
    assert world["lease"] == {}


@pytest.mark.parametrize(("step", "wanted"), [("fence", "fence_power"), ("restore", "pgbackrest_restore")])
def test_an_overtaken_drill_takes_nothing_away_and_nothing_back(tmp_path: Path, step: str, wanted: str) -> None:
    world = World(tmp_path)
    world.interrupted_at(step)
    world.set(db1=server("down"), db2=ABSENT, lease=DISASTER)
    said = world.run(step)
    assert "test was taken from d: a-1, started on other, holds it since 2026-11-23" in said, said[-3000:]
    assert world.called(wanted) == []
    assert touched(world) == set()
    assert world["db1"]["running"] is False
    assert [entry for entry in world.entries if entry["event"] == "close"] == []


@pytest.mark.parametrize("call", ["pgbackrest_restore db2", "fence_power localhost"])
def test_a_drill_that_is_overtaken_within_a_step_starts_nobody(tmp_path: Path, call: str) -> None:
    """The activation restores where the drill restores, which makes the drill fail: it must not go back over it."""
    world = World(tmp_path)
    world.interrupted_at("fence")
    world.set(db1=server("down"), db2=ABSENT, take={call: DISASTER}, fail={call: "it is in use"})
    said = world.run("promote")
    assert "it is in use" in said and "was taken from d: a-1" in said, said[-3000:]
    assert (world["db1"]["running"], world["poolers"]) == (False, {})
    assert [args for args in world.called("fence_power") if args["state"] == "on"] == []
    assert [args for args in world.called("pgbackrest_access") if args["state"] == "granted"] == []
    assert world.notes("rollback_begun") == []


def test_an_overtaken_run_does_not_promote(tmp_path: Path) -> None:
    """It is overtaken while it proves the fence again, right before its promotion."""
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("promote", survey=SURVEYED)
    world.set(db1=server("down"), db2=ABSENT, lease={**OTHERS, "drill": "d"}, take={"on_hosts localhost": DISASTER})
    said = world.run("promote", earnest=True)
    assert "was taken from d: a-1" in said, said[-3000:]
    assert world.called("postgresql_promote") == []


@pytest.mark.parametrize("abort", [False, True])
def test_a_drill_whose_place_was_taken_by_one_that_ended_is_only_closed(tmp_path: Path, abort: bool) -> None:
    world = World(tmp_path)
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=server("down", timeline=SOURCE + 1), aside={ASIDE.format("d"): {**OTHERS}})
    said = world.run(**({"dr_drill_abort": True} if abort else {}))
    assert "another procedure took its place and has ended since" in (said if not abort else str(world.entries))
    assert ("failed=0" in said) == abort, said[-3000:]
    assert touched(world) == set()
    assert world["db1"]["running"] is False


def test_a_repository_host_that_is_silent_keeps_no_drill_from_going_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, lost=["repo1"])
    said = world.run(dr_drill_abort=True)
    assert world["db1"]["in_recovery"] is False, said[-3000:]


def test_a_drill_takes_its_place_back_from_the_one_that_is_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.interrupted_at("restore")
    mine = {ASIDE.format("d"): {**OTHERS, "drill": "d"}}
    world.set(db1=server("down"), db2=ABSENT, lease=DISASTER, aside=mine)
    said = world.run(dr_drill_abort=True, dr_lease_overtake="a-1")
    assert world["db1"]["in_recovery"] is False, said[-3000:]
    assert (world["lease"]["drill"], world["aside"]) == ("d", {ASIDE.format("a-1"): DISASTER})


def test_of_two_that_may_overtake_one_does(world: World) -> None:
    """The other one has put the lease aside already, and holds the environment under its own name."""
    world.set(lease=OTHERS, aside={ASIDE.format("x-1"): OTHERS})
    said = world.run("arrange", dr_lease_overtake="x-1")
    assert world["lease"]["drill"] == "x-1", said[-3000:]
    assert not entered_again(world)
