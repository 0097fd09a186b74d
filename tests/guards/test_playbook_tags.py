# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of the playbooks: each one selects the tasks of its role, nothing else, and never leaves out the refusals."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from verify.engine.catalogue import load
from verify.engine.remedy import BY_HOST

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("_tagged.py")
IMPORT, INCLUDE = "ansible.builtin.import_playbook", "ansible.builtin.include_role"
CAPABILITIES = (
    *("base", "pgbackrest", "postgresql", "wal_receiver", "pgbouncer", "app", "haproxy", "canary", "monitoring"),
    *("file_backup", "verify_access"),
)
REMEDIES = {item.id: item.remedy for item in load()}
NAMED = sorted({(one.playbook, tag) for one in REMEDIES.values() for tag in one.tags})


def plays(name: str) -> list[dict[str, Any]]:
    """Return the plays of a playbook, those of the playbooks that it imports in their places."""
    found: list[dict[str, Any]] = []
    for play in yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")):
        found += plays(Path(play[IMPORT]).stem) if IMPORT in play else [play]
    return found


@functools.cache
def selected(name: str) -> dict[str, dict[str, int]]:
    """Return which tasks each tag selects, as Ansible reads the playbook; ``absent`` is a tag that nothing carries."""
    tags = sorted({"absent", *CAPABILITIES, *(tag for playbook, tag in NAMED if playbook == name)})
    command = [sys.executable, str(PROGRAM), f"playbooks/{name}.yml", *tags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


def test_every_capability_has_its_tag() -> None:
    roles = {
        task[INCLUDE]["name"].rpartition(".")[2] for play in plays("site") for task in play["tasks"] if INCLUDE in task
    }
    assert roles == set(CAPABILITIES)
    tags = [play["tags"] for play in plays("site")]
    assert tags[:2] == ["always", "always"]
    assert set(tags[2:]) == roles


@pytest.mark.parametrize("tag", CAPABILITIES)
def test_a_tag_runs_the_tasks_of_its_role_and_the_refusals_before_them(tag: str) -> None:
    found, refusals = selected("site")[tag], selected("site")["absent"]
    mine = f"ccobservatory.ops.{tag}"
    assert found[mine] > refusals.get(mine, 0) + 5
    assert {role: count for role, count in found.items() if role != mine} == {
        role: count for role, count in refusals.items() if role != mine
    }


def test_the_refusals_run_whatever_the_tag() -> None:
    assert selected("site")["absent"] == {"": 1, "ccobservatory.ops.postgresql": 1}


@pytest.mark.parametrize(("playbook", "tag"), NAMED)
def test_a_tag_that_a_remedy_names_selects_tasks_of_its_role(playbook: str, tag: str) -> None:
    assert selected(playbook)[tag].get(f"ccobservatory.ops.{tag}", 0) > 5


def test_a_remedy_is_limited_to_hosts_only_where_the_playbook_is_over_hosts() -> None:
    named = {one.playbook for one in REMEDIES.values() if one.playbook}
    over_hosts = {name for name in named if any(play["hosts"] not in ("localhost",) for play in plays(name))}
    # A drill asks all hosts whether they answer, a restore test works for each host of a group; both end, and a limit
    # to some hosts would leave that out, with a play of the controller.
    ended_there = {name for name in over_hosts if plays(name)[-1]["hosts"] == "localhost"}
    assert ended_there == {"dr_drill", "restore_test"}
    assert over_hosts - ended_there == set(BY_HOST)
