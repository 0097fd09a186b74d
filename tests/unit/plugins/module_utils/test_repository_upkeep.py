# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that grows old, full or idle is told in time."""

from __future__ import annotations

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _repository_reader, _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_upkeep import judge_certificate, judge_room
from tests.unit.plugins.module_utils._planted import ARCHIVE, BACKUP, MIB, Recorded, add_segment, audit, codes, segment


@pytest.mark.parametrize(
    ("after_s", "bounds", "expected"),
    [
        (3600, {"max_backup_age_s": 3601}, set()),
        (3600, {"max_backup_age_s": 3599}, {"stale_backup"}),
        (7200, {"max_full_backup_age_s": 7200}, {"stale_full_backup"}),
    ],
)
def test_a_backup_grows_stale(
    after_s: float, bounds: dict[str, float], expected: set[str], pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = pgbackrest.info[0]["backup"][-1]["timestamp"]["stop"]
    monkeypatch.setattr(_repository_reader.time, "time", lambda: stop + after_s)
    assert codes(audit(pgbackrest, **bounds)) == expected


def test_more_full_backups_than_wanted_are_told(pgbackrest: Recorded) -> None:
    assert codes(audit(pgbackrest, retention_full=2)) == set()
    assert codes(audit(pgbackrest, retention_full=1)) == {"retention_overrun"}
    pgbackrest.info[0]["status"]["lock"]["backup"]["held"] = True
    assert codes(audit(pgbackrest, retention_full=1)) == set()


def test_wal_from_before_the_oldest_backup_is_told_once_enough_backups_are_kept(pgbackrest: Recorded) -> None:
    add_segment("000000010000000000000005")(pgbackrest)
    assert codes(audit(pgbackrest, retention_full=3)) == set()
    found = audit(pgbackrest, retention_full=2)
    assert [(row["code"], row["subject"]) for row in found] == [("retention_overrun", "archive")]


def test_a_repository_without_a_backup_is_told(pgbackrest: Recorded) -> None:
    pgbackrest.info[0]["backup"] = []
    for path in [path for path in pgbackrest.listing if path.startswith(f"{BACKUP}/2")]:
        del pgbackrest.listing[path]
    assert codes(audit(pgbackrest)) == {"no_backup"}


@pytest.mark.parametrize(
    ("offset", "age", "expected"),
    [
        (100, 1000, set()),
        (9000, 1000, {"stale_archive"}),
        (9000, 100, set()),
        (MIB + 100, 1000, {"stale_archive"}),
        (5 * MIB, 1000, {"stale_archive"}),
    ],
)
def test_an_archive_that_stands_still_while_the_primary_writes_is_stale(
    offset: int, age: float, expected: set[str], pgbackrest: Recorded
) -> None:
    names = [
        path.rsplit("/", 1)[-1][:24] for path in pgbackrest.listing if path.startswith(f"{ARCHIVE}/0000000200000000/")
    ]
    newest = max(names)
    stored = pgbackrest.listing[segment(pgbackrest, newest)]["time"]
    position = (_wal.parse_segment(newest, segment_size=MIB).number + 1) * MIB + offset
    found = audit(pgbackrest, at=stored + age, current_lsn=_wal.format_lsn(position), max_archive_age_s=300, timeline=2)
    assert codes(found) == expected


@pytest.mark.parametrize(
    ("free", "backup", "expected"),
    [(50, 10, set()), (5, 1, {"disk_full"}), (20, 30, {"disk_full"})],
)
def test_a_repository_without_room_is_told(free: int, backup: int, expected: set[str]) -> None:
    bounds = Bounds(min_free_percent=10)
    assert codes(judge_room(free=free, total=100, backup_bytes=backup, bounds=bounds)) == expected


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (-10.0, 22.0, set()),
        (-10.0, 20.0, {"certificate_expiring"}),
        (-10.0, -0.1, {"certificate_expired"}),
        (0.5, 300.0, {"certificate_expired"}),
        (None, None, {"certificate_unreadable"}),
    ],
)
def test_a_certificate_is_judged_by_its_days(begins: float | None, ends: float | None, expected: set[str]) -> None:
    day, at = 86400, 10**9
    dates = (None if begins is None else at + begins * day, None if ends is None else at + ends * day)
    assert codes(judge_certificate("x.crt", *dates, at=at, min_days=21)) == expected
