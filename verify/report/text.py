# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How values, instants and bodies are written for people. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _report_words as words
from verify.engine.evidence import Fact
from verify.engine.words import Status

__all__ = [
    *("WORDS", "age", "bound_value", "bounds_text", "clean", "counted", "excerpt", "from_epoch", "quantity"),
    *("sentence", "thin", "time_of", "value"),
]

WORDS = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.UNKNOWN: "unknown",
    Status.STALE: "stale",
    Status.WAIVED: "waived",
    Status.NOT_APPLICABLE: "not applicable",
    Status.MANUAL_DUE: "manual due",
}
_LINES, _CHARS, _VALUE = 8, 600, 400


def clean(text: Any) -> str:
    """Return a text in which nothing is hidden; a long one is cut and says where the whole is."""
    return words.clean(text, whole="results.jsonl")


def thin(number: int) -> str:
    """Write a count with thin groups: ``59 940``."""
    return f"{number:,}".replace(",", "\u202f")


def counted(number: int, one: str, many: str = "") -> str:
    """Write a count with its noun: ``1 host``, ``12 345 hosts``."""
    several = many or (f"{one[:-1]}ies" if one.endswith("y") else f"{one}s")
    return f"{thin(number)} {one if number == 1 else several}"


def value(observed: Any) -> str:
    """Write what was observed or expected; empty for nothing."""
    if observed is None:
        return ""
    if isinstance(observed, bool):
        return "yes" if observed else "no"
    if isinstance(observed, float):
        return f"{observed:.6g}"
    if isinstance(observed, (int, str)):
        return str(observed)
    text = json.dumps(observed, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _VALUE else f"{text[:_VALUE]} … ({len(text) - _VALUE} more characters in results.jsonl)"


def quantity(figure: float, unit: str) -> str:
    """Write a figure with its unit: ``s`` as a duration, ``ratio`` in percent, anything else as a count."""
    if unit == "s":
        return words.duration(figure)
    if unit == "ratio":
        return f"{figure * 100:.4g} %"
    return thin(int(figure)) if float(figure).is_integer() else f"{figure:.3g}"


def age(seconds: float) -> str:
    """Write for how long something has been so: nobody needs the hours of days, or the seconds of hours."""
    if seconds < 172_800:
        return words.short_duration(round(max(0.0, seconds)))
    return f"{seconds / 86_400:.0f} d"


def sentence(text: str) -> str:
    """Return a clause as a sentence."""
    told = text.strip()
    return f"{told[:1].upper()}{told[1:]}{'' if told.endswith(('.', '!', '?')) else '.'}"


def bounds_text(bounds: Mapping[str, Any]) -> str:
    """Write bounds by the unit that their names end in: ``high: 7 d 0 h``."""
    return ", ".join(f"{_bound_name(name, limit)}: {bound_value(name, limit)}" for name, limit in bounds.items())


def _measured(name: str, limit: Any) -> bool:
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    return number and name.rpartition("_")[2] in ("s", "ratio", "count")


def _bound_name(name: str, limit: Any) -> str:
    return (name.rpartition("_")[0] if _measured(name, limit) else name).replace("_", " ")


def bound_value(name: str, limit: Any) -> str:
    """Write the value of a bound by the unit that its name ends in."""
    return quantity(limit, name.rpartition("_")[2]) if _measured(name, limit) else value(limit)


def from_epoch(seconds: float) -> str:
    """Return seconds since the epoch as a written instant (UTC, milliseconds)."""
    return iso_ms(datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC))


def time_of(seconds: float, *, day: str = "") -> str:
    """Write an instant; without its date when it is on ``day`` (``2026-11-26``)."""
    text = from_epoch(seconds)
    return text[11:19] if day and text.startswith(day) else f"{text[:10]} {text[11:19]}"


def excerpt(body: str, fact: Fact, seen: Any) -> tuple[str, str]:
    """Return a few lines of an output, around what was observed if it stands there, and a note on what is left out.

    Hidden characters are made visible line by line.
    """
    lines = body.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    start = _place(lines, seen)
    shown, size = [], 0
    for line in lines[start : start + _LINES]:
        text = clean(line)[: _CHARS - size]
        size += len(text)
        shown.append(text)
        if size >= _CHARS:
            break
    left = len(lines) - len(shown)
    note = f"{counted(len(lines), 'line')}, {words.size(fact.size)}"
    if size >= _CHARS:
        note += f"; cut after {_CHARS} characters"
    if left:
        note += f"; lines {start + 1} to {start + len(shown)} shown"
    if fact.kept < fact.size:
        note += f"; {thin(fact.kept)} of {thin(fact.size)} bytes were kept"
    return "\n".join(shown), note


def _place(lines: list[str], seen: Any) -> int:
    """Return from which line an output is shown: two before the first one that holds what was observed."""
    if isinstance(seen, str) and len(seen) > 2:
        for number, line in enumerate(lines):
            if seen in line:
                return max(0, number - 2)
    return 0
