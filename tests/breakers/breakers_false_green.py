# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that look like health: what is old and still open, what was left out, what nobody rated, who is one person."""

from __future__ import annotations

import json
from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from breakers_access import sudo_line
from breakers_standup import told
from golden_logs import arrives
from golden_records import add, alter, at


@breaker("OPEX-02", "a critical incident of four months ago is still open")
def open_for_months(world: World) -> None:
    about = {"title": "Reports are wrong", "kind": "data", "services": [], "priority": "critical"}
    people = {"owner": "operations", "next_action": "rebuild", "cause_state": "known", "detected": at(120 * DAY)}
    times = {"impact_start": at(120 * DAY), "restored": None, "closed": None, "acknowledged": at(120 * DAY - 60)}
    add(world, "incident", {"id": "INC-80", **about, **people, **times})
    told(world, "INC-80")


@breaker("OPEX-05", "the scanner never says what is critical", also="MORNING-05 RELIABILITY-05")
def unrated_by_nature(world: World) -> None:
    alter(
        world,
        "vulnerability_scan",
        "scan-host-db2-0",
        scanner={"name": "debsecan", "version": "0.4", "database_built": at(DAY / 4)},
    )


@breaker(
    "CORE-05",
    "a scan found nothing and does not say at how much it looked",
    also="MORNING-05 RELIABILITY-05",
)
def empty_scan(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-lb1-0", packages=None, findings=[])


@breaker("TEAM-03", "one person is written in two ways")
def one_person_twice(world: World) -> None:
    alter(world, "skills", "SK-restore-1", person=" Database  a")


@breaker("TEAM-04", "a request of three months ago still waits")
def forgotten_request(world: World) -> None:
    alter(world, "developer_request", "REQ-5", opened=at(90 * DAY), answered=None)


@breaker("ACCESS-01.windows", "work was done under a change that nobody approved")
def unapproved(world: World) -> None:
    sudo_line(world, "app1", "ops", 6 * HOUR, "/usr/bin/systemctl restart ccobservatory")
    like = json.loads(world.body("records", "change"))["records"][-1]["record"]
    times = {"started": at(8 * HOUR), "ended": at(4 * HOUR), "planned_start": at(8 * HOUR), "planned_end": at(4 * HOUR)}
    add(world, "change", {**like, **times, "id": "CHG-80", "state": "submitted", "hosts": ["app1"]})


def worked(world: World, **keys: Any) -> None:
    """Let somebody work on a host six hours ago, and a change for eight to four hours ago cover it, but for this."""
    sudo_line(world, "app1", "ops", 6 * HOUR, "/usr/bin/systemctl restart ccobservatory")
    like = json.loads(world.body("records", "change"))["records"][-1]["record"]
    times = {"started": at(8 * HOUR), "ended": at(4 * HOUR), "planned_start": at(8 * HOUR), "planned_end": at(4 * HOUR)}
    approvals = [{"by": "change board", "role": "change board", "at": at(2 * DAY)}]
    about = {"id": "CHG-80", "kind": "normal", "template": None, "state": "done", "approvals": approvals}
    about |= {"hosts": ["app1"], "at": at(4 * HOUR)}
    add(world, "change", {**like, **times, **about, "submitted": at(3 * DAY), **keys})


@breaker("ACCESS-01.windows", "work was done under a change that was approved afterwards")
def approved_afterwards(world: World) -> None:
    worked(world, approvals=[{"by": "change board", "role": "change board", "at": at(HOUR)}])


@breaker("ACCESS-01.windows", "work was done under a change whose wording was handed in anew afterwards")
def reworded_afterwards(world: World) -> None:
    worked(world, submitted=at(HOUR))


@breaker("ACCESS-01.windows", "work was done under a change that says it is done, and names nobody who approved it")
def approved_by_nobody(world: World) -> None:
    worked(world, approvals=[])


@breaker("ACCESS-01.windows", "work was done an hour after the planned end of its change")
def overrun(world: World) -> None:
    worked(world, planned_end=at(7 * HOUR))


@breaker("ACCESS-01.windows", "the window for a piece of work was put on record when the work was over")
def window_afterwards(world: World) -> None:
    sudo_line(world, "db1", "ops", 6 * HOUR, "/usr/bin/systemctl restart postgresql")
    add(world, "window", {**window("W-late", 8 * HOUR), "at": at(5 * HOUR)})


@breaker("ACCESS-01.windows", "root logged in outside of any window, and once more inside of one")
def root_twice(world: World) -> None:
    def came(ago: float) -> str:
        told = "Accepted publickey for root from 192.0.2.1 port 50000 ssh2: ED25519 SHA256:x"
        return f"{NOW - ago:.6f} db1 sshd[88]: {told}\n"

    add(world, "window", {**window("W-root", 2 * HOUR), "at": at(DAY)})
    world.set("db1", "access_uses", came(HOUR) + came(6 * HOUR) + world.body("db1", "access_uses"))


@breaker("ACCESS-01.windows", "somebody became root by su outside of any window")
def became_root_by_su(world: World) -> None:
    line = f"{NOW - 6 * HOUR:.6f} app1 su[99]: (to root) ops on pts/0\n"
    world.set("app1", "journal_admin", line + world.body("app1", "journal_admin"))
    arrives(world, "app1", "su", f"{at(6 * HOUR)} app1 su[99]: (to root) ops on pts/0")


@breaker(
    "ACCESS-01.windows", "whether the environment is protected is not said, and somebody worked outside of a window"
)
def protection_is_not_said(world: World) -> None:
    del world.variables["ops_protected"]
    sudo_line(world, "app1", "ops", 6 * HOUR, "/usr/bin/systemctl restart ccobservatory")


@breaker("INFRA-05", "the record of one drill cannot be read, and an older one passed")
def unreadable_drill(world: World) -> None:
    def change(body: Any) -> None:
        told = ["drill.json was changed after it was sealed"]
        body["packs"].append({"name": "20261124T090000Z-site_lost", "intact": False, "faults": told, "record": None})

    world.change("runs", "packs", change)


@breaker(
    "INFRA-02",
    "a security update waits for a package that is held",
    also="DELIVER-03 SECURITY-04",
)
def held_package(world: World) -> None:
    world.edit("app1", "packages", "ii \topenssl\t", "hi \topenssl\t")
    line = "openssl/stable-security 9.0.0-1 amd64 [upgradable from: 3.0.15-1]\n"
    world.set("app1", "updates", world.body("app1", "updates") + line)


@breaker("MONITORING-01", "an alert fired with a severity that nobody knows")
def strange_severity(world: World) -> None:
    def change(body: Any) -> None:
        body["result"][0]["metric"]["severity"] = "p1"

    world.change("prometheus", "query:alerts_firing", change)


@breaker("INFRA-07", "another program listens on the port of a declared one, at another address")
def second_listener(world: World) -> None:
    line = 'tcp   LISTEN 0      1         192.0.2.99:6514         0.0.0.0:*    users:(("nc",pid=999,fd=3))\n'
    world.set("mon1", "sockets", world.body("mon1", "sockets") + line)


@breaker("INFRA-04.machines", "two names of the inventory lead to one machine")
def one_machine_twice(world: World) -> None:
    world.set("db2", "machine_id", world.body("db1", "machine_id"))


@breaker("INFRA-04.machines", "a host did not tell which machine it is")
def nameless_machine(world: World) -> None:
    world.lose("db2", "machine_id")


@breaker("EOD-06", "a branch beside the one that is checked out was not pushed")
def branch_is_not_pushed(world: World) -> None:
    row = {"name": "hotfix", "upstream": "origin/hotfix", "track": "ahead 2", "head": "e" * 40}
    world.change("repository:infrastructure", "state", lambda body: body["branches"].append(row))


@breaker("EOD-06", "the remote has a commit that is not here, although nothing was fetched since")
def remote_is_ahead(world: World) -> None:
    world.change("repository:documentation", "remote", lambda body: body["heads"].update(main="e" * 40))


@breaker("ACCESS-04", "who may read what a security tool knows is not declared")
def readers_are_not_declared(world: World) -> None:
    for system in world.variables["verify_systems"]:
        if system["kind"] == "security":
            system.pop("readers", None)


@breaker("ACCESS-01", "verification's account may run anything, but for a password, and that is declared")
def root_for_a_password(world: World) -> None:
    world.variables["verify_sudo"].append({"who": "verify", "hosts": "app1", "everything": True, "why": "by mistake"})

    def change(body: Any) -> None:
        command = {"Commands": [{"command": "ALL"}], "runasusers": [{"username": "ALL"}]}
        body["User_Specs"].append({"User_List": [{"username": "verify"}], "Cmnd_Specs": [command]})

    world.change("app1", "sudoers", change)


@breaker("INFRA-03", "the inventory of resources is two weeks old", also="SECURITY-02.storage")
def old_inventory(world: World) -> None:
    for row in json.loads(world.body("records", "resource_inventory"))["records"]:
        alter(world, "resource_inventory", row["record"]["id"], at=at(14 * DAY))


@breaker("IAC-01", "the rules of the branch were read a month ago")
def old_rules(world: World) -> None:
    for row in json.loads(world.body("records", "repository_rules"))["records"]:
        alter(world, "repository_rules", row["record"]["id"], at=at(30 * DAY))


@breaker("EFFICIENCY-01", "the export of costs stopped five days ago")
def old_export(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            lines = row["record"]["lines"]
            row["record"]["lines"] = [line for line in lines if line["ChargePeriodEnd"] <= at(5 * DAY)]

    world.change("records", "cost", change)


def window(name: str, ago: float) -> dict[str, Any]:
    """Return a window of maintenance of db1 that began so many seconds ago and was over before today's brief."""
    about = {"id": name, "title": "Root's work", "kind": "maintenance", "hosts": ["db1"], "services": []}
    return {**about, "start": at(ago), "end": at(30 * MINUTE), "changes": []}
