# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of SECURITY have to see: rights, encryption, reviews, patches, the trail."""

from __future__ import annotations

import json
import re
from typing import Any

from _world import DAY, World, breaker
from breakers_infra import stamp, waits
from breakers_infra_doors import KEY, account
from golden_records import add, alter, at, drop

UPDATES = dict.fromkeys(("INFRA-02", "DELIVER-03"), "it holds the same updates against the same bounds")
OWN_RULES = {"ACCESS-01": "it reads what sudo gives to verification"}
IDLE_TOO = "what was never used also idles"


def grant(world: World, host: str, who: dict[str, str], *commands: str, runas: str = "root") -> None:
    """Add a rule of sudo to a host."""
    allowed = {"runasusers": [{"username": runas}], "Commands": [{"command": one} for one in commands]}
    spec = {"User_List": [who], "Host_List": [{"hostname": "ALL"}], "Cmnd_Specs": [allowed]}
    world.change(host, "sudoers", lambda body: body["User_Specs"].append(spec))


@breaker("SECURITY-01", "somebody may run one more command as root")
def one_more_command(world: World) -> None:
    grant(world, "app1", {"username": "ops"}, "/usr/bin/less")
    world.variables["verify_sudo"][0]["hosts"] = "lb1"
    rows = [
        {"who": "ops", "hosts": one, "everything": True, "why": "Ansible"} for one in ("db1", "db2", "repo1", "mon1")
    ]
    world.variables["verify_sudo"] += rows
    world.variables["verify_sudo"] += [{"who": "ops", "hosts": "app1", "commands": ["/usr/bin/tail"], "why": "logs"}]

    def narrow(body: Any) -> None:
        for spec in body["User_Specs"]:
            if spec["User_List"] == [{"username": "ops"}]:
                for part in spec["Cmnd_Specs"]:
                    part["runasusers"] = [{"username": "root"}]
                    part["Commands"] = [one for one in part["Commands"] if one["command"] != "ALL"] or [
                        {"command": "/usr/bin/tail"}
                    ]

    world.change("app1", "sudoers", narrow)


@breaker("SECURITY-01", "a group may run everything, and somebody is in it")
def group_of_administrators(world: World) -> None:
    text = re.sub(r"(?m)^sudo:x:(\d+):$", r"sudo:x:\1:postgres", world.body("db1", "groups"))
    assert text != world.body("db1", "groups")
    world.set("db1", "groups", text)


@breaker("SECURITY-01", "everybody may run a command as root")
def everybody(world: World) -> None:
    grant(world, "app1", {"username": "ALL"}, "/usr/bin/systemctl restart ccobservatory")


@breaker("SECURITY-01", "a declared grant has a pattern in its command")
def pattern(world: World) -> None:
    command = "/usr/bin/systemctl * ccobservatory"
    grant(world, "app1", {"username": "ops"}, command)


@breaker("SECURITY-01", "the account that verifies may run what is not on its list", also=OWN_RULES)
def verifier_may_more(world: World) -> None:
    grant(world, "app1", {"username": "verify"}, "/usr/bin/cat /etc/shadow")


@breaker("SECURITY-01", "a declared grant is not there")
def grant_gone(world: World) -> None:
    row = {"who": "deploy", "hosts": "app1", "commands": ["/usr/bin/systemctl reload ccobservatory"], "why": "releases"}
    world.variables["verify_sudo"].append(row)


@breaker("SECURITY-01", "a grant was not used in 120 days of journal")
def unused(world: World) -> None:
    grant(world, "db1", {"username": "postgres"}, "/usr/bin/pg_lsclusters")
    row = {"who": "postgres", "hosts": "db1", "commands": ["/usr/bin/pg_lsclusters"], "why": "used to be needed"}
    world.variables["verify_sudo"].append(row)


@breaker("SECURITY-01", "the rules of sudo could not be read", also=OWN_RULES)
def sudo_unread(world: World) -> None:
    world.lose("app1", "sudoers", "cvtsudoers: a password is required")


@breaker("SECURITY-01", "the environment declares no rules of sudo")
def nothing_declared(world: World) -> None:
    del world.variables["verify_sudo"]


@breaker("SECURITY-01.accounts", "an account with a password that nobody declared")
def undeclared_account(world: World) -> None:
    account(world, "guest", made_ago=2 * DAY)


@breaker(
    "SECURITY-01.accounts",
    "an account without any password has a shell",
    also={"INFRA-08.change": "an empty password breaks a rule"},
)
def empty_password(world: World) -> None:
    account(world, "guest", state="NP", made_ago=2 * DAY)


@breaker("SECURITY-01.keys", "a key was added that nobody declared", also={"INFRA-07.idle": IDLE_TOO})
def added_key(world: World) -> None:
    line = f"/home/ops/.ssh/authorized_keys:ssh-ed25519 {KEY} stranger\n"
    world.set("db1", "authorized_keys", world.body("db1", "authorized_keys") + line)


@breaker(
    "SECURITY-01.keys",
    "a key opens root, from a file below /etc/ssh",
    also={"INFRA-07.idle": IDLE_TOO, "SECURITY-01.accounts": "root can be entered by it"},
)
def key_of_root(world: World) -> None:
    line = f"/etc/ssh/keys/root:ssh-ed25519 {KEY} stranger\n"
    world.set("db1", "authorized_keys_etc", world.body("db1", "authorized_keys_etc") + line)


@breaker("SECURITY-01.keys", "a declared key is gone")
def key_gone(world: World) -> None:
    row = {"account": "ops", "owner": "second operator", "hosts": "db1", "public_key": f"ssh-ed25519 {KEY}"}
    world.variables["verify_keys"].append(row)


@breaker("SECURITY-01.keys", "the key of a machine is no longer restricted")
def free_key(world: World) -> None:
    text = world.body("repo1", "authorized_keys_etc")
    world.set("repo1", "authorized_keys_etc", re.sub(r"(?m)(/fb_db1:)restrict ", r"\1", text))


@breaker("SECURITY-01.keys", "a second key opens the account of a machine", also={"INFRA-07.idle": IDLE_TOO})
def second_key(world: World) -> None:
    line = f"/etc/ssh/file_backup_keys/fb_db1:restrict ssh-ed25519 {KEY} stranger\n"
    world.set("repo1", "authorized_keys_etc", world.body("repo1", "authorized_keys_etc") + line)


@breaker("SECURITY-01.roles", "a role of the database that nobody declared can log in")
def strange_role(world: World) -> None:
    world.change("db1", "postgresql", lambda body: body["roles"].append({**body["roles"][-1], "name": "tmp_export"}))


@breaker("SECURITY-01.roles", "the service's role became a superuser")
def superuser(world: World) -> None:
    def raise_it(body: Any) -> None:
        next(one for one in body["roles"] if one["name"] == "ccobservatory")["superuser"] = True

    world.change("db1", "postgresql", raise_it)


@breaker("SECURITY-01.roles", "the database did not answer")
def database_silent(world: World) -> None:
    world.lose("db1", "postgresql")


@breaker("SECURITY-01.systems", "a right to write was not used for half a year")
def idle_right(world: World) -> None:
    principals = [{"name": who, "role": role, "last_used": at(DAY)} for who, role in (("platform A", "admin"),)]
    principals += [{"name": who, "role": "write", "last_used": at(DAY)} for who in ("database A",)]
    principals += [{"name": "platform B", "role": "write", "last_used": at(180 * DAY)}]
    alter(world, "access_listing", "AL-wiki", principals=principals)


@breaker("SECURITY-01.systems", "a system does not tell when its administrators came last")
def use_unknown(world: World) -> None:
    principals = [{"name": "release A", "role": "admin"}, {"name": "platform A", "role": "admin"}]
    alter(world, "access_listing", "AL-ci", principals=principals)


@breaker(
    "SECURITY-01.systems",
    "a system gives something to everybody",
    also={"ACCESS-05": "everybody is not declared either"},
)
def open_system(world: World) -> None:
    body = json.loads(world.body("records", "access_listing"))
    row = next(one["record"] for one in body["records"] if one["record"]["id"] == "AL-wiki")
    principals = [*row["principals"], {"name": "everyone", "role": "write", "last_used": at(DAY)}]
    alter(world, "access_listing", "AL-wiki", principals=principals)


@breaker("SECURITY-03", "the last review of security is two months old")
def old_review(world: World) -> None:
    def age(body: Any) -> None:
        for row in body["records"]:
            record = row["record"]
            if record["kind"] == "security":
                record.update(at=at(61 * DAY), period_start=at(95 * DAY), period_end=at(65 * DAY))

    world.change("records", "review", age)


@breaker("SECURITY-03", "nobody reviewed compliance")
def no_compliance(world: World) -> None:
    drop(world, "review", unless=lambda row: row["kind"] != "compliance")


@breaker("SECURITY-03", "the review names no reviewer")
def nameless(world: World) -> None:
    world.change(
        "records", "review", lambda body: [row["record"].update(reviewer=" ") for row in body["records"]] and None
    )


@breaker("SECURITY-03", "a finding of the review is overdue")
def overdue_finding(world: World) -> None:
    finding = {"text": "Rotate the keys of the repository", "owner": "security A", "due": at(3 * DAY)}
    about = {"kind": "security", "period_start": at(32 * DAY), "period_end": at(2 * DAY), "outcome": "actions"}
    row = {"id": "REV-9", "at": at(DAY), "reviewer": "security A", **about, "findings": [finding]}
    add(world, "review", row)


@breaker("SECURITY-04", "the kernel that runs is not the newest installed")
def old_kernel(world: World) -> None:
    line = "ii \tlinux-image-6.1.0-42-amd64\t6.1.159-1\tamd64\tlinux-signed-amd64\n"
    world.set("db2", "packages", world.body("db2", "packages") + line)


@breaker("SECURITY-04", "an update of high severity waits for nine days", also=UPDATES)
def update_waits(world: World) -> None:
    waits(world, "db2", seen_ago=9 * DAY)


@breaker("SECURITY-04", "a reboot waits for ten days", also={"INFRA-02": "it holds the same reboot against its bound"})
def reboot_waits(world: World) -> None:
    stamp(world, "lb1", "/run/reboot-required", 10 * DAY)


@breaker("SECURITY-04", "the last upgrade broke off", also={"DELIVER-03": "it reads the same run"})
def broken_upgrade(world: World) -> None:
    run = (
        "\nStart-Date: 2026-11-25  08:00:00\nCommandline: /usr/bin/unattended-upgrade\n"
        "Upgrade: curl:amd64 (7.88.1-10+deb12u8, 7.88.1-10+deb12u9)\n"
        "Error: Sub-process /usr/bin/dpkg returned an error code (1)\n"
    )
    world.set("app1", "apt_history", world.body("app1", "apt_history") + run)


@breaker("SECURITY-04", "nothing tells of a kernel")
def no_kernel(world: World) -> None:
    lines = [line for line in world.body("app1", "packages").splitlines(keepends=True) if "linux-image" not in line]
    world.set("app1", "packages", "".join(lines))


ENTER = dict.fromkeys(("SECURITY-01.accounts", "INFRA-07.idle"), "it is another way to enter the same accounts")


@breaker("SECURITY-01.keys", "sshd trusts an authority whose certificates open every account", also=ENTER)
def authority(world: World) -> None:
    world.edit("app1", "sshd", "trustedusercakeys none", "trustedusercakeys /etc/ssh/people_ca.pub")


@breaker("SECURITY-01.keys", "a command tells sshd which keys open an account", also=ENTER)
def keys_by_command(world: World) -> None:
    world.edit("app1", "sshd", "authorizedkeyscommand none", "authorizedkeyscommand /usr/local/bin/keys %u")


@breaker("SECURITY-01.keys", "sshd reads keys where nobody looks for them", also=ENTER)
def keys_elsewhere(world: World) -> None:
    world.edit("app1", "sshd", ".ssh/authorized_keys2", "/var/keys/%u")
