# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that shall restore is asked for the backup with its own credential before anything is touched on it.

There is no pgBackRest here, so a program in its place repeats what the real one answered.
"""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest
import yaml

from tests.unit.roles._plays import ROOT, run_playbook, with_repository

pytestmark = pytest.mark.slow

ANSWERS = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "data" / "pgbackrest"
NEWEST = "20261123-212530F_20261123-215356I"
EXPIRED = "[CryptoError] unable to verify certificate presented by 'repo1:8432': [10] certificate has expired"
# The repository's host is asked first; what the scratch host says afterwards is the second answer.
PROGRAM = """#!/bin/sh
case "$*" in *repo-get*) exec cat '{answers}/{newest}.manifest';; esac
mkdir '{asked}' 2>/dev/null && exec cat '{answers}/info.json'
exec cat '{second}'
"""


def refused(message: str) -> str:
    """Return what pgBackRest says of a repository that it cannot read."""
    status = {"code": 99, "message": message}
    return json.dumps([{"name": "main", "status": status, "repo": [{"key": 1, "status": status}]}])


def dry_run(cwd: Path, second: str) -> tuple[int, str]:
    """Run the test of a database's newest backup in check mode, with the second answer as given."""
    (cwd / "second.json").write_text(second, encoding="utf-8")
    program = cwd / "pgbackrest"
    program.write_text(
        PROGRAM.format(answers=ANSWERS, newest=NEWEST, asked=cwd / "asked", second=cwd / "second.json"),
        encoding="utf-8",
    )
    program.chmod(0o755)
    asks = {"ccobservatory.ops.pgbackrest_info": {"executable": str(program), "user": getpass.getuser()}}
    task = {"name": "Test", "ansible.builtin.include_role": {"name": "ccobservatory.ops.restore_test"}}
    play = {"hosts": "localhost", "gather_facts": False, "module_defaults": asks, "tasks": [task]}
    (cwd / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    inventory = with_repository(
        restore_test_host="db2", restore_test_dir=str(cwd / "restore_test"), restore_test_backup_max_age=10**10
    )
    return run_playbook(cwd, str(cwd / "play.yml"), "--check", inventory=inventory)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (
            refused(EXPIRED),
            f"db2 does not see the backup {NEWEST} ({EXPIRED}): its certificate, its access file on repo1",
        ),
        ((ANSWERS / "info_wrong_key.json").read_text(encoding="utf-8"), "[FormatError] unable to load info file"),
        ("[]", f"the backup {NEWEST} (the repository does not know this stanza): its certificate"),
    ],
    ids=["expired", "wrong key", "no stanza"],
)
def test_a_scratch_host_that_does_not_see_the_backup_is_refused(tmp_path: Path, second: str, told: str) -> None:
    code, said = dry_run(tmp_path, second)
    assert code == 2
    assert told in said, said[-2000:]
    # Refused before the room is measured, so before anything else on that host.
    assert "Measure the free space" not in said
    assert "Remove the copy" not in said


def test_a_scratch_host_that_sees_the_backup_is_taken(tmp_path: Path) -> None:
    code, said = dry_run(tmp_path, (ANSWERS / "info.json").read_text(encoding="utf-8"))
    assert code == 0, said[-2000:]
    assert f"Restoring {NEWEST}" in said
