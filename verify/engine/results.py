# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``results.jsonl``: what a run decided, appended control by control as chained lines.

First ``{"event": "run", ...}`` with the header, then a line ``{"event": "control", ...}`` a control with a row a cell,
at the end ``{"event": "close", ...}``. Without the closing line the run was killed. The chain is that of a journal
(`line_of`, `read_line`).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import GENESIS, line_of, read_line
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now
from verify.engine.judge import ControlResult, Row
from verify.engine.words import EXIT_BROKEN, EvidenceClass, Status

__all__ = ["RESULTS", "Judged", "Read", "Results", "read_results", "row_json", "row_of"]

RESULTS = "results.jsonl"
_quoted = json.encoder.encode_basestring
_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Results:
    """The file of one run, written line by line; each line is with the system when its method returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self.lines = 0
        self.head = GENESIS
        self.totals: Counter[str] = Counter()

    @property
    def decided(self) -> int:
        """Return how many cells have a row."""
        return self.totals.total()

    def header(self, run: Mapping[str, Any]) -> None:
        """Write the first line."""
        self._write({**run, "event": "run"}, canonical_json)

    def control(self, result: ControlResult) -> None:
        """Write what a control found, what its check says it does, and the bounds that it was judged by."""
        self.totals.update([row.status.value for row in result.rows])
        rows = ",".join([row_text(row) for row in result.rows])
        told = {
            "event": "control",
            "control": result.control.id,
            "item": result.item.id,
            "kind": result.control.kind,
            "status": str(result.status),
            "procedure": inspect.getdoc(result.control.check) or "",
            "bounds": shown(dict(result.bounds)),
            "rows": _Written(f"[{rows}]"),
        }
        self._write(told, _text)

    def close(self, exit_code: int, *, expected: int) -> None:
        """Write the last line: exit code, a count a status, and how many of the expected cells were decided."""
        totals = {str(status): self.totals[status] for status in Status}
        told = {"event": "close", "exit": exit_code, "totals": totals, "expected": expected, "decided": self.decided}
        self._write(told, canonical_json)
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, told: Mapping[str, Any], text: Any) -> None:
        line, self.head = line_of(told, seq=self.lines + 1, prev=self.head, at=iso_ms(now()), text=text)
        self._file.write(line + b"\n")
        self.lines += 1

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *exc: object) -> None:
        # A run that ends early leaves the file without its closing line, which is what says so.
        self._file.close()


class _Written(str):
    """A text that is canonical JSON already."""

    __slots__ = ()


def _text(value: Any) -> bytes:
    """Write values that are plain already, in the spelling of `canonical_json`."""
    text = value if isinstance(value, _Written) else _ENCODE(value)
    return text.encode("utf-8", "backslashreplace")


def row_text(row: Row) -> str:
    """Write a row as canonical JSON, without the fields that have their default.

    By hand, in the order of the keys: a run has hundreds of thousands of rows.
    """
    kind, subject, status, says, checked, failed_count, failed, observed, expected = row[:9]
    evidence, collected, klass, original, waiver = row[9:]
    parts = []
    if checked:
        parts.append(f'"checked":{checked}')
    if klass is not None:
        parts.append(f'"class":"{klass}"')
    if collected is not None:
        parts.append(f'"collected":{_instant(collected)}')
    if evidence:
        parts.append(f'"evidence":[{",".join([_quoted(key) for key in evidence])}]')
    if expected is not None:
        parts.append(f'"expected":{_value(expected)}')
    if failed_count:
        listed = [{key: shown(value) for key, value in one.items()} for one in failed]
        parts.append(f'"failed":{_ENCODE(listed)},"failed_count":{failed_count}')
    parts.append(f'"kind":{_quoted(kind)}')
    if observed is not None:
        parts.append(f'"observed":{_value(observed)}')
    if original is not None:
        parts.append(f'"original":"{original}"')
    parts.append(f'"says":{_quoted(says)},"status":"{status}","subject":{_quoted(subject)}')
    if waiver:
        parts.append(f'"waiver":{_quoted(waiver)}')
    return "{" + ",".join(parts) + "}"


def row_json(row: Row) -> dict[str, Any]:
    """Return a row as JSON values, without the fields that have their default."""
    told: dict[str, Any] = json.loads(row_text(row))
    return told


@functools.lru_cache(maxsize=1 << 16)
def _instant(value: float) -> str:
    """Write an instant; the facts of a host are used again by every control."""
    return _value(value)


def _value(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is float and math.isfinite(value):
        return str(int(value)) if value.is_integer() else float.__repr__(value)
    return _quoted(value) if kind is str else _ENCODE(shown(value))


def shown(value: Any) -> Any:
    """Return a value as JSON can carry it. Nothing is computed with it any more: what JSON lacks is shown as text."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float and math.isfinite(value):
        return int(value) if value.is_integer() else value
    try:
        return plain(value)
    except OpsError:
        return str(value)


def row_of(told: Mapping[str, Any]) -> Row:
    """Return the row that `row_json` told of.

    Raises KeyError, TypeError, ValueError or AttributeError for anything else.
    """
    get = told.get
    klass, original = get("class"), get("original")
    return Row(
        told["kind"],
        told["subject"],
        Status(told["status"]),
        told["says"],
        get("checked", 0),
        get("failed_count", 0),
        tuple(get("failed", ())),
        get("observed"),
        get("expected"),
        tuple(get("evidence", ())),
        get("collected"),
        EvidenceClass(klass) if klass else None,
        Status(original) if original else None,
        get("waiver", ""),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """A line of a control as it was read: ids, the status of the worst row, the rows."""

    control: str
    item: str
    status: Status
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Read:
    """A results file as it was read. ``close`` is the last line; without it the run was killed."""

    header: dict[str, Any]
    controls: list[Judged] = field(default_factory=list)
    close: dict[str, Any] | None = None
    torn: bytes = b""
    lines: int = 0
    head: str = GENESIS

    @property
    def complete(self) -> bool:
        """Return whether the run went to its end."""
        return self.close is not None


def read_results(path: Path) -> Read:
    """Read a results file and follow its chain. A last line cut short counts as ``torn``.

    Raises `OpsError` (``exit_code`` 12) naming the line that was edited, removed, added or moved.
    """
    header: dict[str, Any] = {}
    controls: list[Judged] = []
    closed: dict[str, Any] | None = None
    number, prev, torn = 0, GENESIS, b""
    for number, line in enumerate(_lines_of(path), start=1):
        if not line.endswith(b"\n"):
            number, torn = number - 1, line
            break
        entry = _entry(line[:-1], number, prev, path)
        prev = str(entry["hash"])
        if closed is not None or (entry.get("event") == "run") != (number == 1):
            raise _broken(path, number, "it does not stand where it belongs")
        if number == 1:
            header = {key: value for key, value in entry.items() if key not in _CHAIN}
        elif entry.get("event") == "close":
            closed = {key: value for key, value in entry.items() if key not in _CHAIN}
        else:
            controls.append(_judged(entry, path, number))
    return Read(header, controls, closed, torn, number, prev)


_CHAIN = ("event", "seq", "at", "prev", "hash")


def _lines_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as handle:
            yield from handle
    except OSError as exc:
        raise OpsError(f"{path} cannot be read ({exc.strerror}); is this the folder of a run?") from exc


def _entry(line: bytes, number: int, prev: str, path: Path) -> dict[str, Any]:
    try:
        return read_line(line, number=number, prev=prev, name=str(path), text=None)
    except OpsError as exc:
        raise OpsError(exc.message, exit_code=EXIT_BROKEN) from exc


def _judged(entry: Mapping[str, Any], path: Path, number: int) -> Judged:
    try:
        rows = tuple(row_of(row) for row in entry["rows"])
        return Judged(str(entry["control"]), str(entry["item"]), Status(entry["status"]), rows)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _broken(path, number, f"it is no result of a control ({exc})") from exc


def _broken(path: Path, number: int, why: str) -> OpsError:
    return OpsError(f"Line {number} of {path}: {why}; keep the folder as evidence.", exit_code=EXIT_BROKEN)
