# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of SECURITY have to see: rights, encryption, reviews, patches, the trail."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from _world import DAY, HOUR, NOW, World, breaker
from breakers_infra import stamp, waits
from breakers_infra_doors import KEY, account, failed_yesterday
from golden_records import add, alter, at, drop


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
        {"who": "ops", "hosts": one, "everything": True, "standing": True, "why": "Ansible"}
        for one in ("db1", "db2", "repo1", "mon1")
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


@breaker("SECURITY-01", "a group may run everything, and somebody is in it", also="ACCESS-01.standing")
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


@breaker("SECURITY-01", "the account that verifies may run what is not on its list", also="ACCESS-01")
def verifier_may_more(world: World) -> None:
    grant(world, "app1", {"username": "verify"}, "/usr/bin/cat /etc/shadow")


@breaker("SECURITY-01", "a declared grant is not there")
def grant_gone(world: World) -> None:
    row = {"who": "deploy", "hosts": "app1", "commands": ["/usr/bin/systemctl reload ccobservatory"], "why": "releases"}
    world.variables["verify_sudo"].append(row)


@breaker("SECURITY-01", "a declared grant lost one of its commands")
def command_gone(world: World) -> None:
    commands = ["/usr/bin/systemctl reload ccobservatory", "/usr/bin/systemctl status ccobservatory"]
    grant(world, "app1", {"username": "deploy"}, commands[0])
    row = {"who": "deploy", "hosts": "app1", "commands": commands, "why": "releases"}
    world.variables["verify_sudo"].append(row)
    told = f"{NOW - 2 * DAY:.6f} app1 sudo[88]: deploy : PWD=/ ; USER=root ; COMMAND={commands[0]}\n"
    world.set("app1", "access_uses", told + world.body("app1", "access_uses"))


@breaker("SECURITY-01", "an account that was declared to run everything may run one command only")
def everything_gone(world: World) -> None:
    def narrow(body: Any) -> None:
        for spec in body["User_Specs"]:
            if spec["User_List"] == [{"username": "ops"}]:
                for part in spec["Cmnd_Specs"]:
                    part["Commands"] = [{"command": "/usr/bin/tail"}]

    world.change("app1", "sudoers", narrow)


@breaker("SECURITY-01", "a grant was not used in 120 days of journal")
def unused(world: World) -> None:
    grant(world, "db1", {"username": "postgres"}, "/usr/bin/pg_lsclusters")
    row = {"who": "postgres", "hosts": "db1", "commands": ["/usr/bin/pg_lsclusters"], "why": "used to be needed"}
    world.variables["verify_sudo"].append(row)


@breaker("SECURITY-01", "the rules of sudo could not be read", also="ACCESS-01 ACCESS-01.standing")
def sudo_unread(world: World) -> None:
    world.lose("app1", "sudoers", "cvtsudoers: a password is required")


@breaker("SECURITY-01", "the environment declares no rules of sudo", also="ACCESS-01.standing")
def nothing_declared(world: World) -> None:
    del world.variables["verify_sudo"]


@breaker("SECURITY-01.accounts", "an account with a password that nobody declared")
def undeclared_account(world: World) -> None:
    account(world, "guest", made_ago=2 * DAY)


@breaker("SECURITY-01.accounts", "an account without any password has a shell, since yesterday already")
def empty_password(world: World) -> None:
    account(world, "guest", state="NP", made_ago=2 * DAY)
    failed_yesterday(world, "app1")


@breaker("SECURITY-01.accounts", "a declared account is gone")
def account_gone(world: World) -> None:
    world.variables["verify_accounts"].append({"name": "console", "hosts": "db1", "why": "somebody on the spot"})


def came_by(world: World, host: str, account_: str, ago: float = HOUR) -> None:
    """Let somebody have logged in to an account by the key, so many seconds ago."""
    mark = base64.b64encode(hashlib.sha256(base64.b64decode(KEY)).digest()).decode().rstrip("=")
    told = f"Accepted publickey for {account_} from 192.0.2.1 port 50000 ssh2: ED25519 SHA256:{mark}"
    world.set(host, "access_uses", f"{NOW - ago:.6f} {host} sshd[88]: {told}\n" + world.body(host, "access_uses"))


@breaker("SECURITY-01.keys", "a key was added that nobody declared, and is used")
def added_key(world: World) -> None:
    line = f"/home/ops/.ssh/authorized_keys:ssh-ed25519 {KEY} stranger\n"
    world.set("db1", "authorized_keys", world.body("db1", "authorized_keys") + line)
    came_by(world, "db1", "ops")


@breaker("SECURITY-01.keys", "a key opens root, who is declared to be entered, from a file below /etc/ssh")
def key_of_root(world: World) -> None:
    line = f"/etc/ssh/keys/root:ssh-ed25519 {KEY} stranger\n"
    world.set("db1", "authorized_keys_etc", world.body("db1", "authorized_keys_etc") + line)
    world.variables["verify_accounts"].append({"name": "root", "hosts": "db1", "why": "the console is far away"})
    came_by(world, "db1", "root", 3 * DAY)


@breaker("SECURITY-01.keys", "a declared key is gone")
def key_gone(world: World) -> None:
    row = {"account": "ops", "owner": "second operator", "hosts": "db1", "public_key": f"ssh-ed25519 {KEY}"}
    world.variables["verify_keys"].append(row)


@breaker("SECURITY-01.keys", "the key of a machine is no longer restricted")
def free_key(world: World) -> None:
    text = world.body("repo1", "authorized_keys_etc")
    world.set("repo1", "authorized_keys_etc", re.sub(r"(?m)(/fb_db1:)restrict ", r"\1", text))


@breaker("SECURITY-01.keys", "a second key opens the account of a machine, and is used")
def second_key(world: World) -> None:
    line = f"/etc/ssh/file_backup_keys/fb_db1:restrict ssh-ed25519 {KEY} stranger\n"
    world.set("repo1", "authorized_keys_etc", world.body("repo1", "authorized_keys_etc") + line)
    came_by(world, "repo1", "fb_db1")


@breaker("SECURITY-01.roles", "a role of the database that nobody declared can log in")
def strange_role(world: World) -> None:
    world.change("db1", "postgresql", lambda body: body["roles"].append({**body["roles"][-1], "name": "tmp_export"}))


@breaker("SECURITY-01.roles", "the service's role became a superuser")
def superuser(world: World) -> None:
    def raise_it(body: Any) -> None:
        next(one for one in body["roles"] if one["name"] == "ccobservatory")["superuser"] = True

    world.change("db1", "postgresql", raise_it)


@breaker("SECURITY-01.roles", "a declared role of the database is gone")
def role_gone(world: World) -> None:
    world.change("db1", "postgresql", lambda body: body["roles"].pop())


@breaker("SECURITY-01.roles", "a role lost the power that it is declared to have")
def power_gone(world: World) -> None:
    row = next(one for one in world.variables["verify_database_roles"] if one["name"] == "prometheus")
    row["superuser"] = True


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


@breaker("SECURITY-01.systems", "everybody may read a system")
def open_system(world: World) -> None:
    body = json.loads(world.body("records", "access_listing"))
    row = next(one["record"] for one in body["records"] if one["record"]["id"] == "AL-wiki")
    principals = [*row["principals"], {"name": "everyone", "role": "read", "last_used": at(DAY)}]
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


@breaker("SECURITY-04", "an update of high severity waits for nine days", also="DELIVER-03 INFRA-02")
def update_waits(world: World) -> None:
    waits(world, "db2", seen_ago=9 * DAY)


@breaker("SECURITY-04", "a reboot waits for ten days", also="INFRA-02")
def reboot_waits(world: World) -> None:
    stamp(world, "lb1", "/run/reboot-required", 10 * DAY)


@breaker("SECURITY-04", "the last upgrade broke off, and a package was removed since")
def broken_upgrade(world: World) -> None:
    run = (
        "\nStart-Date: 2026-11-25  08:00:00\nCommandline: /usr/bin/unattended-upgrade\n"
        "Upgrade: curl:amd64 (7.88.1-10+deb12u8, 7.88.1-10+deb12u9)\n"
        "Error: Sub-process /usr/bin/dpkg returned an error code (1)\n"
        "\nStart-Date: 2026-11-25  08:10:00\nCommandline: apt-get purge gzip\n"
        "Purge: gzip:amd64 (1.12-1)\nEnd-Date: 2026-11-25  08:10:04\n"
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


@breaker("SECURITY-01.keys", "a Match block reads the keys of one account from a place where nobody looks", also=ENTER)
def keys_of_a_block(world: World) -> None:
    path = "/etc/ssh/sshd_config"
    lines = f"{path}:Match User deploy\n{path}:AuthorizedKeysFile /var/keys/deploy\n"
    world.set("app1", "sshd_files", world.body("app1", "sshd_files") + lines)


@breaker("SECURITY-01.keys", "a command tells sshd which keys open an account", also=ENTER)
def keys_by_command(world: World) -> None:
    world.edit("app1", "sshd", "authorizedkeyscommand none", "authorizedkeyscommand /usr/local/bin/keys %u")


@breaker("SECURITY-01.keys", "sshd reads keys where nobody looks for them", also=ENTER)
def keys_elsewhere(world: World) -> None:
    world.edit("app1", "sshd", ".ssh/authorized_keys2", "/var/keys/%u")
