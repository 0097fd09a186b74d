# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two writers shorter than two looks are seen, and so is the time at which nobody looked."""

from __future__ import annotations

from typing import Any

import _watching
import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms

OLD = [(0.0, True), (0.2, True), (0.4, True), (0.6, False)]


@pytest.mark.parametrize(
    ("new", "seen"),
    [
        ([(0.1, False), (0.3, True), (0.5, False)], [(0.2, 0.3)]),
        ([(0.1, False), (0.3, True)], [(0.2, 0.3)]),
        ([(0.5, False), (0.7, True), (0.9, True)], []),
        ([], []),
    ],
)
def test_a_single_look_at_two_writers_counts(new: list[_watching.Look], seen: list[tuple[float, float]]) -> None:
    assert _watching.both(OLD, new) == seen


def test_what_lies_between_looks_far_apart_is_not_counted() -> None:
    assert _watching.both([(0.0, True), (9.0, True)], [(4.0, True), (4.2, True)]) == []


def test_the_time_without_a_look_is_told() -> None:
    steady = [place / 4 for place in range(80)]
    assert _watching.blind_around(steady, 10.0) == 0.25
    assert _watching.blind_around([at for at in steady if not 9 < at < 12], 10.0) == 3.0
    assert _watching.blind_around(steady, 19.0) == float("inf")


def on_record(**promoted: float | None) -> dict[str, Any]:
    """Return a record with a step that began at 5.0 and promoted at an instant, or one that is not known, or nobody."""
    steps = [
        {
            "id": step,
            "started": iso_ms(from_epoch(5.0)),
            "result": {} if at == 0 else {"promoted": None if at is None else iso_ms(from_epoch(at))},
        }
        for step, at in promoted.items()
    ]
    return {"steps": [*steps, {"id": "restore", "started": None, "result": {}}]}


def looks(*, blind: tuple[float, float], writes_from: float) -> list[_watching.Look]:
    return [(at, at >= writes_from) for at in (turn / 4 for turn in range(160)) if not blind[0] < at < blind[1]]


@pytest.mark.parametrize(("told", "at"), [(20.0, 20.0), (None, 20.0), (None, 22.0)])
def test_who_was_blind_at_a_promotion_is_told_also_where_a_killed_run_left_no_instant(
    told: float | None, at: float
) -> None:
    steady, gap = looks(blind=(0, 0), writes_from=at), looks(blind=(18, 22), writes_from=at)
    seen = _watching.blind_at_promotions({"db1": steady, "db2": steady}, on_record(promote=told, failback=told))
    assert seen == {("promote", "db2"): 0.25, ("failback", "db1"): 0.25, ("failback", "db2"): 0.25}
    seen = _watching.blind_at_promotions({"db1": steady, "db2": gap}, on_record(promote=told, failback=told))
    assert seen == {("promote", "db2"): 4.0, ("failback", "db1"): 0.25, ("failback", "db2"): 4.0}


def test_a_promotion_that_no_look_confirms_was_not_watched() -> None:
    never = looks(blind=(0, 0), writes_from=99.0)
    seen = _watching.blind_at_promotions({"db1": never, "db2": never}, on_record(promote=None))
    assert seen == {("promote", "db2"): float("inf")}


def test_a_drill_that_was_taken_back_before_its_promotion_has_none_to_watch() -> None:
    never = looks(blind=(0, 0), writes_from=99.0)
    assert _watching.blind_at_promotions({"db1": never, "db2": never}, on_record(promote=0)) == {}
