# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of ACCESS have to see: who may write where."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from breakers_infra_doors import redrawn
from golden_people import BRIEF
from golden_records import MACHINES, add, alter, at, drop


def principals(world: World, listing: str, *more: dict[str, Any], without: str = "") -> None:
    """Add to a list of who can enter a system, and take a name out of it."""
    body = json.loads(world.body("records", "access_listing"))
    row = next(one["record"] for one in body["records"] if one["record"]["id"] == listing)
    kept = [one for one in row["principals"] if one["name"] != without]
    added = [{"last_used": at(DAY), **one} for one in more]
    alter(world, "access_listing", listing, principals=[*kept, *added])


def sudo_line(world: World, host: str, who: str, ago: float, command: str) -> None:
    """Let somebody have run a command as root."""
    line = f"{NOW - ago:.6f} {host} sudo[77]:   {who} : PWD=/home/{who} ; USER=root ; COMMAND={command}\n"
    world.set(host, "access_uses", line + world.body(host, "access_uses"))


@breaker("ACCESS-01", "the account that verifies can write below /etc")
def can_write(world: World) -> None:
    world.set("app1", "own_writable", "/etc/ccobservatory.env\n")


@breaker("ACCESS-01", "sudo lets verification's account run anything")
def can_become_root(world: World) -> None:
    world.set("app1", "own_root_refused", "", rc=0)


@breaker(
    "ACCESS-01",
    "verification came in as root",
    also="ACCESS-01.windows SECURITY-01 SECURITY-01.accounts SECURITY-05",
)
def came_as_root(world: World) -> None:
    world.change("app1", "connection", lambda body: body.update(user="root", uid=0))


@breaker("ACCESS-01", "whether it could write was not tried")
def not_tried(world: World) -> None:
    world.lose("app1", "own_writable")


@breaker("ACCESS-01.windows", "somebody changed a host outside of any window")
def outside_of_windows(world: World) -> None:
    sudo_line(world, "app1", "ops", 6 * HOUR, "/usr/bin/systemctl restart ccobservatory")


@breaker("ACCESS-01.windows", "the window in which somebody worked is open for a month")
def window_without_end(world: World) -> None:
    body = json.loads(world.body("records", "window"))
    work = next(one["record"] for one in body["records"] if one["record"]["kind"] == "maintenance")
    month = {"id": "W-month", "at": at(31 * DAY), "start": at(30 * DAY), "end": at(HOUR), "hosts": ["db1"]}
    add(world, "window", {**work, **month})
    sudo_line(world, "db1", "ops", 6 * HOUR, "/usr/bin/vi /etc/postgresql/15/main/postgresql.conf")


@breaker("ACCESS-01.windows", "somebody worked during a freeze, which is a window too, but forbids")
def during_a_freeze(world: World) -> None:
    sudo_line(world, "db1", "ops", 30 * MINUTE, "/usr/bin/vi /etc/postgresql/15/main/postgresql.conf")
    body = json.loads(world.body("records", "window"))
    freeze = next(one["record"] for one in body["records"] if one["record"]["kind"] == "freeze")
    alter(world, "window", freeze["id"], start=at(2 * HOUR), end=at(-2 * HOUR), hosts=["db1"])
    alter(world, "brief", BRIEF, MACHINES, windows=["WIN-1", "WIN-2", freeze["id"]])


@breaker("ACCESS-01.windows", "root logged in itself")
def root_logged_in(world: World) -> None:
    line = (
        f"{NOW - HOUR:.6f} db1 sshd[88]: Accepted publickey for root from 192.0.2.1 port 50000 ssh2: ED25519 SHA256:x\n"
    )
    world.set("db1", "access_uses", line + world.body("db1", "access_uses"))


@breaker("ACCESS-01.standing", "somebody may do everything at any time, which nobody said")
def root_at_any_time(world: World) -> None:
    world.variables["verify_sudo"][0]["standing"] = False


@breaker("ACCESS-01.standing", "a rule that lets somebody do everything ends within the hour, and no window is open")
def root_without_a_window(world: World) -> None:
    _limited(world, NOW + HOUR)


@breaker("ACCESS-01.standing", "a rule that lets somebody do everything ends in a month")
def root_for_a_month(world: World) -> None:
    _limited(world, NOW + 30 * DAY)


def _limited(world: World, until: float) -> None:
    """Let everything be allowed on app1 until an instant, and stand as it did elsewhere."""
    (row,) = world.variables["verify_sudo"]
    row["hosts"] = [host for host in world.hosts if host != "app1"]
    world.variables["verify_sudo"] = [row, {**row, "hosts": "app1", "standing": False}]
    end = {"notafter": datetime.fromtimestamp(until, UTC).strftime("%Y%m%d%H%M%SZ")}

    def limit(body: Any) -> None:
        for spec in body["User_Specs"]:
            if spec["User_List"] == [{"username": "ops"}]:
                for part in spec["Cmnd_Specs"]:
                    part["Options"] = [*part.get("Options", []), end]

    world.change("app1", "sudoers", limit)


@breaker("ACCESS-02", "somebody who is not declared administers the pipelines")
def strange_administrator(world: World) -> None:
    principals(world, "AL-ci", {"name": "former colleague", "role": "admin"})


@breaker("ACCESS-02", "a declared administrator of the pipelines is missing")
def missing_administrator(world: World) -> None:
    principals(world, "AL-ci", without="platform A")


@breaker("ACCESS-02", "the list of who can enter is three weeks old", also="SECURITY-01.systems")
def old_list(world: World) -> None:
    alter(world, "access_listing", "AL-ci", at=at(21 * DAY))


@breaker(
    "ACCESS-02",
    "no pipeline system is declared, and nobody says why",
    also="ACCESS-02.pipeline",
)
def no_system(world: World) -> None:
    found = [one for one in world.variables["verify_systems"] if one["kind"] != "pipelines"]
    world.variables["verify_systems"] = found


@breaker("ACCESS-02.pipeline", "a pipeline names an administrator who is not declared")
def pipeline_administrator(world: World) -> None:
    def change(body: Any) -> None:
        body["records"][-1]["record"]["administrators"] = ["platform A", "former colleague"]

    for subject in ("records", "runs"):
        if json.loads(world.body(subject, "pipeline"))["records"]:
            world.change(subject, "pipeline", change)


@breaker("ACCESS-02.pipeline", "who administers a pipeline was said last year", also="DELIVER-02")
def pipeline_told_last_year(world: World) -> None:
    alter(world, "pipeline", "PL-infrastructure", at=at(365 * DAY))


@breaker("ACCESS-03", "one more account can log in to the host of the monitoring, and is declared for the host only")
def monitoring_account(world: World) -> None:
    world.variables["verify_accounts"].append({"name": "grafana", "hosts": "mon1", "why": "dashboards"})
    world.set("mon1", "accounts", f"{world.body('mon1', 'accounts')}grafana:x:1500:1500::/home/grafana:/bin/bash\n")
    world.set("mon1", "account_status", f"{world.body('mon1', 'account_status')}grafana P 2026-11-20 0 99999 7 -1\n")


@breaker("ACCESS-03", "monitoring has an administrator less than declared")
def monitoring_short(world: World) -> None:
    world.variables["verify_systems"][0]["administrators"] = ["ops", "verify", "platform A"]


@breaker(
    "ACCESS-03.anonymous",
    "Prometheus listens on every address, as is declared, drawn and encrypted",
    also="SECURITY-02.protocols",
)
def open_prometheus(world: World) -> None:
    world.edit("mon1", "sockets", "127.0.0.1:9090", "0.0.0.0:9090")
    world.variables["verify_ports"].append({"port": 9090, "hosts": "monitoring", "encrypted": "tls", "why": "metrics"})
    for kind in ("", "_old"):
        world.set("mon1", f"tls_9090{kind}", world.body("lb1", f"tls_443{kind}"))
    redrawn(world)


@breaker("ACCESS-03.anonymous", "a monitoring system lets anybody in")
def anonymous(world: World) -> None:
    row = {"name": "ci", "kind": "monitoring", "administrators": ["release A", "platform A"]}
    world.variables["verify_systems"].append({**row, "name": "dashboards"})
    found = [{"name": who, "role": "admin", "last_used": at(DAY)} for who in row["administrators"]]
    about = {"system": "dashboards", "anonymous": True, "principals": found}
    add(world, "access_listing", {"id": "AL-dashboards", "at": at(DAY), **about})


@breaker("ACCESS-03.anonymous", "an Alertmanager on the network answers without a name")
def nameless_answer(world: World) -> None:
    del world.variables["verify_sources"]["alertmanager"]["via"]
    world.set("alertmanager", "anonymous", {"status": 200, "credentials": False})


@breaker("ACCESS-04", "somebody who is not declared reads the findings")
def strange_reader(world: World) -> None:
    principals(world, "AL-scanner", {"name": "contractor", "role": "read"})


@breaker("ACCESS-04", "the scanner's list was never exported", also="SECURITY-01.systems")
def no_list(world: World) -> None:
    drop(world, "access_listing", unless=lambda row: row["system"] != "scanner")


@breaker("ACCESS-04", "a grant has run out and the reader is still there")
def expired_grant(world: World) -> None:
    principals(world, "AL-scanner", {"name": "contractor", "role": "read"})
    about = {"system": "scanner", "principal": "contractor", "role": "read", "granted": at(60 * DAY)}
    add(world, "access_grant", {**about, "expires": at(DAY), "approved_by": "security A", "reason": "an audit"})


@breaker("ACCESS-05", "a stranger may write the documentation")
def strange_writer(world: World) -> None:
    principals(world, "AL-wiki", {"name": "team of another floor", "role": "write"})


@breaker("ACCESS-05", "a member of the team may not write")
def team_member_missing(world: World) -> None:
    principals(world, "AL-wiki", without="database A")


@breaker("ACCESS-05.repository", "everybody on the controller may write the pages")
def world_writable(world: World) -> None:
    world.change("repository:documentation", "state", lambda body: body.update(mode="0777"))


@breaker("ACCESS-05.repository", "a commit of a stranger is among the pages")
def strange_commit(world: World) -> None:
    def change(body: Any) -> None:
        body["commits"][0]["email"] = "stranger@example.net"

    world.change("repository:documentation", "commits", change)
