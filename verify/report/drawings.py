# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawings of the audit report: a strip of 90 days for each item, and the figures over time. Inline SVG, no script.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._svg import Canvas, gutter
from verify.engine.words import Status
from verify.report.text import WORDS, clean, quantity

__all__ = ["DAYS", "coverage_bar", "kpi_view", "strip"]

DAYS = 90
_UNITS = ("s", "ratio", "count")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 330.0, 118.0, 52.0, 8.0, 12.0, 22.0
_SMALL = 11  # px, as the style sheet has it


def strip(days: Sequence[Sequence[Any]], last: str) -> Markup:
    """Draw up to 90 days that end with ``last`` (``2026-11-26``); a day without a run stays empty.

    One path a status keeps the drawing small: equal days in a row are one rectangle.
    """
    known = {str(day): str(status) for day, status in days}
    end = datetime.date.fromisoformat(last)
    row = [known.get((end - datetime.timedelta(days=back)).isoformat(), "") for back in range(DAYS - 1, -1, -1)]
    paths: dict[str, list[str]] = {}
    start = 0
    for place in range(1, DAYS + 1):
        if place == DAYS or row[place] != row[start]:
            if row[start]:
                paths.setdefault(row[start], []).append(f"M{start} 0h{place - start}v9h-{place - start}z")
            start = place
    # A status that is no word of ours never reaches the class.
    drawn = "".join(f'<path class="d-{_word(status)}" d="{"".join(steps)}"/>' for status, steps in paths.items())
    told = escape(_strip_words(row))
    label = f'role="img" aria-label="{told}"'
    return Markup(f'<svg class="strip" viewBox="0 0 {DAYS} 9" preserveAspectRatio="none" {label}>{drawn}</svg>')  # noqa: S704


def _word(status: str) -> str:
    return status if status in {str(one) for one in Status} else "unknown"


def _strip_words(row: Sequence[str]) -> str:
    runs = [status for status in row if status]
    told = [f"{runs.count(str(status))} {WORDS[status]}" for status in Status if str(status) in runs]
    return f"{len(runs)} of {DAYS} days: {', '.join(told) or 'no run'}"


def coverage_bar(parts: Mapping[str, int]) -> Markup:
    """Draw how the items of the catalogue are covered, to scale."""
    total = sum(parts.values()) or 1
    told = ", ".join(f"{number} {name}" for name, number in parts.items())
    canvas = Canvas(400, 10, title="Coverage of the catalogue", description=told, name="coverage", stretch=True)
    x = 0.0
    for name, number in parts.items():
        if number:
            width = 400 * number / total
            canvas.rect(x, 0, width, 10, f"c-{name}")
            x += width
    return canvas.markup()


def kpi_view(name: str, points: Sequence[Sequence[Any]], words: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return a figure over time: title, newest value, target, whether it is met, the drawing."""
    unit = words.get("unit") or next((one for one in _UNITS if name.endswith(f"_{one}")), "count")
    stem = name.rpartition("_")[0] if name.endswith(tuple(f"_{one}" for one in _UNITS)) else name
    title = words.get("title") or stem.replace("_", " ").capitalize()
    usual = words.get("target")
    known = [(str(day), value, usual if target is None else target) for day, value, target in points]
    newest = next(((day, value, target) for day, value, target in reversed(known) if value is not None), None)
    target = next((target for _day, _value, target in reversed(known) if target is not None), None)
    better = words.get("better", "")
    return {
        "title": title,
        "measured": newest is not None,
        "value": quantity(newest[1], unit) if newest else "",
        "day": newest[0] if newest else "",
        "stale": bool(newest and known and newest[0] != known[-1][0]),
        "target": _target_words(target, better, unit),
        "met": _met(newest[1] if newest else None, target, better),
        "note": words.get("note", ""),
        "svg": _trend(known, title=title, unit=unit, name=f"kpi-{place}"),
    }


def _target_words(target: float | None, better: str, unit: str) -> str:
    if target is None:
        return ""
    return {"lower": "at most ", "higher": "at least "}.get(better, "") + quantity(target, unit)


def _met(value: float | None, target: float | None, better: str) -> bool | None:
    """Return whether a target is met; None when that cannot be said."""
    if value is None or target is None or better not in ("lower", "higher"):
        return None
    return value <= target if better == "lower" else value >= target


def _trend(points: Sequence[tuple[str, Any, Any]], *, title: str, unit: str, name: str) -> Markup:
    values = [value for _day, value, _target in points if value is not None]
    description = f"{len(values)} of {len(points)} days measured"
    if values:
        lowest, highest = quantity(min(values), unit), quantity(max(values), unit)
        description += f", from {lowest} to {highest}, newest {quantity(values[-1], unit)}"
    canvas = Canvas(_WIDTH, _HEIGHT, title=title, description=description, name=name)
    if not values:
        canvas.text(_LEFT, _HEIGHT / 2, "not measured", "tick")
        return canvas.markup()
    low, high = _scale(values, [target for _day, _value, target in points if target is not None], unit)
    bottom = _HEIGHT - _BOTTOM

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - _TOP)

    levels = [(level, _short(level, unit, high - low)) for level in (low, (low + high) / 2, high)]
    left = max(_LEFT, 6 + gutter((words for _level, words in levels), _SMALL))
    for level, words in levels:
        canvas.line(left, y(level), _WIDTH - _RIGHT, y(level), "grid")
        canvas.text(left - 6, y(level) + 4, words, "tick", anchor="end")
    gap = (_WIDTH - left - _RIGHT) / max(1, len(points) - 1)
    aims = {target for _day, _value, target in points if target is not None}
    if len(aims) == 1 and low <= min(aims) <= high:
        canvas.line(left, y(min(aims)), _WIDTH - _RIGHT, y(min(aims)), "target")
    elif aims:
        _steps(canvas, [(left + gap * index, point[2]) for index, point in enumerate(points)], y, "target")
    _steps(canvas, [(left + gap * index, point[1]) for index, point in enumerate(points)], y, "trend")
    last = max(index for index, point in enumerate(points) if point[1] is not None)
    canvas.dot(left + gap * last, y(points[last][1]), 3.5, "dot")
    canvas.text(left, _HEIGHT - 6, clean(points[0][0]), "tick")
    canvas.text(_WIDTH - _RIGHT, _HEIGHT - 6, clean(points[-1][0]), "tick", anchor="end")
    return canvas.markup()


def _steps(canvas: Canvas, points: Sequence[tuple[float, Any]], y: Callable[[float], float], css: str) -> None:
    for run in _unbroken(points):
        canvas.path([(x, y(value)) for x, value in run], css)


def _scale(values: Sequence[float], targets: Sequence[float], unit: str) -> tuple[float, float]:
    """Return the ends of the scale: around the values, and their targets where these are not far away."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    near = [target for target in targets if low - 3 * span <= target <= high + 3 * span]
    low, high = min([low, *near]), max([high, *near])
    margin = (high - low or abs(high) or 1.0) * 0.08
    most = 1.0 if high <= 1.0 and unit == "ratio" else high + margin
    return (max(0.0, low - margin) if low >= 0 else low - margin), min(most, high + margin)


def _short(level: float, unit: str, span: float) -> str:
    if unit == "ratio":
        places = max(0, min(4, 1 - math.floor(math.log10(span * 100)))) if span > 0 else 1
        return f"{level * 100:.{places}f} %"
    if unit != "s":
        return f"{level:.3g}" if level < 1000 else f"{level / 1000:.3g}k"
    for limit, size, word in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if level < limit:
            return f"{level / size:.3g} {word}"
    return f"{level / 86400:.3g} d"


def _unbroken(points: Sequence[tuple[float, Any]]) -> Iterable[list[tuple[float, float]]]:
    """Return the stretches without a gap; a day that was not measured breaks the line and never becomes a zero."""
    run: list[tuple[float, float]] = []
    for x, value in [*points, (0.0, None)]:
        if value is not None:
            run.append((x, value))
            continue
        if run:
            yield run if len(run) > 1 else [run[0], (run[0][0] + 0.6, run[0][1])]
        run = []
