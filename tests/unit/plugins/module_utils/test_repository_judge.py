# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults planted in a recorded repository are found by their names, and only those."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import parse_verify
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import CATALOGUE, finding
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_judge import judge_verify, only_older
from tests.unit.plugins.module_utils._planted import (
    ARCHIVE,
    BACKUP,
    FULL,
    NEWEST,
    SYSTEM,
    Plant,
    Recorded,
    add_history,
    add_segment,
    audit,
    codes,
    drop,
    other_system,
    resize,
    unreadable,
)


def marked_with_errors(recorded: Recorded) -> None:
    recorded.info[0]["backup"][-1]["error"] = True


FAULTS: list[tuple[str, Plant, set[str]]] = [
    ("missing WAL", drop(f"{ARCHIVE}/0000000100000000/000000010000000000000011-"), {"missing_wal"}),
    ("missing WAL at the fork", drop(f"{ARCHIVE}/0000000200000000/000000020000000000000018-"), {"missing_wal"}),
    (
        "WAL of a backup missing",
        drop(f"{ARCHIVE}/0000000100000000/000000010000000000000014-"),
        {"missing_wal", "backup_without_wal"},
    ),
    ("duplicate WAL", add_segment("000000010000000000000011"), {"duplicate_wal"}),
    ("empty WAL", resize(f"{ARCHIVE}/0000000100000000/000000010000000000000011-", 0), {"truncated_wal"}),
    ("cut WAL", resize(f"{ARCHIVE}/0000000100000000/000000010000000000000011-", 3001), {"truncated_wal"}),
    ("missing bundle", drop(f"{BACKUP}/{FULL}/bundle/1"), {"missing_bundle"}),
    ("cut bundle", resize(f"{BACKUP}/{FULL}/bundle/1", 4096), {"truncated_bundle"}),
    ("missing file", drop(f"{BACKUP}/{NEWEST}/pg_data/backup_label"), {"missing_file"}),
    ("cut file", resize(f"{BACKUP}/{NEWEST}/pg_data/backup_label", 16), {"truncated_file"}),
    ("missing manifest", drop(f"{BACKUP}/{NEWEST}/backup.manifest"), {"missing_manifest"}),
    ("missing copy of a manifest", drop(f"{BACKUP}/{NEWEST}/backup.manifest.copy"), {"missing_manifest"}),
    ("damaged manifest", unreadable(f"{BACKUP}/{NEWEST}/backup.manifest"), {"bit_flip"}),
    ("missing set", drop(f"{BACKUP}/{NEWEST}"), {"missing_backup"}),
    ("missing backup history", drop(f"{BACKUP}/backup.history/2026/{NEWEST}."), {"missing_backup_history"}),
    ("missing copy of an info file", drop("archive/main/archive.info.copy"), {"missing_info"}),
    ("damaged info file", unreadable("backup/main/backup.info.copy"), {"bit_flip"}),
    ("wrong key", unreadable("archive/main/archive.info", "backup/main/backup.info"), {"wrong_cipher"}),
    ("set of another cluster", other_system(f"{BACKUP}/{NEWEST}/backup.manifest"), {"wrong_stanza"}),
    ("info files of two clusters", other_system("archive/main/archive.info"), {"wrong_stanza"}),
    ("orphan timeline", add_history(7, "1\t0/1200000\tx\n", later=-900), {"orphan_timeline"}),
    ("segment of an unknown timeline", add_segment("000000090000000000000018"), {"orphan_timeline"}),
    (
        "damaged history file",
        unreadable(f"{ARCHIVE}/00000002.history"),
        {"bit_flip", "abandoned_timeline", "backup_off_timeline"},
    ),
    ("WAL of a primary left behind", add_segment("000000010000000000000018", later=60), {"divergent_wal"}),
    ("errors in a backup", marked_with_errors, {"backup_error"}),
]


def test_a_sound_repository_has_no_findings(pgbackrest: Recorded) -> None:
    bounds = {"system_identifier": SYSTEM, "database_version": "15", "retention_full": 2, "timeline": 2}
    assert audit(pgbackrest) == []
    assert audit(pgbackrest, **bounds, max_backup_age_s=10**9, max_full_backup_age_s=10**9) == []


@pytest.mark.parametrize(("plant", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_found_by_its_name_and_no_other(plant: Plant, expected: set[str], pgbackrest: Recorded) -> None:
    plant(pgbackrest)
    findings = audit(pgbackrest)
    assert codes(findings) == expected
    assert all(set(row) == set(finding("no_backup", "", "", "")) for row in findings)
    assert all(row["mend"] and row["subject"] and row["observed"] and row["expected"] for row in findings)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("clean", [], []),
        ("backup_flipped", [], [("bit_flip", FULL)]),
        ("wal_flipped", [], [("bit_flip", "000000010000000000000016")]),
        ("wal_truncated", [], [("truncated_wal", "000000010000000000000016")]),
        ("wal_truncated", [("truncated_wal", "000000010000000000000016")], []),
        ("wal_duplicate", [("duplicate_wal", "000000010000000000000016")], []),
        ("bundle_missing", [("missing_bundle", f"{FULL}/bundle/1")], []),
        ("bundle_missing", [], [("missing_file", FULL)]),
    ],
)
def test_what_verify_found_is_told_once_for_each_set(
    name: str, known: list[tuple[str, str]], expected: list[tuple[str, str]], recorded: Callable[[str], str]
) -> None:
    explained = [finding(code, subject, "x", "y") for code, subject in known]
    found = judge_verify(parse_verify(recorded(f"pgbackrest/verify_{name}.txt"))["findings"], explained)
    assert [(row["code"], row["subject"]) for row in found] == expected


def test_every_fault_of_the_catalogue_says_what_to_do() -> None:
    for code, kind in CATALOGUE.items():
        assert kind.severity in ("error", "warning", "note"), code
        assert kind.mend, code
        assert kind.pgbackrest, code


@pytest.mark.parametrize(
    ("code", "subject", "severity"),
    [
        ("missing_wal", "000000010000000000000003", "warning"),
        ("missing_wal", "000000010000000000000002..000000010000000000000003", "warning"),
        ("missing_wal", "000000010000000000000003..000000010000000000000005", "error"),
        ("truncated_wal", "000000020000000000000004", "error"),
        ("backup_without_wal", "OLDER", "warning"),
        ("backup_without_wal", "NEWEST", "error"),
        ("missing_bundle", "OLDER", "error"),
        ("no_backup", "stanza main", "error"),
    ],
)
def test_a_restore_of_the_newest_backup_meets_nothing_before_it(code: str, subject: str, severity: str) -> None:
    newest = {"label": "NEWEST", "wal_min": "000000020000000000000004"}
    (row,) = only_older([finding(code, subject, "x", "y")], newest)
    assert row["severity"] == severity


def test_without_a_backup_nothing_is_excused() -> None:
    (row,) = only_older([finding("missing_wal", "000000010000000000000003", "x", "y")], None)
    assert row["severity"] == "error"
