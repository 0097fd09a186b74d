# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Past runs, as the ledger holds them: key figures day by day, and when everything was last looked at.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.engine.kpis import MISSING, NOTHING
from verify.facts.calendar import day_of
from verify.facts.instants import epoch

__all__ = ["Figures", "Point", "figures", "last_whole_run"]

LEDGER, FIGURES, WHOLE_RUN = "ledger", "figures", "whole_run"
_DECIDED = ("met", "missed", NOTHING)


class Point(NamedTuple):
    """A figure as a run measured it: when, its value and its verdict. Without a value it is decided all the same
    (``met``, ``missed``), had nothing to measure (``nothing``), could not be told (``unknown``) or is ``missing``."""

    at: float
    value: float | None
    verdict: str

    @property
    def had(self) -> bool:
        """Return whether it says something: a value, a verdict, or that there was nothing to measure."""
        return self.verdict != MISSING and (self.value is not None or self.verdict in _DECIDED)

    @property
    def reason(self) -> str:
        """Return why one that was had is without a value."""
        return "had nothing to measure" if self.verdict == NOTHING else f"was {self.verdict} without a value"


class Figures:
    """What the ledger holds: the day of its first run (None: there was none), and the points of each figure.

    A day is one of the environment's calendar. A figure was had on a day when any run of that day had an answer, and
    untold when runs of that day measured it and could not tell what it is.
    """

    def __init__(self, estate: Estate, first: float | None, points: Mapping[str, tuple[Point, ...]]) -> None:
        self.first = None if first is None else day_of(estate, first)
        self._by_day = {
            name: {day_of(estate, point.at): point for point in found if point.had} for name, found in points.items()
        }
        self._untold = {
            name: {day_of(estate, point.at) for point in found if not point.had and point.verdict != MISSING}
            for name, found in points.items()
        }

    def days(self, name: str) -> frozenset[datetime.date]:
        """Return the days on which a figure was had."""
        return frozenset(self._by_day.get(name, ()))

    def untold(self, name: str) -> frozenset[datetime.date]:
        """Return the days on which a figure was measured and could not be told."""
        return frozenset(self._untold.get(name, ())) - self.days(name)

    def on(self, name: str, day: datetime.date) -> Point | None:
        """Return a figure as it was last had on a day."""
        return self._by_day.get(name, {}).get(day)


def figures(estate: Estate) -> Figures:
    """Return the figures of past runs of this environment."""
    first, points = estate.read(LEDGER, FIGURES, _parse)
    return Figures(estate, first, points)


def last_whole_run(estate: Estate) -> float | None:
    """Return when everything was last looked at on an earlier day; None when this environment has no such run."""
    at: str | None = estate.json(LEDGER, WHOLE_RUN)["at"]
    return epoch(at) if at else None


def _parse(text: str) -> tuple[float | None, dict[str, tuple[Point, ...]]]:
    body: Mapping[str, Any] = json.loads(text)
    first = body["first"]
    points = {
        name: tuple(Point(epoch(at), value, verdict) for at, value, verdict in figure["points"])
        for name, figure in body["figures"].items()
    }
    return (epoch(first) if first else None), points
