# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that writes drafts and files records, run by Ansible itself from a record's absence to the record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import read_records

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = """
all:
  hosts: {web1: {}}
  vars: {ops_environment: small, verify_records_dir: "{{ inventory_dir }}/records"}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Return an inventory whose records lie beside it, as in the example."""
    (tmp_path / "records").mkdir()
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    return path


def run(inventory: Path, *words: str) -> tuple[int, str]:
    """Run the playbook and return its exit code with what it printed, its lines joined."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", str(inventory), "playbooks/record.yml", *words]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def files(inventory: Path) -> list[str]:
    folder = inventory.parent / "records"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_from_a_look_to_a_filed_record(inventory: Path) -> None:
    code, told = run(inventory, "-e", "record_kind=postmortem", "--check", "--diff")
    assert code == 0, told
    assert "+draft: true" in told
    assert files(inventory) == []

    code, told = run(inventory, "-e", "record_kind=postmortem")
    assert code == 0, told
    (name,) = files(inventory)
    assert name.endswith(".draft.yml")
    draft = inventory.parent / "records" / name
    written = draft.read_text(encoding="utf-8")
    assert f"record_file={draft}" in written

    code, told = run(inventory, "-e", "record_kind=postmortem")
    assert (code, "changed=0" in told) == (0, True)
    assert draft.read_text(encoding="utf-8") == written

    code, told = run(inventory, "-e", f"record_file={draft}")
    assert code != 0
    assert "root_cause is empty; write" in told
    assert files(inventory) == [name]

    content = {**yaml.safe_load(written), "by": "operations", **RECORD_TYPES["postmortem"].example}
    draft.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run(inventory, "-e", f"record_file={draft}", "--check", "--diff")[0] == 0
    assert files(inventory) == [name]
    code, told = run(inventory, "-e", f"record_file={draft}")
    assert code == 0, told
    assert files(inventory) == [name.replace(".draft.yml", ".yml")]
    reading = read_records(inventory.parent / "records", environments=["small"])
    assert (len(reading.found["postmortem"]), reading.faults) == (1, [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Give either -e record_kind=TYPE for a draft or -e record_file=FILE"),
        (["-e", "record_kind=incident", "-e", "record_file=x.yml"], "Give either -e record_kind=TYPE"),
        (["-e", "record_kind=outing"], "record_kind is 'outing'; use one of incident"),
        (["-e", "record_kind=incident", "-e", "record_dir="], "verify_records_dir (unset) must be set"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(words: list[str], told: str, inventory: Path) -> None:
    code, printed = run(inventory, *words)
    assert code != 0
    assert told in printed
    assert files(inventory) == []
