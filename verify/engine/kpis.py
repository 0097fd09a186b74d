# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of a run, as the ledger keeps them day by day: read once more from the evidence that was judged.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NotJudged

__all__ = ["Sample", "figure", "samples"]


@dataclass(frozen=True)
class Sample:
    """One figure of one day; value None where it could not be had, which is kept as such."""

    name: str
    value: float | None
    unit: str
    n: int
    coverage: float | None
    verdict: str


_FIGURES: dict[str, tuple[str, Callable[[Estate], Any]]] = {}


def figure(name: str, *, unit: str) -> Callable[[Callable[[Estate], Any]], Callable[[Estate], Any]]:
    """Declare a function as the source of a key figure; it returns a Kpi (value, n, coverage, verdict)."""

    def mark(read: Callable[[Estate], Any]) -> Callable[[Estate], Any]:
        _FIGURES[name] = (unit, read)
        return read

    return mark


def samples(estate: Estate) -> list[Sample]:
    """Return every declared figure; one that has no evidence is kept with the verdict ``unknown``."""
    found = []
    for name, (unit, read) in sorted(_FIGURES.items()):
        estate.freshness_s = float("inf")
        try:
            kpi = read(estate)
            found.append(Sample(name, kpi.value, unit, int(kpi.n), kpi.coverage, str(kpi.verdict)))
        except (NotJudged, ValueError, LookupError, TypeError, ArithmeticError):
            found.append(Sample(name, None, unit, 0, None, "unknown"))
    return found
