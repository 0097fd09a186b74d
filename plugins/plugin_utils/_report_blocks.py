# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few kinds of blocks that a report is made of, and safe ways into a record.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import duration, number, plain_text

__all__ = [
    *("Block", "Cell", "Record", "Tile"),
    *("bullets", "cell", "code", "drawing", "facts", "figure", "lines", "note", "part", "parts", "pill", "result"),
    *("exact_cell", "section", "seconds_cell", "table"),
]

Record = Mapping[str, Any]
Tile = dict[str, Any]
Cell = dict[str, Any]
Block = dict[str, Any]

_RESULTS = {
    "verified": ("ok", "verified"),
    "differs": ("bad", "differs"),
    "could_not_run": ("warn", "could not run"),
    "done": ("ok", "done"),
    "failed": ("bad", "failed"),
    "skipped": ("mute", "skipped"),
    "pending": ("mute", "not reached"),
    "running": ("warn", "not ended"),
    "interrupted": ("warn", "interrupted"),
    "pass": ("ok", "passed"),
    "pass_with_conditions": ("warn", "with conditions"),
    "fail": ("bad", "failed"),
    "aborted": ("bad", "aborted"),
    "inside": ("ok", "inside the bound"),
    "outside": ("bad", "past the bound"),
    "high": ("bad", "high"),
    "medium": ("warn", "medium"),
    "low": ("mute", "low"),
}


def part(record: Any, *names: str) -> Mapping[str, Any]:
    """Return a mapping inside a record; an empty one when it is missing or something else."""
    found: Any = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(record: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the mappings of a list inside a record; a lone text becomes one with ``text``."""
    found = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(found, (list, tuple)):
        return []
    return [row if isinstance(row, Mapping) else {"text": row} for row in found]


def section(anchor: str, title: str, *blocks: Block | None, lead: str | None = None) -> dict[str, Any]:
    """Return a section; blocks that are None are left out."""
    return {"id": anchor, "title": title, "lead": lead, "blocks": [block for block in blocks if block is not None]}


def cell(value: Any, kind: str = "text") -> Cell:
    """Return a cell; ``kind`` is text, num, time, key (never broken) or code."""
    return {"kind": kind, "text": plain_text(value)}


def figure(text: str | None) -> Cell:
    """Return a cell with a figure, set to the right."""
    return {"kind": "num", "text": text}


def seconds_cell(value: Any) -> Cell:
    """Return a cell with a duration given in seconds."""
    found = number(value)
    return figure(None if found is None else duration(found))


def exact_cell(value: Any) -> Cell:
    """Return a cell with a duration to the millisecond, for figures that have to add up."""
    found = number(value)
    return figure(None if found is None else f"{found:.3f} s" if abs(found) < 120 else duration(found))


def code(value: Any) -> Cell:
    """Return a cell with a command, a hash or a name from a machine."""
    return cell(value, "code")


def pill(state: str, text: str) -> Cell:
    """Return a marked word; ``state`` is ok, warn, bad or mute."""
    return {"kind": "pill", "state": state, "text": text}


def result(value: Any) -> Cell:
    """Return the marked word of a result, a status or a severity."""
    state, text = _RESULTS.get(str(value), ("mute", plain_text(value) or "not measured"))
    return pill(state, text)


def facts(*rows: tuple[str, Any], wide: bool = False) -> Block:
    """Return a list of names and values, in two columns unless ``wide``; a value is a cell or anything plain."""
    return {"kind": "facts", "wide": wide, "rows": [(name, _as_cell(value)) for name, value in rows]}


def lines(*cells: Cell) -> Cell:
    """Return a cell with several cells below one another."""
    return {"kind": "lines", "text": None, "lines": list(cells)}


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str | None = None) -> Block:
    """Return a table; ``empty`` is said in place of a table without rows (by default: not measured)."""
    made = [[_as_cell(value) for value in row] for row in rows]
    if not made:
        return note(empty) if empty else note(None)
    kinds = [made[0][index]["kind"] for index in range(len(columns))]
    return {"kind": "table", "columns": list(zip(columns, kinds, strict=True)), "rows": made}


def bullets(values: Any, *, title: str | None = None) -> Block:
    """Return a list of sentences, under a small title."""
    items = values if isinstance(values, (list, tuple)) else [values]
    return {"kind": "bullets", "title": title, "items": [plain_text(item) for item in items] or [None]}


def note(text: str | None) -> Block:
    """Return a sentence; None becomes "not measured"."""
    return {"kind": "note", "text": text}


def drawing(markup: Markup, legend: Sequence[tuple[str, str]] = ()) -> Block:
    """Return a drawing with its legend, pairs of class and meaning."""
    return {"kind": "drawing", "svg": markup, "legend": list(legend)}


def _as_cell(value: Any) -> Cell:
    return value if isinstance(value, dict) and "kind" in value and "text" in value else cell(value)
