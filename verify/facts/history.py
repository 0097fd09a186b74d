# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures of past runs, day by day, as the ledger holds them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.engine.kpis import MISSING
from verify.facts.calendar import day_of
from verify.facts.instants import epoch

__all__ = ["Figures", "Point", "figures"]

LEDGER, FIGURES = "ledger", "figures"


class Point(NamedTuple):
    """A figure as a run measured it: when, its value (None where there was nothing to measure) and its verdict."""

    at: float
    value: float | None
    verdict: str


class Figures:
    """What the ledger holds: the day of its first run (None: there was none), and the points of each figure.

    A day is one of the environment's calendar. A figure was had on a day when any run of that day had an answer.
    """

    def __init__(self, estate: Estate, first: float | None, points: Mapping[str, tuple[Point, ...]]) -> None:
        self.first = None if first is None else day_of(estate, first)
        self._by_day = {
            name: {day_of(estate, point.at): point for point in found if point.verdict != MISSING}
            for name, found in points.items()
        }

    def days(self, name: str) -> frozenset[datetime.date]:
        """Return the days on which a figure was had."""
        return frozenset(self._by_day.get(name, ()))

    def on(self, name: str, day: datetime.date) -> Point | None:
        """Return a figure as it was last had on a day."""
        return self._by_day.get(name, {}).get(day)


def figures(estate: Estate) -> Figures:
    """Return the figures of past runs of this environment."""
    first, points = estate.read(LEDGER, FIGURES, _parse)
    return Figures(estate, first, points)


def _parse(text: str) -> tuple[float | None, dict[str, tuple[Point, ...]]]:
    body: Mapping[str, Any] = json.loads(text)
    first = body["first"]
    points = {
        name: tuple(Point(epoch(at), value, verdict) for at, value, verdict in figure["points"])
        for name, figure in body["figures"].items()
    }
    return (epoch(first) if first else None), points
