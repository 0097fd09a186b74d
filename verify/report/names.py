# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many names in few words: natural order, ranges, and claims with the subject's name taken out. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

__all__ = ["SUBJECT", "anchor", "claim", "control_ranges", "natural", "numbers", "ranges", "value_text"]

SUBJECT = "[subject]"
_DIGITS = re.compile(r"(\d+)")
_LAST = re.compile(r"^(.*?)(\d+)(\D*)$", re.DOTALL)
_SHOWN_VALUES = 4


def natural(name: str) -> tuple[Any, ...]:
    """Return a key that sorts ``web9`` before ``web10``."""
    parts = _DIGITS.split(name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))


def ranges(names: Iterable[str]) -> list[str]:
    """Return names in natural order, three or more consecutive ones as ``web001 to web400``."""
    stems: dict[tuple[str, str, int] | str, list[tuple[int, str]]] = {}
    for name in sorted(set(names), key=natural):
        stem = _stem(name)
        stems.setdefault(stem[:3] if stem else name, []).append((stem[3] if stem else 0, name))
    return [told for members in stems.values() for told in _runs(members)]


def _stem(name: str) -> tuple[str, str, int, int] | None:
    """Return what is before and after the last number, how wide it is written, and the number."""
    match = _LAST.match(name)
    if not match:
        return None
    before, digits, after = match.groups()
    return before, after, len(digits) if digits.startswith("0") or len(digits) > 1 else 1, int(digits)


def _runs(members: Sequence[tuple[int, str]]) -> list[str]:
    found = []
    for _gap, group in groupby(enumerate(members), key=lambda pair: pair[1][0] - pair[0]):
        run = [name for _place, (_number, name) in group]
        found += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run
    return found


def control_ranges(controls: Iterable[str]) -> list[str]:
    """Return names of controls, section by section: ``INFRA-01 to 08``, ``MONITORING-03.retention``."""
    found = []
    for name in ranges(controls):
        first, _to, last = name.partition(" to ")
        found.append(f"{first} to {last.rpartition('-')[2]}" if last else name)
    return found


def claim(says: str, subject: str) -> str:
    """Return a claim with the subject's name taken out, so that equal claims about many subjects are equal."""
    if not subject or subject not in says:
        return says
    # No regular expression: one a subject would be compiled anew for each of a thousand hosts.
    parts, rest = [], says
    while True:
        before, found, after = rest.partition(subject)
        whole = found and not _in_word(before[-1:]) and not _in_word(after[:1])
        parts.append(before + (SUBJECT if whole else found))
        if not found:
            return "".join(parts)
        rest = after


def _in_word(char: str) -> bool:
    return char.isalnum() or (char != "" and char in "-_")


def anchor(kind: str, subject: str) -> str:
    """Return the lasting name of a subject's place in the page, ``S-`` and ten hex digits."""
    return "S-" + hashlib.sha256(f"{kind}\0{subject}".encode("utf-8", "surrogatepass")).hexdigest()[:10]


def numbers(values: Iterable[Any]) -> tuple[float, float] | None:
    """Return the lowest and the highest of some figures; None when one of them is no figure."""
    found = list(values)
    if not found or any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in found):
        return None
    return min(found), max(found)


def value_text(values: Sequence[Any], show: Any) -> str:
    """Return what was observed over many subjects: one value, the range of figures, or the most frequent values."""
    told = [show(value) for value in values]
    distinct = list(dict.fromkeys(told))
    if len(distinct) <= 1:
        return distinct[0] if distinct else ""
    reach = numbers(values)
    if reach is not None:
        return f"{show(reach[0])} to {show(reach[1])}"
    ranked = sorted(distinct, key=lambda value: (-told.count(value), value)) if len(told) < 400 else distinct
    more = f" and {len(distinct) - _SHOWN_VALUES} more values" if len(distinct) > _SHOWN_VALUES else ""
    return ", ".join(ranked[:_SHOWN_VALUES]) + more
