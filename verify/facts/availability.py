# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability of services: probes against the bounds of an item, outages, and the incidents that explain them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import (
    Kpi,
    Outage,
    Span,
    consistency,
    mtbf,
    mttr,
)
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.metrics import metrics
from verify.facts.planned import failed_in, planned
from verify.facts.records import Record, everything
from verify.facts.registers import register

__all__ = [
    "WHOLE",
    "available",
    "failures",
    "implied",
    "in_window",
    "incidents_of",
    "observed_s",
    "outages_of",
    "probe_step_s",
    "seen_of",
    "unexplained",
]

_SLACK_S = 300.0
WHOLE = 0.9
"""The share of a window from which on it counts as watched."""


def probe_of(service: Any) -> str:
    """Return the probe of a service, as Prometheus labels it; `NoEvidence` when it declares none."""
    found = service.get("probe")
    if not found:
        raise NoEvidence(f"The service {service.name} declares no probe; name its instance label in verify_services.")
    return str(found)


def probe_step_s(estate: Estate, service: Any) -> float:
    """Return how far apart the probes of a service are, in seconds; `NoEvidence` when nothing probes it."""
    return metrics(estate).interval_s(probe_of(service))


def available(estate: Estate, service: Any, bounds: Any) -> Kpi:
    """Return the availability of a service over the window of an item, judged by the item's bounds.

    The target is missed when it is out of reach even if every missing sample was up, and met only when it is reached
    although every missing one was down. Planned downtime (`planned`) is left out; the figure says what it is with it.
    """
    days, probe = round(bounds.window_s / 86400), probe_of(service)
    known = metrics(estate)
    excused = failed_in(known, probe, days, planned(estate, service.name, bounds.window_max_s))
    return known.uptime(probe, days, target=bounds.min_ratio, coverage_floor=bounds.coverage_min_ratio, excused=excused)


def seen_of(kpi: Kpi) -> dict[str, float | None]:
    """Return what can be claimed of an availability: what it is at least and at most, and which share was seen; and
    what it is at least with the planned downtime, where there was any."""
    low, high = kpi.interval or (None, None)
    found = {"at_least": low, "at_most": high, "seen": kpi.coverage}
    return {**found, "with_planned_downtime": kpi.parts["strict"]} if kpi.parts.get("excused") else found


def outages_of(estate: Estate, service: Any, window_s: float) -> list[Outage]:
    """Return the outages of a service that its probe saw in the window."""
    return list(metrics(estate).outages(probe_of(service), round(window_s / 86400)))


def observed_s(estate: Estate, service: Any, window_s: float) -> float:
    """Return for how many seconds of the window the service was probed."""
    kpi = metrics(estate).uptime(probe_of(service), round(window_s / 86400))
    return window_s * (kpi.coverage or 0.0)


def incidents_of(incidents: Iterable[Record], service: str) -> list[Record]:
    """Return the incidents in which clients missed a service."""
    return [incident for incident in incidents if service in (incident.services or ())]


def unexplained(estate: Estate, service: Any, *, window_s: float, least_s: float) -> tuple[list[Outage], int]:
    """Return the outages of at least so many seconds that no incident or maintenance window of the service covers, and
    how many outages of that length there were. A window explains nothing from before it was put on record."""
    found = [one for one in outages_of(estate, service, window_s) if one.seconds >= least_s]
    if not found:
        return [], 0
    spans = [
        (incident.impact_start, incident.restored)
        for incident in incidents_of(everything(estate, "incident"), service.name)
    ]
    spans += [
        (max(window.start, window.at), window.end)
        for window in everything(estate, "window")
        if window.kind == "maintenance" and (not window.services or service.name in window.services)
    ]
    return [one for one in found if not any(_covers(start, end, one) for start, end in spans)], len(found)


def _covers(start: float, end: float | None, outage: Outage) -> bool:
    return start - _SLACK_S <= outage.start and (end is None or end + _SLACK_S >= outage.end)


def in_window(estate: Estate, service: Any, window_s: float) -> list[Span]:
    """Return the times in which clients missed a service, by the register of incidents, that began in the window."""
    since = estate.now - window_s
    found = incidents_of(register(estate, "incident"), service.name)
    return [Span(one.impact_start, one.restored, one.id) for one in found if one.impact_start >= since]


def failures(estate: Estate, service: Any, *, window_s: float, target_s: float) -> Kpi:
    """Return the mean time between failures of a service, over the time in which it was probed and up.

    Probes see some failures and people others, so the larger of both counts is taken; that of people only where the
    probes watched nearly all of the window, because a failure counts for the time in which it was looked for.
    """
    seen, told = outages_of(estate, service, window_s), in_window(estate, service, window_s)
    watched_s = observed_s(estate, service, window_s)
    up_s = max(0.0, watched_s - sum(one.seconds for one in seen))
    count = max(len(seen), len(told)) if watched_s >= WHOLE * window_s else len(seen)
    return mtbf(up_s, count, target_s=target_s)


def implied(estate: Estate, service: Any, *, window_s: float, target: float) -> Kpi | None:
    """Return the availability that the incidents of a service amount to, MTBF / (MTBF + MTTR); None without any.

    It is independent of the probes: they and the register have to tell the same.
    """
    spans = in_window(estate, service, window_s)
    if not spans:
        return None
    recovery = mttr(spans, now=estate.now)
    lost_s = (recovery.value or 0.0) * len(spans)
    between_s = max(1.0, window_s - lost_s) / len(spans)
    return consistency(availability=target, mtbf_s=between_s, mttr_s=recovery.value or 0.0)
