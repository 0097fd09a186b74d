# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the world of the drill answers one call, and how the call changes it. Runs inside Ansible's worker."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

ABSENT: dict[str, Any] = {"present": False, "running": False, "accepting": False, "in_recovery": None}
DOWN = {"running": False, "accepting": False, "in_recovery": None}
WRITES = {"running": True, "accepting": True, "in_recovery": False}
DATA = "/var/lib/postgresql/15/main"


def answer(path: str, module: str, host: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carry a call out on the world in a file and return what the module would."""
    world = json.loads(Path(path).read_text(encoding="utf-8"))
    world["calls"].append([module, host, args])
    call = f"{module} {host}"
    if world["kill"] == call:
        Path(path).write_text(json.dumps({**world, "kill": ""}), encoding="utf-8")
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
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
            world[host].update(WRITES)
    return {}


def _file(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if args["state"] == "absent" and args["path"] == DATA:
        world[host] = dict(ABSENT)
    return {}


def _command(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    words = " ".join(args["argv"])
    said = ""
    if "NOT pg_is_in_recovery" in words:
        said = "t" if world[host]["in_recovery"] is False else "f"
    elif "pg_xact_status" in words:
        said = world["statement"]
    elif "DROP TABLE" in words:
        world["statement"] = "committed 0/5000060"
    return {"rc": 0, "stdout": said, "stderr": "", "stdout_lines": said.split()}


def _power(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if args["state"] == "off" and world["proved"]:
        world["db1"].update(DOWN)
    return _proof("power", world["proved"])


def _proof(name: str, proved: bool = True) -> dict[str, Any]:
    return {"proof": {"proof": name, "proved": proved, "observed": "off" if proved else "unknown", "at": "x"}}


def _on_hosts(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    if args["module"].endswith(".fence_address"):
        asked = _proof("address")
        asked["proof"]["method"] = "connect"
        return {"results": [{"item": name, **asked} for name in args["hosts"]]}
    if args["arguments"]["action"] == "switch":
        world["poolers"].update(dict.fromkeys(args["hosts"], args["arguments"]["host"]))
    return {"results": [{"item": name, "before": {}, "after": {}, "at": "x"} for name in args["hosts"]]}


def _promote(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    world[host] = {**world[host], **WRITES, "present": True, "wal_timeline": 5, "timeline": 5}
    return {"promoted": "x", "first_write": "x", "timeline_after": 5}


def _restore(world: dict[str, Any], host: str, args: dict[str, Any]) -> dict[str, Any]:
    world[host] = {**ABSENT, "present": True, "timeline": 4, "wal_timeline": None}
    return {"label": "F", "seconds": 1.0, "ended": "x"}


_ANSWERS = {
    "postgresql_controldata": _controldata,
    "builtin_systemd_service": _service,
    "builtin_file": _file,
    "builtin_command": _command,
    "fence_power": _power,
    "pgbackrest_access": lambda *_unused: _proof("repository"),
    "on_hosts": _on_hosts,
    "postgresql_promote": _promote,
    "pgbackrest_restore": _restore,
    "wal_audit": lambda *_unused: {"findings": [], "checked": {}, "seconds": 0.1},
    "canary_ledger": lambda *_unused: {"running": False},
    "ledger_compare": lambda *_unused: {"comparison": {"lost": 0}, "seconds": 0.1},
}
