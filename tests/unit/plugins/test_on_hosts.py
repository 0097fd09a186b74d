# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module runs on several hosts at once: every host answers for itself, and none waits for another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ("one", "two", "three")


def played(
    tmp_path: Path, task: dict[str, Any], *arguments: str, **interpreters: str
) -> tuple[int, dict[str, Any], str]:
    """Run one task that keeps its result, and return exit code, result and output."""
    # The last host names no interpreter: Ansible has to find it, as on most hosts of the world.
    known = "ansible_python_interpreter=/usr/bin/python3"
    found = "ansible_interpreter_python_fallback='[\"/usr/bin/python3\"]'"
    said = {host: f"ansible_python_interpreter={path}" for host, path in interpreters.items()}
    python = {host: said.get(host, found if host == HOSTS[-1] else known) for host in HOSTS}
    lines = [f"{host} ansible_connection=local {python[host]}\n" for host in HOSTS]
    inventory = "".join(lines)
    (tmp_path / "hosts").write_text(inventory, encoding="utf-8")
    kept = {
        "ansible.builtin.copy": {"content": "{{ r | to_json }}", "dest": str(tmp_path / "r.json")},
        "check_mode": False,
    }
    tasks = [{**task, "register": "r", "ignore_errors": True}, kept]
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / "collections"), ANSIBLE_NOCOLOR="1")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts", *arguments, "play.yml"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
    )  # fmt: skip
    result = tmp_path / "r.json"
    assert result.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(result.read_text(encoding="utf-8")), done.stdout


def on_hosts(module: str, hosts: tuple[str, ...] = HOSTS, **arguments: Any) -> dict[str, Any]:
    return {
        "ccobservatory.ops.on_hosts": {"hosts": list(hosts), "module": module, "arguments": arguments, "timeout": 60}
    }


@pytest.mark.slow
def test_all_hosts_are_at_work_at_the_same_time(tmp_path: Path) -> None:
    """Each host waits until all have arrived: one after the other they would wait for ever."""
    folder = tmp_path / "meeting"
    folder.mkdir()
    script = f"touch {folder}/$$; until [ $(ls {folder} | wc -l) = 3 ]; do sleep 0.05; done"
    code, result, said = played(tmp_path, on_hosts("ansible.builtin.command", argv=["sh", "-c", script]))
    assert code == 0, said
    assert [row["item"] for row in result["results"]] == list(HOSTS)
    assert [row["rc"] for row in result["results"]] == [0, 0, 0]
    assert result["changed"] is True


@pytest.mark.slow
def test_one_failed_host_fails_the_task_and_is_named(tmp_path: Path) -> None:
    _code, result, _said = played(tmp_path, on_hosts("ansible.builtin.command", ("two",), argv=["false"]))
    assert result["failed"] is True
    assert result["msg"].startswith("two: ") and "non-zero return code" in result["msg"]


@pytest.mark.slow
@pytest.mark.parametrize("needed", [False, True])
def test_a_host_that_may_be_lost_is_not_waited_for(tmp_path: Path, needed: bool) -> None:
    frozen = tmp_path / "python"
    frozen.write_text("#!/bin/sh\nexec sleep 100\n", encoding="utf-8")
    frozen.chmod(0o755)
    task = on_hosts("ansible.builtin.command", ("one", "two") if needed else ("one",), argv=["true"])
    task["ccobservatory.ops.on_hosts"] |= {"optional": ["two", "three"], "timeout": 15}
    began = time.monotonic()
    _code, result, _said = played(tmp_path, task, two=str(frozen))
    rows = {row["item"]: bool(row.get("failed")) for row in result["results"]}
    assert rows["one"] is False
    assert rows["two"] is True
    assert result.get("failed", False) is needed
    assert needed or time.monotonic() - began < 15


@pytest.mark.slow
@pytest.mark.parametrize(("argv", "failed"), [(["true"], False), (["false"], True)])
def test_another_module_runs_beside_it_and_is_waited_for(tmp_path: Path, argv: list[str], failed: bool) -> None:
    task = on_hosts("ansible.builtin.file", ("one",), path=str(tmp_path / "made"), state="touch")
    beside = {"host": "two", "module": "ansible.builtin.command", "arguments": {"argv": argv}}
    task["ccobservatory.ops.on_hosts"] |= {"also": [beside, {**beside, "arguments": {"argv": ["true"]}}]}
    _code, result, said = played(tmp_path, task)
    assert [row["item"] for row in result["results"]] == ["one"], said
    assert [(row["item"], bool(row.get("failed"))) for row in result["also"]] == [("two", failed), ("two", False)]
    assert (result.get("failed", False), result.get("msg", "").startswith("two: ")) == (failed, failed)
    assert (tmp_path / "made").exists()


@pytest.mark.slow
def test_an_unknown_host_is_refused_before_anything_runs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = on_hosts("ansible.builtin.command", ("one", "nobody"), argv=["touch", str(mark)])
    _code, result, _said = played(tmp_path, task)
    assert result["msg"] == "The inventory has no host nobody."
    assert not mark.exists()


@pytest.mark.slow
def test_check_mode_reaches_the_module(tmp_path: Path) -> None:
    made = tmp_path / "made"
    _code, result, said = played(tmp_path, on_hosts("ansible.builtin.file", path=str(made), state="touch"), "--check")
    assert [row["changed"] for row in result["results"]] == [True] * 3, said
    assert not made.exists()
