# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of CORE have to see."""

from __future__ import annotations

from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_infra_doors import failed_yesterday
from breakers_morning import sample
from golden_records import MACHINES, add, alter, at, drop
from golden_repositories import BEFORE, HEAD, commit
from golden_work import IMAGE

DRIFT = "DRIFT-0"
LISTING = "WL-1"


@breaker("CORE-01", "the newest comparison of code and estate is two days old", also="EOD-06.in_force")
def old_comparison(world: World) -> None:
    drop(world, "drift_check", MACHINES, unless=lambda row: row["id"] not in ("DRIFT-0", "DRIFT-1"))


@breaker("CORE-01", "the comparison looked at nothing", also="EOD-06.in_force")
def empty_comparison(world: World) -> None:
    alter(world, "drift_check", DRIFT, MACHINES, resources=0)


@breaker("CORE-01", "a file of the code cannot be validated", also="EOD-06.in_force")
def invalid_code(world: World) -> None:
    alter(world, "drift_check", DRIFT, MACHINES, valid=False)


@breaker("CORE-01", "a difference stands unreviewed for two days", also="EOD-06.in_force")
def old_drift(world: World) -> None:
    drifted = [{"address": "db1:/etc/postgresql/15/main/postgresql.conf", "since": at(2 * DAY), "reviewed_by": None}]
    alter(world, "drift_check", DRIFT, MACHINES, drifted=drifted)


@breaker("CORE-01", "nobody compares the code with the estate", also="EOD-06.in_force")
def no_comparison(world: World) -> None:
    drop(world, "drift_check", MACHINES)


@breaker("CORE-01", "the code of a repository is in no comparison", also="EOD-06.in_force")
def code_not_compared(world: World) -> None:
    alter(world, "drift_check", DRIFT, MACHINES, repositories=["an older one"])


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


def many_good_runs(world: World, pipeline: str) -> None:
    """Let a pipeline have succeeded every half hour for six days, so that one failure is below one in twenty."""
    stage = {"name": "build", "kind": "build", "conclusion": "success", "seconds": 40.0}
    about = {"pipeline": pipeline, "branch": "feature", "commit": "0badc0de", "conclusion": "success", "attempt": 1}
    runs = []
    for number in range(280):
        ago = 6 * DAY - number * 30 * MINUTE
        times = {"started": at(ago), "ended": at(ago - MINUTE), "at": at(ago - MINUTE)}
        runs.append({"id": f"run-good-{number}", **about, **times, "stages": [stage]})
    add(world, "pipeline_run", *runs)


@breaker("CORE-01.repositories", "the pipeline failed at the newest commit an hour ago, once in many good runs")
def commit_that_fails(world: World) -> None:
    def change(place: int, record: dict[str, Any]) -> None:
        if place == 0:
            record.update(conclusion="failure", started=at(HOUR), ended=at(50 * MINUTE))

    runs_of(world, "infrastructure", change)
    many_good_runs(world, "infrastructure")


@breaker("CORE-02", "a pipeline has not begun a run for longer than its cadence, and the last one took half of that")
def pipeline_asleep(world: World) -> None:
    runs_of(world, "infrastructure", lambda place, record: place or record.update(ended=at(5 * HOUR)))
    for row in world.variables["verify_pipelines"]:
        if row["name"] == "infrastructure":
            row["cadence_s"] = 10 * HOUR


@breaker("CORE-02", "a pipeline is red for two days, since a second run of an older commit, once in many good runs")
def pipeline_red(world: World) -> None:
    def change(place: int, record: dict[str, Any]) -> None:
        if place == 0:
            times = {"started": at(2 * DAY + 10 * MINUTE), "ended": at(2 * DAY)}
            record.update(conclusion="failure", commit=BEFORE, **times)
        elif place == 1:
            record.update(commit=HEAD["infrastructure"])

    runs_of(world, "infrastructure", change)
    many_good_runs(world, "infrastructure")


@breaker("CORE-02.registered", "a pipeline that is switched off, and failed last, is not declared")
def pipeline_undeclared(world: World) -> None:
    about = {"pipeline": "nightly", "enabled": False, "default_branch": "main", "deploys": False}
    add(world, "pipeline", {"id": "PL-nightly", **about})
    run = {"pipeline": "nightly", "branch": "main", "commit": "0badc0de", "conclusion": "failure", "attempt": 1}
    add(world, "pipeline_run", {"id": "run-nightly", **run, "started": at(HOUR), "ended": at(50 * MINUTE)})


@breaker("CORE-02.registered", "a pipeline ran that no system told of, and that is not declared")
def pipeline_untold(world: World) -> None:
    run = {"pipeline": "by-hand", "branch": "main", "commit": "0badc0de", "conclusion": "success", "attempt": 1}
    add(world, "pipeline_run", {"id": "run-by-hand", **run, "started": at(9 * DAY), "ended": at(9 * DAY - MINUTE)})


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
    listing(world, lambda record: record["workloads"][0].update(images=[IMAGE]))


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


@breaker("CORE-04", "the exporter that probes certificates does not answer")
def exporter_down(world: World) -> None:
    target(world, "certificate", health="down", lastError="connection refused")


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


@breaker("CORE-04.deadman", "every notification of the last day failed", also="MONITORING-02.delivery")
def notifications_failed(world: World) -> None:
    sample(world, "notifications_failed_1d", 1452.0)


@breaker("CORE-04.deadman", "Alertmanager sent nothing for a day", also="MONITORING-02.delivery")
def nothing_sent(world: World) -> None:
    sample(world, "notifications_1d", 0.0)


@breaker("CORE-04.deadman", "nothing counts what Alertmanager sent", also="MONITORING-02.delivery")
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
    also="MORNING-05 OPEX-05 RELIABILITY-05",
)
def host_not_scanned(world: World) -> None:
    scans(world, "repo1")


@breaker(
    "CORE-05.images",
    "an image that runs was not scanned",
    also="MORNING-05.images OPEX-05.images RELIABILITY-05.images",
)
def image_not_scanned(world: World) -> None:
    scans(world, "registry.example.org/batch:4.2")


@breaker("CORE-06", "the policy of an asset does not say how often it is backed up")
def no_period(world: World) -> None:
    del next(one for one in world.variables["verify_assets"] if one["name"] == "files-mon1")["period_s"]


@breaker("CORE-06", "an asset was never restored to test it", also="INFRA-06")
def never_restored(world: World) -> None:
    drop(world, "restore_test", MACHINES, unless=lambda row: "lb1" not in row["asset"])


@breaker("CORE-06", "the restore test of an asset is eight days old", also="INFRA-06")
def old_restore_test(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            if "lb1" in row["record"]["asset"]:
                row["record"].update(started=at(8 * DAY + HOUR), ended=at(8 * DAY))

    world.change(MACHINES, "restore_test", change)


@breaker(
    "CORE-06",
    "the restore test of an asset found a difference",
    also="INFRA-06 RELIABILITY-04",
)
def restore_differs(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            if "lb1" in row["record"]["asset"]:
                row["record"]["result"] = "differs"

    world.change(MACHINES, "restore_test", change)


@breaker(
    "CORE-05.baseline",
    "a host keeps half of the baseline only, as yesterday",
    also="INFRA-08",
)
def half_a_baseline(world: World) -> None:
    weaker = {"permitrootlogin": "yes", "passwordauthentication": "yes", "x11forwarding": "yes", "maxauthtries": "20"}
    weaker |= {"permitemptypasswords": "yes", "logingracetime": "0", "allowtcpforwarding": "yes"}
    lines = [line for line in world.body("app1", "sshd").splitlines() if line.split()[0] not in weaker]
    world.set("app1", "sshd", "\n".join([*lines, *(f"{key} {value}" for key, value in weaker.items())]) + "\n")
    failed_yesterday(world, "app1")


@breaker(
    "CORE-05",
    "the scans could not be read",
    also=others("scans", "CORE-05"),
)
def scans_unreadable(world: World) -> None:
    world.lose("records", "vulnerability_scan", "A file of a scanner is cut off.")
