# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two database hosts and what is around them, as a file: the tasks of role dr run on it as they run on an estate.

Below the tasks everything is real: Ansible, the journal, the filters. What would touch a host is answered by the world,
which changes as the host would, writes down each call, and can fail or kill the run at one of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "dr"
REAL_ACTIONS = ("drill_journal",)
REPORTS = (*REAL_ACTIONS, "drill_record", "drill_report", "record")
BUILTIN = ("command", "copy", "fetch", "file", "ping", "systemd_service", "template", "uri")
SOURCE = 4
UNIT, DATA = "postgresql@15-main.service", "/var/lib/postgresql/15/main"
ABSENT: dict[str, Any] = {"present": False, "running": False, "accepting": False, "in_recovery": None}
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars_files: [given.json]
  vars:
    dr_primary: db1
    dr_target: db2
    dr_repository: repo1
    dr_canary: client1
    dr_endpoints: [https://lb1]
    dr_heal_command: [heal]
    dr_fault_command: [fault]
    __dr_lost_hosts: [db1]
    __dr_poolers: [app2]
    __dr_lost_poolers: []
  tasks:
    - ansible.builtin.include_role: {name: ccobservatory.ops.dr, tasks_from: taken_up.yml}
      when: dr_drill_abort | default(false) and not world_earnest
    - ansible.builtin.include_vars: {file: "{{ world_scenario }}", name: __dr_scenario}
    - ansible.builtin.include_role: {name: ccobservatory.ops.dr, tasks_from: in_earnest.yml}
      when: world_earnest
    - ansible.builtin.include_role: {name: ccobservatory.ops.dr, tasks_from: carry_out.yml}
      when: not world_earnest
"""
ACTION = """
import sys
sys.path.insert(0, {here!r})
import _drill_stub
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        return _drill_stub.answer({world!r}, self._task.action.rpartition(".")[2], str(host), dict(self._task.args))
"""


def server(said: str, *, timeline: int = SOURCE) -> dict[str, Any]:
    """Return the facts of a server that is ``writable``, a ``standby``, ``silent`` or ``down``."""
    answers = said in ("writable", "standby")
    return {
        **{"present": True, "running": said != "down", "accepting": answers, "system_identifier": "7", "version": "15"},
        **{"in_recovery": said == "standby" if answers else None, "timeline": timeline, "wal_timeline": timeline},
    }


class World:
    """One estate in a folder, with a drill of it that was interrupted."""

    def __init__(
        self,
        folder: Path,
        *,
        scenario: str = "site_lost_repository",
        mode: str = "live",
        real: tuple[str, ...] = REAL_ACTIONS,
    ) -> None:
        self.real = real
        self.folder, self.mode, self.scenario, self.by_name = folder, mode, scenario, False
        self.path = folder / "world.json"
        loaded = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
        known = {step["id"]: step for step in [*loaded["__dr_steps"], *loaded["__dr_more_steps"]]}
        ids = loaded["__dr_activate_steps"] if scenario == "activation" else [row["id"] for row in loaded["__dr_steps"]]
        signed = ("drill lead", "approver", *(() if scenario == "activation" else ("canary",)))
        self.plan = [known[name] for name in ids if known[name]["actor"] not in signed]
        self.base = folder / "reports" / "test" / "drills"
        self._lay_collection()
        self.set(
            db1=ABSENT,
            db2=ABSENT,
            poolers={},
            proved=True,
            statement="",
            fail={},
            kill="",
            calls=[],
            two=[],
            last_words={},
            audit=[],
            silent=[],
            lost=[],
            booted="running",
            lost_rows=0,
            room={},
            free="1000000000",
            lease={},
            beside={},
            aside={},
            lose={},
            canary={},
            hang={},
            take={},
            stopped=False,
        )

    def set(self, **changed: Any) -> None:
        """Change what the world is."""
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        self.path.write_text(json.dumps({**known, **changed}), encoding="utf-8")

    def __getitem__(self, key: str) -> Any:
        """Return what the world is now."""
        return json.loads(self.path.read_text(encoding="utf-8"))[key]

    def interrupted_at(self, step: str, *notes: dict[str, Any], **results: dict[str, Any]) -> None:
        """Write the journal of a run that was killed in ``step``, after ``notes``, with what its steps had found."""
        ids = [item["id"] for item in self.plan]
        found = {"assess": {"timeline": SOURCE}, "arrange": {"backup": {"label": "F"}, "backups": ["F"]}, **results}
        known = {"drill_id": "d", "environment": "test", "scenario": self.scenario, "mode": self.mode, "header": {}}
        bodies: list[dict[str, Any]] = [{"event": "open", "plan": self.plan, **known}]
        for done in ids[: ids.index(step)]:
            bodies.append({"event": "enter", "step": done})
            bodies.append({"event": "leave", "step": done, "status": "done", "result": found.get(done, {})})
        bodies.append({"event": "enter", "step": step})
        gone = subprocess.Popen(["true"])
        gone.wait()
        Store(self.base / "d", owner=Owner(gone.pid, "0", "gone", Owner.of(os.getpid()).host)).create([*bodies, *notes])

    def run(self, *steps: str, earnest: bool = False, like: str = "", **settings: Any) -> str:
        """Run the same command again, with the plan up to the last of ``steps``; return what it said on one line.

        With the switch that takes a drill back nothing else is given: the run would be a copy of the default scenario.
        ``earnest`` runs what an activation runs, with the strategy of the scenario ``like``.
        """
        bare = "dr_drill_abort" in settings
        ids = [item["id"] for item in self.plan]
        plan = self.plan[: ids.index(steps[-1]) + 1] if steps else self.plan
        scenario = like or ("site_lost_repository" if self.scenario in ("activation", "failback") else self.scenario)
        given = {
            **{"dr_environment": "test", **({} if bare else {"dr_drill_scenario": self.scenario})},
            "dr_reports_dir": str(self.folder / "reports"),
            **{"__dr_live": self.mode == "live" and (earnest or not bare), "__dr_plan": plan},
            **{"world_earnest": earnest, "__dr_kind": self.scenario},
            "__dr_answer_retries": 2,
            "world_scenario": str(ROLE / "files" / "scenarios" / f"{scenario}.yml"),
        }
        (self.folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
        (self.folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
        named = {} if self.by_name else {"ansible_host": "192.0.2.1"}
        hosts = {name: named for name in ("db1", "db2", "repo1", "client1", "app1", "app2")}
        groups = {"postgresql": ["db1", "db2"], "pgbouncer": ["app1", "app2"], "canary": ["client1"]}
        children = {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()}
        inventory = {"all": {"hosts": hosts, "children": children}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("-i", "hosts.yml", "play.yml", "-e", json.dumps(settings)),
            ],
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(self.folder), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return " ".join((done.stdout + done.stderr).split())

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the lines of the drill's journal."""
        lines = (self.base / "d" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def notes(self, kind: str) -> list[str]:
        """Return the notes of a kind."""
        return [entry["text"] for entry in self.entries if entry.get("kind") == kind]

    def called(self, name: str, host: str | None = None) -> list[dict[str, Any]]:
        """Return the arguments of each call of a module, on a host where one is named."""
        return [args for module, where, args in self["calls"] if module == name and host in (None, where)]

    def _lay_collection(self) -> None:
        """Lay a collection down whose modules ask the world."""
        top = self.folder / "ansible_collections" / "ccobservatory" / "ops"
        (top / "plugins" / "action").mkdir(parents=True)
        for name in ("module_utils", "plugin_utils", "filter", "lookup", "doc_fragments"):
            (top / "plugins" / name).symlink_to(ROOT / "plugins" / name)
        for path in (ROOT / "plugins" / "modules").glob("*.py"):
            if path.stem not in self.real:
                self._lay_action(top, path.stem)
        for name in BUILTIN:
            self._lay_action(top, f"builtin_{name}")
        for name in self.real:
            shutil.copy(ROOT / "plugins" / "action" / f"{name}.py", top / "plugins" / "action")
        for role in ("dr", "integrity", "procedure"):
            shutil.copytree(ROLE.parent / role, top / "roles" / role)
        for path in (top / "roles").glob("*/tasks/**/*.yml"):
            text = path.read_text(encoding="utf-8")
            for name in BUILTIN:
                text = text.replace(f"ansible.builtin.{name}:", f"ccobservatory.ops.builtin_{name}:")
            path.write_text(text, encoding="utf-8")

    def _lay_action(self, top: Path, name: str) -> None:
        text = ACTION.format(here=str(Path(__file__).parent), world=str(self.path))
        (top / "plugins" / "action" / f"{name}.py").write_text(text, encoding="utf-8")
