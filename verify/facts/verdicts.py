# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a key figure to the words of a check, and the figures as texts that people read.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from verify.engine.control import Said, expect, unknown

__all__ = ["judged", "percent", "span"]


def judged(kpi: Any, says: str, **about: Any) -> Said:
    """Return what a figure decides about a claim: whether it is met, or that the figure cannot tell.

    ``about`` overrides what is shown as observed and expected; they are the figure's value and target otherwise.
    """
    shown = {"observed": kpi.value, "expected": kpi.target, **about}
    if kpi.verdict == "unknown":
        return unknown(f"Whether {says} cannot be told: {kpi.says}", observed=shown["observed"])
    return expect(kpi.verdict == "met", says, **shown)


def percent(ratio: float | None) -> str:
    """Return a ratio as a percentage that does not round a miss away: 99.87 %, 100 %; ``unknown`` for None."""
    if ratio is None:
        return "unknown"
    text = f"{ratio * 100:.3f}".rstrip("0").rstrip(".")
    return f"{text} %"


def span(seconds: float | None) -> str:
    """Return a duration in its largest fitting unit: 45 s, 12.5 min, 3.2 h, 8.1 d; ``never`` for infinity."""
    if seconds is None:
        return "unknown"
    if seconds == float("inf"):
        return "never"
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
