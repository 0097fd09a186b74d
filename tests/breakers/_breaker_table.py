# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of breakers: control, fault, where it was made, and what else turned red.

A test notes its row with `note`; `conclude` prints the rows of a run after its tests and keeps them below
``.cache/logs``: ``breakers.txt`` is the whole table, of faults in sources' payloads and of those on the lab. A run of
some breakers only leaves it as it is, and writes its own rows to ``breakers-part.txt``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import _world
from _shared import told

LOGS = Path(__file__).resolve().parents[2] / ".cache" / "logs"
PAYLOAD, LAB = "payload", "lab"
_PROPERTY = "breaker"


class Row(NamedTuple):
    """One breaker: the control that saw it, the fault, where it was made, and what else turned red, with the reason."""

    control: str
    fault: str
    made: str
    others: str


def note(record_property: Any, control: str, fault: str, made: str, others: Iterable[str]) -> None:
    """Note the row of a test, whatever becomes of the test."""
    record_property(_PROPERTY, json.dumps(Row(control, fault, made, told(control, others))))


def rows_of(reports: Iterable[Any]) -> list[Row]:
    """Return the rows that tests noted, in order, each once."""
    found = {
        Row(*json.loads(value))
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    }
    return sorted(found)


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table as text, one line a row, columns as wide as their widest cell."""
    whole = [Row("control", "breaker", "made in", "what else turned red"), *rows]
    wide = [max(len(row[column]) for row in whole) for column in range(3)]
    return ["  ".join([*(f"{row[column]:<{wide[column]}}" for column in range(3)), row.others]) for row in whole]


def keep(rows: Iterable[Row], folder: Path = LOGS, *, whole: bool = True) -> Path:
    """Keep the rows of this run in the table, beside those that were made elsewhere, and return its file.

    Rows of a run that was not whole are kept in a file of their own.
    """
    own = set(rows)
    made = {row.made for row in own}
    folder.mkdir(parents=True, exist_ok=True)
    if not whole:
        part = folder / "breakers-part.txt"
        part.write_text("\n".join(lines(sorted(own))) + "\n", encoding="utf-8")
        return part
    kept = folder / "breakers.jsonl"
    text = kept.read_text(encoding="utf-8") if kept.exists() else ""
    other = {Row(*json.loads(line)) for line in text.splitlines()}
    whole = sorted(own | {row for row in other if row.made not in made})
    kept.write_text("".join(f"{json.dumps(row)}\n" for row in whole), encoding="utf-8")
    table = folder / "breakers.txt"
    table.write_text("\n".join(lines(whole)) + "\n", encoding="utf-8")
    return table


def all_payloads(rows: Iterable[Row]) -> bool:
    """Return whether every fault in a payload has its row."""
    return {(row.control, row.fault) for row in rows} >= {(one.control, one.fault) for one in _world.breakers()}


def conclude(terminalreporter: Any, whole: Callable[[list[Row]], bool]) -> None:
    """Print the rows of this run, and keep them; ``whole`` tells whether these are all that there are to make."""
    rows = rows_of(report for reports in terminalreporter.stats.values() for report in reports)
    if not rows:
        return
    controls = len({row.control for row in rows})
    terminalreporter.section(f"{len(rows)} breakers of {controls} controls, and what else each turned red")
    for line in lines(rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"kept in {keep(rows, whole=whole(rows))}")
