# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a backup repository from what was collected: named findings about WAL, timelines, backups, age and room.

Pure functions. Each returns findings; a finding is a dict with C(code), C(severity), C(subject), C(observed),
C(expected), C(mend) and C(pgbackrest), the last telling what pgBackRest 2.45 itself says about this fault.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import read_ini
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms

__all__ = [
    "CATALOGUE",
    "Bounds",
    "Repository",
    "finding",
    "judge",
    "judge_age",
    "judge_archive_files",
    "judge_certificate",
    "judge_continuity",
    "judge_manifest",
    "judge_room",
    "judge_sets",
    "judge_stanza",
    "judge_timelines",
    "judge_verify",
    "production_timeline",
]

_GREEN = "green: verify, check and info all end with success and say nothing"
_TEXT = "verify names it in its text and still exits 0; check and info are green"
_OUTSIDE = "green: outside of what it looks at"


class _Kind(NamedTuple):
    severity: str
    mend: str
    pgbackrest: str


CATALOGUE: dict[str, _Kind] = {
    "missing_wal": _Kind(
        "error",
        "take a full backup now; until it is complete restore only to points before the gap, with a time or LSN target",
        _GREEN,
    ),
    "duplicate_wal": _Kind(
        "error",
        "find the host that pushed the second copy and fence it, remove the copy whose checksum is foreign",
        _TEXT,
    ),
    "truncated_wal": _Kind("error", "take a full backup now; the segment ends recovery before it", _TEXT),
    "bit_flip": _Kind("error", "take a full backup now, restore from another set, test the repository's disk", _TEXT),
    "missing_bundle": _Kind("error", "take a full backup now and restore from another set meanwhile", _TEXT),
    "missing_file": _Kind("error", "take a full backup now and restore from another set meanwhile", _TEXT),
    "truncated_bundle": _Kind("error", "take a full backup now and restore from another set meanwhile", _TEXT),
    "truncated_file": _Kind("error", "take a full backup now and restore from another set meanwhile", _TEXT),
    "missing_manifest": _Kind(
        "error", "copy backup.manifest.copy of this set in its place if it is there, else take a full backup", _GREEN
    ),
    "missing_backup": _Kind("error", "take a full backup now; the repository lists a set that is not there", _GREEN),
    "missing_backup_history": _Kind("warning", "nothing to restore depends on it; find out who removes files", _GREEN),
    "missing_history": _Kind(
        "error", "push the history file from pg_wal of the primary again; no restore can follow this timeline", _GREEN
    ),
    "orphan_timeline": _Kind(
        "error",
        "remove the history file and segments of this timeline, or restore with the production's timeline; "
        "restore tests need archiving off",
        _GREEN,
    ),
    "abandoned_timeline": _Kind("note", "nothing now; it goes when its backups expire", _GREEN),
    "divergent_wal": _Kind(
        "warning", "fence the old primary and salvage its commits before its disk is used again", _GREEN
    ),
    "wrong_stanza": _Kind(
        "error", "point the configuration at the stanza of this cluster; never upgrade a stanza to hide it", _OUTSIDE
    ),
    "wrong_cipher": _Kind(
        "error",
        "put the cipher pass this repository was made with into the configuration",
        "info says status other, verify says so in its text, both exit 0; check fails",
    ),
    "missing_info": _Kind("error", "copy the .copy file of the same directory in its place", _GREEN),
    "retention_overrun": _Kind("warning", "run pgbackrest expire and look at the log of the last backup", _OUTSIDE),
    "backup_without_wal": _Kind(
        "error", "this set cannot become consistent: do not use it, take a full backup", _GREEN
    ),
    "backup_off_timeline": _Kind("warning", "restore this set only with its own timeline as the target", _GREEN),
    "backup_error": _Kind(
        "error",
        "pages with wrong checksums were backed up: run pg_amcheck on the primary, restore from an older set",
        "info marks the set with error: true and exits 0; verify is green",
    ),
    "no_backup": _Kind("error", "take a full backup now", "info says status no valid backups and exits 0"),
    "stale_backup": _Kind("error", "look at the backup timer and its journal, take a backup now", _OUTSIDE),
    "stale_full_backup": _Kind("error", "look at the timer of full backups, take a full backup now", _OUTSIDE),
    "stale_archive": _Kind(
        "error", "look at pg_stat_archiver and the PostgreSQL log of the primary: archiving stands still", _OUTSIDE
    ),
    "certificate_expired": _Kind(
        "error", "renew the certificate and reload pgbackrest", "info is green; check warns when the peer refuses"
    ),
    "certificate_expiring": _Kind("warning", "renew the certificate and reload pgbackrest", _OUTSIDE),
    "certificate_unreadable": _Kind("error", "put a readable PEM certificate at this path", _OUTSIDE),
    "disk_full": _Kind("error", "make room on the repository or extend it before the next backup", _OUTSIDE),
    "unknown_backup": _Kind("note", "an aborted backup; the next backup resumes or removes it", _GREEN),
    "verify_error": _Kind("error", "read the output of pgbackrest verify", _TEXT),
    "audit_incomplete": _Kind("error", "run again with a longer verify_timeout_s", _OUTSIDE),
}


@dataclass
class Bounds:
    """What is expected of the repository; None leaves a check out. Ages in seconds, sizes in bytes."""

    segment_size: int = 16 * 2**20
    timeline: int | None = None
    continuity_from: str = "oldest"
    system_identifier: str | None = None
    database_version: str | None = None
    current_lsn: str | None = None
    max_archive_age_s: float | None = None
    max_backup_age_s: float | None = None
    max_full_backup_age_s: float | None = None
    retention_full: int | None = None
    certificate_min_days: float = 21
    min_free_percent: float = 10


@dataclass
class Repository:
    """What was collected of one stanza. Texts are None where a file exists but cannot be read."""

    stanza: str
    at: float
    listing: dict[str, dict[str, Any]]
    info: dict[str, Any]
    info_files: dict[str, str | None] = field(default_factory=dict)
    histories: dict[int, str | None] = field(default_factory=dict)
    manifests: dict[str, str | None] = field(default_factory=dict)
    archive: _wal.Archive = field(default_factory=_wal.Archive)

    def forks(self) -> dict[int, list[_wal.Fork]]:
        """Return the forks of each readable history file."""
        return {number: _wal.parse_history(text) for number, text in self.histories.items() if text is not None}


def finding(code: str, subject: str, observed: str, expected: str) -> dict[str, str]:
    """Return one finding of the catalogue."""
    kind = CATALOGUE[code]
    return {
        "code": code,
        "severity": kind.severity,
        "subject": subject,
        "observed": observed,
        "expected": expected,
        "mend": kind.mend,
        "pgbackrest": kind.pgbackrest,
    }


def _span(stretch: _wal.Stretch, segment_size: int) -> str:
    """Return the name of a stretch: one WAL name, or first..last."""
    first = _wal.segment_name(_wal.Segment(stretch.timeline, stretch.first), segment_size=segment_size)
    last = _wal.segment_name(_wal.Segment(stretch.timeline, stretch.last), segment_size=segment_size)
    return first if first == last else f"{first}..{last}"


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
        current = max(followed, key=lambda number: _began(repository, number))


def _began(repository: Repository, timeline: int) -> float:
    """Return when *timeline* showed up in the archive: the time of its history file."""
    path = repository.archive.histories.get(timeline)
    return float(repository.listing[path].get("time", 0)) if path else 0.0


def _was_followed(repository: Repository, child: int, fork: _wal.Fork, segment_size: int) -> bool:
    """Tell whether production went from a parent timeline to *child*: nothing of the parent came after it began."""
    began = _began(repository, child)
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
    """Find history files that are missing, timelines production never followed, and WAL of a primary left behind."""
    archive, forks = repository.archive, repository.forks()
    way = {fork.timeline for fork in forks.get(timeline, [])} | {timeline}
    found = [
        finding("missing_history", f"{number:08X}.history", "not in the archive", "its history file")
        for number in sorted(way)
        if number > 1 and number not in archive.histories
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
        began = _began(repository, successor)
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
                _span(stretch, segment_size),
                f"archived after timeline {successor} began",
                f"nothing beyond {_wal.format_lsn(fork.lsn)} on timeline {fork.timeline}",
            )
            for stretch in _wal.ranges(late)
        )
    return found


def judge_continuity(repository: Repository, *, timeline: int, bounds: Bounds) -> list[dict[str, str]]:
    """Find segments missing between a kept backup's start and the newest archived segment of *timeline*.

    Goes through the timeline switches in between. Starts at the oldest kept backup that leads to *timeline*, or at the
    newest one.
    """
    size, archive = bounds.segment_size, repository.archive
    forks = repository.forks().get(timeline, [])
    found: list[dict[str, str]] = []
    last = archive.newest(timeline)
    if last is None:
        last = _wal.segment_of_lsn(forks[-1].lsn, segment_size=size) - 1 if forks else -1
    starts: list[list[_wal.Stretch]] = []
    for row in repository.info["backups"]:
        if row["wal_min"] is None:
            continue
        found.extend(_needs(row, archive, size))
        try:
            start = _wal.parse_segment(row["wal_min"], segment_size=size)
            _refuse_beyond(row, forks)
            starts.append(
                _wal.required_stretches(start=start, timeline=timeline, last=last, forks=forks, segment_size=size)
            )
        except OpsError as exc:
            found.append(finding("backup_off_timeline", row["label"], str(exc), f"a set on the way to {timeline}"))
    if starts:
        chosen = starts[0] if bounds.continuity_from == "oldest" else starts[-1]
        gaps = _wal.missing_stretches(chosen, archive.segments)
        found.extend(
            finding(
                "missing_wal",
                _span(gap, size),
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
        finding("backup_without_wal", row["label"], f"{_span(gap, size)} is not in the archive", _span(stretch, size))
        for gap in _wal.missing_stretches([stretch], archive.segments)
    ]


def judge_sets(repository: Repository) -> list[dict[str, str]]:
    """Find kept backups whose directory, manifest or history is gone, sets marked with errors and unknown ones."""
    base, listing = f"backup/{repository.stanza}", repository.listing
    labels = [row["label"] for row in repository.info["backups"]]
    found = [entry for row in repository.info["backups"] for entry in _judge_set(row, base, listing)]
    if not repository.info["backup_running"]:
        pattern = re.compile(rf"^{re.escape(base)}/(\d{{8}}-\d{{6}}F(?:_\d{{8}}-\d{{6}}[DI])?)$")
        there = {match.group(1) for path in listing if (match := pattern.match(path)) is not None}
        found.extend(
            finding("unknown_backup", label, "a directory that backup.info does not list", "only listed sets")
            for label in sorted(there - set(labels))
        )
    return found


def _judge_set(row: Mapping[str, Any], base: str, listing: Mapping[str, Any]) -> list[dict[str, str]]:
    """Find what is not there of one kept backup, by names alone."""
    label = row["label"]
    if f"{base}/{label}" not in listing:
        return [finding("missing_backup", label, "no directory", "the directory of a kept set")]
    found = [
        finding("missing_manifest", f"{label}/{name}", "not there", "a manifest and its copy")
        for name in ("backup.manifest", "backup.manifest.copy")
        if f"{base}/{label}/{name}" not in listing
    ]
    history = f"{base}/backup.history/{label[:4]}/{label}.manifest"
    if not any(history + end in listing for end in (".gz", ".zst", ".lz4", ".bz2", "")):
        found.append(finding("missing_backup_history", label, "no manifest in backup.history", "its manifest"))
    if row["error"]:
        found.append(finding("backup_error", label, "page checksum errors during the backup", "no errors"))
    return found


def judge_manifest(
    text: str, *, label: str, stanza: str, listing: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Find bundles and files that the manifest of backup *label* needs and that are missing or too short.

    Raises OpsError when *text* is no manifest.
    """
    sections = read_ini(text)
    bundled = sections.get("backup", {}).get("backup-bundle") == "true"
    needs: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    for name, value in sections.get("target:file", {}).items():
        row = json.loads(value)
        size = int(row.get("repo-size", row.get("size", 0)))
        home = f"backup/{stanza}/{row.get('reference', label)}"
        if "bni" in row:
            path, size = f"{home}/bundle/{row['bni']}", int(row.get("bno", 0)) + size
        elif size == 0 and bundled:
            continue
        else:
            path = f"{home}/{name}"
        needs[path] = max(needs[path], size)
        counts[path] += 1
    found: list[dict[str, str]] = []
    for path, size in sorted(needs.items()):
        found.extend(_compare_stored(path, size, counts[path], label=label, listing=listing))
    return found


def _compare_stored(
    path: str, size: int, count: int, *, label: str, listing: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Compare one bundle or file of a backup with what the repository lists."""
    is_bundle = "/bundle/" in path
    stored = next((path + end for end in ("", ".zst", ".gz", ".lz4", ".bz2") if path + end in listing), None)
    subject = path.split("/", 2)[2]
    if stored is None:
        observed = f"not there; {count} file(s) of {label} are in it" if is_bundle else f"not there; {label} needs it"
        return [finding("missing_bundle" if is_bundle else "missing_file", subject, observed, f"{size} bytes")]
    actual = int(listing[stored].get("size", 0))
    if actual < size:
        code = "truncated_bundle" if is_bundle else "truncated_file"
        return [finding(code, subject, f"{actual} bytes", f"at least {size} bytes")]
    return []


def judge_stanza(repository: Repository, bounds: Bounds) -> list[dict[str, str]]:
    """Find a wrong cipher pass, damaged or missing info files and a stanza that belongs to another cluster."""
    files = repository.info_files
    found = [
        finding("missing_info", path, "not there", "the file and its copy")
        for path in files
        if path not in repository.listing
    ]
    there = [path for path in files if path in repository.listing]
    unreadable = [path for path in there if files[path] is None]
    if there and unreadable == there:
        expected = "info files that the cipher pass decrypts"
        return [*found, finding("wrong_cipher", f"stanza {repository.stanza}", "no info file can be decoded", expected)]
    found.extend(finding("bit_flip", path, "cannot be decoded", "a readable info file") for path in unreadable)
    for path in there:
        original = files[path]
        copy = files.get(f"{path}.copy")
        if copy is not None and original is not None and copy != original:
            found.append(finding("bit_flip", path, "differs from its copy", "a file equal to its copy"))
    found.extend(_judge_identity(repository, bounds))
    return found


def _judge_identity(repository: Repository, bounds: Bounds) -> list[dict[str, str]]:
    """Find system identifiers and versions that do not fit together or not the cluster."""
    found: list[dict[str, str]] = []
    current: dict[str, tuple[str, str]] = {}
    originals = {path: text for path, text in repository.info_files.items() if text and not path.endswith(".copy")}
    for path, text in originals.items():
        database = read_ini(text).get("db", {})
        current[path] = (database.get("db-system-id", ""), database.get("db-version", "").strip('"'))
    if len(set(current.values())) > 1:
        observed = ", ".join(f"{path}: {value[0]}" for path, value in sorted(current.items()))
        found.append(finding("wrong_stanza", f"stanza {repository.stanza}", observed, "one cluster in both info files"))
    expected = (bounds.system_identifier, bounds.database_version)
    for path, (identifier, version) in sorted(current.items()):
        if (expected[0] and identifier != expected[0]) or (expected[1] and version != expected[1]):
            observed = f"system identifier {identifier}, version {version}"
            wanted = f"system identifier {expected[0] or 'any'}, version {expected[1] or 'any'}"
            found.append(finding("wrong_stanza", path, observed, wanted))
    known = {value[0] for value in current.values()}
    owners = {
        label: read_ini(text).get("backup:db", {}).get("db-system-id", "")
        for label, text in sorted(repository.manifests.items())
        if text
    }
    found.extend(
        finding("wrong_stanza", label, f"system identifier {owner}", f"one of {sorted(known)}")
        for label, owner in owners.items()
        if known and owner not in known
    )
    return found


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
            names = ", ".join(_span(stretch, bounds.segment_size) for stretch in _wal.ranges(early)[:3])
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
    since = max([*stored, _began(repository, timeline)])
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


def judge_verify(findings: Iterable[Mapping[str, str]], known: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Turn what C(verify) found into findings, leaving out what listings already explained.

    Files of one backup with the same fault become one finding with their count.
    """
    explained = list(known)
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in findings:
        groups[(row["code"], _verify_subject(row["name"]))].append(row)
    found: list[dict[str, str]] = []
    for (code, subject), rows in groups.items():
        if code == "unreadable_info" or any(_covers(entry, code, subject) for entry in explained):
            continue
        names = ", ".join(sorted({row["name"] for row in rows})[:3])
        observed = f"{len(rows)} file(s): {names}: {rows[0]['text']}"
        found.append(finding(code, subject, observed, "content equal to its checksum"))
    return found


def _verify_subject(name: str) -> str:
    """Return the WAL name or the backup label of a file that C(verify) names."""
    wal = re.search(r"(?:^|/)([0-9A-F]{24})", name)
    return wal.group(1) if wal else name.split("/", 1)[0]


def _covers(entry: Mapping[str, str], code: str, subject: str) -> bool:
    """Tell whether a finding from listings already explains a fault that C(verify) saw at *subject*."""
    same_set = entry["subject"].split("/", 1)[0] == subject
    if entry["code"] in ("missing_bundle", "truncated_bundle", "missing_file", "truncated_file") and same_set:
        return True
    return same_set and (entry["code"] == code or entry["code"] in ("duplicate_wal", "truncated_wal"))


def judge(repository: Repository, bounds: Bounds) -> tuple[list[dict[str, str]], int | None]:
    """Return all findings that need no content, and the timeline they were judged against (None when none is known)."""
    found = judge_stanza(repository, bounds)
    if any(entry["code"] == "wrong_cipher" for entry in found):
        return found, bounds.timeline
    encrypted = repository.info["cipher"] != "none"
    found.extend(judge_archive_files(repository.archive, segment_size=bounds.segment_size, encrypted=encrypted))
    if not repository.archive.timelines():
        expected = "WAL from the oldest kept backup on"
        found.append(finding("missing_wal", f"stanza {repository.stanza}", "the archive is empty", expected))
        timeline = bounds.timeline or 1
    else:
        timeline = bounds.timeline or production_timeline(repository, segment_size=bounds.segment_size)
        found.extend(judge_timelines(repository, timeline=timeline, segment_size=bounds.segment_size))
        found.extend(judge_continuity(repository, timeline=timeline, bounds=bounds))
    found.extend(judge_sets(repository))
    for label, text in sorted(repository.manifests.items()):
        if text is None:
            found.append(finding("bit_flip", f"{label}/backup.manifest", "cannot be decoded", "a readable manifest"))
            continue
        found.extend(judge_manifest(text, label=label, stanza=repository.stanza, listing=repository.listing))
    found.extend(judge_age(repository, timeline=timeline, bounds=bounds))
    return _once(found), timeline


def _once(found: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return *found* without a second finding of the same code about the same subject."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for entry in found:
        seen.setdefault((entry["code"], entry["subject"]), entry)
    return list(seen.values())
