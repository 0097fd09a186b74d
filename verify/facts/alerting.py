# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts as a history that can be judged: whether anybody watched, and how long people and mending took.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, expect, unknown
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.metrics import metrics
from verify.facts.verdicts import percent, span

__all__ = ["PRIORITY", "SEVERITIES", "answered", "history_s", "left_out", "seen_ratio", "watched"]

PRIORITY = {"critical": "critical", "page": "critical", "high": "high", "warning": "high", "error": "high"}
"""Severity label of an alert -> priority of the guide. The usual pair of Alertmanager is critical and warning."""
SEVERITIES = frozenset((*PRIORITY, "medium", "low", "info", "notice", "none"))
"""Severities that are known, the ones without a bound among them."""

_COVERED = 0.99
# What is looked at every few seconds is late after a minute: the answer and the clocks take their part.
_ANSWER_S = 60.0
# The age of the oldest sample is known to the hour.
_SLACK_S = 3900.0


def watched(estate: Estate, window_s: float) -> Iterator[Said]:
    """Say whether alerts could fire during the whole window before now: rules, their evaluation, and the history.

    "No alert" means something only when Prometheus evaluated rules and was there all the time.
    """
    rules = [rule for rule in metrics(estate).rules if rule.kind == "alerting"]
    yield expect(rules, "Prometheus has alerting rules", observed=len(rules), expected="1 or more")
    ill = [f"{rule.name}: {rule.error or rule.health}" for rule in rules if rule.health != "ok"]
    yield expect(not ill, f"each of the {len(rules)} alerting rules is evaluated without error", observed=ill)
    reach = history_s(estate)
    if reach < window_s - _SLACK_S:
        yield unknown(
            f"the history of alerts reaches back {span(reach)} of the {span(window_s)} that are looked at",
            observed=reach,
        )
        return
    seen = seen_ratio(estate, window_s)
    if seen is None:
        yield unknown(f"no probe shows that Prometheus was there during the last {span(window_s)}")
    elif seen < _COVERED:
        yield unknown(
            f"Prometheus was there for {percent(seen)} of the last {span(window_s)}; what fired meanwhile is not known",
            observed=seen,
        )


def left_out(estate: Estate, most: int) -> list[str]:
    """Return the targets and rules that were not looked at for more than so many of their intervals, as it was when
    Prometheus told of them, by its own clock."""
    seen = metrics(estate)

    def late(fact: str, last: float | None, interval_s: float) -> bool:
        now = estate.fact("prometheus", fact).collected + seen.clock_offset_s
        return last is None or now - last > max(most * interval_s, _ANSWER_S)

    found = [f"{one.job} {one.instance}" for one in seen.targets if late("targets", one.last_scrape, one.interval_s)]
    return found + [one.name for one in seen.rules if late("rules", one.last_evaluation, one.interval_s)]


ASKED_S = 30 * 86400.0
"""How far back Prometheus is asked for alerts, in seconds."""


def history_s(estate: Estate) -> float:
    """Return how far back Prometheus' samples reach, in seconds (it looks back 30 days at most)."""
    samples = metrics(estate).vector("history_s")
    return max((sample.value for sample in samples), default=0.0)


def seen_ratio(estate: Estate, window_s: float) -> float | None:
    """Return for which share of the window Prometheus has samples of the best known probe; None without any probe."""
    days = max(1, round(window_s / 86400))
    found = []
    for service in estate.environment.subjects("service"):
        probe = service.get("probe")
        if probe:
            try:
                coverage = metrics(estate).uptime(probe, days).coverage
            except NoEvidence:
                # A probe that is not there any more is another control's finding.
                continue
            found.append(coverage if coverage is not None else 0.0)
    return max(found, default=None)


def answered(one: Any, within_s: float) -> bool:
    """Return whether a person acknowledged an alert within so many seconds after it fired."""
    return one.acknowledged is not None and one.acknowledged - one.episode.started <= within_s
