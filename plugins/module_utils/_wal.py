# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAL names, segment arithmetic, the tree of timelines and the continuity of an archive.

Pure functions over names and numbers; nothing here runs a program or opens a file. A segment is the pair (timeline,
number); its number counts segments of the cluster's size from LSN 0, so it does not depend on the timeline.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = [
    "Archive",
    "ArchivedFile",
    "Fork",
    "Segment",
    "Stretch",
    "check_segment_size",
    "format_lsn",
    "missing_stretches",
    "parse_archive",
    "parse_history",
    "parse_lsn",
    "parse_segment",
    "path_to",
    "ranges",
    "required_stretches",
    "segment_name",
    "segment_of_lsn",
    "span_name",
]

_LOG_BYTES = 0x1_0000_0000
_SEGMENT = re.compile(r"^(?P<timeline>[0-9A-F]{8})(?P<log>[0-9A-F]{8})(?P<low>[0-9A-F]{8})$")
_FILE = re.compile(
    r"^(?P<name>[0-9A-F]{24})(?P<partial>\.partial)?-(?P<checksum>[0-9a-f]{40})(?:\.(?P<format>gz|lz4|zst|bz2))?$"
)
_HISTORY = re.compile(r"^(?P<timeline>[0-9A-F]{8})\.history$")
_LSN = re.compile(r"^(?P<high>[0-9A-Fa-f]{1,8})/(?P<low>[0-9A-Fa-f]{1,8})$")


class Segment(NamedTuple):
    """One WAL segment: the timeline it was written on and its number counted from LSN 0."""

    timeline: int
    number: int


class Fork(NamedTuple):
    """One line of a history file: *timeline* ended at *lsn* (bytes) for the next one."""

    timeline: int
    lsn: int
    reason: str


class Stretch(NamedTuple):
    """Segments *first* to *last* (both included) of one timeline."""

    timeline: int
    first: int
    last: int


class ArchivedFile(NamedTuple):
    """A segment's file in the repository: path below the repository, checksum of its content, size, time, format."""

    path: str
    checksum: str
    size: int
    time: float
    format: str


@dataclass
class Archive:
    """What an archive directory lists: files of each segment, history files, partial segments."""

    segments: dict[Segment, list[ArchivedFile]] = field(default_factory=dict)
    histories: dict[int, str] = field(default_factory=dict)
    partials: dict[Segment, ArchivedFile] = field(default_factory=dict)

    def timelines(self) -> list[int]:
        """Return the numbers of all timelines that left a segment or a history file, ascending."""
        return sorted({segment.timeline for segment in self.segments} | set(self.histories))

    def newest(self, timeline: int) -> int | None:
        """Return the highest archived segment number of *timeline*, None without any."""
        return max((s.number for s in self.segments if s.timeline == timeline), default=None)

    def time_of(self, segment: Segment) -> float:
        """Return when the newest file of *segment* was stored, in seconds since the epoch."""
        return max(file.time for file in self.segments[segment])


def check_segment_size(segment_size: int) -> int:
    """Return *segment_size* in bytes; raises OpsError unless it is a power of two from 1 MiB to 1 GiB."""
    if segment_size & (segment_size - 1) or not 2**20 <= segment_size <= 2**30:
        raise OpsError(f"A WAL segment size is a power of two from 1 MiB to 1 GiB, not {segment_size} bytes.")
    return segment_size


def parse_segment(name: str, *, segment_size: int) -> Segment:
    """Return the segment of a 24-digit WAL *name*; raises OpsError for a name that this segment size cannot have."""
    match = _SEGMENT.match(name)
    per_log = _LOG_BYTES // segment_size
    if match is None or int(match["low"], 16) >= per_log or int(match["timeline"], 16) == 0:
        raise OpsError(f"{name} is no WAL segment name for segments of {segment_size} bytes; set the cluster's size.")
    return Segment(int(match["timeline"], 16), int(match["log"], 16) * per_log + int(match["low"], 16))


def segment_name(segment: Segment, *, segment_size: int) -> str:
    """Return the 24-digit name of *segment*; the inverse of parse_segment."""
    per_log = _LOG_BYTES // segment_size
    return f"{segment.timeline:08X}{segment.number // per_log:08X}{segment.number % per_log:08X}"


def span_name(stretch: Stretch, *, segment_size: int) -> str:
    """Return the name of a stretch: one WAL name, or first..last."""
    first = segment_name(Segment(stretch.timeline, stretch.first), segment_size=segment_size)
    last = segment_name(Segment(stretch.timeline, stretch.last), segment_size=segment_size)
    return first if first == last else f"{first}..{last}"


def parse_lsn(text: object) -> int:
    """Return the byte position of an LSN such as C(0/1800028); raises OpsError for anything else."""
    match = _LSN.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise OpsError(f"'{text}' is no LSN; write it as two hexadecimal numbers such as 0/1800028.")
    return int(match["high"], 16) * _LOG_BYTES + int(match["low"], 16)


def format_lsn(position: int) -> str:
    """Return the byte *position* as PostgreSQL writes an LSN."""
    return f"{position // _LOG_BYTES:X}/{position % _LOG_BYTES:X}"


def segment_of_lsn(position: int, *, segment_size: int) -> int:
    """Return the number of the segment that holds the byte at *position*."""
    return position // segment_size


def parse_history(text: str) -> list[Fork]:
    """Return the forks of a history file, oldest first; raises OpsError for other lines or when they do not ascend."""
    forks: list[Fork] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].isdigit():
            raise OpsError(f"The history file holds a line that is no fork: {line[:60]!r}.")
        fork = Fork(int(parts[0]), parse_lsn(parts[1]), parts[2].strip() if len(parts) > 2 else "")
        if forks and (fork.timeline <= forks[-1].timeline or fork.lsn < forks[-1].lsn):
            raise OpsError(f"The history file does not ascend at timeline {fork.timeline}.")
        forks.append(fork)
    return forks


def parse_archive(listing: Mapping[str, Mapping[str, object]], *, prefix: str, segment_size: int) -> Archive:
    """Return what a repository *listing* holds below *prefix* (C(archive/<stanza>/<id>)).

    *listing* maps paths below the repository to C(type), C(size) and C(time) as C(repo-ls --output=json) gives them.
    Names that are neither a segment, a partial segment nor a history file are left out: backup labels, directories.
    """
    archive = Archive()
    for path, entry in listing.items():
        if entry.get("type") != "file" or not path.startswith(prefix + "/"):
            continue
        base = path.rsplit("/", 1)[-1]
        history = _HISTORY.match(base)
        if history is not None:
            archive.histories[int(history["timeline"], 16)] = path
            continue
        match = _FILE.match(base)
        if match is None:
            continue
        file = ArchivedFile(
            path,
            match["checksum"],
            int(str(entry.get("size", 0))),
            float(str(entry.get("time", 0))),
            match["format"] or "none",
        )
        segment = parse_segment(match["name"], segment_size=segment_size)
        if match["partial"]:
            archive.partials[segment] = file
        else:
            archive.segments.setdefault(segment, []).append(file)
    return archive


def path_to(timeline: int, histories: Mapping[int, Sequence[Fork]]) -> list[Fork]:
    """Return the forks that lead to *timeline*, oldest first, from its own history file.

    Timeline 1 has no history. Raises OpsError when the history file of a later timeline is not there.
    """
    if timeline == 1:
        return []
    if timeline not in histories:
        raise OpsError(f"The history file of timeline {timeline} ({timeline:08X}.history) is not in the archive.")
    return list(histories[timeline])


def required_stretches(
    *, start: Segment, timeline: int, last: int, forks: Sequence[Fork], segment_size: int
) -> list[Stretch]:
    """Return what recovery from *start* up to segment *last* of *timeline* has to read.

    The segment that holds a fork is read from the younger timeline: PostgreSQL copies its beginning there and writes
    on, so the older copy alone would end recovery at the fork. Raises OpsError when *start* does not lie on the way to
    *timeline* (its timeline was left before *start*, or never belonged to it).
    """
    order = [*forks, Fork(timeline, (last + 1) * segment_size, "")]
    names = [fork.timeline for fork in order]
    if start.timeline not in names:
        raise OpsError(f"Timeline {start.timeline} does not lead to timeline {timeline}.")
    stretches: list[Stretch] = []
    first = start.number
    for index in range(names.index(start.timeline), len(order)):
        fork = order[index]
        is_head = index == len(order) - 1
        end = last if is_head else segment_of_lsn(fork.lsn, segment_size=segment_size) - 1
        if not is_head and end + 1 < first:
            raise OpsError(f"Timeline {fork.timeline} was left at {format_lsn(fork.lsn)}, before the start.")
        if end >= first:
            stretches.append(Stretch(fork.timeline, first, end))
            first = end + 1
    return stretches


def missing_stretches(stretches: Iterable[Stretch], present: Iterable[Segment]) -> list[Stretch]:
    """Return the parts of *stretches* that are not among *present*, in the order recovery would ask for them.

    Works on the numbers that are there, so a foreign file with a far name costs nothing.
    """
    there: dict[int, list[int]] = {}
    for segment in sorted(set(present)):
        there.setdefault(segment.timeline, []).append(segment.number)
    missing: list[Stretch] = []
    for stretch in stretches:
        numbers = there.get(stretch.timeline, [])
        first = stretch.first
        for number in numbers[bisect_left(numbers, stretch.first) : bisect_right(numbers, stretch.last)]:
            if number > first:
                missing.append(Stretch(stretch.timeline, first, number - 1))
            first = number + 1
        if first <= stretch.last:
            missing.append(Stretch(stretch.timeline, first, stretch.last))
    return missing


def ranges(segments: Iterable[Segment]) -> list[Stretch]:
    """Return *segments* as stretches without a gap, ascending by timeline and number."""
    stretches: list[Stretch] = []
    for segment in sorted(set(segments)):
        if stretches and stretches[-1].timeline == segment.timeline and stretches[-1].last == segment.number - 1:
            stretches[-1] = stretches[-1]._replace(last=segment.number)
        else:
            stretches.append(Stretch(segment.timeline, segment.number, segment.number))
    return stretches
