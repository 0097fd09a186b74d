# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled verification fails on findings, which pgBackRest itself does not."""

from __future__ import annotations

import subprocess
from types import ModuleType

import pytest

SOUND = """stanza: main
status: ok
  archiveId: 15-1, total WAL checked: 10, total valid WAL: 10
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261123-220734F, status: valid, total files checked: 1261, total valid files: 1261
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
"""
DAMAGED = """stanza: main
status: error
  archiveId: 15-1, total WAL checked: 10, total valid WAL: 9
    missing: 0, checksum invalid: 1, size invalid: 0, other: 0
  backup: 20261123-220734F, status: invalid, total files checked: 1261, total valid files: 1260
    missing: 1, checksum invalid: 0, size invalid: 0, other: 0
"""


def test_a_sound_repository_has_no_findings(repository_verify: ModuleType) -> None:
    assert repository_verify.findings(SOUND) == []


def test_every_kind_of_damage_is_named(repository_verify: ModuleType) -> None:
    assert repository_verify.findings(DAMAGED) == [
        "stanza: status error",
        "backup: 20261123-220734F: status invalid",
        "1 files: checksum invalid",
        "1 files: missing",
    ]


def test_a_warning_counts_although_the_status_is_ok(repository_verify: ModuleType) -> None:
    warning = "P00   WARN: no backups exist in the repo\n"
    assert repository_verify.findings(warning + SOUND) == ["no backups exist in the repo"]


def test_silence_is_no_success(repository_verify: ModuleType) -> None:
    assert repository_verify.findings("") == ["the verification gave no status"]


@pytest.mark.parametrize(("returncode", "output", "status"), [(0, SOUND, 0), (0, DAMAGED, 1), (103, "ERROR: [103]", 2)])
def test_the_exit_status_tells_findings_from_failure(
    repository_verify: ModuleType, monkeypatch: pytest.MonkeyPatch, returncode: int, output: str, status: int
) -> None:
    done = subprocess.CompletedProcess(["pgbackrest"], returncode, output, "")
    monkeypatch.setattr(repository_verify.subprocess, "run", lambda *arguments, **options: done)
    assert repository_verify.main(["--stanza", "main"]) == status
