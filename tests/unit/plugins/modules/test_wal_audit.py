# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit runs at both depths, names what it finds and fails only when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import wal_audit

Run = Callable[..., dict[str, Any]]
GAP = "archive/main/15-1/0000000100000000/000000010000000000000011-"


@pytest.fixture
def arguments(account: str, tmp_path: Path) -> dict[str, Any]:
    config = tmp_path / "pgbackrest.conf"
    config.write_text("[global]\nrepo1-retention-full=2\ntls-server-cert-file=/etc/x.crt\n[main]\npg1-path=/data\n")
    bounds = {"max_backup_age_s": 1e12, "max_full_backup_age_s": 1e12, "min_free_percent": 0}
    where = {"config": str(config), "repo_path": str(tmp_path), "user": account}
    return {"stanza": "main", "segment_size": 2**20, **bounds, **where}


def without_manifests(pgbackrest: Any) -> None:
    """Leave the backups whose manifests were recorded, so that every manifest can be read."""
    kept = {path.split("/")[2] for path in pgbackrest.files if path.endswith("backup.manifest")}
    for path in [path for path in pgbackrest.listing if path.startswith("backup/main/2")]:
        if path.endswith("/backup.manifest") and path.split("/")[2] not in kept:
            pgbackrest.files[path] = "[backup]\nbackup-bundle=true\n[backup:db]\ndb-system-id=7711481165364725715\n"


def test_a_sound_repository_at_both_depths(pgbackrest: Any, arguments: dict[str, Any], run_module: Run) -> None:
    without_manifests(pgbackrest)
    quick = run_module(wal_audit, {**arguments, "depth": "names"}, run=pgbackrest, check=True)
    assert (quick["changed"], quick["findings"], quick["timeline"]) == (False, [], 2)
    assert quick["checked"]["manifests"] == 1
    assert pgbackrest.verbs() == []
    assert not any("verify" in call for call in pgbackrest.calls)
    whole = run_module(wal_audit, arguments, run=pgbackrest)
    assert whole["findings"] == []
    assert (whole["checked"]["manifests"], whole["checked"]["certificates"]) == (7, 1)
    assert (whole["newest_wal"], whole["newest_wal_lsn"]) == ("000000020000000000000023", "0/2300000")


def test_a_timeline_that_archived_nothing_yet_is_reached_with_its_parent(
    pgbackrest: Any, arguments: dict[str, Any], run_module: Run
) -> None:
    listing = pgbackrest.listing
    pgbackrest.listing = {path: row for path, row in listing.items() if "/0000000200000000/" not in path}
    told = run_module(wal_audit, {**arguments, "depth": "names"}, run=pgbackrest)
    assert (told["timeline"], told["newest_wal"]) == (2, None)
    before = max(path.rsplit("/", 1)[-1][16:24] for path in listing if "/0000000100000000/0000000100000000" in path)
    assert told["newest_wal_lsn"] == f"0/{int(before, 16) * 2**20:X}"


def test_findings_fail_only_when_asked(pgbackrest: Any, arguments: dict[str, Any], run_module: Run) -> None:
    pgbackrest.listing = {path: entry for path, entry in pgbackrest.listing.items() if not path.startswith(GAP)}
    quick = {**arguments, "depth": "names"}
    told = run_module(wal_audit, quick, run=pgbackrest)
    assert (told.get("failed", False), told["codes"], told["errors"]) == (False, ["missing_wal"], 1)
    failed = run_module(wal_audit, {**quick, "fail_on_findings": True}, run=pgbackrest)
    assert failed["failed"] is True
    assert "missing_wal at 000000010000000000000011" in failed["msg"]
    assert failed["findings"] == told["findings"]


def test_what_only_an_older_backup_would_meet_is_a_warning_from_the_newest_on(
    pgbackrest: Any, arguments: dict[str, Any], run_module: Run
) -> None:
    cut = "archive/main/15-1/0000000100000000/000000010000000000000011-"
    for path in [path for path in pgbackrest.listing if path.startswith(cut)]:
        pgbackrest.listing[path] = {**pgbackrest.listing[path], "size": 0}
    quick = {**arguments, "depth": "names"}
    told = run_module(wal_audit, quick, run=pgbackrest)
    assert [(row["code"], row["severity"]) for row in told["findings"]] == [("truncated_wal", "error")]
    newest = run_module(wal_audit, {**quick, "continuity_from": "newest"}, run=pgbackrest)
    assert [(row["code"], row["severity"]) for row in newest["findings"]] == [("truncated_wal", "warning")]
    assert newest["errors"] == 0
    labels = [row["label"] for row in pgbackrest.info[0]["backup"]]
    errors = [run_module(wal_audit, {**quick, "continuity_from": one}, run=pgbackrest)["errors"] for one in labels]
    assert (errors[0], errors[-1]) == (1, 0)


def test_damage_and_certificates_are_found_at_content_only(
    pgbackrest: Any, arguments: dict[str, Any], recorded: Callable[[str], str], run_module: Run
) -> None:
    without_manifests(pgbackrest)
    pgbackrest.verify = recorded("pgbackrest/verify_wal_flipped.txt")
    expired = "notBefore=Nov 23 00:00:00 2020 GMT\nnotAfter=Nov 23 00:00:00 2021 GMT\n"
    pgbackrest.answers["openssl"] = [(0, expired, "")]
    assert run_module(wal_audit, {**arguments, "depth": "names"}, run=pgbackrest)["codes"] == []
    assert run_module(wal_audit, arguments, run=pgbackrest)["codes"] == ["bit_flip", "certificate_expired"]
    pgbackrest.answers["openssl"] = [(1, "", "unable to load certificate")]
    told = run_module(wal_audit, {**arguments, "certificates": ["/etc/y.crt"]}, run=pgbackrest)
    assert {row["subject"] for row in told["findings"] if row["code"] == "certificate_unreadable"} == {"/etc/y.crt"}


def test_findings_come_with_the_worst_first(pgbackrest: Any, arguments: dict[str, Any], run_module: Run) -> None:
    pgbackrest.listing["backup/main/20261123-230000F"] = {"type": "path"}
    pgbackrest.listing = {path: entry for path, entry in pgbackrest.listing.items() if not path.startswith(GAP)}
    told = run_module(wal_audit, {**arguments, "depth": "names", "retention_full": 1}, run=pgbackrest)
    assert [row["severity"] for row in told["findings"]] == ["error", "warning", "note"]


def test_a_verify_that_does_not_end_leaves_the_audit_incomplete(
    pgbackrest: Any, arguments: dict[str, Any], run_module: Run
) -> None:
    without_manifests(pgbackrest)
    pgbackrest.answers["verify"] = [(124, "", "")]
    assert run_module(wal_audit, arguments, run=pgbackrest)["codes"] == ["audit_incomplete"]


def test_a_wrong_key_is_named_and_nothing_else_is_tried(
    pgbackrest: Any, arguments: dict[str, Any], recorded: Callable[[str], str], run_module: Run
) -> None:
    pgbackrest.answers["info"] = [(0, recorded("pgbackrest/info_wrong_key.json"), "")]
    pgbackrest.files.clear()
    told = run_module(wal_audit, arguments, run=pgbackrest)
    assert told["codes"] == ["wrong_cipher"]
    assert not any("verify" in call for call in pgbackrest.calls)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment_size": 12345}, "power of two"),
        ({"repo_path": "/nowhere/at/all"}, "is not on this host"),
        ({"current_lsn": "somewhere"}, "no LSN"),
        ({"stanza": "a b"}, "no stanza name"),
        ({"continuity_from": "20200101-000000F"}, "continuity_from is 20200101-000000F, and the repository keeps 2"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    change: dict[str, Any], message: str, pgbackrest: Any, arguments: dict[str, Any], run_module: Run
) -> None:
    result = run_module(wal_audit, {**arguments, "depth": "names", **change}, run=pgbackrest)
    assert result["failed"] is True
    assert message in result["msg"]
