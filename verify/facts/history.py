# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures of past runs, day by day, as the ledger holds them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass

from verify.engine.estate import Estate

__all__ = ["Figures", "Point", "figures"]

LEDGER, FIGURES = "ledger", "figures"


@dataclass(frozen=True, slots=True)
class Point:
    """A figure on one day: its value (None where there was nothing to measure) and its verdict."""

    day: datetime.date
    value: float | None
    verdict: str

    @property
    def had(self) -> bool:
        """Return whether the figure's source answered on that day."""
        return self.verdict != "missing"


@dataclass(frozen=True)
class Figures:
    """What the ledger holds: the first day of any run in it, and the points of each figure, the oldest first."""

    first: datetime.date | None
    points: Mapping[str, tuple[Point, ...]]

    def days(self, name: str) -> frozenset[datetime.date]:
        """Return the days on which a figure was had."""
        return frozenset(point.day for point in self.points.get(name, ()) if point.had)

    def on(self, name: str, day: datetime.date) -> Point | None:
        """Return a figure of a day, where it was had."""
        return next((point for point in self.points.get(name, ()) if point.day == day and point.had), None)


def figures(estate: Estate) -> Figures:
    """Return the figures of past runs of this environment."""
    return estate.read(LEDGER, FIGURES, _parse)


def _parse(text: str) -> Figures:
    body = json.loads(text)
    first = body["first"]
    points = {
        name: tuple(Point(datetime.date.fromisoformat(day), value, verdict) for day, value, verdict in figure["points"])
        for name, figure in body["figures"].items()
    }
    return Figures(datetime.date.fromisoformat(first) if first else None, points)
