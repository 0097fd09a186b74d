#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_target
short_description: Pauses, resumes and switches the database server behind PgBouncer
description:
  - Changes which server PgBouncer uses by replacing its file of databases at once and reloading, and proves the
    effect by
    what its console shows.
  - Works when the former server is dead. A switch waits O(drain_timeout) for connections to it to end and then, with
    O(kill_stuck), cuts them, which ends the clients that hang on them.
  - A pause that does not complete in time is undone, so that no client is held for nothing.
  - Runs on the host of PgBouncer.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.pgbouncer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  action:
    description:
      - V(pause) lets running transactions end and holds the next ones.
      - V(resume) lets held clients go on.
      - V(switch) makes O(host) and O(port) the target, paused or not.
      - V(status) changes nothing and tells.
    type: str
    choices: [pause, resume, switch, status]
    default: status
  database:
    description: Databases to act on. Without any, all in the file.
    type: list
    elements: str
    default: []
  host:
    description: Server to use. Required for O(action=switch).
    type: str
  port:
    description: Port of the server.
    type: int
    default: 5432
  resume:
    description: Whether O(action=switch) also resumes a paused database.
    type: bool
    default: true
  timeout:
    description: Seconds that a pause, or any answer of the console, may take.
    type: float
    default: 5
  drain_timeout:
    description: Seconds that connections to the former server may live on after a switch.
    type: float
    default: 0.5
  kill_stuck:
    description: Cut connections to the former server that outlive O(drain_timeout). Without it the module fails then.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Hold the clients for a planned switch
  ccobservatory.ops.pgbouncer_target:
    action: pause
    timeout: 3

- name: Send them to the new primary and let them go
  ccobservatory.ops.pgbouncer_target:
    action: switch
    host: db2
"""

RETURN = r"""
before:
  description: Effective targets before, by database.
  type: dict
  returned: success
  sample: {"ccobservatory": {"host": "db1", "port": 5432, "paused": false, "disabled": false, "connections": 4}}
after:
  description: Effective targets after, by database.
  type: dict
  returned: success
waiting:
  description: Clients that wait for a server.
  type: int
  returned: success
servers:
  description: Connections to servers by address.
  type: dict
  returned: success
cut:
  description: Connections to the former server that had to be cut.
  type: int
  returned: on O(action=switch)
seconds:
  description: How long the action took.
  type: float
  returned: success
at:
  description: When the effect was proved, UTC.
  type: str
  returned: success
"""

import collections
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _pgbouncer
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import now_iso
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import identifier


class Target:
    """What PgBouncer on this host points at."""

    def __init__(self, params: dict[str, t.Any], check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.console = _pgbouncer.Console(
            socket_dir=params["socket_dir"],
            port=params["admin_port"],
            user=params["admin_user"],
            os_user=params["os_user"],
            timeout=params["timeout"],
        )
        self.before = self.console.databases()
        self.names = params["database"] or sorted(self.before)
        missing = [name for name in self.names if name not in self.before]
        if missing or not self.names:
            raise OpsError(
                f"PgBouncer serves no database {', '.join(missing)}; it serves {', '.join(self.before) or 'none'}."
            )

    def status(self) -> dict[str, t.Any]:
        """Change nothing."""
        return {"changed": False}

    def pause(self) -> dict[str, t.Any]:
        """Hold the clients of each database that is not held already."""
        running = [name for name in self.names if not self.before[name]["paused"]]
        if self.check_mode:
            return {"changed": bool(running)}
        done: list[str] = []
        try:
            for name in running:
                self.console.pause(name, self.params["timeout"])
                done.append(name)
        except OpsError:
            for name in done:
                self.console.resume(name)
            raise
        self._prove(lambda now: now["paused"], "paused")
        return {"changed": bool(running)}

    def resume(self) -> dict[str, t.Any]:
        """Let the clients of each held database go on."""
        held = [name for name in self.names if self.before[name]["paused"]]
        if not self.check_mode:
            for name in held:
                self.console.resume(name)
            self._prove(lambda now: not now["paused"], "resumed")
        return {"changed": bool(held)}

    def switch(self) -> dict[str, t.Any]:
        """Point the databases at another server."""
        host, port = self.params["host"], self.params["port"]
        with open(self.params["file"], encoding="utf-8") as file:
            present = file.read()
        wanted = _pgbouncer.rewrite_targets(present, self.names, host, port)
        stale = any((self.before[name]["host"], self.before[name]["port"]) != (host, port) for name in self.names)
        held = [name for name in self.names if self.before[name]["paused"] and self.params["resume"]]
        changed = wanted != present or stale
        result = {"changed": changed or bool(held), "cut": 0, "diff": {"before": present, "after": wanted}}
        if self.check_mode:
            return result
        if changed:
            former = {(server["addr"], server["port"]) for server in self.console.servers()}
            if wanted != present:
                _pgbouncer.replace_file(self.params["file"], wanted)
            self.console.say("RELOAD")
            self._prove(lambda now: (now["host"], now["port"]) == (host, port), f"switched to {host}:{port}")
            result["cut"] = self._leave(former)
        for name in held:
            self.console.resume(name)
        return result

    def _leave(self, former: set[tuple[t.Any, t.Any]]) -> int:
        """See the connections to the former server end, or cut them; how many were cut."""
        for name in self.names:
            self.console.say(f"RECONNECT {identifier(name)}")

        def keep(server: dict[str, t.Any]) -> bool:
            return (server["addr"], server["port"]) not in former

        left = self.console.drain(self.names, keep, self.params["drain_timeout"])
        if left and not self.params["kill_stuck"]:
            raise OpsError(f"{left} connections to the former server are still in use; end them or set kill_stuck.")
        if left:
            for name in self.names:
                self.console.say(f"KILL {identifier(name)}")
                if not self.before[name]["paused"]:
                    self.console.resume(name)
        return left

    def _prove(self, holds: t.Callable[[dict[str, t.Any]], bool], what: str) -> None:
        now = self.console.databases()
        wrong = [name for name in self.names if name not in now or not holds(now[name])]
        if wrong:
            raise OpsError(
                f"PgBouncer does not show {', '.join(wrong)} as {what}; check that its configuration includes "
                f"{self.params['file']} and look at its log.",
                before=self.before,
                after=now,
            )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["pause", "resume", "switch", "status"], "default": "status"},
            "database": {"type": "list", "elements": "str", "default": []},
            "host": {"type": "str"},
            "port": {"type": "int", "default": 5432},
            "resume": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 5},
            "drain_timeout": {"type": "float", "default": 0.5},
            "kill_stuck": {"type": "bool", "default": True},
            "file": {"type": "path", "default": "/etc/pgbouncer/databases.ini"},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "admin_port": {"type": "int", "default": 6432},
            "admin_user": {"type": "str", "default": "postgres"},
            "os_user": {"type": "str", "default": "postgres"},
        },
        required_if=[("action", "switch", ["host"])],
        supports_check_mode=True,
    )
    started = time.monotonic()
    try:
        target = Target(module.params, module.check_mode)
        result = getattr(target, module.params["action"])()
        after = target.console.databases()
        result.update(
            before=target.before,
            after=after,
            waiting=target.console.waiting_clients(target.names),
            servers=dict(collections.Counter(f"{s['addr']}:{s['port']}" for s in target.console.servers())),
            seconds=round(time.monotonic() - started, 3),
            at=now_iso(),
        )
        result.setdefault("diff", {"before": target.before, "after": after})
        module.exit_json(**result)
    except (OpsError, OSError) as exc:
        module.fail_json(msg=str(exc), **getattr(exc, "details", {}))


if __name__ == "__main__":
    main()
