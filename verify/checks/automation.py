# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AUTOMATION: what heals, foretells and runs by itself, and how often that is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.alerts import alerts
from verify.facts.backups import proved
from verify.facts.documents import playbooks, runbooks
from verify.facts.foresight import certificate_horizon_s, disk_horizon_s, failovers, newest, passed, watches_lag
from verify.facts.metrics import metrics
from verify.facts.records import everything
from verify.facts.verdicts import percent, span

_MONTH = 30 * 86400.0
_HEADINGS = ("diagnos",)


@control("AUTOMATION-01")
def common_failures_heal_by_themselves(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the register of common failures that the environment declares. For each, an exercise put the failure in
    within the last 90 days, and while it lasted the healing rule of the register reports that it healed."""
    register = estate.declared("verify_failures") or []
    reason = estate.environment.empty_reason("failure")
    within = bounds.exercise_max_age_s
    exercises = passed(estate, ["healing"], since=estate.now - within)
    healings = [row for row in everything(estate, "healing") if row.result == "healed"]
    if not register and reason:
        yield not_applicable(f"{estate.name} has no register of common failures: {reason}", observed=len(healings))
        return
    if not register:
        yield unknown("no common failure is declared; list them with their rules in verify_failures")
        return
    for failure in register:
        mine = [row for row in exercises if failure["name"] in (row.name, row.fault)]
        claim = f"the failure {failure['name']} was put in on purpose within {span(within)}"
        yield expect(mine, claim, observed=newest(mine, "ended"), expected="an exercise that passed")
        if mine:
            last = mine[-1]
            healed = [
                row.id
                for row in healings
                if row.rule == failure["rule"] and last.started <= row.started and row.ended <= last.ended
            ]
            claim = f"the rule {failure['rule']} healed {failure['name']} in the exercise {last.id}"
            yield expect(healed, claim, observed=healed, expected="1 or more")


@control("AUTOMATION-01", "rules")
def every_healing_rule_has_its_alert(estate: Any) -> Iterator[Said]:
    """Take the alerts that the register of common failures names: Prometheus has a rule for each, which is evaluated
    without error, so that healing has something to begin with."""
    declared = estate.declared("verify_failures") or []
    register = [row for row in declared if row.get("alert")]
    rules = {rule.name: rule for rule in metrics(estate).rules if rule.kind == "alerting"}
    yield expect(rules, "Prometheus has alerting rules", observed=len(rules), expected="1 or more")
    for failure in register:
        rule = rules.get(failure["alert"])
        claim = f"the alert {failure['alert']} of {failure['name']} has a rule that is evaluated"
        yield expect(rule is not None and rule.health == "ok", claim, observed=rule and rule.health, expected="ok")
    if not declared and not estate.environment.empty_reason("failure"):
        yield unknown("no common failure is declared; list them with their rules and alerts in verify_failures")
    elif not register:
        yield not_applicable("no failure of the register is told of by an alert", observed=len(rules))


@control("AUTOMATION-02", "disk")
def a_full_disk_is_foretold(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the rule that draws a line through the space left on file systems, far enough ahead, and proof that it
    fires: an exercise of the last 90 days, or a real alert of the last 30."""
    yield from _foretold(
        estate, bounds, "a file system that fills", lambda expr: (disk_horizon_s(expr) or 0) >= bounds.disk_horizon_s
    )


@control("AUTOMATION-02", "certificate")
def the_end_of_a_certificate_is_foretold(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the rule that tells of a certificate's end, long enough before it, and proof that it fires."""
    yield from _foretold(
        estate,
        bounds,
        "a certificate that ends",
        lambda expr: (certificate_horizon_s(expr) or 0) >= bounds.certificate_horizon_s,
    )


@control("AUTOMATION-02", "replication")
def a_standby_that_falls_behind_is_foretold(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the rule that tells of a standby that falls behind, and proof that it fires."""
    yield from _foretold(estate, bounds, "a standby that falls behind", watches_lag)


def _foretold(estate: Any, bounds: Any, what: str, tells: Callable[[str], bool]) -> Iterator[Said]:
    known = [rule for rule in metrics(estate).rules if rule.kind == "alerting"]
    yield expect(known, "Prometheus has alerting rules", observed=len(known), expected="1 or more")
    found = {rule.name: rule.health for rule in known if tells(rule.expr)}
    well = sorted(name for name, health in found.items() if health == "ok")
    yield expect(well, f"a rule tells early of {what}, and is evaluated", observed=found, expected="1 or more")
    if not well:
        return
    since = estate.now - bounds.exercise_max_age_s
    tried = [row.id for row in passed(estate, ["predictive_rule"], since=since) if _is_of(row, well)]
    fired = [one.name for one in alerts(estate).episodes(estate.now - _MONTH) if one.name in well]
    claim = f"the rule that tells of {what} was made to fire within {span(bounds.exercise_max_age_s)}, or fired"
    yield expect(tried or fired, claim, observed=[*tried, *fired], expected=well)


def _is_of(row: Any, names: list[str]) -> bool:
    """Return whether an exercise was of one of some rules."""
    return row.name in names or row.alert in names


@control("AUTOMATION-03")
def diagnosis_can_be_run(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every runbook: it has a section on diagnosis, and in it a playbook to run that exists in a repository of
    infrastructure code."""
    pages = runbooks(estate)
    known = playbooks(estate)
    without = []
    for page in pages:
        commands = page.commands_of(_HEADINGS) or ()
        named = [PurePosixPath(one).name for command in commands for one in command.playbooks]
        if not any(name in known for name in named):
            without.append(f"{page.path}: {', '.join(named) or 'no playbook under a heading of diagnosis'}")
    ratio = 1 - len(without) / len(pages)
    yield expect(
        ratio >= bounds.min_ratio,
        f"the diagnosis of {percent(bounds.min_ratio)} of {len(pages)} runbooks is a playbook that exists",
        observed=without,
        expected=[],
    )


@control("AUTOMATION-04", "alerting")
def the_path_of_alerts_is_tried(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the newest exercise in which an alert was sent all the way to a person, on record as passed."""
    yield _tried(estate, "the path of alerts", _ended(estate, "alert_path", "page"), bounds.alerting_max_age_s)


@control("AUTOMATION-04", "restore")
def restoring_is_tried(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the newest restore test whose checks all held."""
    tests = [float(row.ended) for row in _restore_tests(estate) if row.ended <= estate.now]
    tests += _ended(estate, "restore")
    yield _tried(estate, "restoring", tests, bounds.restore_max_age_s)


@control("AUTOMATION-04", "failover")
def failover_is_tried(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the newest live drill that was not failed, under an intact seal, or an exercise of a failover."""
    drills = [ended for ended, _name in failovers(estate, since=0.0)]
    yield _tried(estate, "failover", [*drills, *_ended(estate, "failover")], bounds.failover_max_age_s)


@control("AUTOMATION-04", "healing")
def healing_is_tried(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the newest exercise in which something was broken on purpose and healed by itself."""
    yield _tried(estate, "healing", _ended(estate, "healing"), bounds.healing_max_age_s)


def _restore_tests(estate: Any) -> list[Any]:
    return [row for row in everything(estate, "restore_test") if proved(row)]


def _ended(estate: Any, *what: str) -> list[float]:
    return [float(row.ended) for row in passed(estate, what, since=0.0)]


def _tried(estate: Any, what: str, ends: list[float], within: float) -> Said:
    age = estate.now - max(ends) if ends else None
    claim = f"{what} was tried with success within {span(within)}"
    return expect(age is not None and age <= within, claim, observed=age, expected=within)
