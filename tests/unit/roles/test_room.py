# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Too little disk is refused in one sentence with both figures, before a restore, its test or a drill touches anything.

What would ask a host is answered by modules and a program in their places; each of them writes down that it was asked.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles._drill_world import World
from tests.unit.roles._plays import ROOT, run_playbook, with_repository

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
BACKUP = {"label": "20261123-212530F", "type": "full", "age_s": 60, "size_bytes": 4096 * MIB, "repo_size_bytes": MIB}
SEEN = {"status": "ok", "newest": BACKUP, "backups": [BACKUP], "digest": "a" * 64}
ANSWERS: dict[str, dict[str, Any]] = {
    "pgbackrest_info": SEEN,
    "postgresql_controldata": {"present": False, "running": False},
    "wal_audit": {"findings": [], "errors": 0},
    "pgbackrest_restore": {"failed": True, "msg": "It was restored although there was no room."},
}
MODULE = """#!/usr/bin/python
# WANT_JSON
with open({log!r}, "a") as log:
    log.write({name!r} + "\\n")
print({answer!r})
"""


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """The collection, with modules that answer for hosts."""
    top = tmp_path / "collections" / "ansible_collections" / "ccobservatory" / "ops"
    (top / "plugins" / "modules").mkdir(parents=True)
    (top / "roles").symlink_to(ROOT / "roles")
    for room in ("action", "doc_fragments", "filter", "lookup", "module_utils", "plugin_utils"):
        (top / "plugins" / room).symlink_to(ROOT / "plugins" / room)
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        if path.stem not in ANSWERS:
            (top / "plugins" / "modules" / path.name).symlink_to(path)
    for name, answer in ANSWERS.items():
        text = MODULE.format(log=str(tmp_path / "asked"), name=name, answer=json.dumps({"changed": False, **answer}))
        (top / "plugins" / "modules" / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path / "collections"


def play(cwd: Path, role: str, collections: Path, *arguments: str, free: int) -> tuple[int, str, list[str]]:
    """Play a role where a disk has so many bytes left; return its exit code, what was said, and the modules asked."""
    (cwd / "bin").mkdir()
    (cwd / "bin" / "df").write_text(f"#!/bin/sh\necho Avail; echo {free}\n", encoding="utf-8")
    (cwd / "bin" / "df").chmod(0o755)
    task = {"name": "Play", "ansible.builtin.include_role": {"name": f"ccobservatory.ops.{role}"}}
    way = {"PATH": f"{cwd / 'bin'}:{os.environ['PATH']}"}
    play = {"hosts": "localhost", "gather_facts": False, "environment": way, "tasks": [task]}
    (cwd / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    inventory = with_repository(
        restore_host="db2",
        restore_confirm="db2",
        restore_unit="there-is-no.service",
        restore_data_dir=str(cwd / "data"),
        restore_records_dir=str(cwd / "records"),
        restore_test_host="db2",
        restore_test_dir=str(cwd / "restore_test"),
        restore_test_records_dir=str(cwd / "records"),
    )
    code, said = run_playbook(cwd, str(cwd / "play.yml"), *arguments, inventory=inventory, collections=collections)
    return code, said, (cwd / "asked").read_text(encoding="utf-8").split()


@pytest.mark.parametrize(("role", "place"), [("restore", "data"), ("restore_test", "restore_test")])
def test_what_has_no_room_is_not_begun(tmp_path: Path, collections: Path, role: str, place: str) -> None:
    code, said, asked = play(tmp_path, role, collections, free=4096 * MIB - 1)
    told = (
        f"db2 has room for 4095 MiB below {tmp_path / place}, counting what is overwritten; the backup has 4096 MiB. "
        "Free some, or restore to another host."
    )
    assert code == 2
    assert told in said, said[-2000:]
    assert "pgbackrest_restore" not in asked
    assert not (tmp_path / place).exists()
    (path,) = tmp_path.glob("records/*/*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert (record["result"], record["reason"]) == ("could_not_run", told)


@pytest.mark.parametrize("role", ["restore", "restore_test"])
def test_what_just_fits_is_taken(tmp_path: Path, collections: Path, role: str) -> None:
    code, said, _asked = play(tmp_path, role, collections, "--check", free=4096 * MIB)
    assert code == 0, said[-2000:]
    assert f"Restoring {BACKUP['label']}" in said


@pytest.mark.parametrize(("free", "refused"), [("1299", True), ("1300", False)])
def test_a_drill_needs_more_room_than_its_backup(tmp_path: Path, free: str, *, refused: bool) -> None:
    """A backup of 1000 bytes, and by the factor of the role three tenths more: else nobody is fenced or stopped."""
    world = World(tmp_path)
    world.interrupted_at("prove_backups")
    world.set(free=free)
    said = world.run("prove_backups")
    told = "db2 has room for 0 MiB below /var/lib/postgresql, counting what is overwritten; the backup needs"
    assert (told in said) is refused, said[-2000:]
    assert ("(dr_disk_factor 1.3)" in said) is refused
    touching = ("fence_power", "pgbackrest_access", "postgresql_stop", "pgbackrest_restore", "builtin_systemd_service")
    assert [name for name in touching if world.called(name)] == []
