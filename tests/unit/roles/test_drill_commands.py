# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the drill's steps, filled in by Ansible itself, as the journal keeps them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "dr"
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars_files: ["{{ role }}/defaults/main.yml", "{{ role }}/vars/main.yml", "{{ role }}/vars/commands.yml"]
  vars:
    ops_environment: example
    __dr_live: true
    __dr_poolers: [app3]
    __dr_lost_poolers: [app1, app2]
    __dr_found:
      survey: {backup: null, timeline: 1}
      assess: {timeline: 1}
      arrange: {backup: {label: 20261123-190000F, wal_min: x}}
      promote: {first_write: "2026-11-23T20:00:17.000Z"}
  tasks:
    - ansible.builtin.include_vars: {file: "{{ role }}/files/scenarios/{{ scenario }}.yml", name: __dr_scenario}
    - ccobservatory.ops.drill_journal:
        action: open
        environment: example
        scenario: "{{ scenario }}"
        reports_dir: "{{ reports }}"
        plan: "{{ steps | split(',') | map('extract', __dr_step_by_id) | list if steps else __dr_steps }}"
      register: __dr_journal
    - ansible.builtin.include_tasks: step.yml
      loop: "{{ __dr_journal.plan }}"
      loop_control: {loop_var: __dr_step}
"""
SETTINGS = {
    "dr_primary": "db1",
    "dr_target": "db2",
    "dr_repository": "repo1",
    "dr_canary": "client1",
    "dr_lead": "lead",
    "dr_approver": "approver",
    "dr_fault_command": ["lab/lab", "fault"],
    "dr_heal_command": ["lab/lab", "heal"],
}
STEP = """
- ccobservatory.ops.drill_journal:
    action: enter
    step: "{{ __dr_step.id }}"
    commands: "{{ __dr_commands[__dr_step.id] }}"
    result: "{{ __dr_found[__dr_journal.current] | default({}) if __dr_journal.current else {} }}"
  register: __dr_journal
"""


def commands(folder: Path, scenario: str, steps: str = "") -> dict[str, list[str]]:
    """Let Ansible walk through a plan and return what each step says it runs."""
    shutil.copy(ROOT / "inventories" / "example" / "hosts.yml", folder)
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    (folder / "step.yml").write_text(STEP, encoding="utf-8")
    given = {**SETTINGS, "role": str(ROLE), "reports": str(folder / "reports"), "scenario": scenario, "steps": steps}
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(folder / "hosts.yml"), str(folder / "play.yml"), "-e", json.dumps(given)),
        ],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    (journal,) = folder.glob("reports/example/drills/*/journal.jsonl")
    entries: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return {entry["step"]: entry["commands"] for entry in entries if entry["event"] == "enter"}


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The steps of a drill that makes two faults and restores."""
    return commands(tmp_path_factory.mktemp("restored"), "newest_backup_corrupt")


def test_every_step_of_a_drill_says_what_it_runs(restored: dict[str, list[str]]) -> None:
    assert len(restored) == 27
    assert all(line.startswith(("ansible ", "lab/lab ")) for lines in restored.values() for line in lines)
    assert not any("{{" in line or "omit" in line for lines in restored.values() for line in lines)


def test_faults_are_made_and_undone_one_by_one(restored: dict[str, list[str]]) -> None:
    assert restored["fault"] == ["lab/lab fault corrupt-backup repo1", "lab/lab fault host-kill db1"]
    assert restored["heal"][:2] == ["lab/lab heal host-kill db1", "lab/lab heal corrupt-backup repo1"]


def test_the_restore_names_the_backup(restored: dict[str, list[str]]) -> None:
    assert restored["restore"][1] == (
        "ansible db2 -m ccobservatory.ops.pgbackrest_restore -a 'stanza=main data_dir=/var/lib/postgresql/15/main "
        "set=20261123-190000F type=default target_timeline=1 archive_mode=on delta=true'"
    )
    assert restored["arrange"][1].endswith("pgbackrest_backup -a 'stanza=main type=diff'")


def test_a_statement_that_destroys_is_named(tmp_path: Path) -> None:
    told = commands(tmp_path, "dropped_table", "assess,arrange,fault,decide,restore")
    assert len(told["fault"]) == 1
    assert told["fault"][0].startswith("ansible db1 -m ansible.builtin.command -a ")
    assert "DROP TABLE ledger" in told["fault"][0]
    assert "pg_switch_wal" in told["decide"][1]
    assert len(told["arrange"]) == 2
    assert "type=lsn" in told["restore"][1]


def test_an_activation_without_a_backup_is_not_stopped_by_its_record(tmp_path: Path) -> None:
    told = commands(
        tmp_path, "site_lost_standby_sync", "survey,listen,decide,fence,restore,promote,redirect,first_write"
    )
    assert len(told["restore"]) == 1
    assert "action=enter" in told["restore"][0]
    assert "wait_for=standby" in told["promote"][0]
    assert told["listen"][0].endswith("site_lost_standby_sync-a'")
