# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ninety days in a few numbers: the status of each item and the value of each key figure, day by day. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch
from verify.engine.words import Status, worst

__all__ = ["Decided", "Measured", "date_of", "history"]


class Decided(NamedTuple):
    """What a run decided about an item through one of its controls; ``at`` in seconds since the epoch (UTC)."""

    at: float
    item: str
    status: Status


class Measured(NamedTuple):
    """What a run measured; ``value`` is None when the figure could not be had, ``n`` what it rests on, ``coverage`` the
    share of its window that was seen, where it has one."""

    at: float
    name: str
    unit: str
    value: float | None
    verdict: str
    n: int = 0
    coverage: float | None = None


def date_of(at: float) -> str:
    """Return the date of an instant in UTC, for example ``2026-11-26``."""
    return f"{from_epoch(at):%Y-%m-%d}"


def history(decided: Iterable[Decided], measured: Iterable[Measured]) -> dict[str, Any]:
    """Return ``history.json``: of each day the last run that told of an item or figure counts, oldest day first.

    ``strips``: item -> [[date, status]] with the worst of the item's controls, ``kpis``: name -> [[date, value, None]],
    ``kpi_verdicts``: name -> [[date, verdict]], ``kpi_words``: name -> {unit}.
    """
    strips: dict[tuple[str, str], tuple[float, list[Status]]] = {}
    for at, item, status in decided:
        kept = strips.get((item, date_of(at)))
        if kept is None or kept[0] < at:
            strips[item, date_of(at)] = (at, [status])
        elif kept[0] == at:
            kept[1].append(status)
    points = {(one.name, date_of(one.at)): one for one in sorted(measured, key=lambda one: one.at)}
    told: dict[str, Any] = {"strips": {}, "kpis": {}, "kpi_verdicts": {}, "kpi_words": {}}
    for (item, date), (_at, statuses) in sorted(strips.items()):
        told["strips"].setdefault(item, []).append([date, str(worst(statuses))])
    for (name, date), one in sorted(points.items()):
        told["kpis"].setdefault(name, []).append([date, one.value, None])
        told["kpi_verdicts"].setdefault(name, []).append([date, one.verdict])
        told["kpi_words"][name] = {"unit": one.unit}
    return told
