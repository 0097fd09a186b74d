# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of security, backups, deployments and work.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Kpi
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.engine.kpis import figure
from verify.facts import measured
from verify.facts.findings import images
from verify.facts.records import everything
from verify.facts.remediation import critical_spans, scans_of
from verify.facts.vulnerabilities import vulnerabilities

__all__: list[str] = []

DAY = 86400.0
_MONTH_S = 30 * DAY


def _count(name: str, found: int, of: int, most: float | None) -> Kpi:
    verdict: Any = "met" if most is None or found <= most else "missed"
    return Kpi(name, float(found), of, verdict, "count", most, f"{found} in {of}")


def _open(estate: Estate, severity: str) -> tuple[int, int, int]:
    """Return how many findings of a severity are open, how many of them have a fix, and how many targets were scanned.

    Raises `NoEvidence` when a host or image has no scan: what nobody looked at is not clean.
    """
    scans = {**vulnerabilities(estate).of_hosts, **images(estate)}
    missing = sorted(name for name, scan in scans.items() if scan is None)
    if missing or not scans:
        raise NoEvidence(f"There is no scan of {', '.join(missing) or 'anything'}.")
    rows = [one for scan in scans.values() for one in scan.findings if one.severity == severity]
    return len(rows), sum(1 for one in rows if one.fixed_version), len(scans)


@figure(
    "critical_findings_count",
    title="Critical vulnerabilities open",
    unit="count",
    better="lower",
    item="RELIABILITY-05",
    bound="critical_max_count",
    note="On hosts and images, by the newest scan of each; with or without a fix.",
)
def critical_findings(estate: Estate, bounds: Any) -> Kpi:
    """Return how many critical findings are open."""
    found, _fixable, scanned = _open(estate, "critical")
    return _count("critical_findings", found, scanned, bounds.critical_max_count)


@figure(
    "critical_fixable_count",
    title="Critical vulnerabilities open although a fix is out",
    unit="count",
    better="lower",
    item="RELIABILITY-05",
    bound="critical_max_count",
)
def critical_fixable(estate: Estate, bounds: Any) -> Kpi:
    """Return how many critical findings could be mended now."""
    _found, fixable, scanned = _open(estate, "critical")
    return _count("critical_fixable", fixable, scanned, bounds.critical_max_count)


@figure(
    "high_findings_count",
    title="High vulnerabilities open",
    unit="count",
    better="lower",
    item="MORNING-05",
)
def high_findings(estate: Estate, _bounds: Any) -> Kpi:
    """Return how many high findings are open."""
    found, _fixable, scanned = _open(estate, "high")
    return _count("high_findings", found, scanned, None)


@figure(
    "patch_latency_s",
    title="Longest time to mend a critical vulnerability, 90 days",
    unit="s",
    better="lower",
    item="OPEX-05",
    bound="critical_s",
    note="From the first scan that offered a fix until it was in force.",
)
def patch_latency(estate: Estate, bounds: Any) -> Kpi:
    """Return the longest time that a critical finding with a fix was open on any host or image."""
    spans, views = [], {view.name: view for view in estate.views("host")}
    for name, kind in (
        *((host, "host") for host in estate.environment.hosts),
        *((one, "image") for one in images(estate)),
    ):
        scans, _reach = scans_of(estate, name, bounds.window_s, kind=kind)
        if not scans:
            raise NoEvidence(f"There is no scan of {name}.")
        spans += critical_spans(estate, name, scans, host=views.get(name) if kind == "host" else None)
    return _kpi.patch_latency(spans, now=estate.now, target_s=bounds.critical_s)


@figure(
    "backup_success_ratio",
    title="Daily backups that succeeded and were checked, 30 days",
    unit="ratio",
    better="higher",
    item="RELIABILITY-04",
    bound="min_ratio",
)
def backup_success(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of good days of all assets."""
    days = [day for asset in estate.views("asset") for day in asset.daily(round(bounds.window_s / DAY))]
    known = [day for day in days if day.succeeded is not None]
    good = sum(1 for day in known if day.succeeded and day.verified)
    return _kpi.success(good, len(known), target=min(bounds.min_ratio, 1.0 - 1e-9), name="backup_success")


@figure(
    "deployment_success_ratio",
    title="Deployments that succeeded by themselves, 90 days",
    unit="ratio",
    better="higher",
    item="OPEX-04",
    bound="min_ratio",
    note="Ended well without a step by hand, a rollback, or an incident that they caused.",
)
def deployment_success(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of deployments of the quarter that succeeded."""
    return measured.deployment_success(estate, bounds)


@figure(
    "change_failure_ratio",
    title="Deployments that failed, 90 days",
    unit="ratio",
    better="lower",
    item="OPEX-04",
)
def change_failure(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of deployments of the quarter that failed."""
    rows = measured.deployments(estate, bounds.window_s)
    return _kpi.change_failure(rows, target=1 - bounds.min_ratio, incidents=everything(estate, "incident"))


@figure(
    "automation_ratio",
    title="Routine work done by machines, 30 days",
    unit="ratio",
    better="higher",
    item="EFFICIENCY-03",
    bound="min_ratio",
    note="The lower share of tasks that are automated and of executions without a person.",
)
def automation(estate: Estate, bounds: Any) -> Kpi:
    """Return the share of routine work that ran without a person."""
    return measured.routine_work(estate, bounds)


@figure(
    "pipeline_success_ratio",
    title="Pipeline runs that succeeded, 7 days",
    unit="ratio",
    better="higher",
    item="MORNING-04",
    bound="min_ratio",
    each="pipeline",
)
def pipeline_success(pipeline: Any, _estate: Estate, bounds: Any) -> Kpi:
    """Return the share of a pipeline's runs of the week that succeeded."""
    kpi: Kpi = pipeline.success_ratio(bounds.week_s / DAY)
    return kpi


@figure(
    "build_time_s",
    title="Median time of a pipeline run, 30 days",
    unit="s",
    better="lower",
    item="EFFICIENCY-04",
    each="pipeline",
)
def build_time(pipeline: Any, _estate: Estate, _bounds: Any) -> Kpi:
    """Return the median time of a pipeline's successful runs on its default branch."""
    took = [
        run.ended - run.started
        for run in pipeline.default_runs(_MONTH_S / DAY)
        if run.conclusion == "success" and run.ended is not None
    ]
    value = median(took) if took else None
    return Kpi("build_time", value, len(took), "met" if took else "unknown", "s", None, f"{len(took)} runs")
