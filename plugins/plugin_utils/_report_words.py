# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report writes figures, instants and texts from outside. Pure, and the same everywhere in the world.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso

__all__ = ["clean", "clock", "count", "day", "duration", "moment", "number", "plain_text", "short_duration", "size"]

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Control characters, marks that turn the direction of text, and halves of surrogate pairs.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")
_LONGEST = 4000


def clean(value: Any, *, whole: str = "drill.json") -> str:
    """Return a text in which nothing is hidden: control and direction characters are shown by their code.

    A text longer than 4000 characters is cut, and says so and where the ``whole`` is.
    """
    text = str(value)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} … ({len(text) - _LONGEST} more characters; the whole text is in {whole})"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    return f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _HIDDEN else char


def number(value: Any) -> float | None:
    """Return a figure as a number; None for anything that is not one (a missing figure is never a zero)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def duration(seconds: float) -> str:
    """Write a duration: ``0.21 s``, ``17.8 s``, ``4 min 05 s``, ``2 h 00 min``."""
    sign, value = ("-" if seconds < 0 else ""), abs(seconds)
    if value < 10:
        return f"{sign}{_trimmed(f'{value:.2f}')} s"
    if value < 119.95:
        return f"{sign}{_trimmed(f'{value:.1f}')} s"
    whole = round(value)
    if whole < 7200:
        return f"{sign}{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours >= 72:
        return f"{sign}{hours // 24} d {hours % 24} h"
    return f"{sign}{hours} h" + (f" {minutes:02d} min" if minutes else "")


def short_duration(seconds: float) -> str:
    """Write a duration in as few characters as a scale needs: ``0.5 s``, ``30 s``, ``5 min``, ``2 h``."""
    if seconds < 120:
        return f"{seconds:g} s" if seconds else "0"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: Any) -> str | None:
    """Write a count with thin groups: ``14 212``; None when there is none."""
    found = number(value)
    return None if found is None else f"{found:,.0f}".replace(",", "\u202f")


def size(value: Any) -> str | None:
    """Write a size in bytes: ``1.21 GB (1 214 513 152 bytes)``; None when there is none."""
    found = number(value)
    if found is None:
        return None
    for name, unit in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if found >= unit:
            return f"{found / unit:.3g} {name} ({count(found)} bytes)"
    return f"{count(found)} bytes"


def moment(value: Any) -> str | None:
    """Write an instant in full: ``2026-11-20 09:02:55.114 UTC``; a text that is no instant is shown as it is."""
    if not value:
        return None
    try:
        utc = parse_iso(str(value))
    except OpsError:
        return str(value)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d} UTC"


def clock(value: Any) -> str | None:
    """Write the time of day of an instant: ``09:02:55.114``."""
    full = moment(value)
    return full[11:23] if full and full.endswith(" UTC") else full


def day(value: Any) -> str | None:
    """Write the day of an instant or of a date: ``20 November 2026``."""
    text = str(value or "")
    year, month, rest = text[:4], text[5:7], text[8:10]
    if not (year.isdigit() and month.isdigit() and rest.isdigit() and 1 <= int(month) <= 12):
        return text or None
    return f"{int(rest)} {_MONTHS[int(month) - 1]} {year}"


def plain_text(value: Any) -> str | None:
    """Return any value as text for a cell; None when there is nothing to show."""
    if value is None or value == "" or value == [] or value == {}:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)
