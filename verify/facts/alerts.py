# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts, as checks read them: what Alertmanager holds now, where it sends alerts, and what fired and was answered.

The history comes from Prometheus (a point a minute), the answers from records: acknowledgements, incidents that name
the alert, and overnight reviews that explain it. A silence is no answer, nor is one from before the alert, nor one that
does not say on which of several hosts.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.alert_routes import all_match, inhibiting, parse_config, routed
from verify.facts.instants import epoch
from verify.facts.metrics import Series, metrics
from verify.facts.records import Record, everything

__all__ = ["Active", "Alerts", "Answered", "Episode", "Silence", "alerts"]

SUBJECT = "alertmanager"
# Clocks, scrapes and minutes lie between when an alert fired and when a person wrote down that it did.
_TOLERANCE_S = 300.0
_CLOCKS_S = 120.0
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

    @property
    def told(self) -> str:
        """Return the silence in words: what it matches, who made it and why."""
        return f"{', '.join(self.matchers)} by {self.created_by or 'nobody'}: {self.comment or 'no reason'}"


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

    def routes_to(self, labels: Mapping[str, str], *, at_any_time: bool = False) -> list[str]:
        """Return the receivers that an alert with these labels goes to, by Alertmanager's own rules; ``at_any_time``
        leaves out those that are told at times only."""
        return routed(self.config["route"], labels, inherited="", at_any_time=at_any_time)

    def silenced(self, labels: Mapping[str, str]) -> list[str]:
        """Return the silences that swallow an alert with these labels now, as `told` tells them."""
        return [one.told for one in self.silences if one.state == "active" and all_match(one.matchers, labels)]

    def inhibited(self, labels: Mapping[str, str]) -> list[str]:
        """Return the names of the alerts that fire now and keep an alert with these labels from everybody."""
        firing = [one.labels for one in self.active]
        firing += [one.labels for one in metrics(self._estate).pending_or_firing if one.state == "firing"]
        found = inhibiting(self.config, labels, firing)
        return sorted({str(one.get("alertname")) for one in found})

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
        said = _Answers(self._estate, fired)
        return [said.of(episode) for episode in fired]


class _Answers:
    """What records say of alerts."""

    def __init__(self, estate: Estate, fired: Sequence[Episode]) -> None:
        self._fired = fired
        self.acknowledgements = everything(estate, "alert_acknowledgement")
        self.incidents = everything(estate, "incident")
        self.reviews = [row for review in everything(estate, "overnight_review") for row in review.alerts or ()]

    def of(self, episode: Episode) -> Answered:
        """Return what was said of one episode: the acknowledgement first, else the incident, else the review."""
        for one in self.acknowledgements:
            if self._is_answer_to(one, episode):
                who = one.acknowledged_by or (one.by if one.acknowledged else None)
                return Answered(episode, one.delivered, one.acknowledged, who, one.explanation, one.incident)
        explained = next((row for row in self.reviews if row.alert == episode.name and _near(row.fired, episode)), None)
        why = explained.explanation if explained else None
        for one in self.incidents:
            if self._holds(one, episode):
                taken = one.acknowledged if _after(one.acknowledged, episode) else None
                return Answered(episode, None, taken, one.acknowledged_by, why or one.title, one.id)
        named = explained.incident if explained else None
        return Answered(episode, None, None, None, why, named)

    def _is_answer_to(self, one: Record, episode: Episode) -> bool:
        def fits(other: Episode) -> bool:
            return one.alert == other.name and _same(one.labels, other.labels) and _near(one.fired, other)

        return (
            fits(episode) and self._one_host(fits) and (one.acknowledged is None or _after(one.acknowledged, episode))
        )

    def _holds(self, incident: Record, episode: Episode) -> bool:
        """Return whether an alert belongs to an incident: by its name, its time, and its host where it has one."""

        def fits(other: Episode) -> bool:
            named = not incident.hosts or "host" not in other.labels or other.labels["host"] in incident.hosts
            return (
                named
                and other.name in (incident.alerts or ())
                and other.name == episode.name
                and _overlaps(incident, other)
            )

        return fits(episode) and (bool(incident.hosts) or self._one_host(fits))

    def _one_host(self, fits: Callable[[Episode], bool]) -> bool:
        """Return whether all that an answer fits fired on one host: an answer that does not say which answers none."""
        return len({one.labels.get("host") or one.labels.get("instance") for one in self._fired if fits(one)}) == 1


def _after(acknowledged: float | None, episode: Episode) -> bool:
    """Return whether an answer came when the alert had begun to fire, but for the difference of clocks."""
    return acknowledged is not None and acknowledged >= episode.started - _CLOCKS_S


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
    value = str(matcher["value"]).replace("\\", "\\\\").replace('"', '\\"')
    return f'{matcher["name"]}{sign}"{value}"'
