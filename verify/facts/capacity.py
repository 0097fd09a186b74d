# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity of pools: means weighted by size, what a straight line says of 30 days from now, and forecasts on record.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.metrics import metrics
from verify.facts.pools import members

__all__ = ["Point", "Sizes", "forecasts", "highest", "mean", "short_of_history", "sizes", "values"]

# The age of the oldest sample is known to the hour.
_SLACK_S = 3900.0
_WEIGHT = {"cpu": "cpu_count", "memory": "memory_bytes"}


class Point(NamedTuple):
    """What a resource of a host is expected to be used, as a ratio, 30 days from now."""

    host: str
    resource: str
    what: str
    ratio: float


class Sizes(NamedTuple):
    """For how many seconds of a window a pool stood at a size or above it, and for how many it may have, if the hosts
    in ``gone`` belonged to it: they answered in the window and are in the inventory no more."""

    sure_s: float
    possible_s: float
    gone: tuple[str, ...]


def sizes(estate: Estate, pool: Any, size: int, window_s: float) -> Sizes:
    """Count hour by hour which hosts answered, and return how long that were so many of the pool.

    A host that left counts to the pool that names it in ``left``, and to no other one then. Raises `NoEvidence` without
    any history.
    """
    seen = metrics(estate)
    history = seen.series("host_seen_hourly")
    if not history:
        raise NoEvidence("Prometheus does not tell which hosts answered hour by hour.")
    own = {*members(estate, pool), *(pool.get("left") or ())}
    named = {host for one in estate.environment.subjects("pool") for host in one.get("left") or ()}
    known = {*estate.environment.hosts, *estate.environment.excluded, *named, ""}
    hours: dict[float, set[str]] = {}
    for one in history:
        for at, _value in one.points:
            if at > one.end - window_s:
                hours.setdefault(at, set()).add(seen.host_of(one.labels))
    step = history[0].step_s
    sure = sum(len(hosts & own) >= size for hosts in hours.values())
    possible = sum(len((hosts & own) | (hosts - known)) >= size for hosts in hours.values())
    gone = sorted(set().union(*hours.values()) - known - own)
    return Sizes(sure * step, possible * step, tuple(gone))


def values(estate: Estate, pool: Any, query: str) -> tuple[list[float], list[float]]:
    """Return a ratio of each host of the pool, and the host's weight: its number of processors, or its memory.

    Raises `NoEvidence` when any host of the pool has no value: a mean of some of them is no mean.
    """
    seen = metrics(estate)
    weight = _WEIGHT[query.partition("_")[0]]
    rows = [(seen.host(query, host), seen.host(weight, host)) for host in members(estate, pool)]
    return [value for value, _size in rows], [size for _value, size in rows]


def mean(estate: Estate, pool: Any, query: str) -> float:
    """Return the mean of a ratio over the pool's hosts, weighted as `values` says."""
    found, weights = values(estate, pool, query)
    return fmean(found, weights=weights)


def highest(estate: Estate, pool: Any, query: str) -> tuple[str, float]:
    """Return the host of the pool with the highest value, and the value."""
    seen = metrics(estate)
    return max(((host, seen.host(query, host)) for host in members(estate, pool)), key=lambda row: row[1])


def short_of_history(estate: Estate, pool: Any, wanted_s: float) -> tuple[str, float] | None:
    """Return the host of the pool whose samples reach back least, when that is less than wanted (by an hour)."""
    host, least = min(
        ((host, metrics(estate).host("history_s", host)) for host in members(estate, pool)), key=lambda row: row[1]
    )
    return (host, least) if least < wanted_s - _SLACK_S else None


def forecasts(estate: Estate, pool: Any) -> Iterator[Point]:
    """Yield what a straight line through the last 30 days expects of each resource of the pool's hosts in 30 days."""
    seen = metrics(estate)
    for host in members(estate, pool):
        for resource, what in (("cpu", "the processor use"), ("memory", "the memory use")):
            yield Point(host, resource, what, seen.host(f"{resource}_used_ratio_in_30d", host))
        disks = seen.hosts("filesystem_used_ratio_in_30d").get(host, [])
        if not disks:
            raise NoEvidence(f"There is no forecast of any file system of {host}.")
        for sample in disks:
            yield Point(host, "disk", f"the space used on {sample.labels['mountpoint']}", sample.value)
