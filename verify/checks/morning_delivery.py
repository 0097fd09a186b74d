# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MORNING: pipelines, scans, capacity and the deployments of the night."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import capacity
from verify.facts.findings import each_image, no_critical_open, no_old_high, young_scan
from verify.facts.logs import kept
from verify.facts.registers import register
from verify.facts.verdicts import percent, span
from verify.facts.vulnerabilities import vulnerabilities

DAY = 86400.0


@control("MORNING-04")
def the_pipeline_succeeds_and_fails_for_new_reasons(pipeline: Any, bounds: Any) -> Iterator[Said]:
    """Count the pipeline's finished runs of the week and of the day, and the stages in which they failed.

    A week without a run proves nothing; a day without one is in order, because the rate over the week covers it.
    """
    week = pipeline.success_ratio(bounds.week_s / DAY)
    if week.value is None:
        yield unknown(f"{pipeline.name} did not run for {span(bounds.week_s)}, so it has no rate of success")
        return
    day = pipeline.success_ratio(bounds.day_s / DAY)
    for kpi, window in ((day, bounds.day_s), (week, bounds.week_s)):
        if kpi.value is not None:
            yield expect(
                kpi.value >= bounds.min_ratio,
                f"at least {percent(bounds.min_ratio)} of {kpi.n} runs of {pipeline.name} in {span(window)} succeeded",
                observed=kpi.value,
                expected=bounds.min_ratio,
            )
    for stage, times in sorted(pipeline.failures_by_stage(bounds.week_s / DAY).items()):
        yield expect(
            len(times) <= bounds.repeat_max_count,
            f"the stage {stage} of {pipeline.name} did not fail a third time",
            observed=len(times),
            expected=bounds.repeat_max_count,
        )


@control("MORNING-05")
def the_host_was_scanned_and_is_within_bounds(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest scan of the host: it is young, it looked at packages, nothing critical is open, and what is high
    has been known here for less than its bound."""
    yield from _scan(host.name, vulnerabilities(estate).newest("host", host.name), estate, bounds)


@control("MORNING-05", "images")
def images_were_scanned_and_are_within_bounds(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest scan of each image that runs, and ask of it what is asked of a host.

    An environment that runs no images has to say so.
    """
    yield from each_image(estate, lambda name, scan: _scan(name, scan, estate, bounds))


def _scan(name: str, scan: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    ages = {"max_age_s": bounds.scan_max_age_s, "database_max_age_s": bounds.database_max_age_s}
    yield from young_scan(name, scan, now=estate.now, **ages)
    if scan is not None:
        yield from no_critical_open(name, scan, most=bounds.critical_max_count)
        yield from no_old_high(name, scan, now=estate.now, high_s=bounds.high_s)


@control("MORNING-06")
def the_pool_is_used_well_and_lasts(pool: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the mean use of processors and memory over the pool's hosts for the day before, and draw a straight line
    through the last 30 days of each resource: it may not meet the limit within the next 30.

    A line through less history than that is no forecast, so the pool is then unknown.
    """
    for resource in ("cpu", "memory"):
        mean = capacity.mean(estate, pool, f"{resource}_used_ratio_avg_1d")
        yield expect(
            bounds.min_ratio <= mean <= bounds.max_ratio,
            f"{resource} of the pool {pool.name} is used between {percent(bounds.min_ratio)} and "
            f"{percent(bounds.max_ratio)} on average",
            observed=mean,
            expected=[bounds.min_ratio, bounds.max_ratio],
        )
    yield from _forecast(pool, estate, bounds)


def _forecast(pool: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    short = capacity.short_of_history(estate, pool, bounds.forecast_window_s)
    if short is not None:
        host, history = short
        yield unknown(
            f"{host} of the pool {pool.name} has {span(history)} of the {span(bounds.forecast_window_s)} of history "
            "that its forecast needs",
            observed=history,
        )
        return
    for point in capacity.forecasts(estate, pool):
        limit = getattr(bounds, f"{point.resource}_max_ratio")
        yield expect(
            point.ratio < limit,
            f"{point.what} of {point.host} stays below {percent(limit)} for 30 days",
            observed=point.ratio,
            expected=limit,
        )


@control("MORNING-07")
def deployments_of_the_night_ended_well(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every deployment on record that began since yesterday morning: it ended, healthy or rolled back, by checks
    that were made afterwards, and its record names the log, which is kept: not empty below ``verify_logs_dir``, or as
    the log of a pipeline's run on record.

    One that began in the last hour may still be under way.
    """
    found = register(estate, "deployment")
    night = [one for one in found if one.started >= estate.now - bounds.window_s and one.outcome != "cancelled"]
    running = [one for one in night if one.ended is None and estate.now - one.started <= bounds.running_max_s]
    for one in night:
        if one not in running:
            yield from _ended_well(one, estate)
    if night and len(running) == len(night):
        yield not_applicable(
            f"{', '.join(one.id for one in running)} may still be under way, and nothing else was deployed"
        )
    if not night:
        yield not_applicable(
            f"none of the {len(found)} deployments on record began in the last {span(bounds.window_s)}"
        )


def _ended_well(one: Any, estate: Any) -> Iterator[Said]:
    name = f"the deployment {one.id} of {one.service} {one.version}"
    yield expect(one.ended is not None, f"{name} came to its end", observed=one.outcome)
    yield expect(
        one.outcome in ("ok", "rolled_back", "aborted"),
        f"{name} ended healthy or rolled back",
        observed=one.outcome,
        expected="ok",
    )
    checks = one.checks or ()
    failed = [check.name for check in checks if check.result != "ok"]
    yield expect(checks and not failed, f"{name} was checked afterwards, and is well", observed=failed or len(checks))
    yield expect(one.log, f"{name} names its log", observed=one.log)
    if one.log:
        yield kept(estate, one.log, name)
