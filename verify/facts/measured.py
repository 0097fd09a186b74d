# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control judges and the ledger keeps day by day: one reading of the evidence for both, so that the trend of a
figure never tells another story than the control that it belongs to.

Windows are in seconds up to now. Where nothing else is said, `NoEvidence` is raised when a register cannot be read, or
is empty without a reason.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Kpi, Span
from verify.engine.estate import Estate
from verify.facts import capacity
from verify.facts.alerting import PRIORITY
from verify.facts.alerts import Episode, alerts
from verify.facts.records import Record, everything
from verify.facts.registers import register

__all__ = [
    "alert_answers",
    "alert_lengths",
    "critical_outages",
    "delivered_answers",
    "deployment_success",
    "deployments",
    "pool_use",
    "routine_work",
]


def alert_answers(estate: Estate, window_s: float) -> list[Span]:
    """Return for each alert of the window when it fired and when a person first answered it; None is never."""
    return [
        Span(one.episode.started, one.acknowledged, one.episode.name)
        for one in alerts(estate).answers(estate.now - window_s)
    ]


def delivered_answers(estate: Estate, window_s: float) -> list[Span]:
    """Return for each alert of the window whose delivery is on record when it reached a person and when it was
    answered; what was answered before it arrived took no time."""
    return [
        Span(_begin(one.delivered, one.acknowledged), one.acknowledged, one.episode.name)
        for one in alerts(estate).answers(estate.now - window_s)
        if one.delivered is not None
    ]


def _begin(begun: float, ended: float | None) -> float:
    return begun if ended is None else min(begun, ended)


def alert_lengths(estate: Estate, episodes: list[Episode], priority: str) -> list[Span]:
    """Return from when to when each alert of a priority lasted; its end is None while it lasts."""
    return [
        Span(one.started, one.ended, f"{one.name} of {one.labels.get('host', estate.name)}")
        for one in episodes
        if PRIORITY.get(one.severity) == priority
    ]


def critical_outages(estate: Estate, window_s: float, *, since_detected: bool = False) -> list[Span]:
    """Return the critical incidents that were open at any time of the window, from the impact to the recovery, or from
    their detection where that is on record.

    One that began before the window counts as well: left out, the longest ones would be the first to vanish.
    """
    since = estate.now - window_s
    rows = [one for one in register(estate, "incident") if one.priority == "critical"]
    rows = [one for one in rows if one.restored is None or one.restored >= since]
    if not since_detected:
        return [Span(one.impact_start, one.restored, one.id) for one in rows]
    return [Span(_begin(one.detected, one.restored), one.restored, one.id) for one in rows if one.detected is not None]


def deployments(estate: Estate, window_s: float) -> list[Record]:
    """Return the deployments on record that began in the window."""
    return [one for one in register(estate, "deployment") if one.started >= estate.now - window_s]


def deployment_success(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of deployments of the window that ended well by themselves and caused no incident."""
    rows = deployments(estate, bounds.window_s)
    return _kpi.deployment_success(rows, target=bounds.min_ratio, incidents=everything(estate, "incident"))


def routine_work(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of routine work of the window that ran without a person."""
    since = estate.now - bounds.window_s
    runs = [one for one in everything(estate, "routine_execution") if one.started >= since]
    return _kpi.automation(register(estate, "routine_task"), runs, target=bounds.min_ratio)


def pool_use(estate: Estate, pool: Any, resource: str, bounds: Any) -> tuple[Kpi, str, float]:
    """Return the mean use of a pool's ``cpu`` or ``memory`` over the week, its fullest host, and how full that is."""
    values, weights = capacity.values(estate, pool, f"{resource}_used_ratio_avg_7d")
    host, peak = capacity.highest(estate, pool, f"{resource}_used_ratio_p95_7d")
    kpi = _kpi.utilisation(
        values,
        low=bounds.min_ratio,
        high=bounds.max_ratio,
        weights=weights,
        p95=peak,
        saturated=bounds.p95_max_ratio,
        name=f"{pool.name}_{resource}",
    )
    return kpi, host, peak
