# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository is told as it is, and a wrong key is an answer too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import pgbackrest_info

Run = Callable[..., dict[str, Any]]


def test_the_repository_is_told(pgbackrest: Any, run_module: Run, account: str) -> None:
    for check in (True, False):
        result = run_module(pgbackrest_info, {"stanza": "main", "user": account}, run=pgbackrest, check=check)
        assert (result["changed"], result["status"], len(result["backups"])) == (False, "ok", 7)
        assert result["newest"] == result["backups"][-1]
        assert result["newest"]["age_s"] > -1e9


def test_a_wrong_key_is_told(pgbackrest: Any, recorded: Callable[[str], str], run_module: Run, account: str) -> None:
    pgbackrest.answers["info"] = [(0, recorded("pgbackrest/info_wrong_key.json"), "")]
    result = run_module(pgbackrest_info, {"stanza": "main", "user": account}, run=pgbackrest)
    assert (result["status"], result["newest"]) == ("other", None)


def test_a_failure_is_told(pgbackrest: Any, run_module: Run, account: str) -> None:
    pgbackrest.answers["info"] = [(49, "", "ERROR: [049]: unable to connect to 'repo1:8432'")]
    result = run_module(pgbackrest_info, {"stanza": "main", "user": account}, run=pgbackrest)
    assert "pgbackrest service, address and certificates" in result["msg"]


@pytest.mark.parametrize("wanted", ["latest", "20261123-212530F"])
def test_a_backup_has_the_digest_of_its_manifest(pgbackrest: Any, run_module: Run, account: str, wanted: str) -> None:
    newest = max(pgbackrest.info[0]["backup"], key=lambda row: row["timestamp"]["stop"])["label"]
    label = newest if wanted == "latest" else wanted
    text = pgbackrest.files.setdefault(f"backup/main/{label}/backup.manifest", "[backup]\n")
    result = run_module(pgbackrest_info, {"stanza": "main", "user": account, "digest_of": wanted}, run=pgbackrest)
    assert result["digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_no_backup_has_no_digest_and_a_manifest_that_cannot_be_read_is_told(
    pgbackrest: Any, run_module: Run, account: str
) -> None:
    arguments = {"stanza": "main", "user": account, "digest_of": "20200101-000000F"}
    assert "digest" not in run_module(pgbackrest_info, arguments, run=pgbackrest)
    pgbackrest.files.clear()
    told = run_module(pgbackrest_info, {**arguments, "digest_of": "20261123-212530F"}, run=pgbackrest)
    assert "repo-get of stanza main failed" in told["msg"]
