# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus said, as checks read it: vectors, series, targets, rules, and the figures that rest on them.

A question that found nothing gives an empty vector, which is a fact; `Metrics.one` and `Metrics.host` raise for it,
because a check that needs a value has none, and so do `Metrics.some` and `Metrics.total`, because nobody counted.
Values that are not finite count as missing there too.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import DAY_S, epoch, epoch_or_none

__all__ = ["Alert", "Metrics", "Rule", "Sample", "Series", "Target", "metrics", "parse_series", "parse_vector"]

SUBJECT = "prometheus"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S, "y": 365 * DAY_S}


class Sample(NamedTuple):
    """One value with its labels and its instant."""

    labels: Mapping[str, str]
    value: float
    at: float


class Series(NamedTuple):
    """The values ``(instant, value)`` of one set of labels in a window asked every ``step_s`` seconds."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    start: float
    end: float
    step_s: float


class Target(NamedTuple):
    """Something that is scraped."""

    job: str
    instance: str
    host: str
    health: str
    error: str
    last_scrape: float
    interval_s: float
    labels: Mapping[str, str]

    @property
    def up(self) -> bool:
        """Return whether its last scrape succeeded."""
        return self.health == "up"


class Rule(NamedTuple):
    """A rule: ``kind`` is alerting or recording, ``for_s`` how long it waits, ``interval_s`` how often it is asked."""

    group: str
    name: str
    kind: str
    expr: str
    for_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    health: str
    error: str
    state: str
    last_evaluation: float | None
    interval_s: float


class Alert(NamedTuple):
    """An alert that Prometheus holds now: pending or firing."""

    name: str
    state: str
    labels: Mapping[str, str]
    since: float | None


class Metrics:
    """Everything that one Prometheus said."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        settings = (estate.declared("verify_sources") or {}).get(SUBJECT) or {}
        self.host_label = str(settings.get("host_label") or "host")

    def vector(self, name: str) -> tuple[Sample, ...]:
        """Return the answer to a question that asks for one instant."""
        return self._estate.read(SUBJECT, f"query:{name}", parse_vector)

    def series(self, name: str) -> tuple[Series, ...]:
        """Return the answer to a question that asks for a window."""
        return self._estate.read(SUBJECT, f"query:{name}", parse_series)

    def one(self, name: str, **labels: str) -> float:
        """Return the one finite value with these labels; `NoEvidence` when there is none, or several."""
        found = [
            sample
            for sample in self.vector(name)
            if all(sample.labels.get(key) == wanted for key, wanted in labels.items())
        ]
        told = f" with {', '.join(f'{key}={wanted}' for key, wanted in labels.items())}" if labels else ""
        if len(found) != 1:
            raise NoEvidence(f"Prometheus has {len(found) or 'no'} values of {name}{told}; one is needed.")
        if not math.isfinite(found[0].value):
            raise NoEvidence(f"Prometheus' value of {name}{told} is {found[0].value}.")
        return found[0].value

    def some(self, name: str) -> tuple[Sample, ...]:
        """Return the answer to a question as `vector`; `NoEvidence` when it is empty, or a value is not finite.

        For whatever is counted or summed up: without a series nobody counted, which is not a count of 0.
        """
        found = self.vector(name)
        if not found:
            raise NoEvidence(f"Prometheus has no series of {name}, so nothing says that it is 0.")
        if not all(math.isfinite(sample.value) for sample in found):
            raise NoEvidence(f"Prometheus' values of {name} are not all numbers.")
        return found

    def total(self, name: str) -> float:
        """Return the sum over all series of a question; `NoEvidence` when there is none."""
        return sum(sample.value for sample in self.some(name))

    def host_of(self, labels: Mapping[str, str]) -> str:
        """Return the host that labels name; of a label such as ``db1:9100`` the part before the port."""
        said = labels.get(self.host_label) or ""
        return re.sub(r":\d+$", "", said) if self.host_label == "instance" else said

    def hosts(self, name: str) -> dict[str, list[Sample]]:
        """Return the samples of a question by host."""
        found: dict[str, list[Sample]] = {}
        for sample in self.vector(name):
            found.setdefault(self.host_of(sample.labels), []).append(sample)
        return found

    def host(self, name: str, host: str) -> float:
        """Return the one finite value of a host; `NoEvidence` when there is none, or several."""
        found = self.hosts(name).get(host, [])
        if len(found) != 1 or not math.isfinite(found[0].value):
            raise NoEvidence(f"Prometheus has no value of {name} for {host}.")
        return found[0].value

    def of_host(self, name: str, host: str) -> list[Sample]:
        """Return all samples of a host, one a device or mount; `NoEvidence` when there is none, or one not finite."""
        found = self.hosts(name).get(host, [])
        if not found or not all(math.isfinite(sample.value) for sample in found):
            raise NoEvidence(f"Prometheus has no values of {name} for {host}.")
        return found

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return what is scraped."""
        rows = self._estate.read(SUBJECT, "targets", parse_targets)
        return tuple(row._replace(host=self.host_of(row.labels)) for row in rows)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return the loaded rules."""
        return self._estate.read(SUBJECT, "rules", parse_rules)

    @property
    def pending_or_firing(self) -> tuple[Alert, ...]:
        """Return the alerts that Prometheus holds now."""
        return self._estate.read(SUBJECT, "alerts", parse_alerts)

    @property
    def external_labels(self) -> Mapping[str, str]:
        """Return the labels that the server adds to each alert it sends."""
        found: Mapping[str, str] = self._estate.json(SUBJECT, "labels")
        return found

    @property
    def flags(self) -> Mapping[str, str]:
        """Return the command line of the server."""
        found: Mapping[str, str] = self._estate.json(SUBJECT, "flags")
        return found

    @property
    def runtime(self) -> Mapping[str, Any]:
        """Return what the server says of its run."""
        found: Mapping[str, Any] = self._estate.json(SUBJECT, "runtimeinfo")
        return found

    @property
    def config_ok(self) -> bool:
        """Return whether the last load of the configuration succeeded."""
        return self.runtime["reloadConfigSuccess"] is True

    @property
    def corruptions(self) -> int:
        """Return how often the server found its own data damaged since it started."""
        return int(self.runtime["corruptionCount"])

    @property
    def retention_s(self) -> float:
        """Return how long samples are kept by time; `NoEvidence` where only a size bounds them."""
        said = str(self.runtime["storageRetention"]).partition(" or ")[0]
        try:
            return duration(said)
        except ValueError as exc:
            raise NoEvidence(f"Prometheus keeps samples for {said!r}, which is no time.") from exc

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return str(self._estate.json(SUBJECT, "buildinfo")["version"])

    @property
    def alertmanagers(self) -> tuple[str, ...]:
        """Return the addresses of the Alertmanagers that alerts are sent to."""
        return tuple(row["url"] for row in self._estate.json(SUBJECT, "alertmanagers")["activeAlertmanagers"])

    @property
    def clock_offset_s(self) -> float:
        """Return by how much the server's clock is ahead of the controller's."""
        return float(self._estate.json(SUBJECT, "clock")["offset_s"])

    def interval_s(self, instance: str) -> float:
        """Return how far apart the probes of an instance are; `NoEvidence` when nothing probes it."""
        found = [target.interval_s for target in self.targets if target.labels.get("instance") == instance]
        if not found:
            raise NoEvidence(f"Nothing probes {instance}.")
        return min(found)

    def uptime(
        self, instance: str, days: int, *, target: float = 0.999, coverage_floor: float = 0.99, excused: int = 0
    ) -> _kpi.Kpi:
        """Return the availability of a probed instance over so many days until now, without ``excused`` failures."""
        up, seen = (self._sum(f"probe_{what}_daily", instance, days) for what in ("up", "seen"))
        expected = math.floor(days * DAY_S / self.interval_s(instance))
        left_out = min(excused, max(0, expected - up))
        return _kpi.uptime(up, seen, expected, target=target, coverage_floor=coverage_floor, excused=left_out)

    def _sum(self, name: str, instance: str, days: int) -> int:
        found = [one for one in self.series(name) if one.labels.get("instance") == instance]
        return round(sum(value for one in found for at, value in one.points if at > one.end - days * DAY_S))

    def outages(self, instance: str, days: int, *, gap_s: float = 60.0) -> list[_kpi.Outage]:
        """Return when a probed instance did not answer in so many days, to the minute."""
        points = []
        step = 60.0
        for one in self.series("probe_down"):
            if one.labels.get("instance") == instance:
                step = one.step_s
                points += [point for point in one.points if point[0] > one.end - days * DAY_S]
        # Probes that are further apart than a minute leave holes in one outage.
        return _kpi.outages(points, step_s=step, gap_s=max(gap_s, self.interval_s(instance)))


def metrics(estate: Estate) -> Metrics:
    """Return what Prometheus said."""
    return Metrics(estate)


def parse_vector(text: str) -> tuple[Sample, ...]:
    """Read the fact of a question for one instant."""
    return tuple(Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in _rows(text))


def parse_series(text: str) -> tuple[Series, ...]:
    """Read the fact of a question for a window, with every point or condensed to runs of equal values."""
    body = json.loads(text)
    start, end, step = float(body["start"]), float(body["end"]), float(body["step"])
    return tuple(Series(row["metric"], tuple(_points(row, step)), start, end, step) for row in body["result"])


def _points(row: Mapping[str, Any], step: float) -> list[tuple[float, float]]:
    if "values" in row:
        return [(float(at), float(value)) for at, value in row["values"]]
    points = []
    for first, last, value in row["runs"]:
        number = float(value)
        points += [(float(first + index * step), number) for index in range(round((last - first) / step) + 1)]
    return points


def _rows(text: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = json.loads(text)["result"]
    return rows


def parse_targets(text: str) -> tuple[Target, ...]:
    """Read the fact ``targets``."""
    return tuple(
        Target(
            job=row["labels"].get("job", row["scrapePool"]),
            instance=row["labels"].get("instance", ""),
            host="",
            health=row["health"],
            error=row["lastError"],
            last_scrape=epoch(row["lastScrape"]),
            interval_s=duration(row["scrapeInterval"]),
            labels=row["labels"],
        )
        for row in json.loads(text)["activeTargets"]
    )


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read the fact ``rules``."""
    return tuple(
        Rule(
            group=group["name"],
            name=row["name"],
            kind=row["type"],
            expr=row["query"],
            for_s=float(row.get("duration", 0)),
            labels=row.get("labels") or {},
            annotations=row.get("annotations") or {},
            health=row["health"],
            error=row.get("lastError") or "",
            state=row.get("state") or "",
            last_evaluation=epoch_or_none(row.get("lastEvaluation")),
            interval_s=float(group.get("interval", 0)),
        )
        for group in json.loads(text)["groups"]
        for row in group["rules"]
    )


def parse_alerts(text: str) -> tuple[Alert, ...]:
    """Read the fact ``alerts`` of Prometheus."""
    return tuple(
        Alert(row["labels"]["alertname"], row["state"], row["labels"], epoch_or_none(row.get("activeAt")))
        for row in json.loads(text)["alerts"]
    )


def duration(text: str) -> float:
    """Return a duration of Prometheus, such as ``1m30s``, in seconds. Raises ValueError for anything else."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))
