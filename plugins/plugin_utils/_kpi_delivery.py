# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures of delivery, money and use: success, change failures, automation, trends, cost, utilisation.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_stats import (
    bootstrap_ratio,
    percentile,
    rate_ratio_interval,
    wilson,
    zero_failure_count,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_types import Kpi, Verdict, percent

__all__ = [
    *("automation", "change_failure", "cost_variance", "deployment_success", "improvement", "incident_change"),
    *("success", "utilisation"),
]

_FAILED = ("failed", "rolled_back", "aborted")
_LATER_S = 86400.0


def success(good: int, total: int, *, target: float = 0.95, name: str = "success") -> Kpi:
    """Return a share of successes with Wilson's interval; unknown of none.

    ``parts.proved`` tells whether the interval's lower end reaches the target too, ``parts.needed`` how many trials
    without a failure would prove it.
    """
    low, high = wilson(good, total)
    parts = {"good": good, "proved": low >= target, "needed": zero_failure_count(target)}
    if total == 0:
        return Kpi(name, None, 0, "unknown", "ratio", target, "there was none, so nothing was measured", parts=parts)
    value = good / total
    verdict: Verdict = "met" if value >= target else "missed"
    says = f"{good} of {total} ({percent(value, 1)}; 95 % interval {percent(low, 1)} to {percent(high, 1)})"
    return Kpi(name, value, total, verdict, "ratio", target, says, interval=(low, high), parts=parts)


def _linked(deployment: Mapping[str, Any], incidents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the incidents that a deployment caused: those it names, and those that name it within a day of its end."""
    named = [str(one) for one in deployment.get("linked_failures") or ()]
    ended = deployment.get("ended")
    for incident in incidents:
        begun = incident.get("impact_start")
        if incident.get("deployment") != deployment["id"] or begun is None:
            continue
        if ended is None or begun <= ended + _LATER_S:
            named.append(str(incident["id"]))
    return list(dict.fromkeys(named))


def _attempts(deployments: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], dict[str, list[str]]]:
    """Return the deployments that count, each once, and the ids of those cancelled before start or running."""
    unique = {str(one["id"]): one for one in deployments}
    left = {word: [key for key, one in unique.items() if one["outcome"] == word] for word in ("cancelled", "running")}
    counted = [one for one in unique.values() if one["outcome"] not in left]
    return counted, left


def deployment_success(
    deployments: Iterable[Mapping[str, Any]], *, target: float = 0.95, incidents: Iterable[Mapping[str, Any]] = ()
) -> Kpi:
    """Return the share of deployments that ended well without a hand, a rollback or a failure they caused within a day.

    ``deployments`` and ``incidents`` are records of these types, instants in seconds. Attempts that were cancelled
    before they began and those that still run do not count and are listed. Source: the guide's wording "without manual
    intervention"; the attribution within a day is declared here, never guessed from times alone.
    """
    known = list(incidents)
    counted, left = _attempts(deployments)
    reasons: dict[str, str] = {}
    for one in counted:
        linked = _linked(one, known)
        if one["outcome"] != "ok":
            reasons[str(one["id"])] = str(one["outcome"])
        elif one["manual_steps"]:
            reasons[str(one["id"])] = f"{one['manual_steps']} manual steps"
        elif linked:
            reasons[str(one["id"])] = f"caused {', '.join(linked)}"
    found = success(len(counted) - len(reasons), len(counted), target=target, name="deployment_success")
    return _with_parts(found, {"not_clean": reasons, **left})


def change_failure(
    deployments: Iterable[Mapping[str, Any]],
    *,
    target: float = 0.05,
    incidents: Iterable[Mapping[str, Any]] = (),
) -> Kpi:
    """Return the share of deployments that failed, each counted once however many incidents it caused.

    With the share of clean ones it makes 1. Counting incidents instead gives 6/23 where 4 of 23 deployments failed;
    that mistake was made and mended in apache/devlake (pull request 8890). Source: DORA, change failure rate.
    """
    known = list(incidents)
    counted, left = _attempts(deployments)
    linked = {str(one["id"]): _linked(one, known) for one in counted}
    failed = [str(one["id"]) for one in counted if one["outcome"] in _FAILED or linked[str(one["id"])]]
    if not counted:
        told = "there was none, so nothing was measured"
        return Kpi("change_failure", None, 0, "unknown", "ratio", target, told, parts={"failed": [], **left})
    value = len(failed) / len(counted)
    verdict: Verdict = "met" if value <= target else "missed"
    parts = {"failed": failed, "incidents": sum(map(len, linked.values())), "clean": 1 - value, **left}
    says = f"{len(failed)} of {len(counted)} failed ({percent(value, 1)})"
    interval = wilson(len(failed), len(counted))
    return Kpi("change_failure", value, len(counted), verdict, "ratio", target, says, interval=interval, parts=parts)


def _with_parts(kpi: Kpi, parts: Mapping[str, Any]) -> Kpi:
    return Kpi(
        *(kpi.name, kpi.value, kpi.n, kpi.verdict, kpi.unit, kpi.target, kpi.says),
        coverage=kpi.coverage,
        interval=kpi.interval,
        parts={**kpi.parts, **parts},
    )


def automation(
    tasks: Iterable[Mapping[str, Any]], executions: Iterable[Mapping[str, Any]], *, target: float = 0.9
) -> Kpi:
    """Return the lower of two shares: automated tasks of the register, and executions that ended without a person.

    ``tasks`` are records ``routine_task``, ``executions`` records ``routine_execution``. An automated execution that
    failed needed a person. Executions of tasks that the register does not have are listed. Unknown without a register
    or without an execution.
    """
    register = {str(task["id"]): task for task in tasks}
    done = list(executions)
    alone = sum(bool(run["automated"]) and run["result"] == "ok" for run in done)
    by_type = sum(bool(task["automated"]) for task in register.values()) / len(register) if register else None
    by_run = alone / len(done) if done else None
    parts = {
        "by_type": by_type,
        "by_execution": by_run,
        "tasks": len(register),
        "executions": len(done),
        "unregistered": sorted({str(run["task"]) for run in done} - set(register)),
        "never_run": sorted(set(register) - {str(run["task"]) for run in done}),
    }
    if by_type is None or by_run is None:
        says = "there is no register" if by_type is None else "no execution was recorded"
        return Kpi("automation", None, len(done), "unknown", "ratio", target, says, parts=parts)
    value = min(by_type, by_run)
    verdict: Verdict = "met" if value >= target else "missed"
    says = f"{percent(by_type, 1)} of {len(register)} tasks, {percent(by_run, 1)} of {len(done)} executions"
    return Kpi(
        "automation", value, len(done), verdict, "ratio", target, says, interval=wilson(alone, len(done)), parts=parts
    )


def improvement(before: Sequence[float], after: Sequence[float], *, target: float = 0.10, least: int = 30) -> Kpi:
    """Return by what share the median of some durations fell, with a bootstrap interval; unknown below ``least`` each.

    Samples are comparable and successful ones, in seconds. ``parts.proved`` tells whether the interval excludes less
    than the target.
    """
    parts: dict[str, Any] = {"before_n": len(before), "after_n": len(after)}
    n = min(len(before), len(after))
    if n < max(1, least) or min(before) <= 0:
        says = f"{len(before)} runs before and {len(after)} after; {least} each are needed"
        return Kpi("improvement", None, n, "unknown", "ratio", target, says, parts=parts)
    value = 1 - median(after) / median(before)
    low, high = bootstrap_ratio(before, after)
    interval = (1 - high, 1 - low)
    verdict: Verdict = "met" if value >= target else "missed"
    parts |= {"before": median(before), "after": median(after), "proved": interval[0] >= target}
    says = f"the median went from {median(before):.1f} s to {median(after):.1f} s ({value:+.1%} better)"
    return Kpi("improvement", value, n, verdict, "ratio", target, says, interval=interval, parts=parts)


def incident_change(
    now_count: int, now_exposure_s: float, before_count: int, before_exposure_s: float, *, target: float = 0.20
) -> Kpi:
    """Return by what share the rate of incidents fell, with the interval of two Poisson rates.

    ``parts.significant`` tells whether the fall can be told from chance: from 10 to 8 it cannot. Where there was none
    before, more than none now is missed, and none now is met, without a value.
    """
    if min(now_count, before_count) < 0 or now_exposure_s <= 0 or before_exposure_s <= 0:
        raise ValueError("counts are not negative, exposure is positive")
    n = now_count + before_count
    if before_count == 0:
        verdict: Verdict = "met" if now_count == 0 else "missed"
        says = f"{now_count} now, none before"
        return Kpi("incident_change", None, n, verdict, "ratio", target, says, parts={"significant": False})
    ratio = (now_count / now_exposure_s) / (before_count / before_exposure_s)
    low, high = rate_ratio_interval(now_count, now_exposure_s, before_count, before_exposure_s)
    verdict = "met" if 1 - ratio >= target - 1e-12 else "missed"
    interval = (1 - high, 1 - low) if math.isfinite(high) else None
    says = f"{now_count} now, {before_count} before ({1 - ratio:+.1%} fewer)"
    if high >= 1:
        says += "; that can be chance"
    return Kpi(
        "incident_change", 1 - ratio, n, verdict, "ratio", target, says,
        interval=interval, parts={"significant": high < 1},
    )  # fmt: skip


def cost_variance(
    actual: float,
    budget: float,
    *,
    start: float,
    end: float,
    seen_until: float | None,
    tolerance: float = 0.05,
    least_coverage: float = 0.1,
) -> Kpi:
    """Return by what share the cost of a period leaves its budget, forecast to its end at the rate so far.

    ``start``, ``end`` and ``seen_until`` are instants in seconds; ``seen_until`` is the end of the newest charge. The
    cost so far is compared too, with the budget's share of that time; the verdict is about the worse of both. Unknown
    without data, or when they cover less than a tenth of the period. Same currency throughout; FOCUS EffectiveCost is
    meant. Source: FinOps Foundation, budget variance.
    """
    if end <= start or budget <= 0:
        raise ValueError("a period ends after it begins, a budget is positive")
    seen = min(end, seen_until) - start if seen_until is not None else 0.0
    coverage = max(0.0, seen / (end - start))
    parts: dict[str, Any] = {"actual": actual, "budget": budget, "seen_until": seen_until}
    if coverage < least_coverage:
        says = f"the data cover {percent(coverage, 1)} of the period, too little for a forecast"
        return Kpi("cost_variance", None, 0, "unknown", "ratio", tolerance, says, coverage, parts=parts)
    forecast = actual / coverage
    value = (forecast - budget) / budget
    so_far = (actual - budget * coverage) / (budget * coverage)
    worst = max(abs(value), abs(so_far))
    verdict: Verdict = "met" if worst <= tolerance + 1e-12 else "missed"
    parts |= {"forecast": forecast, "so_far": so_far}
    says = f"{actual:.2f} so far, {forecast:.2f} expected, {budget:.2f} budgeted ({value:+.1%})"
    return Kpi("cost_variance", value, 1, verdict, "ratio", tolerance, says, coverage, parts=parts)


def utilisation(
    values: Sequence[float],
    *,
    low: float = 0.7,
    high: float = 0.8,
    weights: Sequence[float] | None = None,
    p95: float | None = None,
    saturated: float = 0.95,
    name: str = "utilisation",
) -> Kpi:
    """Return the mean use of what is there, 0 to 1, weighted (by size or time), and where it lies.

    ``parts.band`` is below, in or above. A mean inside the band is missed all the same when the 95th percentile
    (``p95``, else of the values) is at ``saturated``: a good mean must not hide a full host. Unknown of none.
    """
    if not values:
        return Kpi(name, None, 0, "unknown", "ratio", high, "nothing was measured")
    if any(not math.isfinite(value) or value < 0 for value in values):
        raise ValueError("a use is a finite share")
    sizes = list(weights) if weights is not None else [1.0] * len(values)
    if len(sizes) != len(values) or sum(sizes) <= 0 or min(sizes) < 0:
        raise ValueError("each value needs its weight")
    mean = fmean(values, weights=sizes)
    peak = percentile(values, 0.95) if p95 is None else p95
    band = "below" if mean < low else "above" if mean > high else "in"
    verdict: Verdict = "met" if band == "in" and peak < saturated else "missed"
    says = f"{percent(mean, 1)} on average ({band} {low:.0%} to {high:.0%}), {percent(peak, 1)} at the 95th percentile"
    return Kpi(
        name, mean, len(values), verdict, "ratio", high, says,
        parts={"band": band, "p95": peak, "max": max(values), "low": low, "high": high},
    )  # fmt: skip
