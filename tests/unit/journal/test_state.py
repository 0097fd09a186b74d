# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal adds up to: steps, times, results, notes, the plan and the line of progress."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import (
    chain,
    plan_lines,
    progress_line,
    state_of,
    step_index,
)

AT = "2026-11-23T21:15:41.000Z"


def test_a_step_keeps_its_times_result_and_attempts(entries: list[dict[str, Any]]) -> None:
    steps = {step["id"]: step for step in state_of(entries)["steps"]}
    assert (steps["fence"]["status"], steps["fence"]["seconds"], steps["fence"]["attempts"]) == ("done", 2.5, 1)
    assert steps["fence"]["result"] == {"t0": "x", "proofs": 3, "size": 1.5}
    # The clock of a step runs on through an interruption: that is what people waited.
    assert (steps["restore"]["attempts"], steps["restore"]["seconds"]) == (2, 96.5)
    assert steps["restore"]["attempt_seconds"] == 39
    assert (steps["verify"]["status"], steps["verify"]["started"], steps["verify"]["error"]) == (
        "skipped",
        None,
        "not asked for",
    )


def test_the_state_is_the_memory_of_the_drill(entries: list[dict[str, Any]]) -> None:
    state = state_of(entries)
    assert state["done"] == ["fence", "restore", "verify"]
    assert state["results"]["restore"] == {"label": "F"}
    assert state["entered"]["restore"] == "2026-11-23T21:15:03.500Z"
    assert state["left"]["restore"] == "2026-11-23T21:16:40.000Z"
    assert state["deviations"] == [
        {"at": "2026-11-23T21:16:10.000Z", "step": "restore", "text": "older backup"},
    ]
    assert state["interruptions"][0]["at"] == "2026-11-23T21:15:03.500Z"
    assert state["interruptions"][0]["noticed"] == "2026-11-23T21:16:00.000Z"
    assert (state["closed"], state["verdict"], state["reasons"]) == (True, "fail", ["late"])
    assert (state["lines"], state["head"]) == (12, entries[-1]["hash"])


@pytest.mark.parametrize(
    ("lines", "current", "status"),
    [(2, "fence", "running"), (4, None, "done"), (5, "restore", "running"), (6, "restore", "interrupted")],
)
def test_the_open_step_is_known_after_each_line(
    entries: list[dict[str, Any]], lines: int, current: str | None, status: str
) -> None:
    state = state_of(entries[:lines])
    steps = {step["id"]: step["status"] for step in state["steps"]}
    assert state["current"] == current
    assert steps[current or "fence"] == status


def test_a_rollback_note_carries_its_facts(entries: list[dict[str, Any]]) -> None:
    body = {"event": "note", "kind": "rollback", "text": "db1 writes again", "result": {"ledger": {"lost": 0}}}
    state = state_of(entries[:4] + chain(entries[:4], [body], at=AT))
    assert state["rollback"] == [{"ledger": {"lost": 0}, "at": AT, "step": None, "text": "db1 writes again"}]


def test_a_new_plan_comes_with_the_resumption(entries: list[dict[str, Any]]) -> None:
    body = {"event": "resume", "step": None, "header": {}, "plan": [{"id": "fence"}, {"id": "watch", "title": "Watch"}]}
    state = state_of(entries[:4] + chain(entries[:4], [body], at=AT))
    assert step_index(state, "watch") == 2
    with pytest.raises(OpsError, match="not in the plan"):
        step_index(state, "restore")


def test_an_unknown_event_is_refused(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(OpsError, match="unknown event"):
        state_of(entries[:1] + chain(entries[:1], [{"event": "dance"}], at=AT))


def test_the_line_of_progress(entries: list[dict[str, Any]]) -> None:
    told = progress_line(state_of(entries[:5]), "restore", at=AT)
    assert told == "[2/3] 00:41 Restore · expected 40 s, deadline 8 h, about 44 s left in all"


def test_a_title_cannot_move_the_cursor(entries: list[dict[str, Any]]) -> None:
    body = {"event": "enter", "step": "restore", "text": "restore\x1b[2J\r20261123F"}
    told = progress_line(state_of(entries[:4] + chain(entries[:4], [body], at=AT)), "restore", at=AT)
    assert told.isprintable()
    assert "restore [2J 20261123F" in told


def test_the_plan_is_shown_with_what_it_destroys(entries: list[dict[str, Any]]) -> None:
    assert plan_lines(entries[0]["plan"]) == [
        "1. DR-04  Fence the old primary · ansible, not timed yet, deadline 5 min",
        "2. DR-05  Restore · expected 40 s, deadline 8 h, DESTRUCTIVE",
        "3. DR-07  Verify · expected 4.5 s, deadline 10 min",
        "Expected in all: 44 s, and 1 step that no earlier run has timed",
    ]


def test_a_way_back_that_was_begun_is_remembered_until_it_has_ended(entries: list[dict[str, Any]]) -> None:
    whole, seen = entries[:4], [state_of(entries[:4])["retreat"]]
    for kind in ("rollback_begun", "info", "rollback"):
        whole = whole + chain(whole, [{"event": "note", "kind": kind, "text": "x"}], at=AT)
        seen.append(state_of(whole)["retreat"])
    begun = {"way": "rollback", "begun": AT, "ended": None}
    assert seen == [None, begun, begun, {**begun, "ended": AT}]
