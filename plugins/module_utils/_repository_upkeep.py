# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what goes wrong with a repository as time passes: age, retention, a halted archive, room, certificates.

Pure functions; each returns findings.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import finding
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms

__all__ = ["judge_age", "judge_certificate", "judge_room"]


def judge_age(repository: Repository, *, timeline: int, bounds: Bounds) -> list[dict[str, str]]:
    """Find backups that are too old, too many of them, and an archive that stands still while the primary writes."""
    backups = repository.info["backups"]
    if not backups:
        return [finding("no_backup", f"stanza {repository.stanza}", "no backup", "at least one full backup")]
    found: list[dict[str, str]] = []
    full = [row for row in backups if row["type"] == "full"]
    for code, rows, bound in (
        ("stale_backup", backups, bounds.max_backup_age_s),
        ("stale_full_backup", full, bounds.max_full_backup_age_s),
    ):
        if bound is None or not rows:
            continue
        row = min(rows, key=lambda entry: float(entry["age_s"]))
        if row["age_s"] > bound:
            found.append(
                finding(code, row["label"], f"{row['age_s'] / 3600:.1f} h old", f"at most {bound / 3600:.1f} h")
            )
    if bounds.retention_full is not None and not repository.info["backup_running"]:
        found.extend(_judge_retention(repository, full, bounds))
    found.extend(_judge_archive_age(repository, timeline=timeline, bounds=bounds))
    return found


def _judge_retention(repository: Repository, full: Sequence[Mapping[str, Any]], bounds: Bounds) -> list[dict[str, str]]:
    """Find more full backups than are to be kept, and WAL from before the oldest kept backup."""
    keep = bounds.retention_full or 0
    found: list[dict[str, str]] = []
    if len(full) > keep:
        found.append(
            finding("retention_overrun", f"stanza {repository.stanza}", f"{len(full)} full backups", f"at most {keep}")
        )
    firsts = [row["wal_min"] for row in repository.info["backups"] if row["wal_min"]]
    if firsts and len(full) >= keep:
        oldest = _wal.parse_segment(firsts[0], segment_size=bounds.segment_size)
        early = [s for s in repository.archive.segments if s.timeline <= oldest.timeline and s.number < oldest.number]
        if early:
            names = ", ".join(
                _wal.span_name(stretch, segment_size=bounds.segment_size) for stretch in _wal.ranges(early)[:3]
            )
            expected = f"no WAL before {firsts[0]}"
            found.append(finding("retention_overrun", "archive", f"{len(early)} older segment(s): {names}", expected))
    return found


def _judge_archive_age(repository: Repository, *, timeline: int, bounds: Bounds) -> list[dict[str, str]]:
    """Find an archive that stands still: the primary's LSN is past what was archived for longer than the bound.

    What the primary wrote into its present segment counts once it passes the first page, so that the bookkeeping
    records of an idle cluster raise no alarm.
    """
    if bounds.current_lsn is None or bounds.max_archive_age_s is None:
        return []
    size = bounds.segment_size
    position = _wal.parse_lsn(bounds.current_lsn)
    writing = _wal.segment_of_lsn(position, segment_size=size)
    newest = repository.archive.newest(timeline)
    wanted = writing if position % size > 8192 else writing - 1
    if newest is not None and newest >= wanted:
        return []
    stored = [repository.archive.time_of(_wal.Segment(timeline, newest))] if newest is not None else []
    since = max([*stored, repository.began(timeline)])
    age = repository.at - since
    if age <= bounds.max_archive_age_s:
        return []
    name = _wal.segment_name(_wal.Segment(timeline, newest), segment_size=size) if newest is not None else "nothing"
    observed = f"newest is {name}, {age:.0f} s old, while the primary writes at {bounds.current_lsn}"
    return [finding("stale_archive", f"timeline {timeline}", observed, f"at most {bounds.max_archive_age_s:.0f} s")]


def judge_room(*, free: int, total: int, backup_bytes: int, bounds: Bounds) -> list[dict[str, str]]:
    """Find a repository without room: too small a share free, or less than the next full backup needs. In bytes."""
    percent = 100.0 * free / total if total else 0.0
    if percent < bounds.min_free_percent:
        return [finding("disk_full", "repository", f"{percent:.1f} % free", f"at least {bounds.min_free_percent:g} %")]
    if free < backup_bytes:
        return [
            finding("disk_full", "repository", f"{free} bytes free", f"{backup_bytes} bytes for the next full backup")
        ]
    return []


def judge_certificate(
    path: str, not_before: float | None, not_after: float | None, *, at: float, min_days: float
) -> list[dict[str, str]]:
    """Find a certificate that is not valid now or soon will not be. Instants in seconds since the epoch."""
    if not_after is None or not_before is None:
        return [finding("certificate_unreadable", path, "cannot be read as a certificate", "a PEM certificate")]
    days = (not_after - at) / 86400
    until = f"valid until {iso_ms(datetime.datetime.fromtimestamp(not_after, tz=datetime.UTC))}"
    if days <= 0 or not_before > at:
        observed = until if days <= 0 else "not valid yet"
        return [finding("certificate_expired", path, observed, "a certificate valid now")]
    if days < min_days:
        observed = f"{until}, {days:.1f} days left"
        return [finding("certificate_expiring", path, observed, f"at least {min_days:g} days")]
    return []
