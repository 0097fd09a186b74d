# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the green world: what the lab's containers recorded, as virtual machines that have run for half a year.

The recorded bodies lie in ``golden/evidence`` (`record_hosts`). What a container cannot show is put in here: a kernel
and disks of its own, a packet filter, a clock that is kept, and a past.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from typing import Any

from _world import DAY, GOLDEN, HOUR, NOW, World, golden, stored
from golden_records import add, at
from golden_repositories import SUBJECT

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import for_host
from verify.facts import host, inventory_page

BORN = NOW - 200 * DAY
KERNEL = "6.1.0-41-amd64"
RUN_BEFORE = "20261124T083000Z"
UPGRADE = """
Start-Date: {begin}
Commandline: /usr/bin/unattended-upgrade
Upgrade: libssl3:amd64 (3.0.17-1~deb12u2, 3.0.18-1~deb12u1), openssl:amd64 (3.0.17-1~deb12u2, 3.0.18-1~deb12u1)
End-Date: {end}
"""
DOORS = {"haproxy": (443, 8405), "app": (8000,), "postgresql": (5432, 8432, 9187), "pgbackrest_repository": (8432,)}
"""Ports that the hosts of a group open to the others, beside 22 and 9100."""
MACHINE = {
    "fs.protected_fifos": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "kernel.kptr_restrict": "2",
    "kernel.yama.ptrace_scope": "1",
}


@golden
def machines(world: World) -> None:
    """A virtual machine: its own kernel, encrypted disks, kernel settings, and a clock that is kept."""
    for name in world.hosts:
        world.set(name, "kernel_release", f"{KERNEL}\n")
        world.edit(name, "system", "Virtualization=podman", "Virtualization=kvm")
        line = f"ii \tlinux-image-{KERNEL}\t6.1.158-1\tamd64\tlinux-signed-amd64\n"
        world.set(name, "packages", world.body(name, "packages") + line)
        values = dict(row.split(":", 1) for row in world.body(name, "sysctl").splitlines())
        values |= {f"/proc/sys/{name.replace('.', '/')}": value for name, value in MACHINE.items()}
        world.set(name, "sysctl", "".join(f"{path}:{value}\n" for path, value in values.items()))
        _volumes(world, name)
        world.set(
            name,
            "chrony",
            "CB007105,203.0.113.5,2,1795595300.1,0.000012,0.00001,0.00004,1.2,0.0,0.01,0.02,0.001,64.2,Normal\n",
        )
        clock = (
            "Id=chrony.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n"
            f"UnitFileState=enabled\nNRestarts=0\nMainPID=612\nExecMainStatus=0\n"
            f"ExecMainStartTimestamp=@{NOW - 20 * DAY:.0f}\nExecMainExitTimestamp=\n"
        )
        world.set(name, "services", f"{world.body(name, 'services').rstrip()}\n\n{clock}")


def _volumes(world: World, name: str) -> None:
    """Encrypted volumes: the root, and on a host of the database one for its data."""
    places = [("root", "/", "ext4")]
    if name in world.groups["postgresql"]:
        places.append(("data", "/var/lib/postgresql", "xfs"))
    mounts, space, devices, table = "", "", [], ""
    for volume, place, kind in places:
        mounts += f"/dev/mapper/{volume} {place} {kind} rw,relatime 0 0\n"
        space += f"/dev/mapper/{volume} {kind} 42949672960 11811160064 28991029248 2621440 131072 2490368 {place}\n"
        table += f"/etc/fstab:/dev/mapper/{volume} {place} {kind} defaults 0 1\n"
        inner = {"name": volume, "type": "crypt", "fstype": kind, "mountpoints": [place], "size": 42949672960}
        disk = {"name": f"vd_{volume}", "type": "disk", "fstype": None, "mountpoints": [None], "size": 42966450176}
        devices.append({**disk, "children": [inner]})
    world.set(name, "mounts", f"{mounts}tmpfs /tmp tmpfs rw,nosuid,nodev 0 0\n")
    world.set(name, "disks", f"Filesystem Type 1B-blocks Used Avail Inodes IUsed IFree Mounted on\n{space}")
    world.set(
        name, "fstab", f"/etc/fstab:# what is mounted at boot\n{table}/etc/fstab:/dev/mapper/swap none swap sw 0 0\n"
    )
    world.set(name, "block_devices", {"blockdevices": devices})


@golden
def past(world: World) -> None:
    """Half a year: when the name was made, how far its journal reaches back, when it was upgraded as a whole."""
    known = {}
    for name in world.hosts:
        rows = [row.split("\t") for row in world.body(name, "file_states").splitlines()]
        rows = [row for row in rows if row[0] != "/etc/machine-id"]
        rows.append(["/etc/machine-id", "regular file", "444", "0", "0", "33", f"{BORN:.0f}"])
        fresh = {"/var/lib/apt/lists": NOW - 3 * HOUR}
        for row in rows:
            row[6] = f"{fresh.get(row[0], float(row[6])):.0f}"
        world.set(name, "file_states", "".join("\t".join(row) + "\n" for row in rows))
        world.set(name, "journal_header", "\n\n".join(map(_older, world.body(name, "journal_header").split("\n\n"))))
        status = re.sub(
            r"\b20\d\d-\d\d-\d\d\b", f"{_utc.from_epoch(BORN):%Y-%m-%d}", world.body(name, "account_status")
        )
        world.set(name, "account_status", status)
        begin = _utc.from_epoch(NOW - 2 * HOUR)
        text = UPGRADE.format(begin=f"{begin:%Y-%m-%d  %H:%M:%S}", end=f"{begin:%Y-%m-%d  %H:%M:59}")
        world.set(name, "apt_history", f"{world.body(name, 'apt_history').rstrip()}\n{text}")
        failed: dict[str, Any] = {"rules": 54, "failed": []}
        known[name] = failed
    world.set("ledger", "baseline", {"run": RUN_BEFORE, "hosts": known})
    world.set("ledger", "updates", {"hosts": {}})


def _older(block: str) -> str:
    """Return the block of a journal file; the first file of the system begins 120 days ago."""
    if not re.search(r"/system@.*-0000000000000001-", block):
        return block
    first = f"({int((NOW - 120 * DAY) * 1e6):x})"
    return re.sub(r"(Head realtime timestamp: .*)\([0-9a-f]+\)", lambda found: found[1] + first, block)


@golden
def hardened(world: World) -> None:
    """As the role base leaves a host, and verification's own try to become root, which failed."""
    private = {"/etc/ssh/sshd_config": "600", "/etc/crontab": "600", "/etc/cron.d": "700"}
    for name in world.hosts:
        world.set(name, "sshd", re.sub(r"(?m)^maxstartups .*$", "maxstartups 10:30:60", world.body(name, "sshd")))
        rows = [row.split("\t") for row in world.body(name, "file_states").splitlines()]
        rows = [[*row[:2], private.get(row[0], row[2]), *row[3:]] for row in rows]
        world.set(name, "file_states", "".join("\t".join(row) + "\n" for row in rows))
        world.set(name, "own_root_refused", "", rc=1)


@golden
def sudoers(world: World) -> None:
    """The account that verifies may ask what the table of questions has for the host, as the role writes it."""
    for name in world.hosts:
        groups = [group for group, members in world.groups.items() if name in members]
        rules = json.loads(world.body(name, "sudoers"))
        specs = [one for one in rules["User_Specs"] if one["User_List"] != [{"username": "verify"}]]
        asked = [fact for fact in for_host(TABLE, groups, world.variables) if fact.user]
        specs += [_grant("verify", fact.user, " ".join(fact.words)) for fact in asked]
        world.set(name, "sudoers", {**rules, "User_Specs": specs})


def _grant(who: str, runas: str, command: str) -> dict[str, Any]:
    command = re.sub(r"([*?!\[\]\\,:=])", r"\\\1", command)
    options = [{"authenticate": False}]
    allowed = {"runasusers": [{"username": runas}], "Options": options, "Commands": [{"command": command}]}
    return {"User_List": [{"username": who}], "Host_List": [{"hostname": "ALL"}], "Cmnd_Specs": [allowed]}


@golden
def administration(world: World) -> None:
    """Ansible came last to patch the standby, in its window; everything since then is verification's own."""
    for name in world.hosts:
        lines = world.body(name, "access_uses").splitlines(keepends=True)
        own = [line for line in lines if re.search(r"sudo.*\bverify : | for verify ", line)]
        rest = [_long_ago(line) for line in lines if line not in own]
        world.set(name, "access_uses", "".join([*own, *rest]))
        world.set(name, "journal_admin", "".join(own))


def _long_ago(line: str) -> str:
    stamp, rest = line.split(" ", 1)
    return f"{float(stamp) - 4 * DAY + HOUR:.6f} {rest}"


@golden
def doors(world: World) -> None:
    """The packet filter of each name, with the doors of its groups; and what its ports agree to: TLS, all of them."""
    base = (GOLDEN / "evidence" / "_hosts" / "firewall").read_text(encoding="utf-8")
    for name in world.hosts:
        rules = json.loads(base)
        ports = sorted({port for group, own in DOORS.items() if name in world.groups[group] for port in own})
        if name in world.groups["monitoring"]:
            ports.append(6514)
        rules["nftables"] += [_rule(port, number) for number, port in enumerate(ports, start=50)]
        world.set(name, "firewall", rules)
        today = _handshake(world, "")
        for port in (9100, *ports):
            world.set(name, f"tls_{port}", today)
            world.set(name, f"tls_{port}_old", _handshake(world, "_old"))
    sockets = re.sub(r":514(?=\s)", ":6514", world.body("mon1", "sockets"))
    world.set("mon1", "sockets", sockets)


def _handshake(world: World, kind: str) -> str:
    """Return what a port of the balancer said; all of them are set up the same way, with a certificate that is good."""
    return re.sub(r"Verify return code: .*", "Verify return code: 0 (ok)", world.body("lb1", f"tls_443{kind}"))


def _rule(port: int, handle: int) -> dict[str, Any]:
    payload = {"payload": {"protocol": "tcp", "field": "dport"}}
    match = {"match": {"op": "==", "left": payload, "right": port}}
    return {
        "rule": {
            "family": "inet",
            "table": "filter",
            "chain": "service",
            "handle": handle,
            "expr": [match, {"accept": None}],
        }
    }


@golden
def entrants(world: World) -> None:
    """Who can enter the systems with accounts of their own, as they were asked yesterday; and the outer firewall."""
    rows = {
        "ci": [("release A", "admin"), ("platform A", "admin")],
        "scanner": [("security A", "admin"), ("platform A", "read")],
        "wiki": [("platform A", "admin"), ("platform B", "write"), ("database A", "write"), ("auditor", "read")],
    }
    for system, people in rows.items():
        found = [{"name": who, "role": role, "last_used": at(5 * DAY)} for who, role in people]
        about = {"system": system, "anonymous": False, "principals": found}
        add(world, "access_listing", {"id": f"AL-{system}", "at": at(DAY), **about})
    tcp = {"protocol": "tcp", "hosts": ["lb1"]}
    rules = [{**tcp, "first_port": 443, "sources": ["0.0.0.0/0", "::/0"]}]
    rules += [{"protocol": "tcp", "first_port": 22, "sources": ["192.0.2.0/24"]}]
    add(world, "firewall_listing", {"id": "FW-1", "at": at(DAY), "system": "edge", "rules": rules})


@golden
def statements(world: World) -> None:
    """Nobody has to stand for anything with his signature here: machines prove it all."""
    world.set("attestations", "index", {"statements": []})


@golden
def page(world: World) -> None:
    """The inventory page of the documentation, as it was generated from these hosts."""
    subject = SUBJECT.format("documentation")
    text = f"# Inventory\n\n{_page()}\n"

    def add_page(body: Any) -> None:
        body["documents"].append({"path": "inventory.md", "committed": at(2 * DAY), "text": text})

    world.change(subject, "documents", add_page)


@functools.cache
def _page() -> str:
    declared, bodies = stored()
    world = World(copy.deepcopy(declared), bodies)
    for build in (machines, past, doors):
        build(world)
    return inventory_page.block(world.estate())


__all__ = ["BORN", "KERNEL", "host"]
