# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the world of the drill answers one call, and how the call changes it. Runs inside Ansible's worker."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure

ABSENT: dict[str, Any] = {"present": False, "running": False, "accepting": False, "in_recovery": None}
DOWN = {"running": False, "accepting": False, "in_recovery": None}
WRITES = {"running": True, "accepting": True, "in_recovery": False}
BACKUP = {"label": "F", "wal_min": "000000040000000000000004", "age_s": 60, "size_bytes": 1000}
NEWEST_WAL = "000000040000000000000008"
CANARY = {"running": False, "last_ack": "x", "first_ack_after": "x", "gap": {}}
DATA = "/var/lib/postgresql/15/main"
RUNGS = {"checksum_failures": "0", "to_regclass": "ledger", "WITH linked": "unbroken, 3 rows"}


def answer(path: str, module: str, host: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carry a call out on the world in a file and return what the module would."""
    world = json.loads(Path(path).read_text(encoding="utf-8"))
    world["calls"].append([module, host, args])
    call = f"{module} {host}"
    if world["kill"] == call:
        Path(path).write_text(json.dumps({**world, "kill": ""}), encoding="utf-8")
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
    if call in world["hang"]:
        Path(path).write_text(json.dumps(world, default=str), encoding="utf-8")
        time.sleep(world["hang"][call])
    if call in world["lose"]:
        world["lost"].append(world["lose"][call])
    world["lease"] = world["take"].get(call, world["lease"])
    if host in world["lost"]:
        Path(path).write_text(json.dumps(world, default=str), encoding="utf-8")
        raise AnsibleConnectionFailure(f"Failed to connect to the host via ssh: {host} is gone")
    if call in world["fail"]:
        result = {"failed": True, "msg": world["fail"][call]}
    else:
        result = _ANSWERS.get(module, lambda *_unused: {})(world, host, args)
    if all(world[name]["accepting"] and world[name]["in_recovery"] is False for name in ("db1", "db2")):
        world["two"].append(call)
    Path(path).write_text(json.dumps(world, default=str), encoding="utf-8")
    return {"changed": False, **result}


def _controldata(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    return dict(world[host])


def _service(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if str(args["name"]).startswith("postgresql@"):
        if args["state"] == "stopped":
            world[host].update(DOWN, **world["last_words"].get(host, {}))
        elif args["state"] == "started" and not world[host]["running"]:
            world[host].update(WRITES, in_recovery=world[host].get("standby_signal", False))
    return {}


def _copy(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if "dr-lease" in str(args.get("dest")):
        content = args["content"]
        world["beside"] = json.loads(content) if isinstance(content, str) else content
    return {}


def _file(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if str(args["path"]).endswith("dr-lease.json") and args["state"] == "absent":
        world["lease"] = {}
    world["aside"].pop(str(args["path"]), None)
    if args["state"] == "absent" and args["path"] == DATA:
        world[host] = dict(ABSENT)
    return {}


def _command(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    words = " ".join(map(str, args["argv"]))
    if "dr-lease.json" in words:
        return _lease(world, list(map(str, args["argv"])))
    said = world["free"] if words.startswith("df ") else ""
    if "NOT pg_is_in_recovery" in words:
        said = "t" if world[host]["in_recovery"] is False else "f"
    elif any(known in words for known in RUNGS):
        said = next(line for known, line in RUNGS.items() if known in words)
    elif "is-system-running" in words:
        said = world["booted"]
    elif "pg_xact_status" in words:
        said = world["statement"]
    elif "last_archived_wal" in words:
        said = "t"
    elif "DROP TABLE" in words:
        world["statement"] = "committed 0/5000060"
    return {"rc": 0, "stdout": said, "stderr": "", "stdout_lines": said.splitlines()}


def _lease(world: dict[str, Any], argv: list[str]) -> dict[str, Any]:
    """Read, link or rename the file that says who holds the environment, as the programs do."""
    done, said = True, ""
    if argv[0] == "cat":
        found = world["aside"].get(argv[-1]) if argv[-1].endswith(".overtaken") else world["lease"]
        done, said = bool(found), json.dumps(found) if found else ""
    elif argv[0] == "ln":
        done = not world["lease"]
        world["lease"] = world["beside"] if done else world["lease"]
    elif argv[-1] not in world["aside"]:
        world["aside"][argv[-1]], world["lease"] = world["lease"], {}
    return {"rc": 0 if done else 1, "stdout": said, "stderr": "", "stdout_lines": said.splitlines()}


def _power(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if args["state"] == "off" and world["proved"]:
        world["db1"].update(DOWN)
    return {**_proof("power", world["proved"]), "diff": {"before": "on" if world["proved"] else "unknown"}}


def _proof(name: str, proved: bool = True) -> dict[str, Any]:
    return {"proof": {"proof": name, "proved": proved, "observed": "off" if proved else "unknown", "at": "x"}}


def _on_hosts(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if args["module"] == "ansible.builtin.ping":
        return _knock(world, args["hosts"])
    if args["module"].endswith(".fence_address"):
        asked = _proof("address")
        asked["proof"]["method"] = "connect"
        silent = {"unreachable": True, "msg": "no route to host"}
        said = {name: silent if name in world["silent"] else asked for name in args["hosts"]}
        also = [{"item": one["host"], **_proof("repository")} for one in args.get("also", [])]
        return {"results": [{"item": name, **said[name]} for name in args["hosts"]], "also": also}
    if args["module"] == "ansible.builtin.command":
        ran = {"rc": 3} if world["stopped"] else {"rc": 0}
        return {"results": [{"item": name, **({} if name in world["silent"] else ran)} for name in args["hosts"]]}
    if args["arguments"]["action"] == "switch":
        world["poolers"].update(dict.fromkeys(args["hosts"], args["arguments"]["host"]))
    return {"results": [{"item": name, "before": {}, "after": {}, "at": "x"} for name in args["hosts"]]}


def _promote(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    world[host] = {**world[host], **WRITES, "present": True, "wal_timeline": 5, "timeline": 5}
    return {"promoted": "x", "first_write": "x", "timeline_after": 5}


def _restore(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    signal_file = {"standby_signal": True} if args.get("type") == "standby" and world.get("follows") else {}
    world[host] = {**ABSENT, "present": True, "timeline": 4, "wal_timeline": None, **signal_file}
    return {"label": "F", "seconds": 1.0, "ended": "x"}


def _audit(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    errors = sum(row["severity"] == "error" for row in world["audit"])
    judged = {"timeline": 4, "newest_wal": NEWEST_WAL, "newest_wal_lsn": "0/4000000", "errors": errors}
    return {"findings": world["audit"], "checked": {}, "seconds": 0.1, **judged}


def _knock(world: dict[str, Any], hosts: list[str]) -> dict[str, Any]:
    silent = [name for name in hosts if name in world["silent"]]
    rows = [
        {"item": name, **({"unreachable": True, "msg": "no route to host"} if name in silent else {"ping": "pong"})}
        for name in hosts
    ]
    lost = {"failed": True, "msg": f"{', '.join(silent)}: no route to host"} if silent else {}
    return {"results": rows, **lost}


def _salvage(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"left_out": [], "uncovered": [], **(world["room"] if args.get("action") != "keys" else {})}


_ANSWERS = {
    "postgresql_salvage": _salvage,
    "postgresql_controldata": _controldata,
    "builtin_systemd_service": _service,
    "builtin_copy": _copy,
    "builtin_file": _file,
    "builtin_command": _command,
    "fence_power": _power,
    "pgbackrest_access": lambda *_unused: _proof("repository"),
    "on_hosts": _on_hosts,
    "postgresql_promote": _promote,
    "pgbackrest_restore": _restore,
    "wal_audit": _audit,
    "pgbackrest_info": lambda *_unused: {"newest": BACKUP, "backups": [BACKUP], "cipher": "aes-256-cbc"},
    "canary_ledger": lambda world, *_unused: {**CANARY, **world["canary"]},
    "ledger_compare": lambda world, *_unused: {"comparison": {"lost": world["lost_rows"]}, "seconds": 0.1},
    "pgbackrest_backup": lambda *_unused: {"label": "F"},
}
