# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an activation refuses, it refuses in its survey: before anybody signs, and before the old primary is fenced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._drill_world import ABSENT, SOURCE, World, server

pytestmark = [pytest.mark.slow, pytest.mark.played]

PROMOTE = "site_lost_standby_async"
STANDBY = {**server("standby"), "standby_signal": True, "current_lsn": "0/9000060", "segment_size": 16777216}
FENCES = {"fence_power", "pgbackrest_access", "human_task", "pgbackrest_restore", "postgresql_promote"}


def found(code: str, subject: str, severity: str = "error") -> dict[str, str]:
    return {"code": code, "subject": subject, "severity": severity, "mend": "x"}


GAP = found("missing_wal", "000000040000000000000006")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An estate whose primary is gone, with an activation that was killed in its survey."""
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("survey")
    world.set(db1=server("down"), db2=ABSENT)
    return world


def touched(world: World) -> set[str]:
    """Return the modules that would have taken something away."""
    return {call[0] for call in world["calls"]} & FENCES


@pytest.mark.parametrize(
    ("changed", "like", "told"),
    [
        ({"db1": server("writable")}, "", "db1 answers and takes writes"),
        ({"audit": [GAP]}, "", "missing_wal at 000000040000000000000006"),
        ({"fail": {"pgbackrest_info db2": "no access"}}, "", "no access"),
        ({"db2": STANDBY}, "", "take it with -e dr_activate_strategy=promote"),
        ({"db2": server("down")}, PROMOTE, "no standby answers on db2"),
        ({"db2": {**STANDBY, "current_lsn": "0/5000060"}}, PROMOTE, "3 segments before the newest"),
        ({"silent": ["app2"]}, "", 'leave it out with -e \'{"dr_activate_lost_poolers": ["app2"]}\''),
    ],
    ids=["living primary", "gap", "credential", "standby under a restore", "no standby", "standby that lags", "pooler"],
)
def test_what_cannot_be_carried_through_is_refused_before_the_fence(
    world: World, changed: dict[str, Any], like: str, told: str
) -> None:
    world.set(**changed)
    said = world.run("fence", earnest=True, like=like)
    assert told in said, said[-2500:]
    assert touched(world) == set()
    assert world.entries[-1]["step"] == "survey"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"silent": ["app1"]}, "Not proved: whether PgBouncer still takes clients on app1, which cannot be asked."),
        ({"stopped": True}, "PgBouncer is stopped on app1."),
        ({}, ""),
    ],
    ids=["silent", "stopped", "it works"],
)
def test_a_pooler_that_is_lost_too_is_left_out_by_name(world: World, how: dict[str, Any], told: str) -> None:
    """What of it cannot be proved stands in the record; one that works is not lost."""
    world.set(**how)
    said = world.run("survey", earnest=True, dr_activate_lost_poolers=["app1"])
    notes = [text for text in world.notes("deviation") if "dr_activate_lost_poolers leaves out app1." in text]
    if not told:
        assert "leaves out app1, which answers, and PgBouncer runs there" in said, said[-2500:]
        assert touched(world) == set() and notes == []
        return
    (note,) = notes
    assert told in note and "Nor is it proved that no balancer leads clients there" in note, said[-2500:]
    assert world.entries[-1]["result"]["lost_poolers"] == ["app1"]


def test_a_pooler_that_dies_after_the_fence_can_be_left_out_too(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("redirect", survey={"timeline": SOURCE}, promote={"first_write": "x"})
    world.set(silent=["app1"], db2=server("writable", timeline=SOURCE + 1))
    said = world.run("redirect", earnest=True, dr_activate_lost_poolers=["app1"])
    assert any("which cannot be asked" in text for text in world.notes("deviation")), said[-2500:]
    assert world["poolers"] == {"app2": "db2"}


def test_a_gap_is_accepted_by_name_and_stands_in_the_record(world: World) -> None:
    world.set(audit=[GAP])
    world.run("survey", earnest=True, dr_activate_accept_gap=True)
    (told,) = world.notes("deviation")
    assert "ends before a gap, as dr_activate_accept_gap allows" in told
    assert world.entries[-1]["result"]["gap_accepted"] is True


@pytest.mark.parametrize(
    ("findings", "like"),
    [([found("divergent_wal", "000000030000000000000006", "warning")], ""), ([GAP], PROMOTE)],
    ids=["a warning", "a gap that a standby does not meet"],
)
def test_what_does_not_end_this_way_stops_nothing(world: World, findings: list[dict[str, str]], like: str) -> None:
    world.set(audit=findings, db2=STANDBY if like else ABSENT)
    said = world.run("survey", earnest=True, like=like)
    assert (world.entries[-1]["event"], world.entries[-1]["step"]) == ("leave", "survey"), said[-2500:]


def test_a_drill_refuses_a_warning_at_its_restore_no_more_than_in_its_proof(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, audit=[found("divergent_wal", "000000030000000000000006", "warning")])
    said = world.run("restore")
    assert len(world.called("pgbackrest_restore")) == 1, said[-2500:]


@pytest.mark.parametrize("how", ["silent", "broken", "there"])
def test_a_client_that_cannot_measure_ends_no_recovery(world: World, how: str) -> None:
    world.set(fail={"canary_ledger client1": "it has no program"} if how == "broken" else {})
    silent = {"__dr_canary_silent": True} if how == "silent" else {}
    said = world.run("first_write", earnest=True, dr_activate_outage_started="2026-11-23T20:00:00Z", **silent)
    assert world["db2"]["in_recovery"] is False, said[-2500:]
    assert (world.entries[-1]["step"], world.entries[-1]["status"]) == ("first_write", "done")
    told = [text for text in world.notes("deviation") if "neither the recovery time nor what was lost" in text]
    assert len(told) == (0 if how == "there" else 1)
    asked = [args for args in world.called("canary_ledger") if args.get("wait_ack_after")]
    assert len(asked) == (1 if how == "there" else 0)


def test_a_living_primary_archives_what_it_holds_before_it_is_fenced(world: World) -> None:
    world.set(db1=server("writable"))
    said = world.run("fence", earnest=True, dr_activate_living_primary=True)
    calls = [(call[0], " ".join(map(str, call[2].get("argv", [])))) for call in world["calls"]]
    switched = next(place for place, call in enumerate(calls) if "pg_switch_wal" in call[1])
    assert switched < next(place for place, call in enumerate(calls) if call[0] == "fence_power"), said[-2500:]


def test_a_living_primary_that_cannot_archive_is_fenced_all_the_same_and_that_is_written_down(world: World) -> None:
    world.set(db1=server("writable"), fail={"builtin_command db1": "no archive"})
    said = world.run("fence", earnest=True, dr_activate_living_primary=True)
    assert any("db1 could not archive what it holds" in text for text in world.notes("deviation")), said[-2500:]
    assert world["db1"]["running"] is False
    assert world["db1"]["wal_timeline"] == SOURCE
