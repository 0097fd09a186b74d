# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures about the backups: right when the repository answers, absent when it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def backup(kind: str, stop: int, *, error: bool = False) -> dict[str, Any]:
    return {"type": kind, "error": error, "timestamp": {"start": stop - 7, "stop": stop}, "info": {"size": 1000}}


def stanza(*backups: dict[str, Any], code: int = 0) -> list[dict[str, Any]]:
    return [{"name": "main", "status": {"code": code}, "backup": list(backups)}]


def test_the_newest_backup_of_each_kind_counts(metrics: ModuleType) -> None:
    figures = metrics.describe(stanza(backup("full", 100), backup("full", 200), backup("incr", 300)), "main")
    assert figures['ops_backup_last_completed_timestamp_seconds{type="full"}'] == 200
    assert figures['ops_backup_last_completed_timestamp_seconds{type="any"}'] == 300
    assert figures['ops_backup_kept{type="full"}'] == 2
    assert figures["ops_backup_last_duration_seconds"] == 7


def test_a_backup_with_errors_is_no_backup(metrics: ModuleType) -> None:
    figures = metrics.describe(stanza(backup("full", 100), backup("full", 200, error=True)), "main")
    assert figures['ops_backup_last_completed_timestamp_seconds{type="full"}'] == 100
    assert figures["ops_backup_erroneous"] == 1


@pytest.mark.parametrize("stanzas", [[], stanza(code=2), [{"name": "other"}]])
def test_without_a_backup_there_is_no_time_of_one(metrics: ModuleType, stanzas: list[dict[str, Any]]) -> None:
    figures = metrics.describe(stanzas, "main")
    assert not [name for name in figures if "last_completed" in name]
    assert figures["ops_backup_status"] > 0


def test_every_figure_names_the_stanza(metrics: ModuleType) -> None:
    text = metrics.render({"a": 1.0, 'b{type="full"}': 2.0}, "main")
    assert text == 'a{stanza="main"} 1\nb{stanza="main",type="full"} 2\n'


def test_a_repository_that_does_not_answer_leaves_no_old_figure(
    metrics: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stanza: str) -> list[dict[str, Any]]:
        raise subprocess.CalledProcessError(56, ["pgbackrest"])

    path = tmp_path / "backups.prom"
    monkeypatch.setattr(metrics.sys, "argv", ["backup_metrics.py", "main", str(path)])
    monkeypatch.setattr(metrics, "ask", lambda name: stanza(backup("full", 100)))
    assert metrics.main() == 0
    assert 'ops_backup_readable{stanza="main"} 1' in path.read_text()
    monkeypatch.setattr(metrics, "ask", fail)
    assert metrics.main() == 1
    assert 'ops_backup_readable{stanza="main"} 0' in path.read_text()
    assert "last_completed" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
