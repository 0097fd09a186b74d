# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an activation uses the receivers, and which segments of theirs it carries: the words of the role, filled in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "dr"
STRATEGIES = ("auto", "receivers", "restore", "promote")
FORMER, DIR = "0000000100000000000000", "/var/lib/wal_receiver/main"


def rendered(folder: Path, tasks: list[dict[str, Any]], **hosts: Any) -> Any:
    """Run tasks with the variables of the role and return what they left in out.json."""
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "tasks": tasks,
    }
    inventory = {
        "wal_receiver": {"hosts": hosts},
        "site_a": {"hosts": {"db1": {}}},
        "pgbouncer": {"hosts": {"lb1": {}}},
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "out.json").read_text(encoding="utf-8"))


def out(value: str) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"content": "{{ " + value + " | to_json }}", "dest": "out.json"}}


def described() -> dict[str, Any]:
    """Return the task of an activation that says what it recovers from."""
    tasks = yaml.safe_load((ROLE / "tasks" / "activate.yml").read_text(encoding="utf-8"))
    (found,) = [task for task in tasks if task["name"] == "Describe the activation"]
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("enabled", "auto"),
    [(True, ("receivers", "restore")), (False, ("repository", "restore")), (None, ("repository", "restore"))],
)
def test_receivers_that_are_switched_on_are_not_overlooked(
    tmp_path: Path, enabled: bool | None, auto: tuple[str, str]
) -> None:
    tasks: list[dict[str, Any]] = []
    kept = "ansible.builtin.set_fact"
    for strategy in STRATEGIES:
        given = {"dr_primary_site": "site_a", "dr_primary": "db1", "dr_target": "db2", "dr_activate_strategy": strategy}
        tasks += [
            {**described(), "vars": given},
            {kept: {f"seen_{strategy}": "{{ [__dr_scenario.topology, __dr_scenario.strategy] }}"}},
        ]
    given = {} if enabled is None else {"wal_receiver_enabled": enabled}
    tasks.append(out("[" + ", ".join(f"seen_{strategy}" for strategy in STRATEGIES) + "]"))
    seen = dict(zip(STRATEGIES, rendered(tmp_path, tasks, repo1=given, mon1=given), strict=True))
    assert seen == {
        "auto": list(auto),
        "receivers": ["receivers", "restore"],
        "restore": ["repository", "restore"],
        "promote": ["standby_async", "promote"],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (FORMER + "10", ["10", "11", *(f"{number:02X}" for number in range(0x12, 0x30)), "30.partial"]),
        (None, ["08", "09", *(f"{number:02X}" for number in range(0x0A, 0x30)), "30.partial"]),
        (FORMER + "30", ["30.partial"]),
    ],
    ids=["archiving stalled", "nothing in the archive", "all but the last in the archive"],
)
def test_everything_beyond_the_archive_is_carried(tmp_path: Path, newest: str | None, expected: list[str]) -> None:
    names = [f"{FORMER}{number:02X}" for number in range(1, 0x30)] + [f"{FORMER}30.partial"]
    files = [{"path": f"{DIR}/{name}", "size": 16} for name in reversed(names)]
    facts = {
        "__dr_received": {"results": [{"item": "mon1", "files": []}, {"item": "repo1", "files": files}]},
        "__dr_receiver": "repo1",
        "__dr_journal": {"results": {"survey": {"backup": {"wal_min": FORMER + "08"}}}},
        "__dr_audit": {"newest_wal": newest},
    }
    tasks = [{"ansible.builtin.set_fact": facts}, out("[__dr_segments, __dr_segments_bytes]")]
    segments, size = rendered(tmp_path, tasks)
    assert segments == [FORMER + end for end in expected]
    assert int(size) == 16 * len(expected)


def test_no_segment_is_left_out_on_the_way() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "receivers.yml").read_text(encoding="utf-8"))
    carried = [task["loop"] for task in tasks if "{{ item }}" in str(task) and "__dr_segments" in str(task.get("loop"))]
    assert carried == ["{{ __dr_segments }}"] * 2
