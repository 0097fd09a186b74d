# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EFFICIENCY: money, use of what is there, automation, speed and fewer incidents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import (
    improvement,
    incident_change,
)
from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import capacity, measured
from verify.facts.costs import costs
from verify.facts.registers import reaches_back, register
from verify.facts.verdicts import judged, percent, span

DAY = 86400.0
WEEK = 7 * DAY


@control("EFFICIENCY-01")
def costs_stay_near_the_budget(estate: Any, bounds: Any) -> Iterator[Said]:
    """Add up what the month has cost so far, by the lines of the provider's export (EffectiveCost), and draw it on to
    the month's end: neither leaves the budget, or its share for the time so far, by more than the bound."""
    seen = costs(estate)
    kpi = seen.month(estate.now)
    if kpi.value is None:
        yield unknown(f"Whether costs stay near the budget cannot be told: {kpi.says}.")
        return
    behind = estate.now - (seen.seen_until or 0.0)
    yield expect(
        behind <= bounds.data_max_age_s,
        f"the export of costs reaches to within {span(bounds.data_max_age_s)} of now",
        observed=behind,
        expected=bounds.data_max_age_s,
    )
    for what, value in (("cost so far", kpi.parts["so_far"]), ("expected cost of the month", kpi.value)):
        yield expect(
            abs(value) <= bounds.deviation_max_ratio,
            f"the {what} is within {percent(bounds.deviation_max_ratio)} of the budget ({kpi.says})",
            observed=value,
            expected=bounds.deviation_max_ratio,
        )


@control("EFFICIENCY-02")
def the_pool_is_neither_idle_nor_full(pool: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the mean use of processors and memory of the pool's hosts over the week, each weighted by its size.

    The 95th percentile of the fullest host is looked at as well: a good mean must not hide a host that is full.
    """
    for resource in ("cpu", "memory"):
        kpi, host, peak = measured.pool_use(estate, pool, resource, bounds)
        yield judged(
            kpi,
            f"{resource} of the pool {pool.name} is used between {percent(bounds.min_ratio)} and "
            f"{percent(bounds.max_ratio)}, and nobody is full",
            observed={"mean": kpi.value, "fullest": host, "p95": peak},
            expected=[bounds.min_ratio, bounds.max_ratio],
        )
    short = capacity.short_of_history(estate, pool, WEEK)
    if short is not None:
        yield unknown(f"{short[0]} of the pool {pool.name} is known for {span(short[1])} of {span(WEEK)}")


@control("EFFICIENCY-03")
def routine_work_is_done_by_machines(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the register of routine tasks and what was executed of it in the month, and count twice: tasks that are
    automated, and executions that ended well without a person. The lower share counts.

    What was executed without standing in the register is named, because the share would leave it out.
    """
    kpi = measured.routine_work(estate, bounds)
    yield judged(kpi, f"{percent(bounds.min_ratio)} of routine work runs without a person")
    foreign = kpi.parts["unregistered"]
    yield expect(not foreign, "each task that was executed stands in the register", observed=foreign, expected=[])


@control("EFFICIENCY-04")
def building_gets_faster(pipeline: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare the median time of the pipeline's successful runs on its default branch over the last 90 days with that
    of the 90 before. With fewer runs than the bound in either, it is unknown."""
    green = [run for run in pipeline.default_runs(2 * bounds.window_s / DAY) if run.conclusion == "success"]
    yield from _faster(f"building {pipeline.name}", green, estate.now - bounds.window_s, bounds)


@control("EFFICIENCY-04", "deployments")
def deploying_gets_faster(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare the median time of the service's successful deployments over the last 90 days with that of the 90 before.

    A service that is not deployed by itself says so (``deployed: false``). The register has to agree: a deployment of
    it on record, of whatever outcome, belies the declaration.
    """
    own = [one for one in register(estate, "deployment") if one.service == service.name]
    if service.get("deployed") is False:
        claim = f"{service.name}, which is declared as not deployed by itself, has no deployment on record"
        yield expect(False, claim, observed=[one.id for one in own[-5:]]) if own else not_applicable(claim, observed=0)
        return
    since = estate.now - 2 * bounds.window_s
    good = [one for one in own if one.outcome == "ok" and one.started >= since]
    yield from _faster(f"deploying {service.name}", good, estate.now - bounds.window_s, bounds)


def _faster(what: str, runs: Any, since: float, bounds: Any) -> Iterator[Said]:
    before = [run.ended - run.started for run in runs if run.ended is not None and run.started < since]
    after = [run.ended - run.started for run in runs if run.ended is not None and run.started >= since]
    kpi = improvement(before, after, target=bounds.improvement_min_ratio, least=bounds.min_count)
    yield judged(kpi, f"{what} became {percent(bounds.improvement_min_ratio)} faster over {span(bounds.window_s)}")


@control("EFFICIENCY-05")
def infrastructure_incidents_become_fewer(estate: Any, bounds: Any) -> Iterator[Said]:
    """Count the incidents of infrastructure of the last 90 days and of the 90 before, and say whether the difference
    can be chance. A register that does not reach back that far compares nothing, and is unknown."""
    found = register(estate, "incident")
    since, before = estate.now - bounds.window_s, estate.now - 2 * bounds.window_s
    if not reaches_back(found, before + DAY, "impact_start"):
        yield unknown(f"the register of incidents does not reach back {span(2 * bounds.window_s)}")
        return
    kind = [one.impact_start for one in found if one.kind == "infrastructure"]
    now_count = sum(start >= since for start in kind)
    before_count = sum(before <= start < since for start in kind)
    kpi = incident_change(now_count, bounds.window_s, before_count, bounds.window_s, target=bounds.reduction_min_ratio)
    yield judged(
        kpi,
        f"infrastructure incidents became {percent(bounds.reduction_min_ratio)} fewer",
        observed={"now": now_count, "before": before_count, "significant": kpi.parts["significant"]},
    )
