# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RELIABILITY: how reliable the infrastructure has to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import response
from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import measured
from verify.facts.alerting import watched
from verify.facts.availability import (
    WHOLE,
    available,
    incidents_of,
    observed_s,
    probe_step_s,
    seen_of,
    unexplained,
)
from verify.facts.declarations import hosts_of
from verify.facts.findings import each_image, no_critical_open, young_scan
from verify.facts.registers import register
from verify.facts.runs import runs
from verify.facts.verdicts import clock, judged, percent, span
from verify.facts.vulnerabilities import vulnerabilities

DAY = 86400.0


@control("RELIABILITY-01")
def the_service_is_available(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Count the probes of the service that were answered in the window; a sample that is missing counts as a failure.

    Failures while an approved change was made in its maintenance window are left out; the share with them is shown too.
    With too few samples the share is unknown, unless what was seen already uses up more than the budget of errors. The
    probes follow each other so closely that the smallest outage that counts is measured to a tenth of its length.
    """
    kpi = available(estate, service, bounds)
    yield judged(
        kpi,
        f"{service.name} answered {percent(bounds.min_ratio)} of its probes in {span(bounds.window_s)}{budget(kpi)}",
        observed=seen_of(kpi),
    )
    step, most = probe_step_s(estate, service), bounds.interval_max_ratio * bounds.outage_min_s
    yield expect(
        step <= most,
        f"the probes of {service.name} are at most {span(most)} apart, "
        f"{percent(bounds.interval_max_ratio)} of the smallest outage that counts",
        observed=step,
        expected=most,
    )


def budget(kpi: Any) -> str:
    """Return what is left of the budget of errors, as the end of a claim; nothing where that is not known."""
    left = kpi.parts.get("budget_left")
    return "" if left is None or kpi.verdict == "unknown" else f", and {max(0.0, left):.0%} of its error budget is left"


@control("RELIABILITY-01", "incidents")
def every_outage_belongs_to_an_incident(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Lay the outages that probes saw over the register of incidents: each has one that names the service, or lies in
    a maintenance window.

    Probes and people are two sources for the same events; an outage that no incident knows is a hole in the register.
    That there was none needs samples of nearly the whole window.
    """
    open_ones, known = unexplained(estate, service, window_s=bounds.window_s, least_s=bounds.outage_min_s)
    seen = observed_s(estate, service, bounds.window_s) / bounds.window_s
    if not known and seen < WHOLE:
        yield unknown(
            f"the probes of {service.name} saw {percent(seen)} of {span(bounds.window_s)}; the rest may hold outages",
            observed=seen,
        )
        return
    if not known:
        yield not_applicable(
            f"the probes of {service.name} saw no outage of {span(bounds.outage_min_s)} in {span(bounds.window_s)}"
        )
        return
    yield expect(
        not open_ones,
        f"an incident or window on record covers each of {known} outages of {service.name}",
        observed=[{"from": clock(one.start), "seconds": one.seconds} for one in open_ones],
        expected=[],
    )


@control("RELIABILITY-02")
def alerts_get_a_quick_answer(estate: Any, bounds: Any) -> Iterator[Said]:
    """Measure for each alert of the window how long it took from firing to the answer of a person. What it took from
    the delivery, where that is on record, is told beside.

    An alert that nobody answered counts as answered never, and stays in. Where none fired, the proof is that rules were
    evaluated all the time.
    """
    yield from watched(estate, bounds.window_s)
    spans = measured.alert_answers(estate, bounds.window_s)
    if not spans:
        yield not_applicable(f"no alert fired in the last {span(bounds.window_s)}")
        return
    kpi = response(spans, now=estate.now, target_s=bounds.p95_max_s, quantile=0.95)
    nobody = kpi.parts["unanswered"]
    yield expect(
        len(nobody) <= bounds.unanswered_max_count,
        "no alert was left without an answer",
        observed=nobody,
        expected=bounds.unanswered_max_count,
    )
    if kpi.value is None and kpi.verdict == "unknown":
        yield unknown(f"No alert can be judged yet: {kpi.says}")
    else:
        yield expect(
            kpi.value is not None and kpi.value <= bounds.p95_max_s,
            f"95 % of alerts are answered within {span(bounds.p95_max_s)} ({kpi.says}; {_delivered(estate, bounds)})",
            observed=kpi.value,
            expected=bounds.p95_max_s,
        )


def _delivered(estate: Any, bounds: Any) -> str:
    """Return in words how long answers took from the delivery of the alert."""
    spans = measured.delivered_answers(estate, bounds.window_s)
    if not spans:
        return "no delivery is on record"
    return f"from the delivery, {response(spans, now=estate.now, target_s=bounds.p95_max_s, quantile=0.95).says}"


@control("RELIABILITY-03")
def the_service_comes_back_in_time(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the last incident that a critical service had, and the last drill that covered it: both were over within
    the bound, and the drill passed, is recent and under a seal that holds.

    A drill covers a service when it took away, or moved the traffic of, one of the hosts that the service declares
    (``hosts``, or ``depends_on`` for those that hold its data). A disaster in earnest and the return from it are no
    drills. An incident that lasts counts up to now. A service that never had one is proved by the drill alone.
    """
    if not service.get("critical"):
        yield not_applicable(f"{service.name} is declared as not critical")
        return
    past = incidents_of(register(estate, "incident"), service.name)
    if past:
        last = max(past, key=lambda incident: incident.impact_start)
        took = (estate.now if last.restored is None else last.restored) - last.impact_start
        yield expect(
            took <= bounds.recovery_max_s,
            f"{service.name} was back within {span(bounds.recovery_max_s)} in its last incident, {last.id}",
            observed=took,
            expected=bounds.recovery_max_s,
        )
    yield from _last_drill(service, estate, bounds)


def _last_drill(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    own = hosts_of(estate, service.get("hosts")) | hosts_of(estate, service.get("depends_on"))
    drills = runs(estate).drills
    # What a record that cannot be read covered is not known; it stays in, and its seal is what fails.
    found = [drill for drill in drills if drill.record is None or own & drill.covered]
    yield expect(
        found,
        f"a drill that covered {service.name} is on record",
        observed={drill.name: sorted(drill.covered) for drill in drills},
        expected=f"a drill that recovered one of {', '.join(sorted(own)) or 'no declared host'}",
    )
    if not found:
        return
    last = found[-1]
    yield expect(last.intact, f"the seal of the last drill, {last.name}, holds", observed=list(last.faults))
    if last.ended is None:
        yield unknown(f"The last drill, {last.name}, has no end on record.")
        return
    age = estate.now - last.ended
    yield expect(last.passed, f"the last drill, {last.name}, passed", observed=last.verdict, expected="pass")
    yield expect(
        age <= bounds.exercise_max_age_s,
        f"the last drill, {last.name}, is younger than {span(bounds.exercise_max_age_s)}",
        observed=age,
        expected=bounds.exercise_max_age_s,
    )
    yield expect(
        last.rto_s is not None and last.rto_s <= bounds.recovery_max_s,
        f"the drill {last.name} recovered within {span(bounds.recovery_max_s)}",
        observed=last.rto_s,
        expected=bounds.recovery_max_s,
    )


@control("RELIABILITY-04")
def no_daily_backup_was_missed(asset: Any, bounds: Any) -> Iterator[Said]:
    """Go through the last 30 days: on each of them a backup of the asset succeeded, and its integrity was checked.

    The record of a backup that could not be taken or verified counts as none. Days before the asset's first backup on
    record are no history, so a younger asset is unknown.
    """
    days = asset.daily(round(bounds.window_s / DAY))
    known = [day for day in days if day.succeeded is not None]
    missed = [day.day for day in known if not day.succeeded]
    unchecked = [day.day for day in known if day.succeeded and not day.verified]
    good = len(known) - len(missed) - len(unchecked)
    yield expect(
        not missed, f"a backup of {asset.name} succeeded on each day", observed=missed, expected=f"{len(known)} days"
    )
    yield expect(not unchecked, f"each daily backup of {asset.name} passed its integrity check", observed=unchecked)
    if len(known) < bounds.min_count:
        yield unknown(f"the history of {asset.name} has {len(known)} of {bounds.min_count} days", observed=len(known))
        return
    yield expect(
        good / len(known) >= bounds.min_ratio,
        f"{good} of {len(known)} daily backups of {asset.name} are good",
        observed=good / len(known),
        expected=bounds.min_ratio,
    )


@control("RELIABILITY-05")
def the_host_has_no_critical_vulnerability(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest scan of the host: it is from the last day, by a young list of vulnerabilities, and no finding in
    it is critical.

    A finding counts also where no fix is published yet; then it is contained, and waived with an end.
    """
    yield from _clean(host.name, vulnerabilities(estate).newest("host", host.name), estate, bounds)


@control("RELIABILITY-05", "images")
def no_image_has_a_critical_vulnerability(estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask of every image that runs what is asked of a host."""
    yield from each_image(estate, lambda name, scan: _clean(name, scan, estate, bounds))


def _clean(name: str, scan: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    ages = {"max_age_s": bounds.scan_max_age_s, "database_max_age_s": bounds.database_max_age_s}
    yield from young_scan(name, scan, now=estate.now, **ages)
    if scan is not None:
        yield from no_critical_open(name, scan, most=bounds.critical_max_count)
