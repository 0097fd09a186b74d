# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a key figure to the words of a check, and the figures as texts that people read.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi_types as _types
from verify.engine.control import Said, expect, unknown

__all__ = ["clock", "judged", "percent", "span"]


def judged(kpi: _types.Kpi, claim: str, **about: Any) -> Said:
    """Return what a figure decides about a claim: whether it holds, or that the figure cannot tell.

    ``about`` overrides what is shown as observed and expected; they are the figure's value and target otherwise.
    """
    shown = {"observed": kpi.value, "expected": kpi.target, **about}
    if kpi.verdict == "unknown":
        return unknown(f"Whether {claim} cannot be told: {kpi.says}.", observed=shown["observed"])
    return expect(kpi.verdict == "met", f"{claim} ({kpi.says})", **shown)


def clock(moment: float | None) -> str | None:
    """Return an instant (seconds since the epoch) as people and records write it, in UTC; None for one not said."""
    return None if moment is None else _utc.iso_ms(_utc.from_epoch(moment))


def percent(ratio: float | None) -> str:
    """Return a ratio as people read it, never rounded up and without empty digits: 99.87 %; ``unknown`` for None."""
    if ratio is None:
        return "unknown"
    number, unit = _types.percent(ratio).split()
    return f"{number.rstrip('0').rstrip('.')} {unit}"


def span(seconds: float | None) -> str:
    """Return a duration as people read it; ``unknown`` for None and ``no end`` for one that is endless."""
    if seconds is None:
        return "unknown"
    return "no end" if seconds == float("inf") else _types.span_text(seconds)
