# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a drill: phases that add up to the gap, honest gaps, and a verdict with its reasons."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_record as record_room
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_summary import summary_of
from tests.unit.plugins.plugin_utils._good_drill import ONE_WRITER, TARGETS, assembled, at, state
from tests.unit.plugins.plugin_utils._protected import protected


def test_a_drill_that_held_passes_and_says_with_what() -> None:
    record = assembled(state())
    assert record["verdict"] == "pass", record["verdict_reasons"]
    assert record["achieved"] == {"rto_s": 10.0, "rpo_s": 2.1, "lost_rows": 3, "in_doubt_rows": None}
    assert record["verdict_reasons"] == ["Recovered in 10.0 s, 3 acknowledged writes lost."]
    assert record["backup"]["encrypted"] is True
    assert record["retention"]["keep_until"] > record["ended"]


def test_the_archive_bounds_the_loss_by_its_timeout_and_the_push() -> None:
    found = state()
    found["results"]["verify"]["ledger"]["lost_window_s"] = 11.4
    record = assembled(found)
    assert record["archive"] == {"timeout_s": 10.0, "push_s": 0.4, "bound_s": 11.4}
    assert record["verdict"] == "pass", record["verdict_reasons"]
    found["results"]["canary"].pop("archive")
    found["results"]["verify"]["ledger"].update(lost=0, lost_window_s=0.0)
    assert assembled(found)["verdict"] == "fail", "a bound that nobody knows is no bound, even where nothing was lost"


@pytest.mark.parametrize("proved", [True, False, None], ids=["stayed down", "not proved", "not tried"])
def test_a_primary_that_shall_come_back_early_has_to_have_done_so(proved: bool | None) -> None:
    found = state()
    found["header"]["scenario"]["returns_early"] = True
    if proved is not None:
        found["results"]["fence"]["fencing"].append({"proof": "return", "proved": proved})
    record = assembled(found)
    assert record["verdict"] == ("pass" if proved else "fail")
    assert proved or record["verdict_reasons"][0].startswith("That the old primary stayed down when it came back")


def test_coming_back_early_stands_for_none_of_the_three_proofs() -> None:
    found = state()
    found["results"]["fence"]["fencing"][0] = {"proof": "return", "proved": True}
    assert assembled(found)["verdict_reasons"] == ["Fewer than three proofs of fencing are on record."]


def test_an_activation_names_the_backup_that_its_survey_found() -> None:
    found = state(scenario="activation")
    for step in ("assess", "prove_backups"):
        del found["results"][step]
    found["results"]["survey"] = {"backup": {"label": "20261123-190000F", "size_bytes": 1000}}
    backup = assembled(found)["backup"]
    assert backup["label"] == backup["restored_label"] == "20261123-190000F"
    assert backup["encrypted"] is None
    found["results"]["survey"] = {"backup": None}
    assert assembled(found)["backup"] is None


def test_the_phases_account_for_the_gap() -> None:
    """The fault is made while clients are served, and the first write is noticed after it came: neither counts."""
    record = assembled(state())
    took = {phase["name"]: phase["seconds"] for phase in record["phases"]}
    assert took == {
        "detect": 1.5, "decide": 0.5, "fence": 1.0, "restore": 2.0, "replay": 1.0, "promote": 1.0, "redirect": 1.0,
        "first_write": 2.0,
    }  # fmt: skip
    assert record["phases"][0]["started"] == at(9.5), "the beginning of its own, before the gap"
    assert record["phases"][-1]["ended"] == at(20.3)
    assert [phase["offset_s"] for phase in record["phases"]] == [0.0, 1.5, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0]
    assert record["phase_sum_difference_s"] == 0


def skewed(found: dict[str, Any], seconds: float) -> None:
    """Let the client's clock be ahead of the controller's."""
    moved = {"last_ack": at(10 + seconds), "first_ack": at(20 + seconds)}
    found["results"]["first_write"] = {"first_ack": moved["first_ack"], "gap": moved}


UNACCOUNTED = (
    ("the client's clock is ahead", lambda s: skewed(s, 2), 1.7, "1.7 s belong to no phase"),
    ("the client's clock is behind", lambda s: skewed(s, -2), 1.5, "1.5 s belong to no phase"),
    ("nobody was served before the fault", lambda s: s["entered"].update(fault=at(11)), 1.0, "1.0 s belong to no"),
    ("time between two steps", lambda s: s["left"].update(decide=at(11.6)), 0.4, None),
    ("two steps overlap", lambda s: s["entered"].update(fence=at(11)), -1.0, "1.0 s are counted twice"),
    ("the target's clock is behind", lambda s: s["results"]["promote"].update(replay_end=at(14)), -1.0, "1.0 s are"),
    ("a step has no end", lambda s: s["left"].pop("restore"), 2.0, "2.0 s belong to no phase"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "difference", "said"), [row[1:] for row in UNACCOUNTED], ids=[r[0] for r in UNACCOUNTED]
)
def test_what_the_phases_do_not_account_for_is_said(broken: Any, difference: float, said: str | None) -> None:
    found = state()
    broken(found)
    record = assembled(found)
    assert record["phase_sum_difference_s"] == pytest.approx(difference)
    assert record["client_gap"]["seconds"] == 10.0
    assert record["verdict"] == ("fail" if said else "pass"), record["verdict_reasons"]
    assert said is None or said in record["verdict_reasons"][0]


@pytest.mark.parametrize("ahead", [-3.0, 2.0])
def test_a_clock_whose_offset_was_measured_makes_no_difference(ahead: float) -> None:
    found = state()
    skewed(found, ahead)
    found["results"]["promote"].update(replay_end=at(16 - ahead), first_write=at(17 - ahead))
    found["results"]["assess"]["clock_offsets_s"] = {"client1": ahead, "db2": -ahead}
    record = assembled(found)
    assert record["phase_sum_difference_s"] == 0
    assert record["client_gap"]["clock_offset_s"] == ahead
    assert record["phases"][4]["ended"] == at(16)


def test_in_a_disaster_clients_wait_from_the_declaration_on() -> None:
    """Nobody was served when the canary began: its longest silence is one between two writes of the new primary."""
    found = state()
    for step in ("fault", "detect"):
        del found["entered"][step], found["left"][step]
    found["results"]["first_write"]["gap"] = {"last_ack": at(20.1), "first_ack": at(20.2), "seconds": 0.1}
    record = assembled(found)
    assert record["client_gap"]["seconds"] == 8.5
    assert record["achieved"]["rto_s"] is None, "what clients waited before the declaration is not in it"
    assert record["client_gap"]["last_ack"] is None
    assert record["phase_sum_difference_s"] == 0


@given(st.lists(st.floats(min_value=-5, max_value=30), min_size=6, max_size=6))
def test_no_phase_takes_longer_than_clients_waited(offsets: list[float]) -> None:
    """Whatever the instants say: nothing is negative, and the difference is the gap less the sum."""
    found = state()
    fence, restore, promote, redirect, replayed, written = (at(10 + value) for value in offsets)
    found["entered"].update(fence=fence, restore=restore, promote=promote, redirect=redirect)
    found["results"]["promote"].update(replay_end=replayed, first_write=written)
    record = assembled(found)
    assert all(0 <= phase["seconds"] <= 10 and 0 <= phase["offset_s"] <= 10 for phase in record["phases"])
    total = record["client_gap"]["sum_of_phases_s"]
    assert record["phase_sum_difference_s"] == pytest.approx(10.0 - total, abs=0.01)
    assert (abs(10.0 - total) > 0.501) <= (record["verdict"] == "fail")


def test_what_was_not_measured_is_nothing_and_fails() -> None:
    found = state()
    del found["results"]["first_write"]
    del found["results"]["verify"]
    record = assembled(found)
    assert record["client_gap"] is None
    assert record["achieved"] == {"rto_s": None, "rpo_s": None, "lost_rows": None, "in_doubt_rows": None}
    assert record["forecast"] is None
    assert record["verdict"] == "fail"
    assert "The recovery time was not measured." in record["verdict_reasons"]


BREAKERS = (
    (lambda s: s["results"]["first_write"]["gap"].update(first_ack=at(100)), "The recovery time is 90.0 s"),
    (lambda s: s["results"]["verify"]["ledger"].update(rpo_s=31.0), "The time between the last kept and the last lost"),
    (
        lambda s: s["results"]["verify"]["ledger"].update(lost_window_s=11.5),
        "The window of lost writes is 11.5 s; the archive interval allows 11.4 s (archive_timeout 10 s, 0.4 s for",
    ),
    (lambda s: s["results"]["canary"].pop("archive"), "The archive interval was not measured"),
    (lambda s: s["results"]["canary"]["archive"].update(timeout_s=0.0), "archive_timeout is off"),
    (lambda s: s["header"]["scenario"]["expect"].update(lost_rows=0), "3 acknowledged writes are lost"),
    (lambda s: s["results"]["fence"]["fencing"].pop(), "Fewer than three proofs"),
    (lambda s: s["results"]["fence"]["fencing"][0].update(proved=False), "Fewer than three proofs"),
    (lambda s: s["results"]["fence"]["fencing"][0].update(proof="address"), "Fewer than three proofs"),
    (lambda s: s["results"]["steady"]["steady_state"][0].update(result="differs"), "Afterwards, primary"),
    (lambda s: s["results"]["steady"].clear(), "The steady state afterwards was not measured."),
    (lambda s: s["results"]["verify"]["checks"][0].update(result="differs"), "Integrity, rows"),
    (lambda s: s["results"]["verify"]["ledger"].update(holes=1), "Integrity, acknowledged writes"),
    (lambda s: s["results"].update(failback={"gap_s": 2.0, "client_errors": 1}), "1 client errors at the return"),
    (lambda s: s["results"].update(failback={"gap_s": 31.0, "client_errors": 0}), "The pause at the return is 31.0 s"),
    (lambda s: s["header"]["scenario"]["expect"].update(fallback=True), "The damaged backup was not noticed"),
    (lambda s: s["steps"][3].update(status="failed", error="no power"), "Step decide failed: no power"),
    (lambda s: s["steps"][3].update(status="pending"), "1 steps were not reached, from decide on."),
)


@pytest.mark.parametrize(("broken", "reason"), BREAKERS, ids=[reason for _broken, reason in BREAKERS])
def test_each_fault_fails_the_drill_with_its_reason(broken: Any, reason: str) -> None:
    found = copy.deepcopy(state())
    broken(found)
    record = assembled(found)
    assert record["verdict"] == "fail"
    assert any(said.startswith(reason) for said in record["verdict_reasons"]), record["verdict_reasons"]


def test_a_return_that_only_held_its_clients_has_no_figures() -> None:
    found = state()
    found["results"]["failback"] = {"held": at(31)}
    found["steps"][-1].update(status="failed", error="not promoted")
    record = assembled(found)
    assert record["failback"] is None
    assert record["verdict"] == "fail"


CONDITIONS = (
    ({"interruptions": [{"at": at(5), "step": "fence"}]}, {}, "The run was interrupted 1 time"),
    ({"deviations": [{"at": at(5), "step": "restore", "text": "fell back"}]}, {}, "Deviation: fell back"),
    ({}, {"stand_in": True}, "People were represented by stand-in keys"),
)


@pytest.mark.parametrize(("changed", "more", "reason"), CONDITIONS, ids=[row[2] for row in CONDITIONS])
def test_a_drill_that_held_in_spite_of_something_says_so(
    changed: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    record = assembled(state(**changed), **more)
    assert record["verdict"] == "pass_with_conditions"
    assert record["verdict_reasons"][0].startswith(reason)


@pytest.mark.parametrize(
    ("observer", "reason"),
    [
        (None, "Whether there were ever two writers was not measured"),
        (
            {**ONE_WRITER, "two_writers_seen": 1, "overlaps": [{"hosts": ["db1", "db2"], "from": at(1), "to": at(2)}]},
            "db1 and db2 both took writes, first from 2026-11-23T20:00:01.000Z",
        ),
    ],
    ids=["nobody watched", "two writers"],
)
def test_what_the_witnesses_saw_decides(observer: dict[str, Any] | None, reason: str) -> None:
    record = assembled(state(), observer=observer)
    assert record["verdict"] == "fail"
    assert record["verdict_reasons"][0].startswith(reason)


def activated() -> dict[str, Any]:
    """Return the journal of an activation in earnest."""
    found = state(scenario="activation")
    found["header"]["scenario"]["expect"] = {"outcome": "activated"}
    for step in ("assess", "steady", "canary"):
        del found["results"][step]
    found["results"]["survey"] = {"security": protected("db1")}
    return found


TWO_WRITERS = {**ONE_WRITER, "two_writers_seen": 2, "overlaps": [{"hosts": ["db1", "db2"], "from": at(1), "to": at(2)}]}


@pytest.mark.parametrize(
    ("observer", "verdict", "reason"),
    [
        (ONE_WRITER, "pass", "Recovered in"),
        (TWO_WRITERS, "fail", "db1 and db2 both took writes"),
        (None, "pass_with_conditions", "Nobody could watch the old primary"),
    ],
    ids=["one writer", "two writers", "nobody watched"],
)
def test_an_activation_is_judged_by_who_could_write(observer: dict[str, Any] | None, verdict: str, reason: str) -> None:
    record = assembled(activated(), observer=observer)
    assert record["verdict"] == verdict, record["verdict_reasons"]
    assert record["verdict_reasons"][0].startswith(reason)


def test_an_activation_that_lost_more_than_its_target_fails() -> None:
    found = activated()
    found["results"]["verify"]["ledger"]["rpo_s"] = 31.0
    said = "The time between the last kept and the last lost write is 31.0 s; the target is 30.0 s."
    assert assembled(found)["verdict_reasons"] == [said]
    del found["results"]["verify"]["ledger"]
    assert "The loss was not measured" in assembled(found)["verdict_reasons"][0]


def test_what_has_to_be_mended_has_an_owner_and_a_day() -> None:
    found = state(stand_in=True)
    found["header"]["lead"] = "lead"
    found["results"]["steady"]["steady_state"][0]["result"] = "differs"
    record = assembled(found, stand_in=True, action_days={"high": 7})
    assert {row["owner"] for row in record["findings"] + record["corrective_actions"]} == {"lead"}
    assert [row["due"][:10] for row in record["findings"]] == ["2026-11-30", "2027-02-21"]
    assert [(row["due"][:10], row["retest_due"][:10]) for row in record["corrective_actions"]] == [
        ("2026-11-30", "2026-12-23")
    ]


def test_a_step_beyond_its_deadline_is_a_deviation() -> None:
    found = state()
    found["steps"][4]["seconds"] = 61.0
    assert assembled(found)["deviations"][0]["text"] == "fence took 61.0 s; its deadline is 60 s."


def refused(**step: Any) -> dict[str, Any]:
    """Return the journal of a drill whose scenario has to be refused."""
    found = state(rollback=[{"text": "back", "ledger": {"lost": 0, "wrong": 0, "in_doubt": {}}}])
    found["header"]["scenario"]["expect"] = {"outcome": "refused", "finding": "missing_wal"}
    for name in ("promote", "first_write", "verify"):
        del found["results"][name]
    by_id = {one["id"]: one for one in found["steps"]}
    by_id["restore"].update(status="failed", error="the archive lacks it: missing_wal at 00000001")
    for name in ("promote", "redirect", "first_write", "verify"):
        by_id[name].update(status="pending", result={})
    by_id["restore"].update(step)
    return found


def test_a_refusal_for_the_planted_reason_passes() -> None:
    record = assembled(refused())
    assert record["verdict"] == "pass", record["verdict_reasons"]
    assert record["achieved"]["lost_rows"] == 0


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (refused(error="the disk is full"), "The drill was not stopped by missing_wal."),
        ({**refused(), "rollback": []}, "The return to the old primary is not on record."),
        ({**refused(), "rollback": [{"text": "b", "ledger": {"lost": 2, "in_doubt": {}}}]}, "2 acknowledged writes"),
        (
            {**refused(), "rollback": [{"text": "b", "destroyed": "db1 lacks what DROP TABLE did."}]},
            "db1 lacks what DROP",
        ),
    ],
)
def test_a_refusal_for_another_reason_fails(found: dict[str, Any], reason: str) -> None:
    record = assembled(found)
    assert record["verdict"] == "fail"
    assert any(said.startswith(reason) for said in record["verdict_reasons"])


def test_earlier_drills_give_each_phase_its_expectation() -> None:
    history = [{"scenario": "x", "phases": {"detect": value}} for value in (1.0, 3.0, 8.0)]
    other = [{"scenario": "y", "phases": {"detect": 99.0}}]
    record = record_room.assemble(state(), targets=TARGETS, versions={}, controller={}, history=history + other)
    assert record["phases"][0]["expected_s"] == 3.0
    assert record["phases"][1]["expected_s"] is None


def test_the_summary_says_what_was_not_measured() -> None:
    found = state()
    del found["results"]["verify"]
    text = "\n".join(summary_of(assembled(found)))
    assert "not measured" in text
    assert "FAIL" in text
