# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when an incident has to be over, by the bound of its priority.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from verify.engine.catalogue import Catalogue, bounds_of, load
from verify.engine.estate import Estate
from verify.facts.records import Record

__all__ = ["due", "priority_bounds"]

_ITEM = "DELIVER-05"


@cache
def _catalogue() -> Catalogue:
    return load()


def priority_bounds(estate: Estate) -> SimpleNamespace:
    """Return the bounds of each priority (``critical_s`` and so on), as DELIVER-05 has them in this environment."""
    return bounds_of(_catalogue()[_ITEM], estate.declared("verify_bounds") or {})


def due(incident: Record, bounds: SimpleNamespace, priority: str | None = None) -> float:
    """Return when the bound of an incident ends (epoch seconds), by its own priority or another one. It begins when the
    incident was detected, or, where nobody says that, with its impact."""
    began = incident.impact_start if incident.detected is None else incident.detected
    return float(began) + float(getattr(bounds, f"{priority or incident.priority}_s"))
