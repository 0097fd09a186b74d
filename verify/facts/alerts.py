# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts, as checks read them: what Alertmanager holds now, where it sends alerts, and what fired and was answered.

The history comes from Prometheus (a point a minute), the answers from records: acknowledgements, incidents that name
the alert, and overnight reviews that explain it. A silence is no answer.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import epoch
from verify.facts.metrics import Series, metrics
from verify.facts.records import Record, everything

__all__ = ["Active", "Alerts", "Answered", "Episode", "Silence", "alerts"]

SUBJECT = "alertmanager"
# Clocks, scrapes and minutes lie between when an alert fired and when a person wrote down that it did.
_TOLERANCE_S = 300.0
_MATCHER = re.compile(r'^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|(.*?))\s*$', re.DOTALL)
_OWN_LABELS = ("__name__", "alertname", "alertstate")


class Active(NamedTuple):
    """An alert that Alertmanager holds. ``state`` is active, suppressed or unprocessed."""

    name: str
    severity: str
    labels: Mapping[str, str]
    started: float
    updated: float
    state: str
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...]
    fingerprint: str


class Silence(NamedTuple):
    """A silence. ``state`` is active, pending or expired."""

    id: str
    state: str
    matchers: tuple[str, ...]
    starts: float
    ends: float
    created_by: str
    comment: str


class Episode(NamedTuple):
    """An alert from when it began to fire until it ended (None: it fires still), to the minute."""

    name: str
    severity: str
    labels: Mapping[str, str]
    started: float
    ended: float | None


class Answered(NamedTuple):
    """An episode and what people said of it; None where nobody did."""

    episode: Episode
    delivered: float | None
    acknowledged: float | None
    by: str | None
    explanation: str | None
    incident: str | None


class Alerts:
    """The alerts of the environment."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    @property
    def held(self) -> tuple[Active, ...]:
        """Return every alert that Alertmanager holds, suppressed ones too."""
        return self._estate.read(SUBJECT, "alerts", parse_alerts)

    @property
    def active(self) -> tuple[Active, ...]:
        """Return the alerts that nothing suppresses."""
        return tuple(one for one in self.held if one.state == "active")

    @property
    def suppressed(self) -> tuple[Active, ...]:
        """Return the alerts that are silenced, inhibited or muted."""
        return tuple(one for one in self.held if one.state == "suppressed")

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Return the silences that are not over."""
        found = self._estate.read(SUBJECT, "silences", parse_silences)
        return tuple(one for one in found if one.state != "expired")

    @property
    def receivers(self) -> tuple[str, ...]:
        """Return the names of the receivers."""
        return tuple(row["name"] for row in self._estate.json(SUBJECT, "receivers"))

    @property
    def status(self) -> Mapping[str, Any]:
        """Return what Alertmanager says of itself."""
        found: Mapping[str, Any] = self._estate.json(SUBJECT, "status")
        return found

    @property
    def config(self) -> Mapping[str, Any]:
        """Return the configuration in force."""
        return self._estate.read(SUBJECT, "status", parse_config)

    def routes_to(self, labels: Mapping[str, str]) -> list[str]:
        """Return the receivers that an alert with these labels goes to, by Alertmanager's own rules."""
        return _routed(self.config["route"], labels, inherited="")

    def tells(self, receiver: str) -> bool:
        """Return whether a receiver has any way to tell somebody; one without sends nothing to nobody."""
        rows = [row for row in self.config.get("receivers") or () if row["name"] == receiver]
        return any(value for row in rows for key, value in row.items() if key.endswith("_configs"))

    def episodes(self, since: float, until: float | None = None) -> list[Episode]:
        """Return what fired at any time between two instants (until now), the oldest first.

        Raises `NoEvidence` when the history does not reach back to ``since``.
        """
        found = [one for series in metrics(self._estate).series("alerts_firing") for one in episodes_of(series)]
        start = min((series.start for series in metrics(self._estate).series("alerts_firing")), default=since)
        if since < start - 120:
            raise NoEvidence(f"The history of alerts was asked for {start - since:.0f} s less than is needed.")
        found += self._begun_just_now(found)
        last = self._estate.now if until is None else until
        wanted = [one for one in found if one.started <= last and (one.ended is None or one.ended > since)]
        return sorted(wanted, key=lambda one: (one.started, one.name))

    def _begun_just_now(self, known: list[Episode]) -> list[Episode]:
        """Return the alerts that fire now and began after the last point of the history."""
        open_now = {(one.name, tuple(sorted(one.labels.items()))) for one in known if one.ended is None}
        found = []
        for alert in metrics(self._estate).pending_or_firing:
            labels = {key: value for key, value in alert.labels.items() if key not in _OWN_LABELS}
            severity = labels.get("severity", "")
            if alert.state != "firing" or severity == "none" or alert.since is None:
                continue
            if (alert.name, tuple(sorted(labels.items()))) not in open_now:
                found.append(Episode(alert.name, severity, labels, alert.since, None))
        return found

    def answers(self, since: float, until: float | None = None) -> list[Answered]:
        """Return each episode between two instants with what people said of it.

        Raises `NoEvidence` when history or records cannot be read.
        """
        fired = self.episodes(since, until)
        said = _Answers(self._estate)
        return [said.of(episode) for episode in fired]


class _Answers:
    """What records say of alerts."""

    def __init__(self, estate: Estate) -> None:
        self.acknowledgements = everything(estate, "alert_acknowledgement")
        self.incidents = everything(estate, "incident")
        self.reviews = [row for review in everything(estate, "overnight_review") for row in review.alerts or ()]

    def of(self, episode: Episode) -> Answered:
        """Return what was said of one episode: the acknowledgement first, else the incident, else the review."""
        for one in self.acknowledgements:
            if one.alert == episode.name and _same(one.labels, episode.labels) and _near(one.fired, episode):
                who = one.acknowledged_by or (one.by if one.acknowledged else None)
                return Answered(episode, one.delivered, one.acknowledged, who, one.explanation, one.incident)
        explained = next((row for row in self.reviews if row.alert == episode.name and _near(row.fired, episode)), None)
        why = explained.explanation if explained else None
        for one in self.incidents:
            if episode.name in (one.alerts or ()) and _overlaps(one, episode):
                return Answered(episode, None, one.acknowledged, one.acknowledged_by, why or one.title, one.id)
        named = explained.incident if explained else None
        return Answered(episode, None, None, None, why, named)


def _same(wanted: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in (wanted or {}).items())


def _near(fired: float, episode: Episode) -> bool:
    """Return whether an instant lies within an episode, give or take five minutes."""
    ended = episode.ended if episode.ended is not None else float("inf")
    return episode.started - _TOLERANCE_S <= fired <= ended + _TOLERANCE_S


def _overlaps(incident: Record, episode: Episode) -> bool:
    begun = min(one for one in (incident.impact_start, incident.detected) if one is not None)
    over = incident.restored if incident.restored is not None else float("inf")
    ended = episode.ended if episode.ended is not None else float("inf")
    return begun - _TOLERANCE_S <= ended and episode.started <= over + _TOLERANCE_S


def alerts(estate: Estate) -> Alerts:
    """Return the alerts of the environment."""
    return Alerts(estate)


def episodes_of(series: Series) -> list[Episode]:
    """Return the episodes in a series that has a point for each step in which an alert fired."""
    labels = {key: value for key, value in series.labels.items() if key not in _OWN_LABELS}
    name, severity = series.labels["alertname"], series.labels.get("severity", "")
    runs: list[tuple[float, float]] = []
    for at, _value in series.points:
        if runs and at - runs[-1][1] <= series.step_s * 1.5:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    # A point says what happened in the step before it.
    return [
        Episode(name, severity, labels, first - series.step_s, None if last > series.end - series.step_s else last)
        for first, last in runs
    ]


def parse_alerts(text: str) -> tuple[Active, ...]:
    """Read the fact ``alerts`` of Alertmanager."""
    return tuple(
        Active(
            name=row["labels"]["alertname"],
            severity=row["labels"].get("severity", ""),
            labels=row["labels"],
            started=epoch(row["startsAt"]),
            updated=epoch(row["updatedAt"]),
            state=row["status"]["state"],
            receivers=tuple(one["name"] for one in row["receivers"]),
            silenced_by=tuple(row["status"]["silencedBy"]),
            fingerprint=row["fingerprint"],
        )
        for row in json.loads(text)
    )


def parse_silences(text: str) -> tuple[Silence, ...]:
    """Read the fact ``silences``."""
    return tuple(
        Silence(
            id=row["id"],
            state=row["status"]["state"],
            matchers=tuple(_shown(matcher) for matcher in row["matchers"]),
            starts=epoch(row["startsAt"]),
            ends=epoch(row["endsAt"]),
            created_by=row["createdBy"],
            comment=row["comment"],
        )
        for row in json.loads(text)
    )


def _shown(matcher: Mapping[str, Any]) -> str:
    sign = ("=" if matcher.get("isEqual", True) else "!") + ("~" if matcher["isRegex"] else "")
    sign = {"!": "!=", "!~": "!~"}.get(sign, sign)
    return f'{matcher["name"]}{sign}"{matcher["value"]}"'


def parse_config(text: str) -> Mapping[str, Any]:
    """Read the configuration in the fact ``status``; ValueError when it is none."""
    try:
        found = yaml.safe_load(json.loads(text)["config"]["original"])
    except yaml.YAMLError as exc:
        raise ValueError(f"the configuration is no YAML ({exc})") from exc
    if not isinstance(found, Mapping) or "route" not in found:
        raise ValueError("the configuration has no route")
    return found


def _routed(route: Mapping[str, Any], labels: Mapping[str, str], *, inherited: str) -> list[str]:
    """Return the receivers below a route that matches: the first child that matches, and further ones if it says so.

    Source: Prometheus, Alertmanager configuration, section route.
    """
    receiver = str(route.get("receiver") or inherited)
    found: list[str] = []
    for child in route.get("routes") or ():
        if _matches(child, labels):
            found += _routed(child, labels, inherited=receiver)
            if not child.get("continue"):
                break
    return list(dict.fromkeys(found)) or [receiver]


def _matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    plain = all(labels.get(key, "") == str(value) for key, value in (route.get("match") or {}).items())
    expressions = all(_fits(value, labels.get(key, "")) for key, value in (route.get("match_re") or {}).items())
    return plain and expressions and _all_match(route.get("matchers") or (), labels)


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as exc:
        raise ValueError(f"the expression {pattern!r} cannot be read ({exc})") from exc


def _all_match(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    for text in matchers:
        match = _MATCHER.match(text)
        if not match:
            raise ValueError(f"the matcher {text!r} cannot be read")
        name, sign, quoted, bare = match.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        said = labels.get(name, "")
        holds = _fits(value, said) if sign.endswith("~") else said == value
        if holds is sign.startswith("!"):
            return False
    return True
