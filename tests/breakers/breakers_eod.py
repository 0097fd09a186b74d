# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of EOD have to see."""

from __future__ import annotations

import json
from typing import Any

from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_monitoring import a_day
from breakers_standup import told
from golden_records import MACHINES, add, alter, at, drop


@breaker("EOD-01", "a figure has no value of the day a month before, with which it could be compared")
def no_month_before(world: World) -> None:
    def change(body: Any) -> None:
        figure = body["figures"]["mttr_s"]
        figure["points"] = [point for point in figure["points"] if point[0][:10] != a_day(31)]

    world.change("ledger", "figures", change)


@breaker("EOD-01", "a figure could not be told on the day a month before, with which it could be compared")
def untold_month_before(world: World) -> None:
    def change(body: Any) -> None:
        for point in body["figures"]["mttr_s"]["points"]:
            if point[0][:10] == a_day(31):
                point[1:] = [None, "unknown"]

    world.change("ledger", "figures", change)


@breaker("EOD-01", "no figure could be told for three months", also="MONITORING-04")
def nothing_told(world: World) -> None:
    def change(body: Any) -> None:
        for figure in body["figures"].values():
            figure["points"] = [[point[0], None, "unknown"] for point in figure["points"]]

    world.change("ledger", "figures", change)


@breaker("EOD-01", "no figure was kept for three days", also="MONITORING-04")
def no_runs(world: World) -> None:
    def change(body: Any) -> None:
        for figure in body["figures"].values():
            figure["points"] = figure["points"][:-3]

    world.change("ledger", "figures", change)


@breaker("EOD-01", "the ledger is two weeks old, so no month can be compared", also="MONITORING-04")
def young_ledger(world: World) -> None:
    world.change("ledger", "figures", lambda body: {**body, "first": at(14 * DAY)})


@breaker("EOD-01", "the ledger cannot be read", also="MONITORING-04")
def no_ledger(world: World) -> None:
    world.lose("ledger", "figures")


@breaker("EOD-02", "an incident was closed today without a lesson")
def no_lessons(world: World) -> None:
    alter(world, "incident", "INC-43", lessons=...)


@breaker("EOD-03", "the evening backup of a host's files was not taken")
def no_evening(world: World) -> None:
    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if one["time"][:13] != f"{a_day(1)}T17"]

    world.change("mon1", "file_backup_snapshots", change)


@breaker("EOD-03", "an asset is declared to take no backup in the evening, and takes none")
def declared_away(world: World) -> None:
    next(one for one in world.variables["verify_assets"] if one["name"] == "files-mon1")["evening"] = False
    no_evening(world)


@breaker("EOD-03", "the evening backup of the database ended after its window")
def late_evening(world: World) -> None:
    def change(stanzas: Any) -> None:
        stanzas[0]["backup"][-2]["timestamp"]["stop"] += 3600

    world.change("repo1", "pgbackrest_info", change)


@breaker("EOD-03", "the audit after the evening backup of the database ended after the window")
def late_audit(world: World) -> None:
    label = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-2]["label"]
    audit = {"name": "audit", "started": f"{a_day(1)}T17:25:00Z", "ended": f"{a_day(1)}T18:10:00Z", "seconds": 2700.0}
    alter(world, "backup", f"B-{label}", MACHINES, phases=[audit])


@breaker(
    "EOD-03",
    "the record of the evening backup says that its audit found damage, and a later audit found none",
    also="RELIABILITY-04",
)
def differing_evening(world: World) -> None:
    label = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-2]["label"]
    alter(world, "backup", f"B-{label}", MACHINES, result="differs")


@breaker("EOD-03", "nothing says when the evening backup of a host's files was checked")
def check_of_unknown_time(world: World) -> None:
    def change(body: Any) -> None:
        body["result"] = [row for row in body["result"] if row["metric"]["host"] != "mon1"]

    world.change("prometheus", "query:file_backup_success_hourly", change)


def rows_of(world: World, kind: str) -> list[Any]:
    """Return the records of people of a type."""
    found: list[Any] = json.loads(world.body("records", kind))["records"]
    return found


@breaker("EOD-04", "a change of tomorrow lies in no window")
def windowless(world: World) -> None:
    alter(world, "window", "WIN-2", start=at(-15 * HOUR), end=at(-16 * HOUR))


@breaker("EOD-04", "two windows on the same host overlap")
def overlapping(world: World) -> None:
    alter(world, "window", "WIN-1", end=at(-13 * HOUR), hosts=["app1", "db2"])


@breaker("EOD-04", "two changes of the same host are planned for the same time, in one window")
def overlapping_changes(world: World) -> None:
    times = {"planned_start": at(-5.5 * HOUR), "planned_end": at(-6 * HOUR)}
    alter(world, "change", "CHG-P0", **times, hosts=["app1"], window="WIN-1")


@breaker("EOD-04", "a service is deployed while patches are planned on a host of it")
def patched_while_deployed(world: World) -> None:
    overlapping_changes(world)
    alter(world, "change", "CHG-0", hosts=[])


@breaker("EOD-04", "a service is frozen while patches are planned on a host of it", also="STANDUP-02")
def patched_in_a_freeze_of_the_service(world: World) -> None:
    alter(world, "change", "CHG-P0", hosts=["app1"])
    alter(world, "window", "WIN-2", hosts=["app1"])
    alter(world, "window", "WIN-3", start=at(-12 * HOUR), services=["web"])


@breaker("EOD-04", "a change of the evening of the next working day lies in no window")
def windowless_in_the_evening(world: World) -> None:
    alter(world, "change", "CHG-P0", planned_start=at(-35 * HOUR), planned_end=at(-36 * HOUR))


@breaker("EOD-04", "a deployment is planned into a freeze", also="STANDUP-02")
def frozen(world: World) -> None:
    alter(world, "window", "WIN-3", start=at(-4 * HOUR))


@breaker("EOD-04", "two windows share an id, one of people and one of a playbook")
def window_twice(world: World) -> None:
    (own,) = [row["record"] for row in rows_of(world, "window") if row["record"]["id"] == "WIN-2"]
    add(world, "window", {**own, "start": at(-40 * DAY), "end": at(-40 * DAY - HOUR)}, subject=MACHINES)


@breaker("EOD-04", "two changes share an id")
def change_twice(world: World) -> None:
    own = rows_of(world, "change")[0]["record"]
    add(world, "change", {**own, "planned_start": at(-40 * DAY), "planned_end": at(-40 * DAY - HOUR)}, subject=MACHINES)


@breaker("EOD-05", "the forecast of a pool is from the day before yesterday")
def old_forecast(world: World) -> None:
    drop(
        world,
        "capacity_forecast",
        MACHINES,
        unless=lambda row: row["made"] < at(40 * HOUR) or row["pool"] != "database",
    )


@breaker("EOD-05", "no earlier forecast says what today would be")
def first_forecast(world: World) -> None:
    drop(world, "capacity_forecast", MACHINES, unless=lambda row: row["made"] > at(DAY) or row["pool"] != "database")


def state(world: World, repository: str, **keys: Any) -> None:
    """Change keys of what git said of a repository."""
    body = json.loads(world.body(f"repository:{repository}", "state"))
    assert set(keys) <= set(body), sorted(body)
    world.set(f"repository:{repository}", "state", {**body, **keys})


@breaker("EOD-06", "a file of the infrastructure was changed and not committed")
def dirty(world: World) -> None:
    state(world, "infrastructure", dirty=["inventories/golden/hosts.yml"])


@breaker("EOD-06", "two commits of the documentation are not pushed")
def unpushed(world: World) -> None:
    state(world, "documentation", ahead=2)


@breaker("EOD-06.in_force", "the estate differs from its code since an hour")
def drifted(world: World) -> None:
    found = [{"address": "app1:/etc/ssh/sshd_config", "since": at(4 * HOUR), "reviewed_by": "platform A"}]
    alter(world, "drift_check", "DRIFT-0", MACHINES, drifted=found)


@breaker("EOD-06.in_force", "nobody compared the estate with its code for three days", also="CORE-01")
def unchecked(world: World) -> None:
    drop(world, "drift_check", MACHINES, unless=lambda row: row["checked"] < at(3 * DAY))


@breaker("EOD-07", "a critical security alert waits for an answer since an hour")
def unanswered(world: World) -> None:
    about = {"title": "A shell in a container", "severity": "critical", "raised": at(HOUR), "source": "audit"}
    add(world, "security_alert", {"id": "SA-20", **about, "owner": "security"})


@breaker("EOD-07", "a security alert has no owner")
def ownerless(world: World) -> None:
    about = {"title": "A scan of ports", "severity": "low", "raised": at(30 * MINUTE), "source": "audit"}
    add(world, "security_alert", {"id": "SA-21", **about})


@breaker("EOD-07", "nobody keeps security alerts on record", also="EOD-07.register")
def no_register(world: World) -> None:
    drop(world, "security_alert")


@breaker("EOD-07.incidents", "an incident of security is open without a next action")
def aimless(world: World) -> None:
    about = {"title": "A key was lost", "priority": "low", "kind": "security", "cause_state": "suspected"}
    times = {
        "impact_start": at(3 * HOUR),
        "restored": at(2 * HOUR),
        "at": at(2 * HOUR),
        "acknowledged": at(3 * HOUR - 60),
    }
    add(world, "incident", {"id": "INC-70", **about, **times, "owner": "security", "services": []})
    told(world, "INC-70")
