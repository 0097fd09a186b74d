# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks of lines that stand twice in a tree: the measure of copy and paste.

Blank lines, comments and indentation do not count. A block is as long as it goes on being the same. This is the line
based method of B. Baker, "On finding duplication and near-duplication in large software systems" (WCRE 1995), without
its renaming of identifiers: only true copies are found.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Copy", "copies"]

_COMMENTS = ("#", "//", "{#", "---", '"""')


class Copy(NamedTuple):
    """A block that stands at two places, ``path:line`` each, and how many lines of weight it has."""

    lines: int
    first: str
    second: str


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that count, with their numbers."""
    stripped = [(number, " ".join(line.split())) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in stripped if line and not line.startswith(_COMMENTS)]


def copies(texts: Mapping[str, str], *, least: int) -> list[Copy]:
    """Return the blocks of at least ``least`` lines that stand twice in some files, the longest first.

    A block that stands n times is told n - 1 times, each against its first place.
    """
    if least < 2:
        raise ValueError("a block has at least two lines")
    files = {path: _lines(text) for path, text in sorted(texts.items())}
    seen: dict[tuple[str, ...], tuple[str, int]] = {}
    found: list[Copy] = []
    for path, lines in files.items():
        place = 0
        while place + least <= len(lines):
            window = tuple(line for _number, line in lines[place : place + least])
            before = seen.setdefault(window, (path, place))
            if before == (path, place) or (before[0] == path and place < before[1] + least):
                place += 1
                continue
            length = _length(files[before[0]], before[1], lines, place, least)
            found.append(Copy(length, _at(before[0], files[before[0]], before[1]), _at(path, lines, place)))
            place += length
    return sorted(found, key=lambda copy: (-copy.lines, copy.first, copy.second))


def _length(one: list[tuple[int, str]], at: int, other: list[tuple[int, str]], place: int, least: int) -> int:
    """Return how far two places go on alike; within one file a block does not run into its own copy."""
    most = len(other) - place
    if one is other:
        most = min(most, place - at)
    length = least
    while length < most and at + length < len(one) and one[at + length][1] == other[place + length][1]:
        length += 1
    return length


def _at(path: str, lines: list[tuple[int, str]], place: int) -> str:
    return f"{path}:{lines[place][0]}"
