# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of MORNING have to see."""

from __future__ import annotations

import json
from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from breakers_standup import remeasured, told
from golden_prometheus import GRID
from golden_records import MACHINES, add, alter, at, by_hand, drop
from golden_repositories import HEAD
from golden_work import IMAGE


def sample(world: World, query: str, value: float, **labels: str) -> None:
    """Set the value of the series of a question that have these labels."""

    def change(body: Any) -> None:
        found = [row for row in body["result"] if labels.items() <= row["metric"].items()]
        assert found, f"{query} has no series with {labels}"
        for row in found:
            row["value"][1] = repr(value)

    world.change("prometheus", f"query:{query}", change)


def without(world: World, query: str, **labels: str) -> None:
    """Take the series of a question out that have these labels."""

    def change(body: Any) -> None:
        left = [row for row in body["result"] if not labels.items() <= row["metric"].items()]
        assert len(left) < len(body["result"]), f"{query} has no series with {labels}"
        body["result"] = left

    world.change("prometheus", f"query:{query}", change)


def fire(world: World, name: str, severity: str, ago: float, lasted: float, **labels: str) -> None:
    """Let an alert fire in Prometheus' history, without anybody's answer."""
    first = int((NOW - ago) // 60 * 60)
    last = min(GRID, first + int(lasted) - 60)
    metric = {"alertname": name, "alertstate": "firing", "severity": severity, **labels}
    row = {"metric": metric, "runs": [[first, last, "1"]]}
    world.change("prometheus", "query:alerts_firing", lambda body: body["result"].append(row))


def answer(world: World, name: str, severity: str, ago: float, after: float, **labels: str) -> None:
    """Let a person answer an alert, so many seconds after it fired."""
    row = {"alert": name, "labels": labels, "severity": severity, "fired": at(ago), "acknowledged": at(ago - after)}
    add(world, "alert_acknowledgement", {"id": f"ACK-{name}", **row, "acknowledged_by": "on call A"})


@breaker(
    "MORNING-01",
    "an alert of the night fires on and nobody has answered it",
    also="RELIABILITY-02",
)
def nobody_answers(world: World) -> None:
    fire(world, "ArchiveStalled", "critical", 40 * MINUTE, HOUR, host="db1")


@breaker(
    "MORNING-01",
    "two days passed without a run, and what fired on the first of them is not known",
    also="DELIVER-01.alerts EFFICIENCY-02 MONITORING-01 MORNING-06 RELIABILITY-02",
)
def hole_between_runs(world: World) -> None:
    world.set("ledger", "whole_run", {"at": at(3 * DAY)})
    for host in world.hosts:
        sample(world, "history_s", 2 * DAY, host=host)


@breaker("MORNING-01", "the ledger does not say when everything was last looked at")
def no_run_before(world: World) -> None:
    world.lose("ledger", "whole_run")


@breaker("MORNING-01", "an alert was answered after an hour, and fires on, as one of thirty in the month")
def late_answer(world: World) -> None:
    # The other answers are quick, so the month's 95th percentile is in order.
    for place in range(25):
        ago = 8 * DAY + place * 12 * HOUR
        fire(world, "DiskFullSoon", "warning", ago, 10 * MINUTE, host="repo1")
        answer(world, "DiskFullSoon", "warning", ago, 2 * MINUTE, host="repo1")
    fire(world, "DiskFullSoon", "warning", 2 * HOUR, 3 * HOUR, host="repo1")
    answer(world, "DiskFullSoon", "warning", 2 * HOUR, HOUR, host="repo1")


@breaker(
    "MORNING-01",
    "Prometheus does not give its history of alerts",
    also=others("history of alerts", "MORNING-01"),
)
def no_history(world: World) -> None:
    world.lose("prometheus", "query:alerts_firing")


@breaker(
    "MORNING-01",
    "a rule cannot be evaluated, so its alert can never fire",
    also=others("rules", "MORNING-01"),
)
def sick_rule(world: World) -> None:
    def change(body: Any) -> None:
        rule = body["groups"][2]["rules"][0]
        rule["health"], rule["lastError"] = "err", "vector cannot contain metrics with the same labelset"

    world.change("prometheus", "rules", change)


@breaker("MORNING-01.incidents", "an incident is open and nobody has it")
def unowned(world: World) -> None:
    about = {"title": "A supplier is slow", "priority": "low", "kind": "third_party", "cause_state": "suspected"}
    times = {"impact_start": at(5 * HOUR), "detected": at(5 * HOUR), "restored": at(4 * HOUR), "at": at(4 * HOUR)}
    add(world, "incident", {"id": "INC-50", **about, **times, "next_action": "Ask the supplier."})
    told(world, "INC-50")


@breaker("MORNING-02", "a host does not answer the exporter's scrape", also="CORE-04")
def exporter_down(world: World) -> None:
    def change(body: Any) -> None:
        target = next(one for one in body["activeTargets"] if one["labels"]["instance"] == "repo1:9100")
        target["health"], target["lastError"] = "down", "connection refused"

    world.change("prometheus", "targets", change)


@breaker(
    "MORNING-02",
    "a host cannot be reached by the verification",
    also=others("visit", "MORNING-02"),
)
def unreachable(world: World) -> None:
    world.lose("lb1", "connection", "lb1 does not answer: connection timed out.")


@breaker("MORNING-02", "the processors of a host are saturated")
def hot(world: World) -> None:
    sample(world, "cpu_used_ratio", 0.97, host="lb1")


@breaker("MORNING-02", "the memory of a host is used up")
def full_memory(world: World) -> None:
    sample(world, "memory_used_ratio", 0.96, host="lb1")


@breaker("MORNING-02", "a file system is nearly full")
def full_disk(world: World) -> None:
    sample(world, "filesystem_used_ratio", 0.93, host="db1", mountpoint="/var/lib/postgresql")
    remeasured(world, "filesystem_used_ratio", "filesystem_used_ratio")


@breaker("MORNING-02", "a file system has no inodes left")
def no_inodes(world: World) -> None:
    sample(world, "filesystem_inodes_used_ratio", 0.99, host="mon1", mountpoint="/")


@breaker("MORNING-02", "a link drops packets")
def dropping(world: World) -> None:
    sample(world, "network_error_ratio", 0.04, host="lb1", device="eth0")


@breaker("MORNING-02", "a link is used up")
def busy_link(world: World) -> None:
    sample(world, "network_used_ratio", 0.93, host="lb1", device="eth0")


@breaker("MORNING-02", "a host killed a process for lack of memory")
def killed(world: World) -> None:
    sample(world, "oom_kills_1d", 2.0, host="app1")


@breaker("MORNING-02", "Prometheus has no processor figures of a host")
def no_figures(world: World) -> None:
    without(world, "cpu_used_ratio", host="repo1")


def tested_before(world: World) -> None:
    """Let the last restore of the database have been of the backup before the newest one, and before that was taken."""
    before = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-2]
    done = NOW - before["timestamp"]["stop"]
    times = {"started": at(done - 10 * MINUTE), "ended": at(done - HOUR)}
    backup = {"label": before["label"], "type": before["type"], "source": "repo1"}
    alter(world, "restore_test", "RT-database-0", MACHINES, **times, backup=backup)


@breaker("MORNING-03", "the newest backup ended with an error", also="CORE-06")
def failed_backup(world: World) -> None:
    tested_before(world)

    def change(stanzas: Any) -> None:
        stanzas[0]["backup"][-1]["error"] = True

    world.change("repo1", "pgbackrest_info", change)


@breaker(
    "MORNING-03",
    "no backup of the files of a host was taken for two days",
    also="CORE-06 EOD-03",
)
def old_backup(world: World) -> None:
    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if one["time"] < at(2 * DAY)]

    world.change("lb1", "file_backup_snapshots", change)


@breaker("MORNING-03", "the newest backup was neither checked nor restored")
def unproved(world: World) -> None:
    tested_before(world)
    label = newest_of_database(world)
    drop(world, "backup", MACHINES, unless=lambda row: row["backup"]["label"] != label)


@breaker("MORNING-03", "that the newest backup was checked is written by hand alone")
def proved_on_paper(world: World) -> None:
    tested_before(world)
    label = newest_of_database(world)
    by_hand(world, "backup", lambda row: row["backup"]["label"] == label)


def newest_of_database(world: World, **keys: Any) -> str:
    """Change keys of the record of the database's newest backup, and return the backup's label."""
    label = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-1]["label"]
    alter(world, "backup", f"B-{label}", MACHINES, **keys)
    return str(label)


@breaker(
    "MORNING-03",
    "the record of the newest backup says that its audit found damage",
    also="RELIABILITY-04",
)
def differing_backup(world: World) -> None:
    newest_of_database(world, result="differs")


@breaker("MORNING-03", "the audit of the newest backup could not run, nor has its restore been tested")
def audit_that_could_not_run(world: World) -> None:
    tested_before(world)
    newest_of_database(world, result="could_not_run", reason="The repository was locked.")


@breaker(
    "MORNING-03",
    "the repository cannot be asked",
    also=others("backups", "MORNING-03"),
)
def silent_repository(world: World) -> None:
    world.lose("repo1", "pgbackrest_info")


@breaker("MORNING-04", "a pipeline failed once in four runs of the week")
def failing_pipeline(world: World) -> None:
    stage = {"name": "build", "kind": "build", "conclusion": "failure", "seconds": 40.0}
    alter(world, "pipeline_run", "run-infrastructure-2", conclusion="failure", stages=[stage])


@breaker("MORNING-04", "the same stage failed a third time among many good runs")
def repeating(world: World) -> None:
    def run(number: int, ago: float, end: str) -> dict[str, Any]:
        about = {"pipeline": "infrastructure", "branch": "feature", "commit": "0badc0de", "conclusion": end}
        stage = {"name": "lint", "kind": "other", "conclusion": end, "seconds": 9.0}
        times = {"started": at(ago), "ended": at(ago - 60), "at": at(ago - 60)}
        return {"id": f"run-x-{number}", **about, **times, "stages": [stage], "attempt": 1}

    good = [run(number, 2 * DAY + number * MINUTE, "success") for number in range(100)]
    add(world, "pipeline_run", *good, *(run(100 + number, 3 * DAY + number * HOUR, "failure") for number in range(3)))


@breaker("MORNING-04", "a pipeline that runs once a month did not run all week")
def idle_pipeline(world: World) -> None:
    next(one for one in world.variables["verify_pipelines"] if one["name"] == "infrastructure")["cadence_s"] = 30 * DAY
    week = at(7 * DAY)
    drop(
        world,
        "pipeline_run",
        unless=lambda row: row["pipeline"] != "infrastructure" or row["started"] < week,
    )
    # It ran last at the commit that is still the newest.
    alter(world, "pipeline_run", "run-infrastructure-4", commit=HEAD["infrastructure"])


def entered(world: World, finding: str, subject: str) -> None:
    """Put a finding into the register of security alerts, where somebody works on it."""
    about = {"title": f"{finding} is open", "severity": "critical", "source": "scanner", "owner": "security"}
    times = {"raised": at(30 * MINUTE), "responded": at(29 * MINUTE)}
    add(world, "security_alert", {"id": f"SA-{finding}", **about, **times, "covers": [finding], "subject": subject})


@breaker("MORNING-05", "a host was not scanned since yesterday", also="CORE-05 RELIABILITY-05")
def old_scan(world: World) -> None:
    drop(
        world,
        "vulnerability_scan",
        unless=lambda row: row["target"]["name"] != "lb1" or row["scanned"] < at(DAY),
    )


@breaker("MORNING-05", "a high finding is known for more than a week")
def old_high(world: World) -> None:
    finding = {"id": "CVE-2026-777", "severity": "high", "package": "curl", "installed": "7.88.1-10"}
    for back in (0, 3, 6, 9):
        scan = f"scan-host-lb1-{back}"
        alter(world, "vulnerability_scan", scan, findings=[{**finding, "fixed_version": None}])
    entered(world, finding["id"], "lb1")


@breaker("MORNING-05", "a scanner looked at no package at all", also="CORE-05 RELIABILITY-05")
def blind_scan(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-lb1-0", packages=0)


@breaker(
    "MORNING-05.images",
    "an image that runs has a critical finding",
    also="RELIABILITY-05.images",
)
def critical_image(world: World) -> None:
    finding = {"id": "CVE-2026-888", "severity": "critical", "package": "openssl", "installed": "3.0.15"}
    alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-0", findings=[{**finding, "fixed_version": None}])
    entered(world, finding["id"], IMAGE)


@breaker("MORNING-05.images", "a high finding of an image is known for more than a week")
def old_high_of_an_image(world: World) -> None:
    finding = {"id": "CVE-2026-777", "severity": "high", "package": "curl", "installed": "7.88.1-10"}
    for back in (0, 3, 6, 9):
        alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-{back}", findings=[{**finding, "fixed_version": None}])
    entered(world, finding["id"], IMAGE)


@breaker(
    "MORNING-05.images",
    "an image runs that nobody scanned",
    also="CORE-05.images OPEX-05.images RELIABILITY-05.images",
)
def unscanned_image(world: World) -> None:
    world.variables["verify_images"].append("registry.example.org/new:1.0")


@breaker(
    "MORNING-05.images",
    "an orchestrator runs an image that nobody scanned",
    also="CORE-05.images OPEX-05.images RELIABILITY-05.images",
)
def unscanned_workload(world: World) -> None:
    image = "registry.example.org/other@sha256:" + "aa" * 32

    def change(body: Any) -> None:
        body["records"][0]["record"]["workloads"][0]["images"].append(image)

    world.change("records", "workload_listing", change)


@breaker(
    "MORNING-05.images",
    "under the tag of the image that runs, another one was scanned",
    also="CORE-05.images OPEX-05.images RELIABILITY-05.images",
)
def moved_tag(world: World) -> None:
    target = {"kind": "image", "name": IMAGE, "digest": "sha256:" + "bb" * 32}
    alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-0", target=target)


@breaker(
    "MORNING-05.images",
    "the environment says that it runs no image, and an orchestrator tells of one",
    also="CORE-05.images OPEX-05.images RELIABILITY-05.images",
)
def denied_image(world: World) -> None:
    world.variables.setdefault("verify_empty", {})["image"] = "Everything runs from packages here."


@breaker("MORNING-06", "the processors of a pool were idle yesterday")
def idle_pool(world: World) -> None:
    sample(world, "cpu_used_ratio_avg_1d", 0.31, host="app1")
    remeasured(world, "cpu_used_ratio", "cpu_used_ratio_avg_1d")


@breaker("MORNING-06", "a disk will be full within the month")
def filling(world: World) -> None:
    sample(world, "filesystem_used_ratio_in_30d", 0.97, host="db1", mountpoint="/var/lib/postgresql")


@breaker("MORNING-06", "the memory of a pool runs out within the month")
def growing(world: World) -> None:
    sample(world, "memory_used_ratio_in_30d", 1.02, host="app1")


@breaker(
    "MORNING-06",
    "the figures of yesterday's use are two hours old",
    also="EOD-05 STANDUP-01",
)
def old_figures(world: World) -> None:
    world.age("prometheus", "query:memory_used_ratio_avg_1d", 2 * HOUR)


@breaker("MORNING-06", "a host is too young for a forecast")
def young_host(world: World) -> None:
    sample(world, "history_s", 10 * DAY, host="app1")


@breaker("MORNING-07", "a deployment of the night failed and was left so")
def failed_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, outcome="failed")


@breaker(
    "MORNING-07",
    "a deployment of the night never came to its end",
    also="DELIVER-04",
)
def endless_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, outcome="running", ended=None)


@breaker("MORNING-07", "a check after a deployment of the night failed")
def sick_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, checks=[{"name": "readiness", "result": "failed"}])


@breaker("MORNING-07", "a deployment of the night names no log")
def no_log(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, log=...)
