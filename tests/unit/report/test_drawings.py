# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawings are to scale, their axes are round, and figures are written the same way everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import (
    count,
    day,
    duration,
    moment,
    number,
    plain_text,
    short_duration,
    size,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._svg import gantt, small_multiple, ticks, waterfall


def bars(markup: str, css: str = "bar") -> list[tuple[float, float]]:
    """Return x and width of each bar."""
    found = re.findall(rf'<rect class="{css}" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', markup)
    return [(float(x), float(width)) for x, width in found]


def rows(*seconds: float) -> list[dict[str, Any]]:
    offsets = [sum(seconds[:place]) for place in range(len(seconds))]
    return [
        {"label": "x", "offset": offset, "seconds": value, "expected": None, "late": False}
        for offset, value in zip(offsets, seconds, strict=True)
    ]


def test_phases_are_to_scale_and_touch() -> None:
    drawn = bars(waterfall(rows(2.0, 4.0, 10.0), total=16, target=None, edges=("a", "b")))
    widths = [width for _x, width in drawn]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.01)
    assert widths[2] / widths[0] == pytest.approx(5, rel=0.01)
    assert drawn[1][0] == pytest.approx(drawn[0][0] + widths[0], abs=0.2)


def test_the_target_is_drawn_or_said_to_be_beyond() -> None:
    near = waterfall(rows(2.0, 4.0), total=6, target=12, edges=("a", "b"))
    far = waterfall(rows(2.0, 4.0), total=6, target=7200, edges=("a", "b"))
    assert '<line class="target"' in near
    assert '<line class="target"' not in far
    assert '<text class="target-text"' in near
    assert re.search(r'<text class="tick"[^>]*>target 2 h, beyond this scale<', far)
    assert "target-text" not in far


def test_a_late_step_is_marked() -> None:
    row = {"item": "DR-05", "label": "Restore", "offset": 0.0, "seconds": 61.0, "deadline": 60.0, "state": "done"}
    assert len(bars(gantt([{"title": "Recovery", "rows": [row]}], total=61), "bar-late")) == 2
    assert bars(gantt([{"title": "Recovery", "rows": [{**row, "seconds": 59.0}]}], total=61), "bar-late") == []


def test_a_drill_without_the_figure_leaves_a_gap() -> None:
    known = {"label": "2026-01-01", "state": "pass", "current": False}
    points = [{**known, "value": value} for value in (3.0, 2.0, None, 1.0, 2.0)]
    drawn = small_multiple(points, title="Recovery time", unit="s", target=None, name="t")
    assert drawn.count('<path class="trend"') == 2
    assert drawn.count("<circle") == 4
    assert ">n/m<" in drawn


@pytest.mark.parametrize("points", [[], [{"value": None, "label": "", "state": "fail", "current": True}]])
def test_a_trend_without_figures_is_still_drawn(points: list[dict[str, Any]]) -> None:
    assert small_multiple(points, title="t", unit="s", target=10, name="t").endswith("</svg>")


@given(st.floats(min_value=0.001, max_value=1e7))
def test_an_axis_is_short_and_even(reach: float) -> None:
    marks = ticks(reach)
    assert marks[0] == 0
    assert 1 <= len(marks) <= 8
    assert marks[-1] <= reach * 1.000001


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.212, "0.21 s"), (2.5, "2.5 s"), (17.08, "17.1 s"), (119.9, "119.9 s"), (120, "2 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_longer_durations() -> None:
    told = [duration(value) for value in (125, 3600, 7200, 7260, 86400 * 4, -2)]
    assert told == ["2 min 05 s", "60 min", "2 h", "2 h 01 min", "4 d 0 h", "-2 s"]
    assert [short_duration(value) for value in (0, 0.5, 90, 300, 28800)] == ["0", "0.5 s", "90 s", "5 min", "8 h"]


def test_counts_sizes_and_instants() -> None:
    assert count(14212) == "14\u202f212"
    assert count(None) is None
    assert size(1_214_513_152) == "1.21 GB (1\u202f214\u202f513\u202f152 bytes)"
    assert size(12) == "12 bytes"
    assert moment("2026-11-20T10:00:00+01:00") == "2026-11-20 09:00:00.000 UTC"
    assert moment("soon") == "soon"
    assert day("2026-12-04") == "4 December 2026"
    assert day("") is None
    assert day("tomorrow") == "tomorrow"


@pytest.mark.parametrize("value", [True, "7", None, [7]])
def test_what_is_no_number_is_never_one(value: Any) -> None:
    assert number(value) is None


def test_values_of_cells() -> None:
    told = [plain_text(value) for value in (True, False, 1.5, 0, "", [], {}, None, {"b": 1})]
    assert told == ["yes", "no", "1.5", "0", None, None, None, None, '{"b": 1}']
