# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of DELIVER have to see."""

from __future__ import annotations

from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_morning import fire
from breakers_standup import told
from golden_records import MACHINES, add, alter, at, drop

RUNBOOK = "DOC-backup.md"


@breaker("DELIVER-01", "nobody looked at the night of the day before yesterday")
def night_not_reviewed(world: World) -> None:
    drop(world, "overnight_review", unless=lambda row: row["day"] != "2026-11-23")


@breaker("DELIVER-01", "a look at the night left half a day out")
def night_with_a_hole(world: World) -> None:
    alter(world, "overnight_review", "NIGHT-2026-11-24", period_start=at(DAY + 13 * HOUR))


@breaker("DELIVER-01", "the newest review says that it looked at the next year already")
def review_of_the_future(world: World) -> None:
    alter(world, "overnight_review", "NIGHT-2026-11-25", period_end=at(-365 * DAY))


@breaker("DELIVER-01", "the review of a night was written two days later")
def late_review(world: World) -> None:
    alter(world, "overnight_review", "NIGHT-2026-11-23", at=at(HOUR))


@breaker(
    "DELIVER-01",
    "every review of the week was written in one minute, nine days ago, and covers nothing",
    also="DELIVER-01.alerts",
)
def reviews_of_nothing(world: World) -> None:
    then = {"period_start": at(9 * DAY), "period_end": at(9 * DAY), "at": at(9 * DAY)}

    def change(body: Any) -> None:
        for row in body["records"]:
            row["record"].update(then)

    world.change("records", "overnight_review", change)


@breaker("DELIVER-01", "nobody keeps reviews of nights", also="DELIVER-01.alerts")
def no_reviews(world: World) -> None:
    drop(world, "overnight_review")


@breaker("DELIVER-01.alerts", "the review of the night covers an alert of a moment ago, which nobody explained")
def alert_without_a_word(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", 9 * MINUTE, 2 * MINUTE, host="db2")
    alter(world, "overnight_review", "NIGHT-2026-11-25", period_end=at(5 * MINUTE), at=at(5 * MINUTE))


@breaker(
    "DELIVER-01.alerts",
    "an alert of the night before last was never acknowledged or explained",
    also="RELIABILITY-02",
)
def alert_without_an_answer(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", 30 * HOUR, 20 * MINUTE, host="db2")


@breaker("DELIVER-02", "a pipeline is switched off")
def pipeline_off(world: World) -> None:
    alter(world, "pipeline", "PL-infrastructure", enabled=False)


@breaker("DELIVER-02", "the last runs of a pipeline's branch were cancelled, and only those of another one are green")
def no_green_run(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"][-4:]:
            assert row["record"]["pipeline"] == "infrastructure"
            row["record"]["conclusion"] = "cancelled"
        last = body["records"][-1]["record"]
        times = {"started": at(2 * HOUR), "ended": at(2 * HOUR - MINUTE), "at": at(2 * HOUR - MINUTE)}
        aside = {**last, **times, "id": "run-x", "branch": "feature", "conclusion": "success"}
        body["records"].append({**body["records"][-1], "record": aside})

    world.change("records", "pipeline_run", change)


@breaker(
    "DELIVER-02",
    "the system that runs a pipeline does not know it",
    also="ACCESS-02.pipeline",
)
def pipeline_unknown(world: World) -> None:
    drop(world, "pipeline", unless=lambda row: row["pipeline"] != "infrastructure")


@breaker("DELIVER-02", "that a pipeline is enabled was said the day before yesterday, and not since")
def pipeline_told_long_ago(world: World) -> None:
    alter(world, "pipeline", "PL-infrastructure", at=at(2 * DAY))


@breaker("DELIVER-03.runs", "the last patch run of a host failed")
def patch_failed(world: World) -> None:
    alter(world, "patch", "PATCH-db2", MACHINES, result="failed")


@breaker("DELIVER-03.runs", "no patch run of a host is on record")
def never_patched(world: World) -> None:
    drop(world, "patch", MACHINES, unless=lambda row: row["host"] != "mon1")


def deployment_of_today(world: World, **keys: Any) -> None:
    """Move the newest deployment into the last day, as it should be but for some keys."""
    ago = 20 * HOUR
    times = {"started": at(ago), "ended": at(ago - 4 * MINUTE), "at": at(ago - 4 * MINUTE)}
    alter(world, "deployment", "DEP-1", MACHINES, **{**times, **keys})
    done = {"planned_start": at(ago), "planned_end": at(ago - HOUR), "at": at(ago - 10 * MINUTE)}
    alter(world, "change", "CHG-1", **{**times, **done})
    alter(world, "deployment", "STG-1", MACHINES, started=at(ago + 3 * HOUR), ended=at(ago + 2 * HOUR))


@breaker(
    "DELIVER-04",
    "a deployment of yesterday names a change that is not on record",
    also="MONITORING-05",
)
def no_change(world: World) -> None:
    deployment_of_today(world, change="CHG-9999")


@breaker(
    "DELIVER-04",
    "a deployment of yesterday says nothing of checks afterwards",
    also="MORNING-07",
)
def no_checks(world: World) -> None:
    deployment_of_today(world, checks=[])


@breaker("DELIVER-04", "a pipeline deployed yesterday and no deployment is on record")
def deployment_without_a_record(world: World) -> None:
    def change(body: Any) -> None:
        found = [row["record"] for row in body["records"] if row["record"]["id"] == "run-service-1"]
        ago = 20 * HOUR
        later = {"id": "run-service-0", "started": at(ago), "ended": at(ago - 6 * MINUTE), "at": at(ago - 6 * MINUTE)}
        body["records"].append({**body["records"][-1], "record": {**found[0], **later}})

    world.change("records", "pipeline_run", change)


@breaker(
    "DELIVER-04",
    "a pipeline that nobody declared deployed, and no deployment is on record",
    also="CORE-02.registered",
)
def undeclared_deployment(world: World) -> None:
    stage = {"name": "deploy", "kind": "deploy", "conclusion": "success", "seconds": 40.0}
    run = {"pipeline": "by-hand", "branch": "main", "commit": "0badc0de", "conclusion": "success", "attempt": 1}
    times = {"started": at(3 * HOUR), "ended": at(3 * HOUR - MINUTE)}
    add(world, "pipeline_run", {"id": "run-by-hand", **run, **times, "stages": [stage]})


def lying(world: World, **keys: Any) -> None:
    """Put an incident in that is open past its bound."""
    ago = 2 * DAY
    row = {
        "id": "INC-52",
        "at": at(ago),
        "title": "A copy of the ledger is slow",
        "priority": "medium",
        "kind": "application",
        "services": [],
        "impact_start": at(ago),
        "detected": at(ago),
        "acknowledged": at(ago - 5 * MINUTE),
        "acknowledged_by": "on call A",
        "restored": at(ago - HOUR),
        "owner": "team web",
        "next_action": "Ask the vendor.",
        "cause_state": "suspected",
    }
    add(world, "incident", {key: value for key, value in {**row, **keys}.items() if value is not None})
    told(world, "INC-52")


@breaker("DELIVER-05", "an incident is open for two days and nobody says what is done next")
def nothing_next(world: World) -> None:
    lying(world, next_action=None)


@breaker(
    "DELIVER-05",
    "an incident is open for two days and has no owner",
    also="MORNING-01.incidents",
)
def no_owner(world: World) -> None:
    lying(world, owner=None)


def of_no_procedure(world: World, name: str) -> None:
    """Let a runbook be of something that is not declared as a procedure of the team."""
    left = [one for one in world.variables["verify_procedures"] if one["name"] != name]
    assert len(left) < len(world.variables["verify_procedures"])
    world.variables["verify_procedures"] = left


@breaker("DELIVER-06", "a runbook that is no procedure's page was not read for half a year")
def runbook_not_read(world: World) -> None:
    of_no_procedure(world, "backup")
    alter(world, "document_review", RUNBOOK, reviewed=at(181 * DAY))


@breaker("DELIVER-06", "a runbook that is no procedure's page was due again last week")
def runbook_due(world: World) -> None:
    of_no_procedure(world, "backup")
    alter(world, "document_review", RUNBOOK, next_due=at(7 * DAY))


@breaker(
    "DELIVER-06",
    "the pages of the documentation could not be read",
    also=others("pages", "DELIVER-06"),
)
def pages_unreadable(world: World) -> None:
    world.lose("repository:documentation", "documents")


@breaker("DELIVER-06.named", "a playbook is in no runbook")
def playbook_without_a_runbook(world: World) -> None:
    def change(body: Any) -> None:
        body["files"].append({"path": "playbooks/rotate_keys.yml", "mode": "100644", "blob": "ee" * 20, "size": 400})

    world.change("repository:infrastructure", "tree", change)


def pending(world: World, host: str, line: str) -> None:
    """Let an update wait on a host, as apt lists it."""
    world.set(host, "updates", f"{world.body(host, 'updates').rstrip()}\n{line}\n")


@breaker("DELIVER-03", "a security update that no scan rates waits for more than a day", also="INFRA-02 SECURITY-04")
def update_waits(world: World) -> None:
    pending(world, "app1", "gzip/oldstable-security 1.12-1+deb12u1 amd64 [upgradable from: 1.12-1]")


@breaker("DELIVER-03", "a host has no archive of security updates", also="INFRA-02 SECURITY-04")
def no_security_archive(world: World) -> None:
    lines = [line for line in world.body("app1", "apt_archives").splitlines() if "security" not in line]
    world.set("app1", "apt_archives", "\n".join(lines) + "\n")


@breaker("DELIVER-03", "a host did not say which updates wait", also="INFRA-02 SECURITY-04")
def updates_unknown(world: World) -> None:
    world.lose("app1", "updates")


@breaker("DELIVER-03", "the last run of the package manager on a host took a package away and broke off")
def removal_broke_off(world: World) -> None:
    run = "Start-Date: 2026-11-25  08:21:02\nCommandline: apt-get purge gzip\nPurge: gzip:amd64 (1.12-1)\n"
    world.set("app1", "apt_history", f"{world.body('app1', 'apt_history').rstrip()}\n\n{run}")


@breaker(
    "DELIVER-03",
    "the last run of the package manager on a host ended with an error",
    also="SECURITY-04",
)
def apt_failed(world: World) -> None:
    body = world.body("app1", "apt_history").rstrip()
    failed = (
        "Start-Date: 2026-11-25  08:21:02\nCommandline: /usr/bin/unattended-upgrade\n"
        "Upgrade: tzdata:amd64 (2025a-0+deb12u1, 2025b-0+deb12u1)\n"
        "Error: Sub-process /usr/bin/dpkg returned an error code (1)\nEnd-Date: 2026-11-25  08:21:09\n"
    )
    world.set("app1", "apt_history", f"{body}\n\n{failed}")
