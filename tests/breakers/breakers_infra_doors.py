# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that INFRA-07 and INFRA-08 have to see: doors that nobody declared, idle accounts, a baseline that breaks."""

from __future__ import annotations

import re
from typing import Any

from _shared import others
from _world import DAY, HOUR, NOW, World, breaker
from golden_records import add, alter, at, drop

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from verify.facts import inventory_page
from verify.facts.baseline import judged_rules

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIC5jbGVhcmx5LW5vdC1hLXJlYWwta2V5LWp1c3QtYS10"


def listen(world: World, host: str, port: int, process: str = "nc", address: str = "0.0.0.0") -> None:  # noqa: S104
    """Let a program listen on a host."""
    line = f'tcp   LISTEN 0      1      {address}:{port}   0.0.0.0:* users:(("{process}",pid=4242,fd=3))\n'
    world.set(host, "sockets", world.body(host, "sockets") + line)


def redrawn(world: World) -> None:
    """Generate the inventory page anew from the hosts as they are."""
    text = f"# Inventory\n\n{inventory_page.block(world.estate())}\n"

    def change(body: Any) -> None:
        next(one for one in body["documents"] if one["path"] == "inventory.md")["text"] = text

    world.change("repository:documentation", "documents", change)


def admit(world: World, host: str, *matches: dict[str, Any], verdict: Any = None) -> None:
    """Add a rule to the packet filter of a host."""
    rule = {"family": "inet", "table": "filter", "chain": "service", "handle": 99}
    expr = [*matches, verdict or {"accept": None}]
    world.change(host, "firewall", lambda body: body["nftables"].append({"rule": {**rule, "expr": expr}}))


def port_match(port: Any) -> dict[str, Any]:
    """Return the match of a destination port."""
    left = {"payload": {"protocol": "tcp", "field": "dport"}}
    return {"match": {"op": "==", "left": left, "right": port}}


@breaker(
    "INFRA-07",
    "a program listens on a port that nobody declared, as the page shows",
    also="SECURITY-02.plain",
)
def stray_listener(world: World) -> None:
    listen(world, "app1", 4444)
    redrawn(world)


@breaker("INFRA-07", "another program than sshd holds its port", also="SECURITY-02.plain")
def other_program(world: World) -> None:
    world.edit("app1", "sockets", '(("sshd",', '(("dropbear",')


@breaker("INFRA-07", "another program than the declared one receives the central logs")
def other_receiver(world: World) -> None:
    world.edit("mon1", "sockets", '(("rsyslogd",', '(("nc",')


@breaker("INFRA-07", "a port of another group listens, as the page shows", also="SECURITY-02.plain")
def port_of_others(world: World) -> None:
    listen(world, "app1", 5432, "postgres")
    redrawn(world)


@breaker(
    "INFRA-07",
    "the sockets were cut off in the middle",
    also=others("sockets", "INFRA-07"),
)
def sockets_cut(world: World) -> None:
    world.set("mon1", "sockets", world.body("mon1", "sockets"), size=10**6)


@breaker("INFRA-07.filter", "a rule lets an undeclared port in")
def rule_for_stray_port(world: World) -> None:
    admit(world, "app1", port_match(4444))


@breaker("INFRA-07.filter", "a rule lets everything in from one address")
def rule_for_everything(world: World) -> None:
    left = {"payload": {"protocol": "ip", "field": "saddr"}}
    admit(world, "app1", {"match": {"op": "==", "left": left, "right": "192.0.2.77"}})


@breaker("INFRA-07.filter", "ssh is let in from everywhere")
def ssh_for_the_world(world: World) -> None:
    admit(world, "lb1", port_match(22))


@breaker("INFRA-07.filter", "a declared port is let in from more networks than declared")
def metrics_for_the_world(world: World) -> None:
    admit(world, "lb1", port_match(9100))


@breaker("INFRA-07.filter", "a port is translated to another host")
def translated(world: World) -> None:
    chain = {
        "family": "ip",
        "table": "nat",
        "name": "pre",
        "handle": 1,
        "type": "nat",
        "hook": "prerouting",
        "prio": -100,
    }
    rule = {"family": "ip", "table": "nat", "chain": "pre", "handle": 2}
    expr = [port_match(8080), {"dnat": {"addr": "192.0.2.31", "port": 5432}}]
    world.change(
        "lb1", "firewall", lambda body: body["nftables"].extend([{"chain": chain}, {"rule": {**rule, "expr": expr}}])
    )


@breaker("INFRA-07.filter", "the filter is gone from a host with a routed address, since days")
def no_filter(world: World) -> None:
    world.change("lb1", "firewall", lambda body: {"nftables": body["nftables"][:1]})
    failed_yesterday(world, "lb1")


@breaker(
    "INFRA-07.filter",
    "nft was not allowed to answer",
    also=others("filter", "INFRA-07.filter"),
)
def filter_unread(world: World) -> None:
    world.lose("lb1", "firewall")


@breaker("INFRA-07.groups", "a security group lets an undeclared port in")
def group_port(world: World) -> None:
    rule = {"protocol": "tcp", "first_port": 4444, "sources": ["192.0.2.0/24"], "hosts": ["app1"]}
    add(world, "firewall_listing", {"id": "FW-9", "at": at(HOUR), "system": "group app", "rules": [rule]})


@breaker("INFRA-07.groups", "a security group opens ssh to everybody")
def group_ssh(world: World) -> None:
    rule = {"protocol": "tcp", "first_port": 22, "sources": ["0.0.0.0/0"]}
    add(world, "firewall_listing", {"id": "FW-9", "at": at(HOUR), "system": "group app", "rules": [rule]})


@breaker("INFRA-07.groups", "the rules of the outer firewall were read three weeks ago")
def old_rules(world: World) -> None:
    alter(world, "firewall_listing", "FW-1", at=at(21 * DAY))


@breaker("INFRA-07.groups", "nobody listed the outer firewall's rules")
def no_rules(world: World) -> None:
    drop(world, "firewall_listing")


def account(world: World, name: str, uid: int = 1500, *, state: str = "P", made_ago: float = 150 * DAY) -> None:
    """Add an account with a shell to app1; ``state`` of its password as passwd -S says it."""
    line = f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n"
    made = f"{_utc.from_epoch(NOW - made_ago):%Y-%m-%d}"
    world.set("app1", "accounts", world.body("app1", "accounts") + line)
    world.set("app1", "account_status", f"{world.body('app1', 'account_status')}{name} {state} {made} 0 99999 7 -1\n")


@breaker("INFRA-07.idle", "a declared account was not used since it was made 150 days ago")
def idle_account(world: World) -> None:
    account(world, "auditor")
    world.variables["verify_accounts"].append({"name": "auditor", "hosts": "app1", "why": "reads once a year"})


@breaker("INFRA-07.idle", "a declared key was never used in 120 days of journal")
def idle_key(world: World) -> None:
    line = f"/home/ops/.ssh/authorized_keys:ssh-ed25519 {KEY} old laptop\n"
    world.set("app1", "authorized_keys", world.body("app1", "authorized_keys") + line)
    row = {"account": "ops", "owner": "operator", "hosts": "app1", "public_key": f"ssh-ed25519 {KEY}"}
    world.variables["verify_keys"].append(row)


@breaker("INFRA-07.idle", "the journal reaches back two days, too little to know of a key")
def short_journal(world: World) -> None:
    header = world.body("app1", "journal_header")
    first = f"({int((NOW - 120 * DAY) * 1e6):x})"
    assert first in header
    world.set("app1", "journal_header", header.replace(first, f"({int((NOW - 2 * DAY) * 1e6):x})"))
    lines = [line for line in world.body("app1", "access_uses").splitlines(keepends=True) if " for ops " not in line]
    world.set("app1", "access_uses", "".join(lines))


@breaker("INFRA-07.idle", "the home of an account was not searched for keys")
def home_elsewhere(world: World) -> None:
    world.edit("app1", "accounts", ":/var/lib/postgresql:/bin/bash", ":/data/postgresql:/bin/bash")


def loosen(world: World, host: str, path: str, mode: str) -> None:
    """Give a file of a host another mode."""
    body = world.body(host, "file_states")
    world.set(host, "file_states", re.sub(rf"(?m)^({re.escape(path)}\t[^\t]*)\t\d+", rf"\1\t{mode}", body))


def failed_yesterday(world: World, host: str) -> list[str]:
    """Let the rules of the baseline that fail on a host have failed there in the run before, and return them."""
    (view,) = [one for one in world.estate().views("host") if one.name == host]
    failed = [one.rule.id for one in judged_rules(view) if one.holds is False]
    world.change("ledger", "baseline", lambda body: body["hosts"][host].update(failed=failed))
    return failed


@breaker(
    "INFRA-08",
    "three rules are broken, as they were yesterday",
    also="CORE-05.baseline",
)
def below_the_floor(world: World) -> None:
    for path in ("/etc/passwd", "/etc/crontab", "/etc/ssh/sshd_config"):
        loosen(world, "db1", path, "666")
    known = ["file-passwd", "file-crontab", "file-sshd"]
    assert set(failed_yesterday(world, "db1")) == set(known)


def add_block(world: World, *lines: str, path: str = "/etc/ssh/sshd_config") -> None:
    """Put lines behind the last one of a file of sshd."""
    world.set("app1", "sshd_files", world.body("app1", "sshd_files") + "".join(f"{path}:{line}\n" for line in lines))


@breaker("INFRA-08.sshd", "sshd takes passwords from one network")
def password_for_some(world: World) -> None:
    add_block(world, "Match Address 10.0.0.0/8,!10.1.2.3", "  PasswordAuthentication yes")


@breaker("INFRA-08.sshd", "an included file lets root log in for everybody, by a block that sshd -T does not tell of")
def root_for_all(world: World) -> None:
    add_block(world, "match all", "permitrootlogin=without-password", path="/etc/ssh/sshd_config.d/99-vendor.conf")


@breaker(
    "INFRA-08.sshd",
    "sshd includes a file that nobody read",
    also="INFRA-07.idle SECURITY-01.accounts SECURITY-01.keys",
)
def foreign_include(world: World) -> None:
    add_block(world, "Include /srv/shared/sshd.conf")


@breaker("INFRA-08.change", "a file is open to everybody since yesterday")
def new_failure(world: World) -> None:
    loosen(world, "db1", "/etc/crontab", "666")


@breaker("INFRA-08.change", "there is no run of an earlier day")
def no_yesterday(world: World) -> None:
    world.lose("ledger", "baseline", "No run of an earlier day has judged the baseline.")


@breaker("INFRA-08.change", "the run of yesterday lost sight of a host")
def unseen_yesterday(world: World) -> None:
    world.change("ledger", "baseline", lambda body: body["hosts"].pop("db1"))


@breaker(
    "INFRA-08",
    "a rule that does not exist is left out",
    also="CORE-05.baseline INFRA-08.change INFRA-08.sshd INFRA-08.exceptions",
)
def unknown_rule(world: World) -> None:
    world.variables["verify_baseline"] = {"sshd-rot": excused()}


def excused(**over: Any) -> dict[str, Any]:
    """Return an exception from a rule of the baseline, in force and approved."""
    row = {"reason": "the jobs of the desk are kept by hand", "compensating_control": "nobody but root logs in there"}
    row |= {"owner": "platform", "requester": "a.adams", "approver": "b.brown", "ticket": "OPS-2212"}
    return {**row, "approved_on": at(2 * DAY), "expires_on": at(-2 * DAY), **over}


@breaker("INFRA-08", "a tenth of the baseline and more is left out on one host")
def many_rules_left_out(world: World) -> None:
    for path in ("/etc/passwd", "/etc/group", "/etc/sudoers", "/etc/crontab", "/etc/cron.d", "/root", "/etc/shadow"):
        loosen(world, "db1", path, "777")
    (view,) = [one for one in world.estate().views("host") if one.name == "db1"]
    failing = [one.rule.id for one in judged_rules(view) if one.holds is False]
    assert len(failing) == 7
    world.variables["verify_baseline"] = {name: excused(hosts=["db1"]) for name in failing}


@breaker("INFRA-08.exceptions", "a rule is left out that holds on each host")
def left_out_without_need(world: World) -> None:
    world.variables["verify_baseline"] = {"file-crontab": excused()}


@breaker("INFRA-08.change", "the exception from a rule has run out")
def exception_ran_out(world: World) -> None:
    new_failure(world)
    world.variables["verify_baseline"] = {"file-crontab": excused(expires_on=at(HOUR))}


@breaker("INFRA-08.change", "the exception from a rule was approved by who asked for it")
def exception_of_ones_own(world: World) -> None:
    new_failure(world)
    world.variables["verify_baseline"] = {"file-crontab": excused(approver="A.Adams")}


@breaker("INFRA-08.change", "the exception from a rule has a reason and nothing else")
def exception_without_approval(world: World) -> None:
    new_failure(world)
    world.variables["verify_baseline"] = {"file-crontab": {"reason": "because we say so here"}}


@breaker("INFRA-08", "the kernel settings were not read", also="CORE-05.baseline INFRA-08.change")
def kernel_unread(world: World) -> None:
    world.lose("db1", "sysctl")
