# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawings of the drill report as inline SVG: to scale, without scripts or style attributes, the same bytes every time.

Colours and type come from the classes of the report's style sheet. Every text is escaped here.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import clean, duration, short_duration

__all__ = ["Canvas", "gantt", "gutter", "share_bar", "small_multiple", "ticks", "waterfall"]

WIDTH = 880


class Canvas:
    """Collects shapes; coordinates are rounded to a tenth so that the text is stable."""

    def __init__(
        self, width: float, height: float, *, title: str, description: str, name: str, stretch: bool = False
    ) -> None:
        self.width, self.height = width, height
        self._stretch = stretch
        self._parts: list[str] = []
        self._head = (title, description, name)

    def rect(self, x: float, y: float, w: float, h: float, css: str, *, radius: float = 0) -> None:
        """Add a rectangle that is never thinner than a hair."""
        rounded = f' rx="{_n(radius)}"' if radius else ""
        self._parts.append(
            f'<rect class="{css}" x="{_n(x)}" y="{_n(y)}" width="{_n(max(w, 1.5))}" height="{_n(h)}"{rounded}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """Add a straight line."""
        self._parts.append(f'<line class="{css}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>')

    def path(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Add an open line through points."""
        steps = " ".join(f"{'M' if i == 0 else 'L'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(points))
        self._parts.append(f'<path class="{css}" d="{steps}"/>')

    def shape(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Add a filled shape."""
        self._parts.append(f'<polygon class="{css}" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"/>')

    def dot(self, x: float, y: float, radius: float, css: str) -> None:
        """Add a circle."""
        self._parts.append(f'<circle class="{css}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"/>')

    def text(self, x: float, y: float, words: Any, css: str, *, anchor: str = "start") -> None:
        """Add a text, escaped."""
        where = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(f'<text class="{css}" x="{_n(x)}" y="{_n(y)}"{where}>{escape(clean(words))}</text>')

    def markup(self) -> Markup:
        """Return the drawing."""
        title, description, name = (escape(clean(part)) for part in self._head)
        stretch = ' preserveAspectRatio="none"' if self._stretch else ""
        opening = (
            f'<svg viewBox="0 0 {_n(self.width)} {_n(self.height)}"{stretch}'
            f' role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>'
        )
        # Safe: every part was put together above from numbers, our own class names and escaped text.
        return Markup(opening + "".join(self._parts) + "</svg>")  # noqa: S704


def waterfall(
    rows: Sequence[Mapping[str, Any]], *, total: float, target: float | None, edges: tuple[str, str]
) -> Markup:
    """Draw the phases of the recovery to scale, a row each, below the gap that clients saw.

    Args:
        rows: label, offset, seconds, expected (seconds or None), late (bool).
        total: the gap that clients saw, in seconds.
        target: the recovery time objective, drawn when it fits the scale.
        edges: when the gap began and ended, as shown to people.
    """
    left, right, top, step = 214.0, 84.0, 70.0, 30.0
    reach = max(total, *(row["offset"] + max(row["seconds"], row["expected"] or 0) for row in rows))
    shown_target = target if target is not None and target <= reach * 2.5 else None
    reach = max(reach, shown_target or 0) * 1.02
    height = top + step * len(rows) + 34
    canvas = Canvas(
        WIDTH,
        height,
        title="Phases of the recovery time",
        description="; ".join(f"{row['label']}: {duration(row['seconds'])}" for row in rows),
        name="waterfall",
    )
    scale = (WIDTH - left - right) / reach
    bottom = top + step * len(rows)
    for tick in ticks(reach):
        canvas.line(left + tick * scale, top - 8, left + tick * scale, bottom, "grid")
        canvas.text(left + tick * scale, bottom + 18, short_duration(tick), "tick", anchor="middle")
    _bracket(canvas, left, left + total * scale, total, edges)
    for index, row in enumerate(rows):
        _phase(canvas, row, y=top + step * index, left=left, scale=scale)
    if shown_target is not None:
        x = left + shown_target * scale
        canvas.line(x, 26, x, bottom, "target")
    if target is not None:
        _target(canvas, WIDTH, 18, target, drawn=shown_target is not None, beyond="beyond")
    return canvas.markup()


def _target(canvas: Canvas, x: float, y: float, target: float, *, drawn: bool, beyond: str) -> None:
    """Name the target in the colour of its line; beyond the scale it has no line, and is far from being missed."""
    words = f"target {duration(target)}" if drawn else f"target {duration(target)}, {beyond} this scale"
    canvas.text(x, y, words, "target-text" if drawn else "tick", anchor="end")


def _bracket(canvas: Canvas, x1: float, x2: float, total: float, edges: tuple[str, str]) -> None:
    canvas.path([(x1, 54), (x1, 44), (x2, 44), (x2, 54)], "bracket")
    canvas.text(x1, 18, f"Clients waited {duration(total)} for an acknowledged write", "strong")
    canvas.text(x1, 35, f"{edges[0]} to {edges[1]} UTC", "tick")


def _phase(canvas: Canvas, row: Mapping[str, Any], *, y: float, left: float, scale: float) -> None:
    x, width = left + row["offset"] * scale, row["seconds"] * scale
    canvas.text(left - 14, y + 18, row["label"], "label", anchor="end")
    canvas.rect(x, y + 5, width, 18, "bar-late" if row["late"] else "bar", radius=2)
    expected = row["expected"]
    reach = max(width, 1.5)
    if expected is not None:
        mark = x + expected * scale
        canvas.line(mark, y + 2, mark, y + 26, "expected")
        reach = max(reach, expected * scale)
    canvas.text(x + reach + 8, y + 18, duration(row["seconds"]), "value")


# Where the share of the deadline begins, from the right; "23 min 49 s" has room before it.
SHARE = 112.0


def gantt(groups: Sequence[Mapping[str, Any]], *, total: float) -> Markup:
    """Draw the steps over the whole drill, with the share of its deadline that each one used.

    Args:
        groups: title and rows; a row has item, label, offset, seconds (None when it did not run), deadline, state.
        total: the length of the drill in seconds.
    """
    left, right, top, step, head = 340.0, 214.0, 30.0, 22.0, 30.0
    count = sum(len(group["rows"]) for group in groups)
    height = top + head * len(groups) + step * count + 6
    canvas = Canvas(
        WIDTH,
        height,
        title="Steps of the drill",
        description=f"{count} steps over {duration(total)}; the table below gives every figure.",
        name="gantt",
    )
    scale = (WIDTH - left - right) / (total or 1)
    for tick in ticks(total):
        canvas.line(left + tick * scale, top - 6, left + tick * scale, height - 4, "grid")
        canvas.text(left + tick * scale, top - 12, short_duration(tick), "tick", anchor="middle")
    canvas.text(WIDTH - right + 14, top - 12, "took", "tick")
    canvas.text(WIDTH - SHARE, top - 12, "of its deadline", "tick")
    y = top
    for group in groups:
        canvas.text(0, y + 20, group["title"], "strong")
        canvas.line(0, y + 26, WIDTH, y + 26, "rule")
        y += head
        for row in group["rows"]:
            _step(canvas, row, y=y, left=left, right=right, scale=scale)
            y += step
    return canvas.markup()


def _step(canvas: Canvas, row: Mapping[str, Any], *, y: float, left: float, right: float, scale: float) -> None:
    canvas.text(0, y + 16, row["item"], "tick")
    canvas.text(50, y + 16, shortened(row["label"], 45), "label")
    if row["seconds"] is None:
        canvas.text(left + 4, y + 16, row["state"], "tick")
        return
    late = row["deadline"] is not None and row["seconds"] > row["deadline"]
    css = "bar-late" if late or row["state"] == "failed" else "bar"
    canvas.rect(left + row["offset"] * scale, y + 6, row["seconds"] * scale, 12, css, radius=1.5)
    canvas.text(WIDTH - right + 14, y + 16, duration(row["seconds"]), "value")
    if row["deadline"]:
        canvas.rect(WIDTH - SHARE, y + 9, 50, 6, "track", radius=3)
        share = min(1.0, row["seconds"] / row["deadline"])
        canvas.rect(WIDTH - SHARE, y + 9, 50 * share, 6, css, radius=1.5)
        canvas.text(WIDTH, y + 16, short_duration(row["deadline"]), "tick", anchor="end")


def share_bar(achieved: float | None, target: float | None, *, name: str) -> Markup:
    """Draw how much of a target was used; an empty track when either figure is missing."""
    words = _share_words(achieved, target)
    canvas = Canvas(200, 14, title="Share of the target", description=words, name=name, stretch=True)
    canvas.rect(0, 4, 200, 6, "track", radius=3)
    if achieved is not None and target:
        reach = max(achieved, target)
        canvas.rect(0, 4, 200 * achieved / reach, 6, "bar-late" if achieved > target else "bar", radius=3)
        x = min(199.0, 200 * target / reach)
        canvas.line(x, 0, x, 14, "expected")
    return canvas.markup()


def _share_words(achieved: float | None, target: float | None) -> str:
    if achieved is None or not target:
        return "not measured"
    return f"{duration(achieved)} of {duration(target)}"


def small_multiple(
    points: Sequence[Mapping[str, Any]], *, title: str, unit: str, target: float | None, name: str
) -> Markup:
    """Draw one figure over the last drills, with its target; a drill that did not measure it leaves a gap.

    Args:
        points: value (or None), label (date), state (pass, pass_with_conditions, fail), current (bool).
        unit: ``s`` for durations, otherwise the word for what is counted.
    """
    width, height, right, top, bottom = 430.0, 190.0, 20.0, 42.0, 34.0
    known = [point["value"] for point in points if point["value"] is not None]
    highest = max(known, default=1) or 1
    shown_target = target if target is not None and target <= highest * 4 else None
    reach = max(highest, shown_target or 0) * 1.12
    levels = [(tick, _unit(tick, unit)) for tick in ticks(reach, most=4)]
    left = max(46.0, 8 + gutter(words for _tick, words in levels))
    canvas = Canvas(width, height, title=title, description=_trend_words(points, unit), name=name)
    scale = (height - top - bottom) / reach
    gap = (width - left - right) / max(1, len(points) - 1)
    canvas.text(0, 14, title, "strong")
    if not known:
        canvas.text(left, height / 2, "not measured in any of these drills", "tick")
        return canvas.markup()
    for tick, words in levels:
        y = height - bottom - tick * scale
        canvas.line(left, y, width - right, y, "grid")
        canvas.text(left - 8, y + 4, words, "tick", anchor="end")
    base = height - bottom
    if target is not None:
        _target(canvas, width - right, 14, target, drawn=shown_target is not None, beyond="above")
    if shown_target is not None:
        canvas.line(left, base - shown_target * scale, width - right, base - shown_target * scale, "target")
    begin = left if len(points) > 1 else (left + width - right) / 2
    spots = [(begin + gap * index, point) for index, point in enumerate(points)]
    for run in _runs(spots):
        canvas.path([(x, height - bottom - point["value"] * scale) for x, point in run], "trend")
    for x, point in spots:
        _trend_point(canvas, x, point, unit, base=height - bottom, scale=scale)
    _trend_dates(canvas, spots, y=height - 12)
    return canvas.markup()


def _trend_point(canvas: Canvas, x: float, point: Mapping[str, Any], unit: str, *, base: float, scale: float) -> None:
    if point["value"] is None:
        canvas.text(x, base - 6, "n/m", "tick", anchor="middle")
        return
    y = base - point["value"] * scale
    css = {"fail": "dot-fail", "pass_with_conditions": "dot-cond"}.get(point["state"], "dot")
    canvas.dot(x, y, 5 if point["current"] else 3.5, css)
    if point["current"]:
        words = duration(point["value"]) if unit == "s" else _unit(point["value"], unit)
        canvas.text(x + 2, y - 11, words, "value", anchor="end" if x > canvas.width / 2 else "start")


def _trend_dates(canvas: Canvas, spots: Sequence[tuple[float, Mapping[str, Any]]], *, y: float) -> None:
    if not spots:
        return
    canvas.text(spots[0][0], y, spots[0][1]["label"], "tick")
    if len(spots) > 1:
        canvas.text(spots[-1][0], y, spots[-1][1]["label"], "tick", anchor="end")


def _trend_words(points: Sequence[Mapping[str, Any]], unit: str) -> str:
    told = (f"{p['label']}: {'not measured' if p['value'] is None else _unit(p['value'], unit)}" for p in points)
    return "; ".join(told)


def _runs(spots: Sequence[tuple[float, Mapping[str, Any]]]) -> Iterable[list[tuple[float, Mapping[str, Any]]]]:
    run: list[tuple[float, Mapping[str, Any]]] = []
    for spot in spots:
        if spot[1]["value"] is None:
            if len(run) > 1:
                yield run
            run = []
        else:
            run.append(spot)
    if len(run) > 1:
        yield run


def ticks(reach: float, *, most: int = 7) -> list[float]:
    """Return round values from 0 up to ``reach``, at most ``most`` of them: seconds break at 1, 2, 5, 10, 30, 60 ..."""
    if reach <= 0:
        return [0.0]
    rough = reach / (most - 1)
    steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400]
    if rough < 1 or rough > steps[-1]:
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    else:
        step = float(next(value for value in steps if value >= rough))
    return [round(step * index, 6) for index in range(int(reach / step) + 1)]


def gutter(labels: Iterable[str], size: float = 12) -> float:
    """Return the width that the longest label of an axis needs, in any font that a reader may have.

    DejaVu Sans is the widest of the common ones: its figures are 0.64 of the font's size (in units of the drawing).
    """
    return 0.66 * size * max((len(label) for label in labels), default=0)


def shortened(text: Any, length: int) -> str:
    """Return a text that is at most so long; a cut is visible and the full text stands in the table."""
    words = clean(text)
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


def _unit(value: float, unit: str) -> str:
    return short_duration(value) if unit == "s" else f"{value:,.0f}"


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") or "0"
