# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail that a host leaves: journal, sessions, forwarding, and the central logs. Parsers of the answers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from verify.facts.host_storage import grepped, stamped_files

__all__ = [
    *("AdminLine", "CentralLog", "Clock", "Connection", "Journal", "JournalFile"),
    *("admin_lines", "central_logs", "chrony_offset", "clock", "connection", "forwarding", "journal", "keep_days"),
    *("CHRONY", "TIMESYNCD", "TIMESYNCD_ANSWERED", "log_files", "textfiles"),
]

CHRONY = frozenset({"chrony.service", "chronyd.service"})
TIMESYNCD = "systemd-timesyncd.service"
# There once a server of time has answered systemd-timesyncd.service(8).
TIMESYNCD_ANSWERED = "/run/systemd/timesync/synchronized"


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One file of the journal; instants in seconds since the epoch (UTC), None for a file without entries.

    ``sequence`` names the numbering that ``first`` and ``last`` belong to.
    """

    path: str
    state: str
    sealed: bool
    tags: int
    sequence: str
    first: int
    last: int
    oldest: float | None
    newest: float | None


@dataclass(frozen=True, slots=True)
class Journal:
    """All files of a host's journal."""

    files: tuple[JournalFile, ...]

    @property
    def system(self) -> tuple[JournalFile, ...]:
        """Return the files of the system's own journal, oldest first."""
        own = [one for one in self.files if re.search(r"/system(@[^/]*)?\.journal~?$", one.path)]
        return tuple(sorted(own, key=lambda one: one.oldest or 0.0))

    @property
    def persistent(self) -> bool:
        """Return whether the system's journal lies on disk."""
        return any(one.path.startswith("/var/log/journal/") for one in self.system)

    @property
    def sealed(self) -> bool:
        """Return whether the file that the system writes to now is sealed, and has a tag in it."""
        now = [one for one in self.system if one.state == "ONLINE"]
        return bool(now) and all(one.sealed and one.tags for one in now)

    @property
    def oldest(self) -> float | None:
        """Return the instant of the oldest entry of the system's journal."""
        return min((one.oldest for one in self.system if one.oldest is not None), default=None)

    @property
    def newest(self) -> float | None:
        """Return the instant of the newest entry of the system's journal."""
        return max((one.newest for one in self.system if one.newest is not None), default=None)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Return where entries are missing between two files of one numbering, as a sentence each.

        journald counts the entries of the system and of its users together, also where their files name the numbering
        differently; what a file of the same time holds is not missing.
        """
        found = []
        for sequence in dict.fromkeys(one.sequence for one in self.files):
            own = sorted(
                (one for one in self.files if one.sequence == sequence and one.last), key=lambda one: one.first
            )
            others = [one for one in self.files if one.sequence != sequence and one.last]
            for first, last in _holes(own, others):
                found.append(f"entries {first} to {last} of {sequence} are missing")
        return tuple(found)


def _holes(own: Iterable[JournalFile], others: Iterable[JournalFile]) -> Iterable[tuple[int, int]]:
    reached: JournalFile | None = None
    for one in own:
        if reached is not None and one.first > reached.last + 1:
            begin, end = reached.newest or 0.0, one.oldest or float("inf")
            same_time = [row for row in others if (row.oldest or 0.0) <= end and (row.newest or 0.0) >= begin]
            yield from _left(reached.last + 1, one.first - 1, same_time)
        if reached is None or one.last > reached.last:
            reached = one


def _left(first: int, last: int, files: Iterable[JournalFile]) -> Iterable[tuple[int, int]]:
    """Return the parts of a range of numbers that no file holds."""
    for one in sorted(files, key=lambda row: row.first):
        if one.first > first and first <= min(one.first - 1, last):
            yield first, min(one.first - 1, last)
        first = max(first, one.last + 1)
    if first <= last:
        yield first, last


@dataclass(frozen=True, slots=True)
class AdminLine:
    """One line that sudo, su or sshd left: when (seconds since the epoch), which program, and what it says."""

    at: float
    program: str
    message: str


@dataclass(frozen=True, slots=True)
class CentralLog:
    """What the log host received last from one host: the instant of its newest line, that line, and how many logs."""

    host: str
    newest: float
    line: str
    logs: int


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds by which the host's clock is ahead of the controller's, and how far that figure can be off."""

    offset_s: float
    uncertainty_s: float


@dataclass(frozen=True, slots=True)
class Connection:
    """How the host was reached: account and its number, fingerprint of the host key, and the key exchange."""

    address: str
    user: str
    uid: int
    fingerprint: str
    kex: str
    seconds: float


def journal(text: str) -> Journal:
    """Read ``journalctl --header``: one block of ``Name: value`` lines a file."""
    files = tuple(_journal_file(block) for block in text.split("\n\n") if block.strip())
    if not files:
        raise ValueError("there is no journal")
    return Journal(files)


def _journal_file(block: str) -> JournalFile:
    rows = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
    value = {name.strip().lower(): rest.strip() for name, rest in rows.items()}
    return JournalFile(
        path=value["file path"],
        state=value["state"],
        sealed="SEALED" in value["compatible flags"].split(),
        tags=int(value.get("tag objects", "0")),
        sequence=value["sequential number id"],
        first=int(value["head sequential number"].split()[0]),
        last=int(value["tail sequential number"].split()[0]),
        oldest=_micro(value["head realtime timestamp"]),
        newest=_micro(value["tail realtime timestamp"]),
    )


def _micro(text: str) -> float | None:
    """Read the microseconds, in hex, that stand in parentheses behind a date for people."""
    match = re.search(r"\(([0-9a-f]+)\)$", text)
    value = int(match[1], 16) if match else 0
    return value / 1e6 if value else None


_ADMIN = re.compile(r"^(\d+\.\d+) \S+ ([^\s\[:]+)(?:\[\d+\])?: (.*)$")


def admin_lines(text: str) -> list[AdminLine]:
    """Read the journal's lines with seconds in front, oldest first; a line that goes on is added to the one before."""
    found: list[AdminLine] = []
    for line in text.splitlines():
        match = _ADMIN.match(line)
        if match:
            found.append(AdminLine(float(match[1]), match[2], match[3].strip()))
        elif found and line.startswith(" "):
            found[-1] = AdminLine(found[-1].at, found[-1].program, f"{found[-1].message} {line.strip()}")
        elif line.strip() and not line.startswith("-- "):
            raise ValueError(f"this is no line of the journal: {line[:80]!r}")
    return sorted(found, key=lambda one: one.at)


_TARGET = re.compile(r"\btarget=\"([^\"]+)\"")
_LEGACY = re.compile(r"\s@@?(?:\([^)]*\))?\[?([\w.-]+(?::[\w:]*:[\w:]*)?)\]?(?::\d+)?(?:;|\s|$)")


def forwarding(text: str) -> list[str]:
    """Read rsyslog's configuration and return the hosts that it sends to."""
    found: dict[str, None] = {}
    for _path, line in grepped(text):
        for pattern in (_TARGET, _LEGACY):
            for target in pattern.findall(line):
                found[target] = None
    return list(found)


_UNITS_DAYS = {"daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


def keep_days(text: str) -> dict[str, float]:
    """Read logrotate's configuration: pattern of paths -> days for which rotated files are kept.

    Rotations kept times days between them (logrotate(8)), shortened by ``maxage``; defaults of logrotate.conf count.
    """
    default, found = {"every": 7, "rotate": 0, "maxage": 0}, {}
    paths: list[str] = []
    own: dict[str, int] | None = None
    for _path, raw in grepped(text):
        line = raw.strip()
        if own is None and (line.startswith("/") or line == "{"):
            paths += line.removesuffix("{").split()
            own = dict(default) if line.endswith("{") else None
        elif own is not None and line == "}":
            days = own["rotate"] * own["every"]
            found.update({one.strip('"'): float(min(days, own["maxage"] or days)) for one in paths})
            paths, own = [], None
        else:
            _directive(line, own if own is not None else default)
    return found


def _directive(line: str, into: dict[str, int]) -> None:
    word, _blank, rest = line.partition(" ")
    if word in _UNITS_DAYS:
        into["every"] = _UNITS_DAYS[word]
    elif word in ("rotate", "maxage") and rest.strip().isdigit():
        into[word] = int(rest)


_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))\s+(\S+)\s")


def central_logs(text: str) -> dict[str, CentralLog]:
    """Read the last lines of central logs, each below ``==> path <==``: host (its directory) -> what it sent last.

    The instant is the one in the line, in RSYSLOG_FileFormat (RFC 3339). A log whose line has none does not count.
    """
    found: dict[str, CentralLog] = {}
    host = ""
    for line in text.splitlines():
        if line.startswith("==> ") and line.endswith(" <=="):
            host = line[4:-4].rsplit("/", 2)[-2]
            continue
        match = _STAMP.match(line)
        if match and host:
            at = datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp()
            known = found.get(host)
            newest = known if known and known.newest >= at else CentralLog(host, at, line, 0)
            found[host] = CentralLog(host, newest.newest, newest.line, (known.logs if known else 0) + 1)
    return found


def log_files(text: str) -> Mapping[str, list[tuple[str, float, int]]]:
    """Read ``mtime size path`` lines of central logs: host (its directory) -> its files with age and bytes."""
    found: dict[str, list[tuple[str, float, int]]] = {}
    for path, (mtime, size) in stamped_files(text).items():
        found.setdefault(path.rsplit("/", 2)[-2], []).append((path, mtime, size))
    return found


def textfiles(text: str) -> dict[str, tuple[float, int]]:
    """Read ``mtime size name`` lines of the node exporter's files: name -> (seconds since the epoch, bytes)."""
    return stamped_files(text)


def chrony_offset(text: str) -> float:
    """Read ``chronyc -c tracking``: seconds by which the system's clock is off, as chrony sees it (chronyc(1))."""
    words = text.strip().split(",")
    if len(words) < 14:
        raise ValueError(f"this is not what chronyc prints: {text[:60]!r}")
    return float(words[4])


def clock(text: str) -> Clock:
    """Read what the collector measured of a host's clock."""
    row = json.loads(text)
    return Clock(float(row["offset_s"]), float(row["uncertainty_s"]))


def connection(text: str) -> Connection:
    """Read what the collector noted of a connection."""
    row = json.loads(text)
    return Connection(
        *(row["address"], row["user"], int(row["uid"]), row["fingerprint"], row["kex"], float(row["seconds"]))
    )
