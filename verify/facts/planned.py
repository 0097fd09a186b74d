# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned downtime: probes that failed while an approved change was made in the maintenance window that it belongs to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import DAY_S
from verify.facts.metrics import Metrics, Series
from verify.facts.plans import opened, was_approved
from verify.facts.records import everything

__all__ = ["failed_in", "planned"]

_MINUTE_S = 60.0


def planned(estate: Estate, service: str, longest_s: float) -> list[tuple[float, float]]:
    """Return the times in which a service was allowed to be down, in seconds since the epoch.

    Each is that of a change which names the service, was approved before, and is no emergency, inside of a maintenance
    window on record; window and change name each other, by one side at least. A window longer than *longest_s* is none.
    Records that cannot be read allow nothing.
    """
    try:
        windows, changes = everything(estate, "window"), everything(estate, "change")
    except NoEvidence:
        return []
    windows = [one for one in windows if one.kind == "maintenance" and one.end - one.start <= longest_s]
    windows = [one for one in windows if not one.services or service in one.services]
    changes = [one for one in changes if one.kind != "emergency" and service in (one.services or ())]
    found = []
    for change in filter(was_approved, changes):
        begin, end = opened(change, estate.now)
        own = [one for one in windows if change.window == one.id or change.id in (one.changes or ())]
        found += [(max(begin, one.start, one.at), min(end, one.end)) for one in own]
    return [(begin, end) for begin, end in found if begin < end]


def failed_in(metrics: Metrics, instance: str, days: int, spans: Collection[tuple[float, float]]) -> int:
    """Return how many failed samples of a probe lie in these times at least, over so many days until now.

    Failures are counted by the day and known by the minute, so of a day that had others too only those count that the
    others cannot have been.
    """
    if not spans:
        return 0
    most_a_minute = math.floor(_MINUTE_S / metrics.interval_s(instance)) + 1
    minutes = [at for one in _own(metrics, "probe_down", instance) for at, _value in one.points]
    seen = {at: value for one in _own(metrics, "probe_seen_daily", instance) for at, value in one.points}
    total = 0.0
    for one in _own(metrics, "probe_up_daily", instance):
        for at, up in one.points:
            if at > one.end - days * DAY_S and at in seen:
                day = [minute for minute in minutes if at - DAY_S < minute <= at]
                inside = sum(
                    any(begin <= minute - _MINUTE_S and minute <= end for begin, end in spans) for minute in day
                )
                failed = max(0.0, seen[at] - up)
                sure = failed - (len(day) - inside) * most_a_minute
                total += min(failed, max(float(inside), sure)) if inside else 0.0
    return math.floor(total)


def _own(metrics: Metrics, name: str, instance: str) -> list[Series]:
    return [one for one in metrics.series(name) if one.labels.get("instance") == instance]
