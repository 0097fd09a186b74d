# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill that fails or is killed and taken back: who writes afterwards, what was removed, what the journal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles._drill_world import ABSENT, SOURCE, World, server

pytestmark = [pytest.mark.slow, pytest.mark.played]

BEGUN = {"event": "note", "kind": "rollback_begun", "text": "Going back to db1."}
ABORT = {"dr_drill_abort": True}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_before_the_promotion_the_old_primary_writes_again(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2={**server("down"), "wal_timeline": None})
    said = world.run(**ABORT)
    assert (world["db1"]["in_recovery"], world["db2"]["present"]) == (False, False), said[-2500:]
    assert world["poolers"] == {"app1": "db1", "app2": "db1"}
    assert world["two"] == []
    kinds = [entry["kind"] for entry in world.entries if entry["event"] == "note"]
    assert kinds[-2:] == ["rollback_begun", "rollback"]
    assert world.notes("rollback") == ["db1 is the one writable primary again; db2 is stopped and empty."]


@pytest.mark.parametrize("said", ["down", "silent", "writable"])
def test_what_was_promoted_is_kept_even_when_it_died(world: World, said: str) -> None:
    world.interrupted_at("verify", promote={"first_write": "x", "timeline_after": SOURCE + 1})
    world.set(db1=server("down"), db2=server(said, timeline=SOURCE + 1))
    told = world.run(**ABORT)
    assert world["db2"]["present"], told[-2500:]
    assert world["db1"]["running"] is False
    assert world["poolers"] == {"app1": "db2", "app2": "db2"}
    assert [args for args in world.called("builtin_file", "db2") if "postgresql" in args["path"]] == []
    assert ("start PostgreSQL on db2" in world.notes("hold")[-1]) == (said != "writable")


def test_a_copy_touches_nothing_although_a_stale_copy_takes_writes(tmp_path: Path) -> None:
    world = World(tmp_path, mode="copy")
    world.interrupted_at("assess")
    world.set(db1=server("writable"), db2=server("writable", timeline=SOURCE + 1))
    said = world.run("assess")
    assert "Writable databases: db1, db2" in said
    assert world["poolers"] == {}
    assert {call[0] for call in world["calls"]} == {"postgresql_controldata"}
    assert (world["db1"]["running"], world["db2"]["running"]) == (True, True)


def test_a_database_that_does_not_answer_is_refused_not_guessed(world: World) -> None:
    world.interrupted_at("assess")
    world.set(db1=server("writable"), db2=server("silent"))
    assert "PostgreSQL runs on db2 and does not answer" in world.run("assess")


def test_a_rollback_that_was_killed_only_goes_on_as_a_rollback(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, kill="ledger_compare db1")
    world.run(**ABORT)
    assert world.notes("rollback") == []
    assert world["db1"]["in_recovery"] is False
    said = world.run()
    assert "only goes on with that" in said
    assert world.called("pgbackrest_restore") == world.called("postgresql_promote") == []
    assert len(world.notes("rollback")) == 1, said[-2500:]
    assert world["two"] == []


def test_the_fence_is_proved_again_before_a_promotion_after_an_interruption(world: World) -> None:
    """Somebody has started the old primary since the fence was proved; this time its power cannot be cut."""
    world.interrupted_at("restore")
    world.set(db1=server("writable"), db2=ABSENT, proved=False)
    said = world.run("promote")
    assert "db1 is not proved off: power unknown" in said
    assert "Nothing is promoted. Mend the power: cut it by hand until fence_power_status of db1 says off." in said
    assert "Mend the repository" not in said and "Mend the address" not in said
    assert world.called("postgresql_promote") == []
    assert world["two"] == []


def test_the_old_primary_that_was_started_is_fenced_again(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("writable"), db2=ABSENT)
    said = world.run("promote")
    assert world["db2"]["in_recovery"] is False, said[-2500:]
    assert world["db1"]["running"] is False
    assert world["two"] == []
    (left,) = [entry for entry in world.entries if entry["event"] == "leave" and entry["step"] == "promote"]
    assert {proof["proof"] for proof in left["result"]["fenced_again"]} == {"power", "repository", "address"}


def test_a_server_that_was_told_to_promote_and_is_silent_is_stopped_and_judged(world: World) -> None:
    world.interrupted_at("promote")
    world.set(db1=server("down"), db2=server("silent"))
    said = world.run(**ABORT)
    assert world["db1"]["in_recovery"] is False, said[-2500:]
    assert world["db2"]["present"] is False


def test_a_promotion_that_shows_only_once_it_is_stopped_starts_no_second_primary(world: World) -> None:
    world.interrupted_at("promote")
    world.set(db1=server("down"), db2=server("standby"), last_words={"db2": {"wal_timeline": SOURCE + 1}})
    said = world.run(**ABORT)
    assert "db2 holds timeline 5, newer than 4 of db1" in said
    assert (world["db1"]["running"], world["db2"]["present"]) == (False, True)
    assert world["poolers"] == {}


def test_nobody_waits_for_the_writes_of_a_standby(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1={**server("down"), "standby_signal": True}, db2=ABSENT)
    said = world.run(**ABORT)
    assert "db1 holds a standby.signal, so started it would follow and never write" in said
    assert (world["db1"]["running"], world.notes("rollback")) == (False, [])


@pytest.mark.parametrize(("last_words", "holder"), [({}, "db2"), ({"wal_timeline": SOURCE + 2}, "db1")])
def test_within_the_switch_back_who_wrote_last_writes_again(
    world: World, last_words: dict[str, int], holder: str
) -> None:
    """Killed after the stop; a promotion that outlived the run shows only once its server is stopped."""
    world.interrupted_at("failback", promote={"first_write": "x", "timeline_after": SOURCE + 1})
    follows = {**server("standby", timeline=SOURCE + 1), "standby_signal": True}
    words = {**last_words, "standby_signal": False} if last_words else {}
    ended = {**server("down", timeline=SOURCE + 1), "state": "shut down"}
    world.set(db1=follows, db2=ended, last_words={"db1": words})
    said = world.run(**ABORT)
    other = {"db1": "db2", "db2": "db1"}[holder]
    assert (world[holder]["in_recovery"], world[other]["running"]) == (False, False), said[-2500:]
    assert world["poolers"] == {"app1": holder, "app2": holder}
    assert world["two"] == []
    assert [entry["kind"] for entry in world.entries if entry["event"] == "note"][-2:] == ["hold_begun", "hold"]
    assert f"{holder} was promoted" in world.notes("hold")[-1] or "db2 wrote last" in world.notes("hold")[-1]


def test_an_older_copy_on_the_recovery_host_is_not_removed(world: World) -> None:
    world.interrupted_at("fence")
    world.set(db1=server("down"), db2=server("down", timeline=SOURCE + 3))
    said = world.run(**ABORT)
    assert world["db2"]["timeline"] == SOURCE + 3, said[-2500:]
    assert "were left" in world.notes("rollback")[-1]


def test_nothing_newer_than_the_primary_is_ever_emptied(world: World) -> None:
    """The last step of a good drill empties the recovery site too."""
    world.interrupted_at("posture", promote={"first_write": "x"}, failback={"to": "db1"})
    world.set(db1=server("writable"), db2=server("down", timeline=SOURCE + 1))
    assert "it has writes of its own, so nothing on it is removed" in world.run("posture")
    assert world["db2"]["present"]


def test_without_an_interrupted_drill_there_is_nothing_to_take_back(world: World) -> None:
    said = world.run(**ABORT)
    assert "lacks its end, so there is nothing to take back" in said
    assert not world.base.exists() or [path for path in world.base.iterdir() if path.is_dir()] == []
    assert world["calls"] == []


def test_another_scenario_than_the_interrupted_one_is_named(world: World) -> None:
    world.interrupted_at("restore")
    said = world.run(**ABORT, dr_drill_scenario="wal_gap")
    assert "is of the scenario site_lost_repository, not wal_gap: leave dr_drill_scenario out" in said
    assert world["calls"] == []


def test_an_activation_is_not_taken_back_as_a_drill(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="activation")
    world.interrupted_at("restore")
    assert "run playbooks/dr_activate.yml again, which goes on with it" in world.run(**ABORT)
    assert world["calls"] == []


def test_the_record_of_an_activation_is_closed_and_nothing_is_touched(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="activation")
    assert "there is nothing to close" in world.run(earnest=True, **ABORT)
    world.interrupted_at("restore")
    assert "is closed as aborted, and nothing was touched" in world.run(earnest=True, **ABORT)
    assert (world.entries[-1]["event"], world.entries[-1]["verdict"]) == ("close", "aborted")
    # But for the lease, which leaves the environment to the next run, and the report on the controller.
    report = {"drill_record", "drill_report", "record"}
    assert [call for call in world["calls"] if "dr-lease.json" not in str(call) and call[0] not in report] == []


def test_a_drill_that_has_its_verdict_is_left_alone(world: World) -> None:
    """It was killed between its verdict and its seal: only the seal is missing, even where it shall be taken back."""
    closed = {"event": "close", "verdict": "fail", "reasons": []}
    world.interrupted_at("restore", {"event": "leave", "step": "restore", "status": "failed"}, closed)
    world.set(db1=server("writable"))
    said = world.run(**ABORT)
    assert "failed=0" in said
    assert (world["calls"], world.entries[-1]["event"]) == ([], "close")


@pytest.mark.parametrize("became", ["committed 0/5000028", "aborted 0/5000028", ""])
def test_a_statement_runs_once_however_often_the_run_is_killed(tmp_path: Path, became: str) -> None:
    world = World(tmp_path, scenario="dropped_table")
    world.interrupted_at("fault")
    world.set(db1=server("writable"), statement=became)
    said = world.run("fault")
    dropped = [args for args in world.called("builtin_command", "db1") if "DROP TABLE ledger" in args["argv"]]
    assert len(dropped) == (0 if became.startswith("committed") else 1), said[-2500:]
    leave = world.entries[-1]
    assert (leave["step"], leave["status"]) == ("fault", "done")
    assert leave["result"]["before_lsn"] == ("0/5000028" if became.startswith("committed") else "0/5000060")


def test_the_journal_names_the_place_before_anything_else_is_broken(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="dropped_table")
    world.interrupted_at("fault")
    world.set(db1=server("writable"), kill="builtin_file db1")
    world.run("fault")
    assert world.entries[-1]["result"] == {"statements": {"drop-table": "0/5000060"}}
    world.set(statement="", calls=[])
    world.run("fault")
    assert world.entries[-1]["result"]["before_lsn"] == "0/5000060"
    assert world.called("builtin_command", "db1") == []


def test_taken_back_after_a_statement_it_says_what_is_gone(tmp_path: Path) -> None:
    world = World(tmp_path, scenario="dropped_table")
    world.interrupted_at("fence")
    world.set(db1=server("writable"), db2=ABSENT, statement="committed 0/5000028")
    said = world.run(**ABORT)
    (text,) = world.notes("rollback")
    assert "db1 lacks what DROP TABLE ledger destroyed" in text, said[-2500:]
    assert "-e restore_target=0/5000028" in text
    assert world.called("ledger_compare") == []
    assert world.entries[-1]["data"]["destroyed"].startswith("db1 lacks")


def test_an_abort_ends_although_the_lost_hosts_are_really_gone(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, silent=["db1"])
    said = world.run(**ABORT, __dr_boot_tries=1)
    (told,) = [text for text in world.notes("deviation") if "could not be undone" in text]
    assert "db1 does not answer by ssh, although the power was given back" in told
    assert "failed=0" in said, "the report, which is not part of this world, could not follow"
    assert (world["db1"]["running"], world.called("postgresql_promote")) == (False, [])


def test_a_way_back_that_hangs_ends_and_says_what_is_left(world: World) -> None:
    """The program that undoes a fault never ends; a heal that is bounded by nothing would hold everybody for ever."""
    world.interrupted_at("fence")
    world.set(db1=server("down"), db2=ABSENT, proved=False, hang={"builtin_command localhost": 120})
    said = world.run("fence", __dr_back_bound=4)
    assert "And the way back stopped" in said, said[-2500:]
    assert "Mend that and run the same command again" in said
    assert (world["db1"]["running"], world.notes("rollback")) == (False, [])


def test_nobody_is_started_beside_a_database_that_does_not_end(world: World) -> None:
    """It is told to stop for the rollback and goes on, as one that waits for its disk does."""
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=server("standby"), last_words={"db2": server("silent")})
    said = world.run(**ABORT, __dr_halt_tries=1)
    assert "PostgreSQL on db2 is told to stop and has not ended (it still runs), so db1 is not started" in said, said[
        -2500:
    ]
    assert world["db1"]["running"] is False


def test_without_that_wish_it_stays_open_for_another_try(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=ABSENT, fail={"pgbackrest_info db2": "x"}, silent=["db1"])
    world.set(audit=[{"code": "missing_wal", "subject": "x", "severity": "error"}])
    assert "failed=1" in world.run(__dr_boot_tries=1)
    assert [entry for entry in world.entries if entry["event"] == "close"] == []


def test_a_standby_that_the_scenario_does_not_have_is_taken_away_before_the_fault(world: World) -> None:
    posture = {"receivers": [], "names": "", "standby": True}
    note = {"event": "note", "kind": "info", "step": "arrange", "result": {"posture": posture}}
    world.interrupted_at("arrange", note)
    world.set(db1=server("writable"), db2={**server("standby"), "standby_signal": True})
    said = world.run("arrange")
    assert (world["db1"]["in_recovery"], world["db2"]["present"]) == (False, False), said[-2500:]
    assert (world.entries[-1]["step"], world.entries[-1]["status"]) == ("arrange", "done")
