# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of DELIVER have to see."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_morning import fire
from golden_records import MACHINES, add, alter, at, drop

RUNBOOK = "DOC-backup.md"


@breaker("DELIVER-01", "nobody looked at the night of the day before yesterday")
def night_not_reviewed(world: World) -> None:
    drop(world, "overnight_review", unless=lambda row: row["day"] != "2026-11-23")


@breaker("DELIVER-01", "a look at the night left half a day out")
def night_with_a_hole(world: World) -> None:
    alter(world, "overnight_review", "NIGHT-2026-11-24", period_start=at(DAY + 13 * HOUR))


@breaker("DELIVER-01", "nobody keeps reviews of nights", also={"DELIVER-01.alerts": "it needs the newest review"})
def no_reviews(world: World) -> None:
    drop(world, "overnight_review")


@breaker(
    "DELIVER-01.alerts",
    "an alert of the night before last was never acknowledged or explained",
    also={"RELIABILITY-02": "it wants an answer to every alert of the month"},
)
def alert_without_an_answer(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", 30 * HOUR, 20 * MINUTE, host="db2")


@breaker("DELIVER-02", "a pipeline is switched off")
def pipeline_off(world: World) -> None:
    alter(world, "pipeline", "PL-infrastructure", enabled=False)


@breaker(
    "DELIVER-02",
    "the last runs of a pipeline were cancelled, none is green within its cadence",
    also={
        "CORE-01.repositories": "the newest commit did not pass its pipeline",
        "MORNING-04": "a week without a finished run has no rate of success",
    },
)
def no_green_run(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"][-4:]:
            assert row["record"]["pipeline"] == "infrastructure"
            row["record"]["conclusion"] = "cancelled"

    world.change("records", "pipeline_run", change)


@breaker(
    "DELIVER-02",
    "the system that runs a pipeline does not know it",
    also={"ACCESS-02.pipeline": "nobody says who administers it"},
)
def pipeline_unknown(world: World) -> None:
    drop(world, "pipeline", unless=lambda row: row["pipeline"] != "infrastructure")


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
    also={"MONITORING-05": "it wants a change on record for everything that was done"},
)
def no_change(world: World) -> None:
    deployment_of_today(world, change="CHG-9999")


@breaker(
    "DELIVER-04",
    "a deployment of yesterday says nothing of checks afterwards",
    also={"MORNING-07": "it wants the same checks of a deployment of the night"},
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
    listed = {"incidents": ["INC-52"]}
    alter(world, "brief", "BRIEF-2026-11-25", MACHINES, **listed)
    world.change(MACHINES, "brief", _time_left)


def _time_left(body: Any) -> None:
    body["records"][0]["record"]["figures"]["INC-52_left_s"] = 0.0


@breaker("DELIVER-05", "an incident is open for two days and nobody says what is done next")
def nothing_next(world: World) -> None:
    lying(world, next_action=None)


@breaker(
    "DELIVER-05",
    "an incident is open for two days and has no owner",
    also={"MORNING-01.incidents": "it wants an owner of every open incident"},
)
def no_owner(world: World) -> None:
    lying(world, owner=None)


@breaker("DELIVER-06", "a runbook was not read for half a year", also={"TEAM-01": "a procedure's page is that runbook"})
def runbook_not_read(world: World) -> None:
    alter(world, "document_review", RUNBOOK, reviewed=at(181 * DAY))


@breaker("DELIVER-06", "a runbook was due again last week", also={"TEAM-01": "a procedure's page is that runbook"})
def runbook_due(world: World) -> None:
    alter(world, "document_review", RUNBOOK, next_due=at(7 * DAY))


@breaker(
    "DELIVER-06",
    "the pages of the documentation could not be read",
    also={
        "AUTOMATION-03": "it reads the same runbooks",
        "DELIVER-06.named": "it reads the same runbooks",
        "INFRA-04": "the estate's page is one of them",
        "INFRA-04.page": "the estate's page is one of them",
        "DR-12": "it asks whether the page of the recovery was renewed",
        "TEAM-01": "it reads the same pages",
        "TEAM-01.commands": "it reads the same pages",
    },
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


OVERDUE = {"INFRA-02": "it wants the same of updates", "SECURITY-04": "it wants the same of updates"}


@breaker("DELIVER-03", "a security update that no scan rates waits for more than a day", also=OVERDUE)
def update_waits(world: World) -> None:
    pending(world, "app1", "gzip/oldstable-security 1.12-1+deb12u1 amd64 [upgradable from: 1.12-1]")


@breaker("DELIVER-03", "a host has no archive of security updates", also=OVERDUE)
def no_security_archive(world: World) -> None:
    lines = [line for line in world.body("app1", "apt_archives").splitlines() if "security" not in line]
    world.set("app1", "apt_archives", "\n".join(lines) + "\n")


@breaker("DELIVER-03", "a host did not say which updates wait", also=OVERDUE)
def updates_unknown(world: World) -> None:
    world.lose("app1", "updates")


@breaker(
    "DELIVER-03",
    "the last run of the package manager on a host ended with an error",
    also={"SECURITY-04": "it wants the last upgrade to have come to its end"},
)
def apt_failed(world: World) -> None:
    body = world.body("app1", "apt_history").rstrip()
    failed = (
        "Start-Date: 2026-11-25  08:21:02\nCommandline: /usr/bin/unattended-upgrade\n"
        "Upgrade: tzdata:amd64 (2025a-0+deb12u1, 2025b-0+deb12u1)\n"
        "Error: Sub-process /usr/bin/dpkg returned an error code (1)\nEnd-Date: 2026-11-25  08:21:09\n"
    )
    world.set("app1", "apt_history", f"{body}\n\n{failed}")
