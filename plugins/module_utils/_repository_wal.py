# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the WAL of a repository: segments that are cut, doubled or missing, and the timelines they belong to.

Pure functions; each returns findings.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import finding

__all__ = ["judge_archive_files", "judge_continuity", "judge_timelines", "last_number", "production_timeline"]


def judge_archive_files(archive: _wal.Archive, *, segment_size: int, encrypted: bool) -> list[dict[str, str]]:
    """Find segments stored twice and files whose size alone proves that they are cut.

    A plain file has exactly the size of a segment; an encrypted one is whole blocks of 16 bytes after a header of 16.
    """
    found: list[dict[str, str]] = []
    for segment, files in sorted(archive.segments.items()):
        name = _wal.segment_name(segment, segment_size=segment_size)
        checksums = sorted({file.checksum for file in files})
        if len(files) > 1:
            observed = f"{len(files)} files, checksums {', '.join(value[:8] for value in checksums)}"
            found.append(finding("duplicate_wal", name, observed, "one file for each segment"))
        for file in files:
            plain = file.format == "none" and not encrypted
            if plain and file.size != segment_size:
                found.append(finding("truncated_wal", name, f"{file.size} bytes", f"{segment_size} bytes"))
            elif file.size == 0 or (encrypted and (file.size < 32 or file.size % 16)):
                found.append(finding("truncated_wal", name, f"{file.size} bytes", "whole blocks of 16 bytes"))
    return found


def production_timeline(repository: Repository, *, segment_size: int) -> int:
    """Return the timeline that production is on, as the archive tells it.

    From the newest backup's timeline on, a child is followed unless its parent archived beyond the fork after the child
    began, which is what a restore test with archiving left on looks like. Raises OpsError without any WAL.
    """
    archive, newest = repository.archive, repository.info.get("newest")
    lines = archive.timelines()
    if not lines:
        raise OpsError(f"The archive of stanza {repository.stanza} is empty: start archiving, then take a backup.")
    current = newest["timeline"] if newest and newest.get("timeline") in lines else min(lines)
    forks = repository.forks()
    while True:
        children = [number for number, path in forks.items() if path and path[-1].timeline == current]
        followed = [number for number in children if _was_followed(repository, number, forks[number][-1], segment_size)]
        if not followed:
            return int(current)
        current = max(followed, key=repository.began)


def _was_followed(repository: Repository, child: int, fork: _wal.Fork, segment_size: int) -> bool:
    """Tell whether production went from a parent timeline to *child*: nothing of the parent came after it began."""
    began = repository.began(child)
    at = _wal.segment_of_lsn(fork.lsn, segment_size=segment_size)
    later_backup = any(
        row["timeline"] == fork.timeline and repository.at - row["age_s"] > began for row in repository.info["backups"]
    )
    later_wal = any(
        segment.timeline == fork.timeline and segment.number >= at and repository.archive.time_of(segment) > began
        for segment in repository.archive.segments
    )
    return not later_backup and not later_wal


def judge_timelines(repository: Repository, *, timeline: int, segment_size: int) -> list[dict[str, str]]:
    """Find history files that are missing, timelines production never followed, and WAL of a primary left behind.

    No recovery asks for the history of a timeline that was left before the oldest backup: pgBackRest's expiry takes it
    away with the segments.
    """
    archive, forks = repository.archive, repository.forks()
    way = {fork.timeline for fork in forks.get(timeline, [])} | {timeline}
    oldest = min((row["timeline"] for row in repository.info["backups"] if row.get("timeline")), default=1)
    found = [
        finding("missing_history", f"{number:08X}.history", "not in the archive", "its history file")
        for number in sorted(way)
        if number >= max(oldest, 2) and number not in archive.histories
    ]
    found.extend(
        finding("bit_flip", f"{number:08X}.history", "the history file cannot be read", "a readable history file")
        for number, text in repository.histories.items()
        if text is None
    )
    for number in archive.timelines():
        if number in way:
            continue
        path = forks.get(number, [])
        left = f"left timeline {path[-1].timeline} at {_wal.format_lsn(path[-1].lsn)}" if path else "of unknown origin"
        code = "orphan_timeline" if number > timeline else "abandoned_timeline"
        found.append(finding(code, f"timeline {number}", left, f"no timeline beside the way to {timeline}"))
    found.extend(_divergent(repository, forks.get(timeline, []), timeline, segment_size))
    return found


def _divergent(
    repository: Repository, path: Sequence[_wal.Fork], timeline: int, segment_size: int
) -> list[dict[str, str]]:
    """Find WAL of a timeline that production left, archived beyond the fork after the next timeline began."""
    found: list[dict[str, str]] = []
    successors = [fork.timeline for fork in path[1:]] + [timeline]
    for fork, successor in zip(path, successors, strict=False):
        began = repository.began(successor)
        at = _wal.segment_of_lsn(fork.lsn, segment_size=segment_size)
        late = [
            segment
            for segment in repository.archive.segments
            if segment.timeline == fork.timeline
            and segment.number >= at
            and began
            and repository.archive.time_of(segment) > began
        ]
        found.extend(
            finding(
                "divergent_wal",
                _wal.span_name(stretch, segment_size=segment_size),
                f"archived after timeline {successor} began",
                f"nothing beyond {_wal.format_lsn(fork.lsn)} on timeline {fork.timeline}",
            )
            for stretch in _wal.ranges(late)
        )
    return found


def last_number(repository: Repository, *, timeline: int, segment_size: int) -> int:
    """Return the number of the last archived segment on the way to *timeline*; -1 where there is none.

    A timeline that has archived nothing yet is reached with what its parent archived before the fork.
    """
    last = repository.archive.newest(timeline)
    if last is not None:
        return last
    forks = repository.forks().get(timeline, [])
    return _wal.segment_of_lsn(forks[-1].lsn, segment_size=segment_size) - 1 if forks else -1


def judge_continuity(repository: Repository, *, timeline: int, bounds: Bounds) -> list[dict[str, str]]:
    """Find segments missing between a kept backup's start and the newest archived segment of *timeline*.

    Goes through the timeline switches in between. Starts at the oldest kept backup that leads to *timeline*, at the
    newest one, or at the one that ``bounds.continuity_from`` names.
    """
    size, archive = bounds.segment_size, repository.archive
    forks = repository.forks().get(timeline, [])
    found: list[dict[str, str]] = []
    last = last_number(repository, timeline=timeline, segment_size=size)
    starts: dict[str, list[_wal.Stretch]] = {}
    for row in repository.info["backups"]:
        if row["wal_min"] is None:
            continue
        found.extend(_needs(row, archive, size))
        try:
            start = _wal.parse_segment(row["wal_min"], segment_size=size)
            _refuse_beyond(row, forks)
            starts[row["label"]] = _wal.required_stretches(
                start=start, timeline=timeline, last=last, forks=forks, segment_size=size
            )
        except OpsError as exc:
            found.append(finding("backup_off_timeline", row["label"], str(exc), f"a set on the way to {timeline}"))
    ends = list(starts.values())
    named = {"oldest": ends[0], "newest": ends[-1], **starts} if ends else {}
    chosen = named.get(bounds.continuity_from)
    if chosen:
        gaps = _wal.missing_stretches(chosen, archive.segments)
        found.extend(
            finding(
                "missing_wal",
                _wal.span_name(gap, segment_size=size),
                f"{gap.last - gap.first + 1} segment(s) not in the archive",
                f"every segment up to {_wal.segment_name(_wal.Segment(timeline, last), segment_size=size)}",
            )
            for gap in gaps
        )
    return found


def _refuse_beyond(row: Mapping[str, Any], forks: Sequence[_wal.Fork]) -> None:
    """Raise OpsError when a backup ended after production had left its timeline."""
    for fork in forks:
        if fork.timeline == row["timeline"] and row["lsn_stop"] and _wal.parse_lsn(row["lsn_stop"]) > fork.lsn:
            raise OpsError(
                f"It ends at {row['lsn_stop']}, after timeline {fork.timeline} was left at {_wal.format_lsn(fork.lsn)}."
            )


def _needs(row: Mapping[str, Any], archive: _wal.Archive, size: int) -> list[dict[str, str]]:
    """Find segments that a backup needs to become consistent and that the archive does not hold."""
    first = _wal.parse_segment(row["wal_min"], segment_size=size)
    last = _wal.parse_segment(row["wal_max"] or row["wal_min"], segment_size=size)
    if first.timeline != last.timeline:
        return []
    stretch = _wal.Stretch(first.timeline, first.number, last.number)
    return [
        finding(
            "backup_without_wal",
            row["label"],
            f"{_wal.span_name(gap, segment_size=size)} is not in the archive",
            _wal.span_name(stretch, segment_size=size),
        )
        for gap in _wal.missing_stretches([stretch], archive.segments)
    ]
