# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify fails on what it finds, whatever its exit code was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import pgbackrest_verify

Run = Callable[..., dict[str, Any]]


def test_a_sound_repository_passes(pgbackrest: Any, run_module: Run, account: str) -> None:
    result = run_module(pgbackrest_verify, {"stanza": "main", "user": account}, run=pgbackrest, check=True)
    assert (result["changed"], result["findings"], result["status"]) == (False, [], "ok")
    assert {row["name"] for row in result["totals"]} > {"15-1", "20261123-212530F"}


@pytest.mark.parametrize("name", ["backup_flipped", "wal_flipped", "wal_duplicate", "wal_truncated", "wrong_key"])
def test_damage_fails_although_the_exit_code_is_0(
    name: str, pgbackrest: Any, recorded: Callable[[str], str], run_module: Run, account: str
) -> None:
    pgbackrest.verify = recorded(f"pgbackrest/verify_{name}.txt")
    result = run_module(pgbackrest_verify, {"stanza": "main", "user": account}, run=pgbackrest)
    assert result["failed"] is True
    assert result["findings"][0]["code"] in result["msg"]
    told = run_module(pgbackrest_verify, {"stanza": "main", "fail_on_findings": False, "user": account}, run=pgbackrest)
    assert told["findings"] == result["findings"]
    assert told["changed"] is False


def test_a_run_that_does_not_end_proves_nothing(pgbackrest: Any, run_module: Run, account: str) -> None:
    pgbackrest.answers["verify"] = [(124, "", "")]
    result = run_module(pgbackrest_verify, {"stanza": "main", "timeout_s": 7, "user": account}, run=pgbackrest)
    assert (result["failed"], result["timed_out"]) == (True, True)
