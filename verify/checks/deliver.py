# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELIVER: what each day has to deliver."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable
from verify.facts.alerting import watched
from verify.facts.alerts import alerts
from verify.facts.calendar import day_of, instant, working_days
from verify.facts.documents import playbooks, reviewed, runbooks
from verify.facts.incidents import due
from verify.facts.patching import no_overdue_update, searched
from verify.facts.records import everything
from verify.facts.registers import register
from verify.facts.verdicts import clock, span

DAY = 86400.0


@control("DELIVER-01")
def every_night_was_reviewed(estate: Any, bounds: Any) -> Iterator[Said]:
    """Go through the working days of the last week (today's from the hour on at which it is due): each has the record
    of a look at the night, by a named person, and the looks leave no gap between them.

    A look is one of its day when it was taken and written down on that day, and looks at a time before it.
    """
    since = estate.now - bounds.window_s
    today = day_of(estate, estate.now)
    nights = [
        day
        for day in working_days(estate, since, estate.now)
        if day < today or estate.now >= instant(estate, day, bounds.due_s)
    ]
    found = register(estate, "overnight_review")
    reviews = {row.day: row for row in found}
    for row in (one for one in found if one.day >= f"{day_of(estate, since)}"):
        yield expect(
            _is_of_its_day(estate, row),
            f"the review of {row.day} looks at a time that ended on that day, and was written then",
            observed=[clock(row.period_start), clock(row.period_end), clock(row.at)],
        )
    missing = [f"{day}" for day in nights if f"{day}" not in reviews]
    yield expect(nights, "the calendar has working days in the window", observed=len(nights))
    yield expect(
        not missing, f"each of the last {len(nights)} working days has a review of its night", observed=missing
    )
    yield from _no_gap([reviews[f"{day}"] for day in nights if f"{day}" in reviews])


def _is_of_its_day(estate: Any, row: Any) -> bool:
    """Return whether a review looks at a time that ended on its day, and was written on that day after it ended."""
    ended_on, written_on = (f"{day_of(estate, moment)}" for moment in (row.period_end, row.at))
    return bool(row.period_start < row.period_end <= row.at and ended_on == written_on == row.day)


def _no_gap(found: list[Any]) -> Iterator[Said]:
    for before, after in itertools.pairwise(found):
        yield expect(
            after.period_start <= before.period_end,
            f"the review of {after.day} begins where that of {before.day} ended",
            observed=after.period_start,
            expected=before.period_end,
        )


@control("DELIVER-01", "alerts")
def every_alert_of_the_week_has_an_answer(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every alert that Prometheus saw firing in the window before the newest review that is one of its day:
    somebody acknowledged or explained it, or the review names it with an incident."""
    since = estate.now - bounds.window_s
    yield from watched(estate, bounds.window_s)
    found = [row for row in register(estate, "overnight_review") if _is_of_its_day(estate, row)]
    until = max((row.period_end for row in found), default=since)
    yield expect(until > since, "a review of a night in the window is one of its day", observed=clock(until))
    for one in alerts(estate).answers(since):
        if one.episode.started <= until:
            yield expect(
                one.acknowledged is not None or one.explanation,
                f"{one.episode.name} of {one.episode.labels.get('host', estate.name)} is acknowledged or explained",
                observed={"fired": one.episode.started, "acknowledged": one.acknowledged, "why": one.explanation},
            )


@control("DELIVER-02")
def the_pipeline_is_on_and_green(pipeline: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the system that runs the pipeline whether it is enabled, and look for a green run of its default branch
    within the cadence that the environment declares for it. What that system said counts for as long as the bound
    allows only."""
    state = pipeline.state
    yield expect(state is not None, f"{pipeline.name} is known to the system that runs it", observed=state and state.id)
    if state is not None:
        yield _told_lately(pipeline, estate, bounds.registered_max_age_s)
        disabled = 0 if state.enabled else 1
        claim = f"{pipeline.name} is enabled"
        yield expect(disabled <= bounds.disabled_max_count, claim, observed=state.enabled, expected=True)
    green = pipeline.newest_green
    yield expect(
        green is not None, f"{pipeline.name} has a green run of its default branch", observed=green and green.id
    )
    if green is not None:
        age = estate.now - (green.ended or green.started)
        claim = f"the last green run of {pipeline.name} is within its cadence of {span(pipeline.cadence_s)}"
        yield expect(age <= pipeline.cadence_s, claim, observed=age, expected=pipeline.cadence_s)


def _told_lately(pipeline: Any, estate: Any, most_s: float) -> Said:
    age = estate.now - pipeline.state.at
    claim = f"what is known of {pipeline.name} was told within {span(most_s)}"
    return expect(age <= most_s, claim, observed=age, expected=most_s)


@control("DELIVER-03")
def the_host_receives_its_updates(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the host which security updates wait and for how long, and whether the last run of its package manager
    ended well."""
    yield from searched(host, bounds)
    yield from no_overdue_update(host, estate, bounds)
    runs = host.patch_runs
    newest = runs[-1] if runs else None
    if newest is not None:
        claim = f"the last run of the package manager on {host.name} succeeded"
        yield expect(newest.succeeded, claim, observed=newest.error or newest.command)


@control("DELIVER-03", "runs")
def the_last_patch_run_succeeded(host: Any, estate: Any) -> Iterator[Said]:
    """Take the newest record of a patch run on the host, of a playbook or a person: it ended well."""
    mine = [row for row in register(estate, "patch") if row.host == host.name]
    yield expect(mine, f"a patch run of {host.name} is on record", observed=len(mine), expected="1 or more")
    if mine:
        newest = max(mine, key=lambda row: row.started)
        claim = f"the last patch run of {host.name} succeeded"
        yield expect(newest.result == "ok", claim, observed={"id": newest.id, "result": newest.result}, expected="ok")


@control("DELIVER-04")
def every_deployment_left_its_record(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the deployments that began in the last day: each says who made it, which version, by which change of the
    register, with what result, and what was checked afterwards. One that is under way counts once it has run for longer
    than a deployment may.

    Pipelines are the second witness, those that nobody declared among them: a stage that deployed names a run, and a
    deployment on record names that run.
    """
    found = register(estate, "deployment")
    since = estate.now - bounds.window_s
    recent = [one for one in found if _is_due(one, since, estate.now - bounds.running_max_s)]
    changes = {row.id for row in everything(estate, "change")}
    for one in recent:
        yield from _complete(one, changes)
    deployed = _deploying_runs(estate, since)
    unknown_ones = sorted(deployed - {one.pipeline_run for one in found})
    if deployed:
        yield expect(
            not unknown_ones,
            f"each of {len(deployed)} runs of pipelines that deployed has a deployment on record",
            observed=unknown_ones,
        )
    if not recent:
        yield not_applicable(
            f"none of the {len(found)} deployments on record began in the last {span(bounds.window_s)}"
        )


def _is_due(one: Any, since: float, running_since: float) -> bool:
    """Return whether a deployment has to have its whole record: it is recent, or runs on for longer than it may."""
    if one.outcome == "running":
        return bool(one.started < running_since)
    return bool(one.started >= since and one.outcome != "cancelled")


def _deploying_runs(estate: Any, since: float) -> set[str]:
    return {
        run.id
        for run in everything(estate, "pipeline_run")
        if run.started >= since
        and any(stage.kind == "deploy" and stage.conclusion == "success" for stage in run.stages or ())
    }


def _complete(one: Any, changes: set[str]) -> Iterator[Said]:
    name = f"the deployment {one.id} of {one.service}"
    yield expect(one.by or one.operator, f"{name} says who made it", observed=one.by)
    yield expect(one.change in changes, f"{name} names a change that is on record", observed=one.change)
    yield expect(one.ended is not None, f"{name} says when it ended, and how", observed=one.outcome)
    yield expect(one.checks, f"{name} says what was checked afterwards", observed=len(one.checks or ()))


@control("DELIVER-05")
def no_incident_is_left_lying(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the incidents that are open for longer than the bound of their priority: each has an owner and says what is
    done next."""
    found = register(estate, "incident")
    lying = [one for one in found if one.closed is None and estate.now > due(one, bounds)]
    loose = [
        {"id": one.id, "title": one.title, "owner": one.owner, "next": one.next_action}
        for one in lying
        if not (one.owner and one.next_action)
    ]
    yield expect(
        not loose,
        f"each of {len(lying)} incidents that are open past their bound has an owner and a next action "
        f"({len(found)} are on record)",
        observed=loose,
        expected=[],
    )


@control("DELIVER-06")
def runbooks_are_looked_after(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every runbook of the documentation repositories: a commit changed it, or the record of a review confirmed
    it, within its period."""
    found = runbooks(estate)
    for page in found:
        when, due = reviewed(estate, page, bounds.review_max_age_s)
        yield expect(
            estate.now <= due,
            f"{page.path} was changed or confirmed within its period",
            observed=_day(when),
            expected=f"again by {_day(due)}",
        )


@control("DELIVER-06", "named")
def every_playbook_has_a_runbook(estate: Any) -> Iterator[Said]:
    """Take every playbook of the infrastructure repositories and find its name in a runbook."""
    named = frozenset().union(*(page.names for page in runbooks(estate)))
    known = playbooks(estate)
    without = sorted(path for name, path in known.items() if name not in named)
    yield expect(not without, f"each of {len(known)} playbooks is named by a runbook", observed=without, expected=[])


def _day(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, tz=datetime.UTC).date().isoformat()
