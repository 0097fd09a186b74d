# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a recovery to the end, and whether one got there."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.filter import archive_reached as reached_room
from ansible_collections.ccobservatory.ops.plugins.filter import recovery_gaps as gaps_room
from ansible_collections.ccobservatory.ops.plugins.module_utils._log_end import archive_reached, recovery_gaps

AUDITED = {"timeline": 3, "newest_wal": "000000030000000100000002", "newest_wal_lsn": "1/2000000"}


@pytest.mark.parametrize(
    ("fork", "reached"),
    [
        ("1/2000028", True),  # the newest segment is filled in part, or its last record is not whole
        ("1/2FFFF38", True),
        ("1/3000000", True),  # it was closed early: a switch counts to its end
        ("1/3000148", True),  # the receivers held more than the archive
        ("1/2000000", False),  # the one before was closed early, and the newest one cannot be read
        ("1/1FFFFE0", False),  # a record goes over into the newest one, which cannot be read
        ("1/0", False),  # a segment in the middle
        ("0/FFFFFF28", False),
    ],
)
def test_a_recovery_to_the_end_goes_beyond_where_the_newest_segment_begins(fork: str, reached: bool) -> None:
    row = archive_reached({"fork_timeline": 3, "fork_lsn": fork}, AUDITED)
    assert row["result"] == ("verified" if reached else "differs")
    assert fork in row["observed"]
    assert reached == ("cannot be read" not in row["observed"])
    assert row["expected"] == "an end beyond 1/2000000, where segment 000000030000000100000002 begins"


@pytest.mark.parametrize(
    ("promoted", "audited", "said"),
    [
        ({"fork_timeline": 2, "fork_lsn": "1/3000000"}, {}, "timeline 2, and the archive was judged for timeline 3"),
        ({"fork_timeline": None, "fork_lsn": None}, {}, "where the new timeline left the old one is not known"),
        ({}, {}, "where the new timeline left the old one is not known"),
        ({"fork_timeline": 3, "fork_lsn": "1/3000000"}, {"newest_wal_lsn": None}, "how far the archive reaches"),
    ],
)
def test_what_cannot_be_compared_is_not_verified(promoted: Any, audited: Any, said: str) -> None:
    row = archive_reached(promoted, {**AUDITED, **audited})
    assert row["result"] == "differs"
    assert said in row["observed"]


def test_a_timeline_without_a_segment_of_its_own_is_held_against_its_parents_last() -> None:
    audited = {**AUDITED, "newest_wal": None}
    assert archive_reached({"fork_timeline": 3, "fork_lsn": "1/2000100"}, audited)["result"] == "verified"
    assert archive_reached({"fork_timeline": 3, "fork_lsn": "1/1000100"}, audited)["result"] == "differs"


@pytest.mark.parametrize(
    ("code", "severity", "anywhere", "pinned"),
    [
        *((code, "error", True, True) for code in ("missing_wal", "truncated_wal", "duplicate_wal", "missing_history")),
        ("orphan_timeline", "error", True, False),  # a number names the timeline, so no other leads it astray
        ("missing_wal", "warning", False, False),  # before the backup that is restored
        ("stale_archive", "error", False, False),
        ("abandoned_timeline", "note", False, False),
    ],
)
def test_what_forbids_a_recovery_to_the_end(code: str, severity: str, anywhere: bool, pinned: bool) -> None:
    found = [{"code": code, "severity": severity, "subject": "x"}]
    assert bool(recovery_gaps(found)) is anywhere
    assert bool(recovery_gaps(found, pinned=True)) is pinned


def test_the_roles_know_both_rules_by_name() -> None:
    assert gaps_room.FilterModule().filters() == {"recovery_gaps": recovery_gaps}
    assert reached_room.FilterModule().filters() == {"archive_reached": archive_reached}
