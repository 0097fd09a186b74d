# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is taken, waited for, and judged by what the repository then says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import pgbackrest_backup

Run = Callable[..., dict[str, Any]]
LOCKED = (50, "", "ERROR: [050]: unable to acquire lock on file")


@pytest.fixture
def taken(pgbackrest: Any, recorded: Callable[[str], str]) -> str:
    """Have the recorded repository answer with the log of a backup whose set it lists; return the label."""
    text = recorded("pgbackrest/backup.txt")
    label = text.split("new backup label = ")[1].split()[0]
    row = json.loads(json.dumps(pgbackrest.info[0]["backup"][-1]))
    pgbackrest.info[0]["backup"].append({**row, "label": label})
    pgbackrest.answers["backup"] = [(0, text + "2026-11-23 22:00:00.000 P00   WARN: option 'x' is old\n", "")]
    return label


def test_a_backup_is_told_with_its_facts(taken: str, pgbackrest: Any, run_module: Run, account: str) -> None:
    arguments = {"stanza": "main", "type": "diff", "annotation": {"why": "a test"}, "process_max": 3, "user": account}
    result = run_module(pgbackrest_backup, arguments, run=pgbackrest)
    assert result["changed"] is True
    assert result["label"] == taken
    assert result["started"] <= result["ended"]
    assert result["warnings_told"] == ["option 'x' is old"]
    assert {"--type=diff", "--annotation=why=a test", "--process-max=3"} <= set(result["command"])
    assert result["timeline"] == 2


def test_a_check_run_takes_none(pgbackrest: Any, run_module: Run, account: str) -> None:
    result = run_module(pgbackrest_backup, {"stanza": "main", "user": account}, run=pgbackrest, check=True)
    assert (result["changed"], result["type"], pgbackrest.calls) == (True, "incr", [])


def test_another_backup_is_waited_for(
    taken: str, pgbackrest: Any, run_module: Run, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgbackrest_backup.time, "sleep", lambda _seconds: None)
    pgbackrest.answers["backup"] = [LOCKED, LOCKED, *pgbackrest.answers["backup"]]
    result = run_module(pgbackrest_backup, {"stanza": "main", "user": account}, run=pgbackrest)
    assert result["label"] == taken
    assert pgbackrest.verbs() == ["backup"] * 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [(LOCKED, 50), ((58, "", "ERROR: [058]: WAL timeline 7 does not match pg_control timeline 5"), 58)],
)
def test_a_failure_tells_its_code(
    answer: tuple[int, str, str], code: int, pgbackrest: Any, run_module: Run, account: str
) -> None:
    pgbackrest.answers["backup"] = [answer]
    result = run_module(pgbackrest_backup, {"stanza": "main", "wait_running_s": -1, "user": account}, run=pgbackrest)
    assert (result["failed"], result["error_code"]) == (True, code)


def test_a_set_with_wrong_pages_is_a_failure(taken: str, pgbackrest: Any, run_module: Run, account: str) -> None:
    pgbackrest.info[0]["backup"][-1]["error"] = True
    result = run_module(pgbackrest_backup, {"stanza": "main", "user": account}, run=pgbackrest)
    assert (result["failed"], result["label"], result["changed"]) == (True, taken, True)
    assert "wrong checksums" in result["msg"]


def test_a_set_that_is_not_listed_is_a_failure(pgbackrest: Any, run_module: Run, account: str) -> None:
    pgbackrest.answers["backup"] = [(0, "INFO: new backup label = 20991231-000000F\n", "")]
    result = run_module(pgbackrest_backup, {"stanza": "main", "user": account}, run=pgbackrest)
    assert "no such set is listed" in result["msg"]
