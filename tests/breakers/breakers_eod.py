# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of EOD have to see."""

from __future__ import annotations

import json
from typing import Any

from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_monitoring import a_day
from golden_records import MACHINES, add, alter, at, drop

LEDGER = "it reads the same ledger"
BRIEF = "the brief of the morning was made before"


@breaker("EOD-01", "no figure was kept for three days", also={"MONITORING-04": LEDGER})
def no_runs(world: World) -> None:
    def change(body: Any) -> None:
        for figure in body["figures"].values():
            figure["points"] = figure["points"][:-3]

    world.change("ledger", "figures", change)


@breaker("EOD-01", "the ledger is two weeks old, so no month can be compared", also={"MONITORING-04": LEDGER})
def young_ledger(world: World) -> None:
    world.change("ledger", "figures", lambda body: {**body, "first": at(14 * DAY)})


@breaker("EOD-01", "the ledger cannot be read", also={"MONITORING-04": LEDGER})
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
    also={"RELIABILITY-04": "it reads the same backups"},
)
def differing_evening(world: World) -> None:
    label = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-2]["label"]
    alter(world, "backup", f"B-{label}", MACHINES, result="differs")


@breaker("EOD-03", "nothing says when the evening backup of a host's files was checked")
def check_of_unknown_time(world: World) -> None:
    def change(body: Any) -> None:
        body["result"] = [row for row in body["result"] if row["metric"]["host"] != "mon1"]

    world.change("prometheus", "query:file_backup_success_hourly", change)


@breaker("EOD-04", "a change of tomorrow lies in no window")
def windowless(world: World) -> None:
    alter(world, "window", "WIN-2", start=at(-15 * HOUR), end=at(-16 * HOUR))


@breaker("EOD-04", "two windows on the same host overlap")
def overlapping(world: World) -> None:
    alter(world, "window", "WIN-1", end=at(-13 * HOUR), hosts=["app1", "db2"])


@breaker("EOD-04", "a deployment is planned into a freeze", also={"STANDUP-02": BRIEF})
def frozen(world: World) -> None:
    alter(world, "window", "WIN-3", start=at(-4 * HOUR))


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


@breaker(
    "EOD-06.in_force", "nobody compared the estate with its code for three days", also={"CORE-01": "it wants one too"}
)
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


@breaker("EOD-07", "nobody keeps security alerts on record", also={"EOD-07.register": "it is the same register"})
def no_register(world: World) -> None:
    drop(world, "security_alert")


@breaker("EOD-07.incidents", "an incident of security is open without a next action", also={"STANDUP-03": BRIEF})
def aimless(world: World) -> None:
    about = {"title": "A key was lost", "priority": "low", "kind": "security", "cause_state": "suspected"}
    times = {
        "impact_start": at(3 * HOUR),
        "restored": at(2 * HOUR),
        "at": at(2 * HOUR),
        "acknowledged": at(3 * HOUR - 60),
    }
    add(world, "incident", {"id": "INC-70", **about, **times, "owner": "security", "services": []})
