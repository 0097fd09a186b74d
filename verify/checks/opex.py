# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OPEX: indicators of operation over the quarter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import (
    consistency,
    mttr,
    patch_latency,
)
from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import measured
from verify.facts.availability import available, failures, implied, seen_of
from verify.facts.findings import each_image, fresh_database
from verify.facts.registers import register
from verify.facts.remediation import critical_spans, scans_of
from verify.facts.verdicts import judged, percent, span
from verify.facts.vulnerabilities import vulnerabilities


@control("OPEX-01")
def the_critical_service_was_available(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Count the answered probes of a critical service over the quarter, a missing sample as a failure. Failures while
    an approved change was made in its maintenance window are left out; the share with them is shown too."""
    if not service.get("critical"):
        yield not_applicable(f"{service.name} is declared as not critical")
        return
    kpi = available(estate, service, bounds)
    claim = f"{service.name} answered {percent(bounds.min_ratio)} of its probes in {span(bounds.window_s)}"
    yield judged(kpi, claim, observed=seen_of(kpi))


@control("OPEX-01", "consistency")
def probes_and_incidents_tell_the_same(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Compute the availability once from the probes and once from the incidents, as MTBF / (MTBF + MTTR), and compare.

    What the wanted figures amount to together is shown as well: 720 hours between failures and 2 hours to recover are
    99.72 %, so that whoever meets both still misses 99.9 %. That is no fault of the service, and hidden nowhere.
    """
    probed = available(estate, service, bounds)
    told = consistency(availability=bounds.min_ratio, mtbf_s=bounds.between_min_s, mttr_s=bounds.recovery_max_s)
    by_incidents = implied(estate, service, window_s=bounds.window_s, target=bounds.min_ratio)
    if by_incidents is None:
        yield not_applicable(f"{service.name} had no incident to compare with; of the wanted figures, {told.says}")
        return
    low, high = probed.interval or (0.0, 1.0)
    ratio = by_incidents.value or 0.0
    yield expect(
        low - bounds.deviation_max_ratio <= ratio <= high + bounds.deviation_max_ratio,
        f"probes ({percent(low)}) and incidents ({percent(ratio)}) of {service.name} tell the same availability; "
        f"of the wanted figures, {told.says}",
        observed={"probes": low, "incidents": ratio, "wanted_times": told.value},
        expected={"availability": bounds.min_ratio, "recovery_needed_s": told.parts["mttr_needed_s"]},
    )
    if probed.verdict == "unknown":
        yield unknown(f"The probes of {service.name} saw too little to be compared: {probed.says}.")


@control("OPEX-02")
def critical_incidents_are_short(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the critical incidents that were open at any time of the quarter, from the impact to the recovery; one that
    lasts counts up to now.

    The mean has to be below the bound, and so has the longest: a mean hides the one that took a day. What it took from
    the detection is told beside.
    """
    spans = measured.critical_outages(estate, bounds.window_s)
    if not spans:
        found = register(estate, "incident")
        yield not_applicable(f"none of the {len(found)} incidents on record was critical in {span(bounds.window_s)}")
        return
    kpi = mttr(spans, now=estate.now, target_s=bounds.mean_max_s)
    detected = mttr(measured.critical_outages(estate, bounds.window_s, since_detected=True), now=estate.now)
    seen = f"from their detection, {detected.says}" if detected.n else "no detection is on record"
    yield expect(
        kpi.value is not None and kpi.value < bounds.mean_max_s,
        f"critical incidents are over within {span(bounds.mean_max_s)} on average ({kpi.says}; {seen})",
        observed=kpi.value,
        expected=bounds.mean_max_s,
    )
    yield expect(
        not kpi.parts["over"],
        f"no critical incident lasted longer than {span(bounds.mean_max_s)}",
        observed=kpi.parts["over"],
        expected=[],
    )


@control("OPEX-03")
def the_critical_service_fails_rarely(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Divide the time in which a critical service was seen to be up by the number of its failures.

    Without a failure only a bound can be claimed: 90 days of observation are just enough for 720 hours with 95 %
    confidence, and anything shorter is unknown. The bound is shown.
    """
    if not service.get("critical"):
        yield not_applicable(f"{service.name} is declared as not critical")
        return
    kpi = failures(estate, service, window_s=bounds.window_s, target_s=bounds.mean_min_s)
    yield judged(
        kpi,
        f"{service.name} fails less than once in {span(bounds.mean_min_s)}",
        observed={"mean_s": kpi.value, "at_least_s": kpi.parts["bound"], "failures": kpi.n},
    )


@control("OPEX-04")
def deployments_succeed(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every deployment of the quarter but those that were cancelled before they began. One succeeded when it ended
    well without a step by hand, was not rolled back, and caused no incident."""
    kpi = measured.deployment_success(estate, bounds)
    if kpi.value is None:
        quarter = measured.deployments(estate, bounds.window_s)
        yield unknown(f"Whether deployments succeed cannot be told: {kpi.says}.", observed=len(quarter))
        return
    yield expect(
        kpi.value >= bounds.min_ratio,
        f"{percent(bounds.min_ratio)} of {kpi.n} deployments succeeded ({kpi.says})",
        observed=kpi.value,
        expected=bounds.min_ratio,
    )


@control("OPEX-05")
def critical_vulnerabilities_vanish_within_a_day(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Follow each critical finding of the host that has a fix through its scans of the quarter: it is gone, or the
    patch run that brought the fix ended, within a day. It is open still while a process of the host uses files that
    were replaced by then, while the package waits for a reboot, or while the old kernel runs.

    The clock begins when a scan first offered the fix: scanners do not tell when it was published.
    """
    yield from _mended_in_time(host.name, "host", estate, bounds, host=host)


@control("OPEX-05", "images")
def critical_vulnerabilities_of_images_vanish_within_a_day(estate: Any, bounds: Any) -> Iterator[Said]:
    """Follow each critical finding of each image that runs in the same way, from scan to scan: it is gone when a scan
    does not show it any more, so an image is scanned right after it was built anew, not only once a day."""
    yield from each_image(estate, lambda name, _scan: _mended_in_time(name, "image", estate, bounds))


def _mended_in_time(name: str, kind: str, estate: Any, bounds: Any, *, host: Any = None) -> Iterator[Said]:
    scans, reach = scans_of(estate, name, bounds.window_s, kind=kind)
    yield expect(scans, f"{name} was scanned in the last {span(bounds.window_s)}", observed=len(scans))
    if not scans:
        return
    spans = critical_spans(estate, name, scans, host=host)
    if spans:
        kpi = patch_latency(spans, now=estate.now, target_s=bounds.critical_s)
        late = [*kpi.parts.get("over", []), *kpi.parts["unanswered"]]
        yield expect(
            not late,
            f"each critical finding of {name} was mended within {span(bounds.critical_s)} ({kpi.says})",
            observed=late,
            expected=[],
        )
    else:
        yield not_applicable(f"none of {len(scans)} scans of {name} offered a fix of a critical finding")
    newest = vulnerabilities(estate).newest(kind, name)
    if newest is not None:
        yield fresh_database(name, newest, bounds.database_max_age_s)
    if newest is not None and not newest.rated:
        yield unknown(f"{newest.scanner} does not rate all that it finds on {name}, so what is critical is unknown")
    if reach < bounds.window_s - bounds.critical_s:
        yield unknown(f"the scans of {name} reach back {span(reach)} of {span(bounds.window_s)}", observed=reach)
