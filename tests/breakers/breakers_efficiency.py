# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of EFFICIENCY have to see."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, World, breaker
from breakers_morning import sample
from golden_records import MACHINES, add, alter, at, drop


@breaker("EFFICIENCY-01", "the month costs a fifth more than its budget", also="INFRA-03")
def dear(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            for line in row["record"]["lines"]:
                line["EffectiveCost"] *= 1.2

    world.change("records", "cost", change)


@breaker("EFFICIENCY-01", "the month costs far less than its budget", also="INFRA-03")
def cheap(world: World) -> None:
    alter(world, "budget", "BUDGET-2026-11", amount=2000.0)


@breaker("EFFICIENCY-01", "there is no export of costs", also="INFRA-03")
def no_costs(world: World) -> None:
    drop(world, "cost")


@breaker("EFFICIENCY-02", "a pool stood idle all week")
def idle_week(world: World) -> None:
    sample(world, "memory_used_ratio_avg_7d", 0.2, host="app1")


@breaker("EFFICIENCY-02", "a pool was overloaded all week")
def busy_week(world: World) -> None:
    for host in ("db1", "db2"):
        sample(world, "cpu_used_ratio_avg_7d", 0.88, host=host)


@breaker("EFFICIENCY-02", "one host of a pool was full, although the mean is good")
def one_full(world: World) -> None:
    sample(world, "cpu_used_ratio_p95_7d", 0.99, host="db1")


@breaker("EFFICIENCY-03", "people did a third of the routine work")
def by_hand(world: World) -> None:
    rows = [f"RX-{number}-{back}" for number in (1, 4, 8) for back in range(0, 30, 3)]
    for name in rows:
        alter(world, "routine_execution", name, MACHINES, automated=False)


@breaker("EFFICIENCY-03", "a third of the register's tasks is done by hand")
def manual_register(world: World) -> None:
    for number in (1, 4, 8):
        alter(world, "routine_task", f"RT-{number}", automated=False)


@breaker("EFFICIENCY-03", "a task is executed that the register does not have")
def unregistered(world: World) -> None:
    run = {"task": "RT-99", "started": at(DAY), "ended": at(DAY - 60), "automated": True, "result": "ok"}
    add(world, "routine_execution", {"id": "RX-99", **run}, subject=MACHINES)


@breaker("EFFICIENCY-04", "a pipeline is as slow as in the quarter before")
def slow_pipeline(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            record = row["record"]
            if record["pipeline"] == "infrastructure" and record["started"] < at(90 * DAY):
                record["started"] = record["started"].replace(":00.000Z", ":59.000Z")
                record["ended"] = record["started"].replace(":59.000Z", ":59.999Z")

    world.change("records", "pipeline_run", change)


@breaker("EFFICIENCY-04", "a pipeline ran too seldom to compare")
def few_runs(world: World) -> None:
    drop(
        world,
        "pipeline_run",
        unless=lambda row: row["pipeline"] != "infrastructure" or row["started"] > at(90 * DAY),
    )


@breaker("EFFICIENCY-04.deployments", "deployments are as slow as in the quarter before")
def slow_deployments(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            record = row["record"]
            if record["started"] < at(90 * DAY):
                record["ended"] = record["started"].replace(".000Z", ".500Z")

    world.change(MACHINES, "deployment", change)


@breaker("EFFICIENCY-04.deployments", "a service that is deployed is declared as one that is not")
def declared_as_not_deployed(world: World) -> None:
    for service in world.variables["verify_services"]:
        service["deployed"] = False


@breaker("EFFICIENCY-05", "infrastructure failed six times in this quarter")
def more_incidents(world: World) -> None:
    for number in range(6):
        ago = (30 + number) * DAY
        about = {"title": "A disk filled", "priority": "low", "kind": "infrastructure", "services": []}
        times = {
            "impact_start": at(ago),
            "restored": at(ago - HOUR),
            "closed": at(ago - 5 * HOUR),
            "at": at(ago - 6 * HOUR),
        }
        people = {"owner": "operations", "cause_state": "fixed", "lessons": ["Watched."]}
        add(world, "incident", {"id": f"INC-6{number}", **about, **times, **people, "acknowledged": at(ago - 60)})


@breaker("EFFICIENCY-05", "the register of incidents reaches back four months only")
def young_register(world: World) -> None:
    drop(world, "incident", unless=lambda row: row["impact_start"] > at(120 * DAY))
