# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of operation: availability, failures, recovery, answers, deployments, money and use.

Those of security, backups and work stand in `verify.facts.figures_of_work`. Each is read from the evidence of the run
and kept in the ledger; a formula's source stands at its function in the engine of figures.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Kpi
from verify.engine.estate import Estate
from verify.engine.kpis import figure, names
from verify.facts import figures_of_work, measured
from verify.facts.alerts import alerts
from verify.facts.availability import available, failures
from verify.facts.costs import costs
from verify.facts.metrics import metrics
from verify.facts.registers import register

__all__ = ["figures_of_work", "names"]


@figure(
    "availability_ratio",
    title="Availability over 30 days",
    unit="ratio",
    better="higher",
    item="RELIABILITY-01",
    bound="min_ratio",
    note="Answered probes of all that were due; a missing sample counts as a failure, planned downtime is left out.",
    each="service",
)
def availability(service: Any, estate: Estate, bounds: Any) -> Kpi:
    """Return the availability of a service over the month."""
    return _availability(service, estate, bounds)


@figure(
    "availability_quarter_ratio",
    title="Availability over 90 days",
    unit="ratio",
    better="higher",
    item="OPEX-01",
    bound="min_ratio",
    note="As over 30 days.",
    each="service",
)
def availability_quarter(service: Any, estate: Estate, bounds: Any) -> Kpi:
    """Return the availability of a service over the quarter."""
    return _availability(service, estate, bounds)


def _availability(service: Any, estate: Estate, bounds: Any) -> Kpi:
    """Return an availability that has a value only where enough of the window was seen: a trend must not show the
    missing samples of a young history as an outage."""
    kpi = available(estate, service, bounds)
    seen = (kpi.coverage or 0.0) >= bounds.coverage_min_ratio
    return kpi if seen or kpi.verdict != "unknown" else dataclasses.replace(kpi, value=None)


@figure(
    "availability_of_targets_ratio",
    title="Availability that the wanted times amount to",
    unit="ratio",
    better="higher",
    item="OPEX-01",
    bound="min_ratio",
    note="720 h between failures and 2 h to recover are 99.72 %: who meets both still misses 99.9 %.",
)
def availability_of_targets(_estate: Estate, bounds: Any) -> Kpi:
    """Return MTBF / (MTBF + MTTR) of the wanted figures themselves: a contradiction that stays in sight."""
    return _kpi.consistency(availability=bounds.min_ratio, mtbf_s=bounds.between_min_s, mttr_s=bounds.recovery_max_s)


@figure(
    "mttr_s",
    title="Mean time to recovery, critical, 90 days",
    unit="s",
    better="lower",
    item="OPEX-02",
    bound="mean_max_s",
    note="From the impact to the recovery; open incidents count up to now.",
)
def recovery(estate: Estate, bounds: Any) -> Kpi:
    """Return the mean time to recovery of the critical incidents that were open in the quarter."""
    spans = measured.critical_outages(estate, bounds.window_s)
    return _kpi.mttr(spans, now=estate.now, target_s=bounds.mean_max_s)


@figure(
    "mtbf_s",
    title="Mean time between failures, 90 days",
    unit="s",
    better="higher",
    item="OPEX-03",
    bound="mean_min_s",
    note="No value without a failure: then only a bound can be claimed.",
    each="service",
)
def between_failures(service: Any, estate: Estate, bounds: Any) -> Kpi:
    """Return the mean time between failures of a service over the quarter."""
    return failures(estate, service, window_s=bounds.window_s, target_s=bounds.mean_min_s)


@figure(
    "alert_response_p95_s",
    title="Answer to alerts, 95th percentile, 30 days",
    unit="s",
    better="lower",
    item="RELIABILITY-02",
    bound="p95_max_s",
    note="From firing to a person's answer; an alert without an answer counts as endless.",
)
def alert_response(estate: Estate, bounds: Any) -> Kpi:
    """Return the 95th percentile of the time to answer an alert."""
    spans = measured.alert_answers(estate, bounds.window_s)
    return _kpi.response(spans, now=estate.now, target_s=bounds.p95_max_s)


@figure(
    "alert_resolution_s",
    title="Resolution of critical alerts, mean, 30 days",
    unit="s",
    better="lower",
    item="MONITORING-01",
    bound="critical_s",
)
def alert_resolution(estate: Estate, bounds: Any) -> Kpi:
    """Return how long critical alerts lasted."""
    rows = alerts(estate).episodes(estate.now - bounds.window_s)
    spans = measured.alert_lengths(estate, rows, "critical")
    return _kpi.resolution(spans, now=estate.now, target_s=bounds.critical_s)


@figure(
    "targets_up_ratio",
    title="Watched targets that answer",
    unit="ratio",
    better="higher",
    item="CORE-04",
)
def targets_up(estate: Estate, _bounds: Any) -> Kpi:
    """Return the share of Prometheus' targets that answer."""
    health = [target.health == "up" for target in metrics(estate).targets]
    return _kpi.success(sum(health), len(health), target=1.0 - 1e-9, name="targets_up")


@figure(
    "cost_variance_ratio",
    title="Cost of the month against its budget, as expected",
    unit="ratio",
    better="",
    item="EFFICIENCY-01",
    bound="deviation_max_ratio",
    note="Effective cost so far, drawn on to the end of the month; near zero is good, on either side.",
)
def cost_variance(estate: Estate, _bounds: Any) -> Kpi:
    """Return by what share the expected cost of the month leaves the budget."""
    return costs(estate).month(estate.now)


def _used(resource: str, title: str) -> None:
    """Declare the mean use of a resource of a pool as a figure."""

    @figure(
        f"{resource}_used_ratio",
        title=title,
        unit="ratio",
        better="",
        item="EFFICIENCY-02",
        bound="max_ratio",
        note="Wanted between 70 and 80 %.",
        each="pool",
    )
    def used(pool: Any, estate: Estate, bounds: Any) -> Kpi:
        return measured.pool_use(estate, pool, resource, bounds)[0]


_used("cpu", "Processors in use, mean of 7 days")
_used("memory", "Memory in use, mean of 7 days")


@figure(
    "infrastructure_incidents_count",
    title="Incidents of infrastructure in 90 days",
    unit="count",
    better="lower",
    item="EFFICIENCY-05",
)
def infrastructure_incidents(estate: Estate, bounds: Any) -> Kpi:
    """Return how many incidents of infrastructure began in the quarter."""
    since = estate.now - bounds.window_s
    found = [one for one in register(estate, "incident") if one.kind == "infrastructure" and one.impact_start >= since]
    return Kpi("infrastructure_incidents", float(len(found)), len(found), "met", "count", None, f"{len(found)}")
