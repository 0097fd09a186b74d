# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is lost in the middle of a step: somebody writes afterwards, and somebody is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles._drill_world import ABSENT, SOURCE, World, server

pytestmark = [pytest.mark.slow, pytest.mark.played]

SURVEYED = {"timeline": SOURCE, "backup": {"label": "F"}, "backups": ["F"]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _stopped(world: World, step: str) -> str:
    """Return why the journal says that a step failed."""
    left = [entry for entry in world.entries if entry["event"] == "leave" and entry["step"] == step]
    return str(left[-1].get("error")) if left else ""


def test_the_old_primary_writes_again_when_the_recovery_host_is_lost(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, lose={"pgbackrest_restore db2": "db2"})
    said = world.run("restore")
    assert world["db1"]["in_recovery"] is False, said[-3000:]
    assert world["poolers"] == {"app1": "db1", "app2": "db1"}
    assert "db2 stopped answering by ssh" in _stopped(world, "restore")
    assert "db2 does not answer, was never told to promote" in world.notes("rollback")[-1]
    assert [args for args in world.called("builtin_file", "db2") if args.get("state") == "absent"] == []


def test_the_old_primary_writes_again_when_the_repository_is_lost(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, lose={"wal_audit repo1": "repo1"})
    said = world.run("restore")
    assert world["db1"]["in_recovery"] is False, said[-3000:]
    assert "repo1 stopped answering by ssh" in _stopped(world, "restore")
    assert any("db1 may not archive" in text for text in world.notes("deviation"))


def test_nobody_is_started_beside_a_lost_host_that_was_told_to_promote(world: World) -> None:
    world.interrupted_at("promote")
    world.set(db1=server("down"), db2=ABSENT, lose={"postgresql_promote db2": "db2"})
    said = world.run("promote")
    assert world["db1"]["running"] is False
    assert "db2 was told to promote and does not answer by ssh" in said, said[-3000:]
    assert "And the way back stopped" in said
    assert world.notes("rollback_begun") == []


def test_what_follows_a_lost_host_is_not_run(world: World) -> None:
    """The old primary is lost as it is stopped for the return: its standby is not promoted beside it."""
    world.interrupted_at("failback", promote={"first_write": "x", "timeline_after": SOURCE + 1})
    follows = {**server("standby", timeline=SOURCE + 1), "standby_signal": True}
    world.set(db1=follows, db2=server("writable", timeline=SOURCE + 1), lose={"postgresql_stop db2": "db2"})
    said = world.run("failback")
    assert world.called("postgresql_promote") == [], said[-3000:]
    assert "db2 had a part in the return and does not answer by ssh" in said
    assert world["two"] == []


def test_an_activation_says_how_it_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("restore", survey=SURVEYED)
    world.set(db1=server("down"), db2=ABSENT, lose={"pgbackrest_restore db2": "db2"})
    said = world.run("restore", earnest=True)
    assert "it goes on at step restore" in said, said[-3000:]
    assert "db2 stopped answering by ssh" in said


def test_hosts_that_the_network_knows_by_name_are_taken_back(world: World) -> None:
    """Without ansible_host anywhere, a lost site still gets its power and its writer back."""
    world.by_name = True
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT)
    said = world.run(dr_drill_abort=True)
    assert world["db1"]["in_recovery"] is False, said[-3000:]
    asked = [args["hosts"] for args in world.called("on_hosts") if args["module"] == "ansible.builtin.ping"]
    assert asked == [["db1"]]


@pytest.mark.parametrize(
    ("db1", "db2", "words"),
    [
        ("writable", "down", "there is nothing to return, and nothing was touched"),
        ("down", "down", "Writable databases: none; a return begins only where db2 is the one"),
        ("writable", "writable", "Writable databases: db1, db2; a return begins only where db2 is the one"),
    ],
)
def test_a_return_that_is_none_touches_nothing(tmp_path: Path, db1: str, db2: str, words: str) -> None:
    world = World(tmp_path, scenario="failback")
    world.set(db1=server(db1), db2=server(db2))
    said = world.run("assess", earnest=True)
    assert words in said, said[-3000:]
    assert {call[0] for call in world["calls"]} == {"builtin_command", "builtin_ping", "postgresql_controldata"}
    assert not world.base.exists()


def test_a_survey_that_is_run_again_refuses_a_return_that_is_none(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="failback")
    world.plan = [
        {
            "id": "survey",
            "title": "Survey",
            "actor": "ansible",
            "item": "DR-01",
            "phase": "declaration",
            "deadline_s": 600,
        }
    ]
    world.interrupted_at("survey")
    world.set(db1=server("writable"), db2=server("down"))
    said = world.run("survey", earnest=True)
    assert "a return begins only where db2 is the one writable primary" in said, said[-3000:]
