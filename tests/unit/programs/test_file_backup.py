# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backups of files: what is proved, what fails, and what is told about it."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest


class Restic:
    """Stands for restic: keeps what it was asked, and restores a given text as the probe."""

    def __init__(self, probe: Path, stored: str | None, answers: dict[str, tuple[int, str, str]]) -> None:
        self.asked: list[list[str]] = []
        self._probe, self._stored, self._answers = probe, stored, answers

    def __call__(self, command: list[str], **options: Any) -> CompletedProcess[str]:
        arguments = command[4:]
        self.asked.append(arguments)
        if arguments[0] == "restore" and self._stored is not None:
            target = Path(arguments[arguments.index("--target") + 1], *self._probe.parts[1:])
            target.parent.mkdir(parents=True)
            target.write_text(self._stored)
        code, out, err = self._answers.get(arguments[0], (0, "", ""))
        return CompletedProcess(command, code, out, err)

    @property
    def verbs(self) -> list[str]:
        return [arguments[0] for arguments in self.asked]


SNAPSHOTS = (0, json.dumps([{"id": "aa", "short_id": "aa", "time": "2026-01-01T00:00:00Z"}]), "")
MISSING = (1, "", "Fatal: unable to open config file\nIs there a repository at the following location?\nsftp:x")


@pytest.fixture
def settings(files: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a host with one source that exists and one that does not."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "metrics").mkdir()
    monkeypatch.setattr(files, "PROBE", tmp_path / "probe" / "probe")
    monkeypatch.setattr(files, "METRICS", tmp_path / "metrics" / "file_backup.prom")
    return {
        "repository": "sftp:x:/restic",
        "sftp_command": "ssh x -s sftp",
        "password_file": "/nowhere",
        "sources": [str(tmp_path / "etc"), str(tmp_path / "absent")],
        "excludes": ["*.swp"],
        "keep": {"daily": 2},
        "check_subset": "5%",
    }


def stand_in(files: ModuleType, monkeypatch: pytest.MonkeyPatch, stored: str | None, **answers: Any) -> Restic:
    restic = Restic(files.PROBE, stored, answers)
    monkeypatch.setattr(files.subprocess, "run", restic)
    return restic


def test_a_backup_saves_what_exists_forgets_and_checks(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    restic = stand_in(files, monkeypatch, None)
    files.act("backup", settings)
    assert restic.verbs == ["unlock", "backup", "forget", "check"]
    saved = restic.asked[1]
    assert settings["sources"][0] in saved
    assert settings["sources"][1] not in saved
    assert str(files.PROBE) in saved
    assert "ops_file_backup_ok 1" in files.METRICS.read_text()


@pytest.mark.parametrize("verb", ["backup", "forget", "check"])
def test_a_failed_step_fails_the_backup_and_keeps_the_last_success(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    stand_in(files, monkeypatch, None)
    files.act("backup", settings)
    success = [line for line in files.METRICS.read_text().splitlines() if "last_success" in line]
    stand_in(files, monkeypatch, None, **{verb: (3, "", "some files were not read\n")})
    with pytest.raises(files.Failed, match=f"restic {verb} ended with 3: some files were not read"):
        files.act("backup", settings)
    assert "ops_file_backup_ok 0" in files.METRICS.read_text()
    assert success == [line for line in files.METRICS.read_text().splitlines() if "last_success" in line]


def test_a_host_without_any_source_fails(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    restic = stand_in(files, monkeypatch, None)
    with pytest.raises(files.Failed, match="none of the sources"):
        files.act("backup", settings | {"sources": ["/absent"]})
    assert restic.verbs == []


@pytest.mark.parametrize(
    ("answer", "verbs", "told"),
    [
        (SNAPSHOTS, ["snapshots"], "1 backups exist"),
        (MISSING, ["snapshots", "init", "unlock", "backup", "forget", "check"], "created: "),
        ((0, "null", ""), ["snapshots", "unlock", "backup", "forget", "check"], "created: "),
    ],
)
def test_the_first_backup_is_made_where_it_is_missing(
    files: ModuleType,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, str, str],
    verbs: list[str],
    told: str,
) -> None:
    restic = stand_in(files, monkeypatch, None, snapshots=answer)
    assert files.act("ensure", settings).startswith(told)
    assert restic.verbs == verbs


def test_a_repository_that_refuses_is_never_made_anew(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    restic = stand_in(files, monkeypatch, None, snapshots=(1, "", "Fatal: wrong password or no key found\n"))
    with pytest.raises(files.Failed, match="wrong password"):
        files.act("ensure", settings)
    assert restic.verbs == ["snapshots"]


@pytest.mark.parametrize("stored", [None, "host 1\n"], ids=["nothing came back", "something else came back"])
def test_a_restore_that_differs_is_no_proof(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    files.PROBE.parent.mkdir()
    files.PROBE.write_text("host 2\n")
    stand_in(files, monkeypatch, stored, snapshots=SNAPSHOTS)
    with pytest.raises(files.Failed, match="differs"):
        files.act("prove", settings)


def test_a_restore_that_equals_what_was_saved_is_a_proof(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.PROBE.parent.mkdir()
    files.PROBE.write_text("host 2\n")
    stand_in(files, monkeypatch, "host 2\n", snapshots=SNAPSHOTS)
    assert "restored the probe of aa" in files.act("prove", settings)


def test_what_the_newest_backup_takes_is_told_without_a_lock(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> CompletedProcess[str]:
        asked.append(command)
        sizes = {"restore-size": 2048, "raw-data": 512}
        answer = SNAPSHOTS[1] if "snapshots" in command else json.dumps({"total_size": sizes[command[-2]]})
        return CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(files.subprocess, "run", run)
    assert json.loads(files.sizes(settings)) == {"id": "aa", "size_bytes": 2048, "repo_size_bytes": 512}
    assert all("--no-lock" in command for command in asked)


def test_a_host_without_a_backup_has_no_sizes(
    files: ModuleType, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.subprocess, "run", lambda command, **_options: CompletedProcess(command, 0, "null", ""))
    with pytest.raises(files.Failed, match="there is no backup of this host"):
        files.sizes(settings)
