# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says on the terminal of the cells that are not green: failed ones first, then what was not decided.

Reasons are grouped, because one cause turns many cells: a sentence a reason, with how many cells have it and which.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from verify.engine.judge import ControlResult, Row
from verify.engine.remedy import commands, hosts_of
from verify.engine.words import GREEN, Status

__all__ = ["Told", "reasons", "told"]

_LINE = 160
_SUBJECTS, _CONTROLS, _ROWS = 3, 2, 6
_UNDECIDED = (Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE)
_LEAST = 4
"""Lines that undecided cells have even where failed ones would fill the screen."""
_MORE = "all stand in the report, and -v shows them here"


class Told(NamedTuple):
    """One line, and the status that it tells of (None for a remark), for its colour."""

    status: Status | None
    text: str


class _Cell(NamedTuple):
    control: str
    row: Row


def reasons(results: Iterable[ControlResult], *, lines: int | None) -> list[Told]:
    """Return one line a reason: those of failed cells first, then those of cells that were not decided.

    Within each the most frequent stands first. ``lines`` bounds the whole, None shows everything; what is left out is
    counted.
    """
    cells = [_Cell(one.control.id, row) for one in results for row in one.rows if not row.green]
    failed = list(_grouped(cell for cell in cells if cell.row.status is Status.FAIL))
    undecided = [one for status in _UNDECIDED for one in _grouped(cell for cell in cells if cell.row.status is status)]
    if lines is None:
        return [*failed, *undecided]
    first = max(0, lines - min(_LEAST, len(undecided)))
    shown = _cut(failed, first, "failure")
    return [*shown, *_cut(undecided, max(_LEAST, lines - len(shown)), "undecided cell")]


def _cut(rows: list[Told], most: int, what: str) -> list[Told]:
    if len(rows) <= most:
        return rows
    kept = rows[: max(0, most - 1)]
    left = len(rows) - len(kept)
    return [*kept, Told(None, f"and {left} more reasons of {what}s; {_MORE}")]


def _grouped(cells: Iterable[_Cell]) -> Iterator[Told]:
    """Yield a line for each reason; the name of a cell's own subject in it is what cells may differ by."""
    groups: dict[str, list[_Cell]] = {}
    for cell in cells:
        groups.setdefault(_reason(cell.row), []).append(cell)
    for reason, members in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        yield Told(members[0].row.status, _line(reason, members))


def _reason(row: Row) -> str:
    if len(row.subject) < 2:
        return row.says
    return re.sub(rf"(?<![\w.-]){re.escape(row.subject)}(?![\w-])", f"<{row.kind}>", row.says)


def _line(reason: str, members: Sequence[_Cell]) -> str:
    one = members[0]
    said = one.row.says if len(members) == 1 else reason
    controls = _few(sorted({cell.control for cell in members}), _CONTROLS)
    subjects = _few(list(dict.fromkeys(cell.row.subject for cell in members)), _SUBJECTS)
    count = f"{len(members)} cells, " if len(members) > 1 else ""
    head = f"{_word(one.row.status)} {controls}: {count}{one.row.kind} {subjects}: "
    return _short(head) + _short(said, _LINE - len(_short(head)))


def _few(names: Sequence[str], most: int) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _word(status: Status) -> str:
    return str(status).upper().replace("_", " ")


def _short(text: str, most: int = _LINE) -> str:
    """Return a text that a terminal can carry: one line, no control characters, and not endless."""
    line = "".join(char if char.isprintable() else " " for char in text)
    most = max(most, _LINE // 2)
    return line if len(line) <= most else line[: most - 1] + "…"


def told(result: ControlResult, *, inventory: str, whole: bool) -> Iterator[str]:
    """Yield what pytest prints of one control: what does not hold, subject by subject, and what mends it.

    ``inventory`` is the path that the remedy's command names.
    """
    item = result.item
    yield f"{result.control.id} {item.title} ({item.severity}, {item.owner})"
    rows = [row for row in result.rows if row.status not in GREEN]
    shown = rows if whole else rows[:_ROWS]
    for row in shown:
        said = [_word(row.status), f"{row.kind} {row.subject}:", _short(row.says)]
        if row.failed_count:
            seen = f"observed {_short(repr(row.observed))}, expected {_short(repr(row.expected))}"
            said.append(f"({seen}; {row.failed_count} of {row.checked} do not hold)")
        yield "  " + " ".join(said)
    if len(rows) > len(shown):
        yield f"  and {len(rows) - len(shown)} more subjects; {_MORE}"
    yield f"  remedy: {item.remedy.text}"
    hosts = hosts_of((row.kind, row.subject) for row in rows) if len(rows) == len(shown) else []
    mend = commands(item.remedy, inventory=inventory, hosts=hosts)
    if mend is not None:
        yield f"  first: {mend.look}"
    elif item.remedy.reason:
        yield f"  no playbook: {item.remedy.reason}"
