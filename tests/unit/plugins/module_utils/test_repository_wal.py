# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments and timelines of a repository are judged as a recovery would need them."""

from __future__ import annotations

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_wal import judge_archive_files
from tests.unit.plugins.module_utils._planted import (
    ARCHIVE,
    FULL,
    MIB,
    NEWEST,
    Recorded,
    add_history,
    add_segment,
    audit,
    codes,
    drop,
    segment,
)


def test_a_gap_is_told_as_one_range(pgbackrest: Recorded) -> None:
    for name in ("000000010000000000000010", "000000010000000000000011", "000000010000000000000013"):
        drop(segment(pgbackrest, name))(pgbackrest)
    gaps = [row["subject"] for row in audit(pgbackrest) if row["code"] == "missing_wal"]
    assert gaps == ["000000010000000000000010..000000010000000000000011", "000000010000000000000013"]


def test_a_gap_before_the_newest_backup_does_not_stop_a_recovery_from_it(pgbackrest: Recorded) -> None:
    drop(f"{ARCHIVE}/0000000100000000/000000010000000000000011-")(pgbackrest)
    assert codes(audit(pgbackrest, continuity_from="newest")) == set()


def test_a_gap_is_judged_from_the_backup_that_is_named(pgbackrest: Recorded) -> None:
    drop(f"{ARCHIVE}/0000000100000000/000000010000000000000011-")(pgbackrest)
    labels = [row["label"] for row in pgbackrest.info[0]["backup"]]
    assert "missing_wal" in codes(audit(pgbackrest, continuity_from=labels[0]))
    assert codes(audit(pgbackrest, continuity_from=labels[-1])) == set()


def test_a_missing_history_file_of_the_production_is_named(pgbackrest: Recorded) -> None:
    drop(f"{ARCHIVE}/00000002.history")(pgbackrest)
    findings = audit(pgbackrest, timeline=2)
    assert {row["subject"] for row in findings if row["code"] == "missing_history"} == {"00000002.history"}


@pytest.mark.parametrize(("oldest", "missing"), [(1, {"00000002.history"}), (2, {"00000002.history"}), (3, set())])
def test_expiry_takes_the_history_of_a_timeline_with_its_last_backup(
    pgbackrest: Recorded, oldest: int, missing: set[str]
) -> None:
    """pgBackRest removes the history files of all timelines before the one that its oldest backup began on."""
    add_history(3, "1\t0/1800000\tx\n2\t0/2400000\tx\n", later=30)(pgbackrest)
    drop(f"{ARCHIVE}/00000002.history")(pgbackrest)
    for row in pgbackrest.info[0]["backup"]:
        for end in ("start", "stop"):
            row["archive"][end] = f"{oldest:08X}" + row["archive"][end][8:]
    findings = audit(pgbackrest, timeline=3)
    assert {row["subject"] for row in findings if row["code"] == "missing_history"} == missing


def test_a_timeline_that_production_followed_is_none_to_worry_about(pgbackrest: Recorded) -> None:
    add_history(3, "1\t0/1800000\tx\n2\t0/2400000\tx\n", later=30)(pgbackrest)
    add_segment("000000030000000000000024", later=40)(pgbackrest)
    assert codes(audit(pgbackrest)) == set()
    assert codes(audit(pgbackrest, timeline=2)) == {"orphan_timeline"}


def test_a_timeline_whose_parent_archived_on_is_an_orphan(pgbackrest: Recorded) -> None:
    add_history(3, "1\t0/1800000\tx\n2\t0/2400000\tx\n", later=30)(pgbackrest)
    add_segment("000000030000000000000024", later=40)(pgbackrest)
    newest = max(
        name for name in (path.rsplit("/", 1)[-1][:24] for path in pgbackrest.listing) if name[:8] == "00000002"
    )
    last = int(newest[-2:], 16)
    for number in range(last + 1, 0x25):
        add_segment(f"0000000200000000000000{number:02X}", later=60)(pgbackrest)
    found = [row for row in audit(pgbackrest) if row["severity"] == "error"]
    assert [(row["code"], row["subject"]) for row in found] == [("orphan_timeline", "timeline 3")]


def test_an_older_branch_is_only_noted(pgbackrest: Recorded) -> None:
    add_history(2, "1\t0/1800000\tx\n")(pgbackrest)
    add_history(5, "1\t0/1800000\tx\n", later=10)(pgbackrest)
    findings = audit(pgbackrest, timeline=5)
    assert {row["severity"] for row in findings if row["code"] == "abandoned_timeline"} == {"note"}
    off = {row["subject"] for row in findings if row["code"] == "backup_off_timeline"}
    assert NEWEST in off
    assert FULL not in off


@pytest.mark.parametrize(
    ("file", "size", "encrypted", "expected"),
    [
        (".zst", 8464, True, set()),
        (".zst", 8465, True, {"truncated_wal"}),
        (".zst", 8465, False, set()),
        ("", MIB, False, set()),
        ("", MIB - 16, False, {"truncated_wal"}),
        (".gz", 0, False, {"truncated_wal"}),
    ],
)
def test_a_size_alone_proves_a_cut(file: str, size: int, encrypted: bool, expected: set[str]) -> None:
    path = f"{ARCHIVE}/0000000100000000/000000010000000000000011-{'a' * 40}{file}"
    archive = _wal.parse_archive({path: {"type": "file", "size": size}}, prefix=ARCHIVE, segment_size=MIB)
    found = judge_archive_files(archive, segment_size=MIB, encrypted=encrypted)
    assert codes(found) == expected
