# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal and the lock of an environment are found from whatever directory the command is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.filter.project_dir import project_dir

ROOT = Path(__file__).resolve().parents[3]
OPENS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: {file: "{{ lookup('ansible.builtin.env', 'ROLE') }}/defaults/main.yml", name: known}
    - ccobservatory.ops.drill_journal:
        action: open
        environment: prod
        scenario: x
        reports_dir: "{{ known.dr_reports_dir }}"
        plan: [{id: assess}]
      register: journal
    - ansible.builtin.debug: {msg: "RESUMED={{ journal.resumed }} RECORDS={{ known.dr_records_dir }} END"}
"""


@pytest.mark.parametrize(
    ("inventory_dir", "found"),
    [
        ("srv/inventories/prod", "srv"),
        ("srv/inventories/prod/hosts.d", "srv"),
        ("srv/inventories", "srv"),
        ("srv/inventories/old/inventories/prod", "srv/inventories/old"),
        ("srv/elsewhere", "srv/elsewhere"),
        ("odd dir.v1/inventories/prod", "odd dir.v1"),
        ("srv/./inventories/../inventories/prod/", "srv"),
    ],
)
def test_the_directory_follows_from_the_inventory(tmp_path: Path, inventory_dir: str, found: str) -> None:
    assert project_dir(f"{tmp_path}/{inventory_dir}") == str(tmp_path / found)


def test_two_names_of_an_inventory_lead_to_one_directory(tmp_path: Path) -> None:
    (tmp_path / "srv" / "inventories" / "prod").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "srv" / "inventories")
    assert project_dir(str(tmp_path / "link" / "prod")) == str(tmp_path / "srv")


def test_hosts_on_the_command_line_leave_the_directory_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/somewhere")
    assert project_dir("") == project_dir(None) == "/somewhere"
    with pytest.raises(AnsibleFilterError, match="needs the directory of an inventory"):
        project_dir(["/srv"])  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_drill_is_taken_up_from_another_directory(tmp_path: Path) -> None:
    """The second run starts elsewhere and names the inventory by another path: it finds the journal of the first."""
    home, elsewhere = tmp_path / "home.v1", tmp_path / "else where"
    (home / "inventories" / "prod").mkdir(parents=True)
    elsewhere.mkdir()
    (home / "inventories" / "prod" / "hosts.yml").write_text("all: {hosts: {db1: {}}}\n", encoding="utf-8")
    (tmp_path / "play.yml").write_text(OPENS, encoding="utf-8")
    first = run("inventories/prod/hosts.yml", cwd=home)
    second = run("../home.v1/inventories/prod", cwd=elsewhere)
    assert f"RESUMED=False RECORDS={home}/records END" in first
    assert f"RESUMED=True RECORDS={home}/records END" in second
    assert list(elsewhere.iterdir()) == []


def run(inventory: str, *, cwd: Path) -> str:
    """Run the play with an inventory, as a person would in ``cwd``."""
    environment = {
        **{**os.environ, "PWD": str(cwd), "ROLE": str(ROOT / "roles" / "dr"), "ANSIBLE_NOCOLOR": "1"},
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory, "../play.yml"],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())
