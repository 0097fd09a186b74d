# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a result: the seven statuses, how they rank, and the exit code of a run.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["EXIT_BROKEN", "GREEN", "WEAKEST_FIRST", "EvidenceClass", "Status", "exit_code", "worst"]

EXIT_BROKEN = 12
"""A pack or the ledger is not intact."""


class Status(StrEnum):
    """What became of one cell of the matrix control x subject."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    STALE = "stale"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    MANUAL_DUE = "manual_due"


class EvidenceClass(StrEnum):
    """How a fact came to be: read from a machine, signed by a person, or written down by somebody."""

    MACHINE = "machine"
    ATTESTED = "attested"
    DECLARED = "declared"


WEAKEST_FIRST = (EvidenceClass.DECLARED, EvidenceClass.ATTESTED, EvidenceClass.MACHINE)
"""What is judged is as good as the weakest evidence that it uses."""

GREEN = frozenset({Status.PASS, Status.WAIVED, Status.NOT_APPLICABLE})

# The worst first: what a group of cells is called is the worst of them.
_RANK = (
    Status.FAIL,
    Status.UNKNOWN,
    Status.STALE,
    Status.MANUAL_DUE,
    Status.WAIVED,
    Status.PASS,
    Status.NOT_APPLICABLE,
)
_PLACE = {status: place for place, status in enumerate(_RANK)}


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of some statuses; ``unknown`` of none, because nothing found is not success."""
    return min(statuses, key=_PLACE.__getitem__, default=Status.UNKNOWN)


def exit_code(statuses: Iterable[Status]) -> int:
    """Return how a run ends: 0 all green, 1 any fail, 10 incomplete (unknown, manual due, nothing decided), 11 stale.

    A cell whose waiver expired comes here as ``fail`` or ``unknown``, and the caller raises the code to 11 where
    nothing worse was found. pytest's own codes 2 to 5 keep their meaning.
    """
    found = set(statuses)
    if not found:
        return 10
    if Status.FAIL in found:
        return 1
    if found & {Status.UNKNOWN, Status.MANUAL_DUE}:
        return 10
    return 11 if Status.STALE in found else 0
