# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key figure is: a value with what it rests on, and a verdict that is never guessed.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

__all__ = ["Kpi", "Outage", "Span", "Verdict", "percent", "span_text"]

Verdict = Literal["met", "missed", "unknown"]


class Span(NamedTuple):
    """A time from an instant to another one, in seconds since the epoch; the end is None while it lasts."""

    start: float
    end: float | None
    name: str = ""


class Outage(NamedTuple):
    """A time in which a service did not answer, in seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Kpi:
    """A key figure.

    ``value`` is None where there is none, or where it is not finite (``says`` tells which). ``n`` counts what it rests
    on, ``coverage`` is the share of the window that was seen, ``interval`` the bounds of the value (95 % confidence, or
    the least and most it can be). ``verdict`` is ``unknown`` when the data decide neither. ``parts`` holds the other
    figures that belong to it, plain JSON values.
    """

    name: str
    value: float | None
    n: int
    verdict: Verdict
    unit: str
    target: float | None
    says: str
    coverage: float | None = None
    interval: tuple[float, float] | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Return whether the target is met; an unknown one is not."""
        return self.verdict == "met"


def percent(ratio: float, digits: int = 3) -> str:
    """Return a share as people read it, cut and never rounded up, such as ``99.723 %``."""
    scale = 10.0**digits
    return f"{int(ratio * 100 * scale + 1e-6) / scale:.{digits}f} %"


def span_text(seconds: float) -> str:
    """Return a duration as people read it, such as ``43.2 min``."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
