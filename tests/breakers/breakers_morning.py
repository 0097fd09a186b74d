# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of MORNING have to see."""

from __future__ import annotations

import json
from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from golden_prometheus import GRID
from golden_records import MACHINES, add, alter, at, drop
from golden_work import IMAGE

HISTORY = "it judges the same history of alerts"
BRIEF = "the brief of the morning was made before"
SCANS = "it reads the same scan"
BACKUPS = "it reads the same backups"


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
    also={"RELIABILITY-02": HISTORY},
)
def nobody_answers(world: World) -> None:
    fire(world, "ArchiveStalled", "critical", 40 * MINUTE, HOUR, host="db1")


@breaker("MORNING-01", "an alert was answered after an hour, and fires on", also={"RELIABILITY-02": HISTORY})
def late_answer(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", 2 * HOUR, 3 * HOUR, host="repo1")
    answer(world, "DiskFullSoon", "warning", 2 * HOUR, HOUR, host="repo1")


@breaker(
    "MORNING-01",
    "Prometheus does not give its history of alerts",
    also={
        **dict.fromkeys(("MONITORING-01", "RELIABILITY-02", "DELIVER-01.alerts"), HISTORY),
        **dict.fromkeys([f"AUTOMATION-02.{rule}" for rule in ("disk", "certificate", "replication")], HISTORY),
    },
)
def no_history(world: World) -> None:
    world.lose("prometheus", "query:alerts_firing")


@breaker(
    "MORNING-01",
    "a rule cannot be evaluated, so its alert can never fire",
    also={
        **dict.fromkeys(("MONITORING-01", "RELIABILITY-02", "DELIVER-01.alerts"), HISTORY),
        "CORE-04": "it looks after the rules themselves",
    },
)
def sick_rule(world: World) -> None:
    def change(body: Any) -> None:
        rule = body["groups"][2]["rules"][0]
        rule["health"], rule["lastError"] = "err", "vector cannot contain metrics with the same labelset"

    world.change("prometheus", "rules", change)


@breaker("MORNING-01.incidents", "an incident is open and nobody has it", also={"STANDUP-03": BRIEF})
def unowned(world: World) -> None:
    about = {"title": "A supplier is slow", "priority": "low", "kind": "third_party", "cause_state": "suspected"}
    times = {"impact_start": at(5 * HOUR), "detected": at(5 * HOUR), "restored": at(4 * HOUR), "at": at(4 * HOUR)}
    add(world, "incident", {"id": "INC-50", **about, **times, "next_action": "Ask the supplier."})


@breaker("MORNING-02", "a host does not answer the exporter's scrape", also={"CORE-04": "it looks after every target"})
def exporter_down(world: World) -> None:
    def change(body: Any) -> None:
        target = next(one for one in body["activeTargets"] if one["labels"]["instance"] == "repo1:9100")
        target["health"], target["lastError"] = "down", "connection refused"

    world.change("prometheus", "targets", change)


@breaker(
    "MORNING-02",
    "a host cannot be reached by the verification",
    also=dict.fromkeys(
        (
            *("MONITORING-03", "SECURITY-01", "SECURITY-01.accounts", "SECURITY-05"),
            *("ACCESS-01", "ACCESS-01.windows"),
        ),
        "it needs the visit of the host too",
    ),
)
def unreachable(world: World) -> None:
    world.lose("lb1", "connection", "lb1 does not answer: connection timed out.")


@breaker("MORNING-02", "the processors of a host are saturated")
def hot(world: World) -> None:
    sample(world, "cpu_used_ratio", 0.97, host="lb1")


@breaker("MORNING-02", "the memory of a host is used up")
def full_memory(world: World) -> None:
    sample(world, "memory_used_ratio", 0.96, host="lb1")


@breaker("MORNING-02", "a file system is nearly full", also={"STANDUP-01": BRIEF})
def full_disk(world: World) -> None:
    sample(world, "filesystem_used_ratio", 0.93, host="db1", mountpoint="/var/lib/postgresql")


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


@breaker("MORNING-03", "the newest backup ended with an error", also={"CORE-06": BACKUPS, "INFRA-06": BACKUPS})
def failed_backup(world: World) -> None:
    def change(stanzas: Any) -> None:
        stanzas[0]["backup"][-1]["error"] = True

    world.change("repo1", "pgbackrest_info", change)


@breaker(
    "MORNING-03",
    "no backup of the files of a host was taken for two days",
    also={"CORE-06": BACKUPS, "EOD-03": BACKUPS},
)
def old_backup(world: World) -> None:
    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if one["time"] < at(2 * DAY)]

    world.change("lb1", "file_backup_snapshots", change)


@breaker(
    "MORNING-03",
    "no backup of the last day was checked",
    also=dict.fromkeys(("CORE-06", "RELIABILITY-04", "EOD-03", "INFRA-06"), BACKUPS),
)
def unproved(world: World) -> None:
    since = at(30 * HOUR)
    drop(world, "backup", MACHINES, unless=lambda row: row["ended"] < since)
    drop(world, "restore_test", MACHINES, unless=lambda row: row["ended"] < since)


def newest_of_database(world: World, **keys: Any) -> str:
    """Change keys of the record of the database's newest backup, and return the backup's label."""
    label = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-1]["label"]
    alter(world, "backup", f"B-{label}", MACHINES, **keys)
    return str(label)


@breaker(
    "MORNING-03",
    "the record of the newest backup says that its audit found damage",
    also={"RELIABILITY-04": BACKUPS},
)
def differing_backup(world: World) -> None:
    newest_of_database(world, result="differs")


@breaker(
    "MORNING-03",
    "the audit of the newest backup could not run, nor has its restore been tested",
    also=dict.fromkeys(("CORE-06", "INFRA-06"), "they want the restore test"),
)
def audit_that_could_not_run(world: World) -> None:
    label = newest_of_database(world, result="could_not_run", reason="The repository was locked.")
    drop(world, "restore_test", MACHINES, unless=lambda row: row["backup"]["label"] != label)


@breaker(
    "MORNING-03",
    "the repository cannot be asked",
    also=dict.fromkeys(("CORE-06", "EOD-03", "INFRA-06", "RELIABILITY-04", "SECURITY-02.backups"), BACKUPS),
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


@breaker(
    "MORNING-04",
    "a pipeline did not run all week",
    also=dict.fromkeys(("CORE-01.repositories", "CORE-02", "DELIVER-02"), "it wants a run of the pipeline too"),
)
def idle_pipeline(world: World) -> None:
    week = at(7 * DAY)
    drop(
        world,
        "pipeline_run",
        unless=lambda row: row["pipeline"] != "infrastructure" or row["started"] < week,
    )


@breaker("MORNING-05", "a host was not scanned since yesterday", also={"CORE-05": SCANS, "RELIABILITY-05": SCANS})
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


@breaker("MORNING-05", "a scanner looked at no package at all", also={"CORE-05": SCANS, "RELIABILITY-05": SCANS})
def blind_scan(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-lb1-0", packages=0)


@breaker(
    "MORNING-05.images",
    "an image that runs has a critical finding",
    also={"RELIABILITY-05.images": SCANS, "EOD-07.register": "it is in no entry"},
)
def critical_image(world: World) -> None:
    finding = {"id": "CVE-2026-888", "severity": "critical", "package": "openssl", "installed": "3.0.15"}
    alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-0", findings=[{**finding, "fixed_version": None}])


@breaker(
    "MORNING-05.images",
    "an image runs that nobody scanned",
    also={"RELIABILITY-05.images": SCANS, "CORE-05.images": SCANS, "OPEX-05.images": SCANS},
)
def unscanned_image(world: World) -> None:
    world.variables["verify_images"].append("registry.example.org/new:1.0")


@breaker("MORNING-06", "the processors of a pool were idle yesterday", also={"STANDUP-01": BRIEF})
def idle_pool(world: World) -> None:
    sample(world, "cpu_used_ratio_avg_1d", 0.31, host="app1")


@breaker("MORNING-06", "a disk will be full within the month")
def filling(world: World) -> None:
    sample(world, "filesystem_used_ratio_in_30d", 0.97, host="db1", mountpoint="/var/lib/postgresql")


@breaker("MORNING-06", "the memory of a pool runs out within the month")
def growing(world: World) -> None:
    sample(world, "memory_used_ratio_in_30d", 1.02, host="app1")


@breaker(
    "MORNING-06",
    "the figures of yesterday's use are two hours old",
    also={"EOD-05": "it compares a forecast with them", "STANDUP-01": "it compares the brief with them"},
)
def old_figures(world: World) -> None:
    world.age("prometheus", "query:memory_used_ratio_avg_1d", 2 * HOUR)


@breaker("MORNING-06", "a host is too young for a forecast", also={"EFFICIENCY-02": "it looks back a week"})
def young_host(world: World) -> None:
    sample(world, "history_s", 3 * DAY, host="app1")


@breaker("MORNING-07", "a deployment of the night failed and was left so")
def failed_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, outcome="failed")


@breaker(
    "MORNING-07",
    "a deployment of the night never came to its end",
    also={"DELIVER-04": "it wants the end of every deployment on record"},
)
def endless_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, outcome="running", ended=None)


@breaker("MORNING-07", "a check after a deployment of the night failed")
def sick_deployment(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, checks=[{"name": "readiness", "result": "failed"}])


@breaker("MORNING-07", "a deployment of the night names no log")
def no_log(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, log=...)
