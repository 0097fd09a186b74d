# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of CORE have to see."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_morning import sample
from golden_records import MACHINES, alter, at, drop
from golden_repositories import HEAD, commit

DRIFT = "DRIFT-0"
LISTING = "WL-1"
COMPARED = {"EOD-06.in_force": "it rests on the same comparison"}
RESTORED = {"INFRA-06": "it wants the restore of each asset tested"}
TOLD = {"MONITORING-02.delivery": "it counts the same notifications"}


@breaker("CORE-01", "the newest comparison of code and estate is two days old", also=COMPARED)
def old_comparison(world: World) -> None:
    drop(world, "drift_check", MACHINES, unless=lambda row: row["id"] not in ("DRIFT-0", "DRIFT-1"))


@breaker("CORE-01", "the comparison looked at nothing", also=COMPARED)
def empty_comparison(world: World) -> None:
    alter(world, "drift_check", DRIFT, MACHINES, resources=0)


@breaker("CORE-01", "a file of the code cannot be validated", also=COMPARED)
def invalid_code(world: World) -> None:
    alter(world, "drift_check", DRIFT, MACHINES, valid=False)


@breaker("CORE-01", "a difference stands unreviewed for two days", also=COMPARED)
def old_drift(world: World) -> None:
    drifted = [{"address": "db1:/etc/postgresql/15/main/postgresql.conf", "since": at(2 * DAY), "reviewed_by": None}]
    alter(world, "drift_check", DRIFT, MACHINES, drifted=drifted)


@breaker("CORE-01", "nobody compares the code with the estate", also=COMPARED)
def no_comparison(world: World) -> None:
    drop(world, "drift_check", MACHINES)


@breaker("CORE-01.repositories", "the newest commit of the code has no run of its pipeline")
def commit_without_a_run(world: World) -> None:
    world.change("repository:infrastructure", "state", lambda state: state.update(head="ef" * 20))
    world.change("repository:infrastructure", "remote", lambda body: body["heads"].update(main="ef" * 20))
    newest = commit("ef" * 20, HOUR, "Write another page", parents=[HEAD["infrastructure"]])
    world.change("repository:infrastructure", "commits", lambda body: body["commits"].insert(0, newest))


def runs_of(world: World, pipeline: str, how: Any) -> None:
    """Change each run of a pipeline by a function of its place from the end, the newest 0."""

    def change(body: Any) -> None:
        mine = [row["record"] for row in body["records"] if row["record"]["pipeline"] == pipeline]
        for place, record in enumerate(sorted(mine, key=lambda row: row["started"], reverse=True)):
            how(place, record)

    world.change("records", "pipeline_run", change)


@breaker(
    "CORE-01.repositories",
    "the pipeline failed at the newest commit an hour ago",
    also={"MORNING-04": "one failure of three runs is below the rate"},
)
def commit_that_fails(world: World) -> None:
    def change(place: int, record: dict[str, Any]) -> None:
        if place == 0:
            record.update(conclusion="failure", started=at(HOUR), ended=at(50 * MINUTE))

    runs_of(world, "infrastructure", change)


@breaker(
    "CORE-02",
    "a pipeline has not run for longer than its cadence",
    also={"DELIVER-02": "no green run is within that cadence either"},
)
def pipeline_asleep(world: World) -> None:
    for row in world.variables["verify_pipelines"]:
        if row["name"] == "infrastructure":
            row["cadence_s"] = 43200


@breaker(
    "CORE-02",
    "a pipeline is red for two days",
    also={
        "CORE-01.repositories": "the newest commit did not pass its pipeline",
        "MORNING-04": "one failure of three runs is below the rate",
    },
)
def pipeline_red(world: World) -> None:
    def change(place: int, record: dict[str, Any]) -> None:
        if place == 0:
            record.update(conclusion="failure", started=at(2 * DAY + 10 * MINUTE), ended=at(2 * DAY))

    runs_of(world, "infrastructure", change)


def listing(world: World, how: Any) -> None:
    """Change what the orchestrator says."""
    world.change("records", "workload_listing", lambda body: how(body["records"][0]["record"]))


@breaker("CORE-03", "a node is not ready")
def node_away(world: World) -> None:
    listing(world, lambda record: record["nodes"][1].update(ready=False))


@breaker("CORE-03", "a workload lacks a replica")
def replica_away(world: World) -> None:
    listing(world, lambda record: record["workloads"][0].update(ready=1))


@breaker("CORE-03", "a workload restarts again and again")
def restless(world: World) -> None:
    listing(world, lambda record: record["workloads"][0].update(restarts_1h=7))


@breaker("CORE-03", "an image is named by a tag that can move")
def moving_tag(world: World) -> None:
    listing(world, lambda record: record["workloads"][0].update(images=["registry.example.org/batch:latest"]))


@breaker("CORE-03", "the orchestrator tells of no node")
def no_nodes(world: World) -> None:
    listing(world, lambda record: record.update(nodes=[]))


@breaker("CORE-03", "the orchestrator was asked two hours ago")
def old_listing(world: World) -> None:
    alter(world, "workload_listing", LISTING, read=at(2 * HOUR))


@breaker("CORE-03", "nobody asks the orchestrator, and nothing says that there is none")
def nobody_asks(world: World) -> None:
    drop(world, "workload_listing")


@breaker("CORE-03", "the environment says that it runs no images, and a host has a runtime for them")
def hidden_runtime(world: World) -> None:
    drop(world, "workload_listing")
    world.variables.setdefault("verify_empty", {})["workload"] = "Everything runs from packages here."
    body = world.body("app1", "packages")
    world.set("app1", "packages", f"{body.rstrip()}\nii \tcontainerd\t1.6.20~ds1-1+b1\tamd64\tcontainerd\n")


def target(world: World, job: str, **keys: Any) -> None:
    """Change the targets of a job."""

    def change(body: Any) -> None:
        found = [one for one in body["activeTargets"] if one["scrapePool"] == job]
        assert found, f"there is no target of {job}"
        for one in found:
            one.update(keys)

    world.change("prometheus", "targets", change)


@breaker("CORE-04", "an exporter does not answer", also={"MORNING-02": "it wants every exporter of a host to answer"})
def exporter_down(world: World) -> None:
    target(world, "haproxy", health="down", lastError="connection refused")


@breaker("CORE-04", "a rule that records is evaluated with an error")
def rule_with_an_error(world: World) -> None:
    def change(body: Any) -> None:
        rule = {"name": "job:up:sum", "query": "sum by (job) (up)", "health": "err", "type": "recording"}
        more = {"lastError": "many-to-many matching", "evaluationTime": 0.1, "lastEvaluation": "2026-11-25T08:28:50Z"}
        body["groups"][0]["rules"].append({**rule, **more, "labels": {}})

    world.change("prometheus", "rules", change)


@breaker("CORE-04", "Prometheus refused the configuration that lies on its disk")
def refused_configuration(world: World) -> None:
    world.change("prometheus", "runtimeinfo", lambda body: body.update(reloadConfigSuccess=False))


@breaker("CORE-04.deadman", "the alert that always fires is silent")
def deadman_silent(world: World) -> None:
    world.change("prometheus", "query:deadman", lambda body: body.update(result=[]))


@breaker("CORE-04.deadman", "Alertmanager has not heard of that alert for half an hour")
def deadman_stale(world: World) -> None:
    def change(body: Any) -> None:
        for one in body:
            if one["labels"]["alertname"] == "Watchdog":
                one["updatedAt"] = at(30 * MINUTE)

    world.change("alertmanager", "alerts", change)


@breaker("CORE-04.deadman", "notifications of the last day failed", also=TOLD)
def notifications_failed(world: World) -> None:
    sample(world, "notifications_failed_1d", 4.0)


@breaker("CORE-04.deadman", "Alertmanager sent nothing for a day", also=TOLD)
def nothing_sent(world: World) -> None:
    sample(world, "notifications_1d", 0.0)


@breaker("CORE-04.deadman", "nothing counts what Alertmanager sent", also=TOLD)
def uncounted(world: World) -> None:
    world.change("prometheus", "query:notifications_1d", lambda body: body.update(result=[]))


def scans(world: World, name: str, **keys: Any) -> None:
    """Change the scans of a host or image, all of them or (without keys) take them away."""

    def change(body: Any) -> None:
        if not keys:
            body["records"] = [row for row in body["records"] if row["record"]["target"]["name"] != name]
        for row in body["records"]:
            if row["record"]["target"]["name"] == name:
                row["record"].update(keys)

    world.change("records", "vulnerability_scan", change)


@breaker(
    "CORE-05",
    "a host was never scanned",
    also={
        "MORNING-05": "it wants a scan of each host",
        "OPEX-05": "what was never scanned was never known to be patched",
        "RELIABILITY-05": "it wants a scan of each host",
    },
)
def host_not_scanned(world: World) -> None:
    scans(world, "repo1")


@breaker(
    "CORE-05.images",
    "an image that runs was not scanned",
    also={
        "MORNING-05.images": "it wants a scan of each image",
        "OPEX-05.images": "what was never scanned was never known to be mended",
        "RELIABILITY-05.images": "it wants a scan of each image",
    },
)
def image_not_scanned(world: World) -> None:
    scans(world, "registry.example.org/batch:4.2")


@breaker("CORE-06", "an asset was never restored to test it", also=RESTORED)
def never_restored(world: World) -> None:
    drop(world, "restore_test", MACHINES, unless=lambda row: "lb1" not in row["asset"])


@breaker("CORE-06", "the restore test of an asset is eight days old", also=RESTORED)
def old_restore_test(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            if "lb1" in row["record"]["asset"]:
                row["record"].update(started=at(8 * DAY + HOUR), ended=at(8 * DAY))

    world.change(MACHINES, "restore_test", change)


@breaker(
    "CORE-06",
    "the restore test of an asset found a difference",
    also={**RESTORED, "RELIABILITY-04": "it is a check of the backup"},
)
def restore_differs(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            if "lb1" in row["record"]["asset"]:
                row["record"]["result"] = "differs"

    world.change(MACHINES, "restore_test", change)


@breaker(
    "CORE-05.baseline",
    "a host keeps half of the baseline only",
    also={"INFRA-08": "it judges the same rules", "INFRA-08.change": "they held yesterday"},
)
def half_a_baseline(world: World) -> None:
    weaker = {"permitrootlogin": "yes", "passwordauthentication": "yes", "x11forwarding": "yes", "maxauthtries": "20"}
    weaker |= {"permitemptypasswords": "yes", "logingracetime": "0", "allowtcpforwarding": "yes"}
    lines = [line for line in world.body("app1", "sshd").splitlines() if line.split()[0] not in weaker]
    world.set("app1", "sshd", "\n".join([*lines, *(f"{key} {value}" for key, value in weaker.items())]) + "\n")


@breaker(
    "CORE-05",
    "the scans could not be read",
    also={
        "CORE-05.images": "it reads the same scans",
        "MORNING-05": "it reads the same scans",
        "MORNING-05.images": "it reads the same scans",
        "OPEX-05": "it reads the same scans",
        "OPEX-05.images": "it reads the same scans",
        "RELIABILITY-05": "it reads the same scans",
        "RELIABILITY-05.images": "it reads the same scans",
        "EOD-07.register": "it reads the same scans",
    },
)
def scans_unreadable(world: World) -> None:
    world.lose("records", "vulnerability_scan", "A file of a scanner is cut off.")
