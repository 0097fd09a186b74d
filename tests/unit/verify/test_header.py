# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a run names the commit of its own rules, and no other one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from verify.engine import header


def checkout(folder: Path) -> str:
    """Make a git checkout with a commit, and return that."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    folder.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, *who, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_has_its_commit_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = checkout(tmp_path)
    monkeypatch.setattr(header, "ROOT", tmp_path.resolve())
    assert header._commit() == (commit, False)
    (tmp_path / "check.py").touch()
    assert header._commit() == (commit, True)


def test_rules_that_lie_in_somebody_elses_checkout_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path)
    (tmp_path / "suite").mkdir()
    monkeypatch.setattr(header, "ROOT", (tmp_path / "suite").resolve())
    assert header._commit() == ("", False)


@pytest.mark.parametrize("path", [None, "/nonexistent"])
def test_an_installed_build_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    monkeypatch.setattr(header, "ROOT", tmp_path.resolve())
    if path:
        monkeypatch.setenv("PATH", path)
    assert header._commit() == ("", False)


def test_the_folder_is_named_as_it_is_reached_from_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert header._within(tmp_path / "reports" / "prod" / "1") == "reports/prod/1"
    assert header._within(Path("reports/prod/1")) == "reports/prod/1"
    monkeypatch.chdir("/")
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "elsewhere")
    assert header._within(tmp_path / "reports" / "prod" / "1") == str(tmp_path / "reports" / "prod" / "1")
