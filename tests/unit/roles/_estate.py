# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in a file: Ansible runs task files of the role dr against databases and poolers that are entries of world.json.

Journal, on_hosts, assertions, blocks and the modules of Ansible are the real ones. Only what would need a server behind
it is played: our modules for PostgreSQL and PgBouncer, and the programs systemctl, runuser. An interpreter of its own
tells each host who it is. A database is ``run`` (whether it runs), ``standby`` (its standby.signal), ``state`` (of its
control file when it does not run), ``silent``, and ``fails``: the modules that fail there, with what they do before.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "dr"
DATABASES = ("db1", "db2")
POOLERS = ("lb1", "lb2")

# The first line of a program has no place for a path with a space in it, which that of a virtual environment may have.
# In a module Ansible puts the interpreter of the host in place of this very path.
MODULE = "#!/usr/bin/python\n"
PROGRAM = "#!/usr/bin/python3\n"
COMMON = """# WANT_JSON
import fcntl, json, os, sys
HOST, FILE = os.environ["PLAYED_HOST"], os.environ["PLAYED_WORLD"]
LOCK = open(FILE + ".lock", "w")
fcntl.flock(LOCK, fcntl.LOCK_EX)
WORLD = json.load(open(FILE))
ARGS = json.load(open(sys.argv[1])) if os.path.basename(sys.argv[0]) not in ("systemctl", "runuser") else {}
ME = WORLD["hosts"][HOST]
def end(**result):
    WORLD["log"].append([HOST, NAME, ARGS.get("action") or ARGS.get("state") or ""])
    json.dump(WORLD, open(FILE, "w"))
    print(json.dumps(dict(dict(changed=True), **result)))
    sys.exit(0)
def start():
    ME["run"] = True
def stop():
    if ME["run"]:
        ME["run"], ME["state"] = False, "shut down in recovery" if ME["standby"] else "shut down"
"""
PLAYED = {
    "postgresql_controldata": """
silent = ME.get("silent", False)
if not isinstance(silent, bool):
    ME["silent"] = silent > 1 and silent - 1
end(running=ME["run"], present=True, state=ME["state"] if not ME["run"] else "in production", wal_timeline=1,
    standby_signal=ME["standby"], accepting=ME["run"] and not silent,
    in_recovery=None if silent or not ME["run"] else ME["standby"])
""",
    "postgresql_stop": """
if NAME in ME.get("fails", {}):
    end(failed=True, msg="The server has not ended.")
if not ME["run"] and ME["state"] not in ("shut down", "shut down in recovery"):
    end(failed=True, msg="It was not shut down cleanly.")
stop()
end(shutdown_checkpoint_lsn="0/3000148", timeline=1, started="2026-11-23T20:00:00.000Z")
""",
    "postgresql_promote": """
how = ME.get("fails", {}).get(NAME)
if not ME["run"] and not ME["standby"] and not ARGS.get("timeline_before"):
    end(failed=True, msg="No standby.signal.")
ME["run"] = True
if how == "promoted":
    ME["standby"] = False
if how:
    end(failed=True, msg="The server was not promoted.")
WORLD["asked"] = dict(lsn=ARGS.get("replay_lsn"), before=ARGS.get("timeline_before"))
ME["standby"] = False
end(first_write="2026-11-23T20:00:01.000Z", promoted="2026-11-23T20:00:01.000Z", timeline_after=2)
""",
    "fence_address": """
if ME["sees"] == "nothing":
    sys.exit(1)
told = dict(proof="address", host=ARGS["host"], method="a connection", at="2026-11-23T20:00:01.000Z")
open_now = ME["sees"] == "answered"
end(proof=dict(told, observed=ME["sees"], proved=not open_now), failed=open_now, msg="It still answers.")
""",
    "pgbouncer_target": """
if ARGS["action"] in ME.get("fails", {}):
    end(failed=True, msg="PgBouncer does not answer.")
ME["held"] = ARGS["action"] == "pause"
if ARGS["action"] == "switch":
    ME["target"] = ARGS["host"]
end(before={}, after={}, at="2026-11-23T20:00:01.000Z")
""",
    "pgbackrest_info": """
end(**ME.get("repository", dict(status="ok", status_message="ok")))
""",
    "canary_ledger": """
WORLD["since"] = ARGS["since"]
end(gap=dict(seconds=1.5), errors_since=dict(requests=0))
""",
}
PROGRAMS = {
    "systemctl": """
if "is-active" in sys.argv:
    sys.exit(0 if ME.get("receiver") else 3)
if "show" in sys.argv:
    print("LoadState=loaded\\nActiveState=" + ("active" if ME["run"] else "inactive"))
    sys.exit(0)
if "start" in sys.argv:
    start()
if "stop" in sys.argv:
    stop()
if not {"start", "stop"} & set(sys.argv):
    sys.exit(0)
ARGS["action"] = "start" if "start" in sys.argv else "stop"
end()
""",
    "runuser": """
if not ME["run"]:
    sys.exit("psql: error: connection to server on socket failed")
print(ME.get("names", "") if "SHOW" in sys.argv[-1] else "f" if ME["standby"] else "t")
""",
}
PLAY = """
- hosts: localhost
  gather_facts: false
  vars_files: ["{{ role }}/defaults/main.yml", "{{ role }}/vars/main.yml"]
  tasks:
    - ccobservatory.ops.drill_journal:
        action: open
        environment: test
        scenario: x
        reports_dir: "{{ reports }}"
        plan: "{{ [__dr_step_by_id[step]] }}"
      register: __dr_journal
    - ccobservatory.ops.drill_journal: {action: enter, step: "{{ step }}"}
      register: __dr_journal
    - ansible.builtin.include_tasks: "{{ role }}/tasks/{{ file }}"
    - ansible.builtin.assert: {that: __dr_journal.current == step, quiet: true}  # a task that is skipped registers too
    - ansible.builtin.copy: {content: "{{ __dr_result | to_json }}", dest: "{{ reports }}/../result.json"}
"""


class Estate:
    """The hosts of ``db1``, ``db2``, ``lb1``, ``lb2`` and the client, and what Ansible does with them."""

    def __init__(self, folder: Path, **hosts: dict[str, Any]) -> None:
        self.folder = folder
        known = {host: {"run": False, "standby": False, "state": "shut down"} for host in DATABASES}
        known |= {host: {"held": False, "target": "db2"} for host in POOLERS}
        known |= {"client1": {}}
        self.world: dict[str, Any] = {
            "log": [],
            "hosts": {name: {**known[name], **hosts.get(name, {})} for name in known},
        }
        self.result: Any = {}
        self.said = ""
        self._collection()
        for name in known:
            self._host(name)

    def run(self, file: str, *, step: str, **variables: Any) -> int:
        """Run a task file of the role as one step of a journal, a second time as a run that goes on; its exit code."""
        (self.folder / "world.json").write_text(json.dumps(self.world), encoding="utf-8")
        (self.folder / "play.yml").write_text(PLAY, encoding="utf-8")
        given = {"role": str(ROLE), "reports": str(self.folder / "reports"), "file": file, "step": step, **variables}
        given |= {"dr_postgresql_data_dir": "data", "dr_canary": "client1", "__dr_answer_retries": 2}
        command = [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            "hosts.yml",
            "play.yml",
            "-e",
            json.dumps(given),
        ]
        collections = str(self.folder / "collections")
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        }
        self._inventory()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        self.said = " ".join((done.stdout + done.stderr).split())
        self.world = json.loads((self.folder / "world.json").read_text(encoding="utf-8"))
        left = self.folder / "result.json"
        self.result = json.loads(left.read_text(encoding="utf-8")) if left.exists() else {}
        return done.returncode

    def writers(self) -> list[str]:
        """Return the databases that take writes."""
        return [
            name for name in DATABASES if self.world["hosts"][name]["run"] and not self.world["hosts"][name]["standby"]
        ]

    def poolers(self) -> set[tuple[str, bool]]:
        """Return where each pooler points and whether it holds its clients, as a set over all of them."""
        return {(self.world["hosts"][name]["target"], self.world["hosts"][name]["held"]) for name in POOLERS}

    def did(self, name: str) -> list[str]:
        """Return the hosts where a played module or program did something, in order."""
        return [host for host, module, _how in self.world["log"] if module == name]

    def _inventory(self) -> None:
        hosts: dict[str, Any] = {}
        for name in self.world["hosts"]:
            interpreter = str(self.folder / name / "python")
            hosts[name] = {
                "ansible_connection": "local",
                "ansible_host": name,
                "ansible_python_interpreter": interpreter,
            }
        groups = {"postgresql": DATABASES, "pgbouncer": POOLERS, "wal_receiver": ["client1"]}
        children = {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()}
        text = yaml.safe_dump({"all": {"hosts": hosts, "children": children}})
        (self.folder / "hosts.yml").write_text(text, encoding="utf-8")

    def _collection(self) -> None:
        plugins = self.folder / "collections" / "ansible_collections" / "ccobservatory" / "ops" / "plugins"
        (plugins / "modules").mkdir(parents=True)
        for room in ("action", "doc_fragments", "filter", "module_utils", "plugin_utils"):
            (plugins / room).symlink_to(ROOT / "plugins" / room)
        for path in (ROOT / "plugins" / "modules").glob("*.py"):
            (plugins / "modules" / path.name).symlink_to(path)
        for name, body in PLAYED.items():
            (plugins / "modules" / f"{name}.py").unlink()
            self._program(plugins / "modules" / f"{name}.py", MODULE, name, body)
        for name, body in PROGRAMS.items():
            self._program(self.folder / "bin" / name, PROGRAM, name, body)

    @staticmethod
    def _program(path: Path, first: str, name: str, body: str) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{first}{COMMON}NAME = {name!r}\n{body}", encoding="utf-8")
        path.chmod(0o755)

    def _host(self, name: str) -> None:
        home = self.folder / name
        (home / "data").mkdir(parents=True)
        if self.world["hosts"][name].get("standby"):
            (home / "data" / "standby.signal").touch()
        lines = [
            "#!/bin/sh",
            f"export PLAYED_HOST={name} PLAYED_WORLD={self.folder / 'world.json'} PATH={self.folder / 'bin'}:$PATH",
            f'cd {home} && exec {shlex.quote(sys.executable)} "$@"',
        ]
        (home / "python").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (home / "python").chmod(0o755)
