# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MONITORING: what monitoring has to give: answers in time, nothing unwatched, logs that stay."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import resolution
from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import admin_trail, measured
from verify.facts.alerting import PRIORITY, SEVERITIES, watched
from verify.facts.alerts import alerts
from verify.facts.metrics import metrics
from verify.facts.probing import probe_samples, probe_targets, rules_on
from verify.facts.verdicts import span

DAY = 86400.0


@control("MONITORING-01")
def alerts_are_resolved_in_time(estate: Any, bounds: Any) -> Iterator[Said]:
    """Measure for each critical and each high alert of the window how long it lasted, one that lasts up to now.

    An alert of the severity ``warning`` counts as high. Every one over its bound is listed. A severity that nobody
    knows may be the worst.
    """
    yield from watched(estate, bounds.window_s)
    episodes = alerts(estate).episodes(estate.now - bounds.window_s)
    strange = sorted({f"{one.name}: {one.severity or 'none'}" for one in episodes if one.severity not in SEVERITIES})
    if strange:
        yield unknown("Alerts fired with a severity that has no bound.", observed=strange)
    for priority, bound in (("critical", bounds.critical_s), ("high", bounds.high_s)):
        spans = measured.alert_lengths(estate, episodes, priority)
        if not spans:
            yield not_applicable(f"no {priority} alert fired in {span(bounds.window_s)}")
            continue
        kpi = resolution(spans, now=estate.now, target_s=bound)
        yield expect(
            not kpi.parts["over"],
            f"each {priority} alert is resolved within {span(bound)} ({kpi.says})",
            observed=kpi.parts["over"],
            expected=[],
        )


@control("MONITORING-02")
def the_critical_service_is_watched(service: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Follow the path of a failure of a critical service: Prometheus probes it and has a result; a rule of a severity
    that pages would fire on a failed probe, soon; Alertmanager would bring that alert, at any time of the week, to a
    receiver that tells somebody, and neither a silence nor an alert that fires now keeps it from there.

    A rule counts when its expression compares the probe itself, or what it said over a time, with a number, alone or
    beside others with ``or``. A route counts when it is neither muted at times nor active at times only.
    """
    if not service.get("critical"):
        yield not_applicable(f"{service.name} is declared as not critical")
        return
    probe = service.get("probe")
    yield expect(probe, f"{service.name} declares a probe of its health", observed=probe)
    targets = probe_targets(estate, probe)
    yield expect(
        targets and all(target.health == "up" for target in targets),
        f"Prometheus probes {service.name} at {probe}",
        observed=[target.error or target.health for target in targets],
    )
    samples = probe_samples(estate, probe)
    yield expect(samples, f"Prometheus knows how the last probe of {service.name} ended", observed=len(samples))
    for sample in samples:
        yield from _path(estate, service, sample, bounds)


def _path(estate: Any, service: Any, sample: Any, bounds: Any) -> Iterator[Said]:
    watching = rules_on(estate, sample.labels)
    found = {one.rule.name: one.rule.labels.get("severity") for one in watching}
    yield expect(watching, f"a rule fires when the probe of {service.name} fails", observed=found, expected="1 or more")
    paging = [one for one in watching if PRIORITY.get(one.rule.labels.get("severity", "")) == "critical"]
    yield expect(paging, f"a rule of {service.name} has a severity that pages", observed=found, expected="critical")
    soonest = min((one.delay_s for one in paging), default=None)
    yield expect(
        soonest is not None and soonest <= bounds.hold_max_s,
        f"a rule that pages fires when the probe of {service.name} has failed for {span(bounds.hold_max_s)}",
        observed=soonest,
        expected=bounds.hold_max_s,
    )
    for one in paging:
        yield from _way(estate, service, one.rule, {**sample.labels, **one.rule.labels, "alertname": one.rule.name})


def _way(estate: Any, service: Any, rule: Any, labels: dict[str, str]) -> Iterator[Said]:
    """Follow an alert from Prometheus to a person; the server's own labels are on it as Alertmanager gets it."""
    sent = {**metrics(estate).external_labels, **labels}
    seen = alerts(estate)
    told = [name for name in seen.routes_to(sent, at_any_time=True) if seen.tells(name)]
    claim = f"{rule.name} of {service.name} reaches a receiver that tells somebody, at any time"
    yield expect(told, claim, observed=seen.routes_to(sent))
    silenced, inhibited = seen.silenced(sent), seen.inhibited(sent)
    yield expect(not silenced, f"no silence swallows {rule.name} of {service.name}", observed=silenced, expected=[])
    claim = f"no alert that fires keeps {rule.name} of {service.name} from people"
    yield expect(not inhibited, claim, observed=inhibited, expected=[])


@control("MONITORING-02", "delivery")
def alerts_leave_prometheus(estate: Any) -> Iterator[Said]:
    """Look at the way out: Alertmanager sent notifications in the last day, and none of them failed."""
    seen = metrics(estate)
    failed = seen.total("notifications_failed_1d")
    sent = seen.total("notifications_1d")
    yield expect(sent > 0, "Alertmanager told somebody in the last day, the dead-man's switch at least", observed=sent)
    yield expect(failed == 0, "no notification failed in the last day", observed=failed, expected=0)


@control("MONITORING-03")
def logs_of_the_host_arrive_and_stay(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Look for the host's newest line in the central logs. The verification logged in on every host a moment before,
    and sshd writes a line about that, so a line from that moment has to be there: that very one, as the host's own
    journal has it, or a younger one of sshd.

    The oldest log has to be 30 days old, unless the host itself is younger, by its journal and its machine id.
    """
    stores = estate.views("host", "monitoring")
    yield expect(stores, f"{estate.name} has a host that receives logs", observed=len(stores), expected="1 or more")
    found = [store.central_logs[host.name] for store in stores if host.name in store.central_logs]
    yield expect(found, f"lines of {host.name} of the last day are found centrally", observed=len(found))
    if not found:
        return
    visited = estate.fact(host.name, "connection").collected
    delay = visited - max(one.newest for one in found)
    yield expect(
        delay <= bounds.delay_max_s,
        f"a line of {host.name} arrived centrally within {span(bounds.delay_max_s)} of our visit",
        observed=max(0.0, delay),
        expected=bounds.delay_max_s,
    )
    yield from admin_trail.canary(estate, host, bounds.delay_max_s)
    yield from _kept(host, stores, estate.now, bounds)


def _kept(host: Any, stores: Any, now: float, bounds: Any) -> Iterator[Said]:
    files = [row for store in stores for row in store.central_log_files.get(host.name, [])]
    # A file that was rotated away was written to last when it ended.
    reach = now - min((changed for _path, changed, _size in files), default=now)
    born = host.file_states.get("/etc/machine-id")
    own = now - min(host.journal.oldest or now, born.mtime if born else now)
    if reach < bounds.retention_min_s and own < bounds.retention_min_s:
        yield not_applicable(f"{host.name} is younger than {span(bounds.retention_min_s)}: it began {span(own)} ago")
        return
    yield expect(
        reach >= bounds.retention_min_s,
        f"central logs of {host.name} reach back {span(bounds.retention_min_s)}",
        observed=reach,
        expected=bounds.retention_min_s,
    )


@control("MONITORING-03", "retention", on="monitoring")
def central_logs_are_kept_by_configuration(host: Any, bounds: Any) -> Iterator[Said]:
    """Read the rotation of the central logs as it is configured on the host that receives them: each of its patterns
    that holds for a central log keeps it for 30 days."""
    paths = [path for files in host.central_log_files.values() for path, _changed, _size in files]
    yield expect(paths, f"{host.name} holds central logs", observed=len(paths), expected="1 or more")
    keeps = {
        pattern: days
        for pattern, days in host.log_keep_days.items()
        if any(fnmatch.fnmatch(path, pattern) for path in paths)
    }
    yield expect(keeps, f"{host.name} rotates the central logs", observed=sorted(keeps), expected="1 or more")
    for pattern, days in keeps.items():
        yield expect(
            days * DAY >= bounds.retention_min_s,
            f"{host.name} keeps {pattern} for {span(bounds.retention_min_s)}",
            observed=days * DAY,
            expected=bounds.retention_min_s,
        )
