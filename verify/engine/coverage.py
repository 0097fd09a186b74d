# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the guide a run proved, by the weakest class of evidence that each item's verdict rested on.

An item that rests on the word of a person in one cell is not proved by machines, whatever its other cells used.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from verify.engine.judge import Row
from verify.engine.words import WEAKEST_FIRST, EvidenceClass, Status

__all__ = ["KINDS", "coverage"]

KINDS = ("machine", "attested", "declared", "undecided", "gap")
"""How items are counted: three classes of evidence, those that a run could not decide, and those without a control."""

_DECIDED = (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE)


def coverage(items: int, gap: int, judged: Iterable[tuple[str, Iterable[Row]]]) -> dict[str, int]:
    """Return how many items there are, and how many of them rest on what.

    Args:
        items: the number of items of the catalogue.
        gap: how many of them have no control.
        judged: the name of an item and the rows of one of its controls, for each control that was judged.
    """
    found: dict[str, EvidenceClass] = {}
    for item, rows in judged:
        for klass in _classes(rows):
            known = found.get(item, klass)
            found[item] = min(known, klass, key=WEAKEST_FIRST.index)
    counted = Counter(found.values())
    return {
        "items": items,
        **{str(klass): counted[klass] for klass in reversed(WEAKEST_FIRST)},
        "undecided": max(0, items - gap - len(found)),
        "gap": gap,
    }


def _classes(rows: Iterable[Row]) -> set[EvidenceClass]:
    """Return the classes of evidence of decided cells; a verdict without a fact is the inventory's word."""
    return {row.klass or EvidenceClass.DECLARED for row in rows if (row.original or row.status) in _DECIDED}
