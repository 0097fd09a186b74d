# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: one task an entry, fast, silent in check mode, and resumed by a run after one that was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.action import drill_journal
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import LEAST_ROOM_BYTES

ROOT = Path(__file__).resolve().parents[3]
PLAN = [{"id": "fence", "title": "Fence", "deadline_s": 60}, {"id": "restore", "title": "Restore", "expected_s": 4}]
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ccobservatory.ops.drill_journal:
        action: open
        environment: staging
        scenario: site_lost
        reports_dir: "{{ reports }}"
        plan: [{id: fence, title: Fence}, {id: restore, title: Restore, expected_s: 4}]
      register: journal
    - ccobservatory.ops.drill_journal: {action: enter, step: fence}
      when: "'fence' not in journal.done"
    - ccobservatory.ops.drill_journal: {action: note, result: {t0: "12:00"}}
      when: "'fence' not in journal.done"
    - ccobservatory.ops.drill_journal: {action: enter, step: restore, result: {proofs: 3}}
    - ansible.builtin.wait_for: {timeout: 60}
      when: hang is defined
    - ccobservatory.ops.drill_journal: {action: leave, result: {label: F}}
      register: journal
    - ansible.builtin.assert:
        that:
          - journal.results.fence.t0 == '12:00' and journal.results.fence.proofs == 3
          - journal.results.restore.label == 'F'
          - journal.done == ['fence', 'restore']
    - ccobservatory.ops.drill_journal: {action: close, verdict: pass}
"""


class Drill:
    """Tasks of one run, without ansible-playbook around them."""

    def __init__(self, folder: Path) -> None:
        self.reports = folder
        self.facts: dict[str, Any] = {}
        self.lines: list[str] = []

    def __call__(self, action: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
        if action in ("open", "plan"):
            known = {"environment": "staging", "scenario": "site_lost", "reports_dir": str(self.reports), "plan": PLAN}
            args = {**known, **args}
        task = SimpleNamespace(args={"action": action, **args}, check_mode=check, async_val=0, diff=False)
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
        plugin = drill_journal.ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None)
        result = plugin.run(task_vars={"ansible_facts": self.facts})
        self.facts.update(result.get("ansible_facts", {}))
        return dict(result)

    @property
    def files(self) -> list[Path]:
        return sorted(self.reports.rglob("*")) if self.reports.exists() else []


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drill:
    made = Drill(tmp_path / "reports")
    monkeypatch.setattr(drill_journal.display, "display", lambda line, **_kwargs: made.lines.append(line))
    return made


def test_a_drill_from_open_to_close(drill: Drill) -> None:
    opened = drill("open")
    assert (opened["resumed"], opened["done"], opened["current"]) == (False, [], None)
    assert Path(opened["dir"]).name == opened["drill_id"]
    entered = drill("enter", step="fence")
    assert entered["progress"] == drill.lines[-1] == "[1/2] 00:00 Fence · deadline 60 s, about 4 s left in all"
    drill("note", result={"t0": "12:00"})
    moved = drill("enter", step="restore", result={"proofs": 3})
    assert moved["results"] == {"fence": {"t0": "12:00", "proofs": 3}}
    assert (moved["done"], moved["current"]) == (["fence"], "restore")
    left = drill("leave", status="failed", error="no room")
    assert (left["done"], left["current"]) == (["fence"], None)
    again = drill("enter", step="restore")
    assert again["left"].keys() == {"fence"}
    drill("leave")
    closed = drill("close", verdict="pass", reasons=["good"])
    assert (closed["closed"], closed["verdict"], closed["sealed"]) == (True, "pass", False)
    read = drill("read")
    assert read["changed"] is False
    assert [step["attempts"] for step in read["steps"]] == [1, 2]
    assert not (drill.reports / "staging" / "drills" / ".lock").exists()


def test_a_step_keeps_what_it_ran_however_it_ended(drill: Drill) -> None:
    drill("open")
    command = {"host": "db1", "module": "ansible.builtin.ping", "when": True}
    drill("enter", step="fence", commands=[command, {**command, "when": False}])
    drill("leave", status="failed", error="no power")
    drill("enter", step="fence")
    drill("enter", step="restore")
    fence, restore = drill("read")["steps"]
    assert fence["commands"] == ["ansible db1 -m ansible.builtin.ping"]
    assert restore["commands"] == []
    refused = drill("enter", step="restore", commands=[{"host": "db1"}])
    assert refused["failed"] and "has no module" in refused["msg"]


def test_an_entry_takes_less_than_fifty_milliseconds(drill: Drill) -> None:
    drill("open")
    times = []
    for _turn in range(15):
        begin = time.process_time()
        drill("enter", step="fence")
        times.append(time.process_time() - begin)
        drill("leave", status="failed")
    assert sorted(times)[len(times) // 2] < 0.05


def test_check_mode_writes_nothing_and_remembers(drill: Drill) -> None:
    drill("open", check=True)
    drill("enter", check=True, step="fence")
    told = drill("enter", check=True, step="restore", result={"t0": "x"})
    assert told["results"] == {"fence": {"t0": "x"}}
    assert told["current"] == "restore"
    assert drill("read", check=True)["lines"] == 4
    drill("close", check=True, verdict="fail")
    assert drill.files == []
    assert drill.lines == []


def test_check_mode_looks_at_a_drill_that_was_interrupted(drill: Drill) -> None:
    drill("open")
    drill("enter", step="fence")
    before = {path: path.read_bytes() for path in drill.files if path.is_file()}
    told = Drill(drill.reports)("open", check=True)
    assert (told["resumed"], told["current"]) == (True, "fence")
    assert {path: path.read_bytes() for path in drill.files if path.is_file()} == before


def test_a_second_open_takes_the_drill_up(drill: Drill) -> None:
    first = drill("open")
    drill("enter", step="fence")
    second = drill("open")
    assert (second["resumed"], second["drill_id"], second["current"]) == (True, first["drill_id"], "fence")
    assert len(second["interruptions"]) == 1
    assert "failed" not in drill("enter", step="fence")
    assert drill("read")["steps"][0]["attempts"] == 2


def test_a_step_after_an_interrupted_one_does_not_make_it_done(drill: Drill) -> None:
    drill("open")
    drill("enter", step="fence")
    drill("open")
    assert drill("enter", step="restore")["done"] == []


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        ({}, ("open", {"scenario": "dropped_table"}), "scenario site_lost"),
        ({}, ("open", {"scenario": "dropped_table"}), "take it back with -e dr_drill_abort=true"),
        ({}, ("open", {"resume": "never"}), "resume is 'never'"),
        ({}, ("open", {"mode": "copy"}), "mode 'live'"),
        ({}, ("open", {"mode": "copy"}), "take it back with -e dr_drill_abort=true"),
        ({}, ("enter", {"step": "dance"}), "not in the plan"),
        ({"step": "fence"}, ("leave", {"step": "restore"}), "is not open"),
        ({}, ("leave", {}), "No step is open"),
        ({}, ("note", {}), "a text or a result"),
        ({}, ("note", {"result": {"a": 1}}), "No step is open"),
        ({"step": "fence"}, ("close", {"verdict": "pass"}), "still open"),
        ({}, ("open", {"environment": "../x"}), "cannot be a folder"),
        ({}, ("open", {"plan": [{"id": "a"}, {"id": "a"}]}), "twice"),
        ({}, ("open", {"plan": [{"title": "a"}]}), "has the id None"),
        ({}, ("open", {"plan": []}), "empty"),
    ],
)
def test_wrong_use_is_one_clear_sentence(
    drill: Drill, first: dict[str, Any], then: tuple[str, dict[str, Any]], told: str
) -> None:
    drill("open")
    if first:
        drill("enter", **first)
    result = drill(then[0], **then[1])
    assert result["failed"] is True
    assert told in result["msg"]


def test_a_step_that_is_done_is_not_entered_again(drill: Drill) -> None:
    drill("open")
    drill("enter", step="fence")
    drill("leave")
    assert "done already" in drill("enter", step="fence")["msg"]


def test_the_drill_without_an_end_is_found_whatever_its_scenario(drill: Drill) -> None:
    where = {"environment": "staging", "reports_dir": str(drill.reports)}
    nothing = {"changed": False, "unfinished": "", "scenario": "", "mode": ""}
    assert nothing.items() <= drill("find", **where).items()
    opened = drill("open", scenario="dropped_table", mode="copy")
    found = Drill(drill.reports)("find", **where)
    assert (found["unfinished"], found["scenario"], found["mode"]) == (opened["drill_id"], "dropped_table", "copy")
    drill("close", verdict="aborted")
    found = drill("find", **where)
    assert (found["unfinished"], found["unsealed"]) == ("", [opened["drill_id"]])
    (Path(opened["dir"]) / "MANIFEST").touch()
    assert drill("find", **where)["unsealed"] == []


def test_a_drill_that_is_overtaken_is_closed_and_both_journals_say_so(drill: Drill) -> None:
    drill("open", scenario="dropped_table")
    drill("enter", step="fence")
    assert "was never ended" in Drill(drill.reports)("open", scenario="activation")["msg"]
    overtaking = Drill(drill.reports)
    assert "failed" not in overtaking("plan", scenario="activation", overtakes="It was overtaken.")
    assert "failed" not in overtaking("open", scenario="activation", overtakes="It was overtaken.")
    old = drill("read")
    assert (old["closed"], old["verdict"], old["steps"][0]["status"]) == (True, "aborted", "failed")
    assert [row["text"] for row in old["deviations"]] == ["It was overtaken."]
    (told,) = overtaking("read")["deviations"]
    assert told["text"] == f"It was overtaken. The drill {old['drill_id']} was closed by it."
    assert Drill(drill.reports)("open", scenario="activation", overtakes="It was overtaken.")["resumed"] is True


def test_without_a_drill_the_folder_is_asked_for(tmp_path: Path) -> None:
    assert "No drill is open" in Drill(tmp_path)("enter", step="fence")["msg"]


def test_the_plan_is_told_with_earlier_times(drill: Drill) -> None:
    drill("open")
    drill("enter", step="fence")
    drill("leave")
    drill("close", verdict="aborted")
    told = drill("plan")
    assert told["changed"] is False
    assert told["lines"][0].startswith("1. -      Fence · expected under 1 s")
    assert told["expected_s"] == 4


def run(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start the play below."""
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    (folder / "ansible.cfg").write_text("[defaults]\nlocalhost_warning = false\n", encoding="utf-8")
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / "collections"), ANSIBLE_NOCOLOR="1")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "play.yml", "-e", "reports=reports", *more]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def workers(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def works(pid: int) -> bool:
    """Tell whether a process is there and no zombie that nobody has collected."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.exists() and path.read_bytes() != b""


def test_a_play_that_is_killed_is_taken_up_by_the_next_one(tmp_path: Path) -> None:
    killed = run(tmp_path, "-e", "hang=1")
    deadline = time.monotonic() + 60
    journals: list[Path] = []
    while not journals or b'"restore"' not in journals[0].read_bytes().splitlines()[-1]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        journals = sorted(tmp_path.glob("reports/staging/drills/*/journal.jsonl"))
    refused, _none = run(tmp_path).communicate(timeout=60)
    assert f"Process {killed.pid} on" in refused
    (worker,) = workers(killed.pid)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert works(worker), "the worker leads its own session, so it outlives its run"
    with journals[0].open("ab") as journal:
        journal.write(b'{"at":"2026')
    done = run(tmp_path)
    output, _none = done.communicate(timeout=60)
    assert done.returncode == 0, output
    assert "[2/2]" in output
    assert f"Process {worker} was ended." in output
    assert not works(worker)
    entries = [json.loads(line) for line in journals[0].read_bytes().splitlines()]
    assert [entry["event"] for entry in entries].count("interrupt") == 1
    assert next(entry for entry in entries if entry["event"] == "interrupt")["torn"]["bytes"] == 11
    assert entries[-1]["event"] == "close"


def test_a_drill_does_not_begin_where_its_journal_has_no_room(
    tmp_path: Path, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is touched; one that has begun goes on as long as it can."""
    room = {"free": LEAST_ROOM_BYTES}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=room["free"] if path.exists() else 0))
    assert "failed" not in drill("plan", check=True)
    room["free"] -= 1
    told = drill("plan", check=True)
    assert told["failed"] is True
    assert "on the controller has 63 MB left" in told["msg"]
    assert "free 64 MB" in told["msg"] and "Nothing was touched." in told["msg"]
    assert drill.files == []
    drill("open")
    drill.facts.clear()
    assert "failed" not in drill("plan")
