# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed on a host, what waits to be, and what still runs from before: parsers of the answers.

Each parser takes the text of one answer and raises ValueError when it is not what the command prints.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = [
    *("AptArchive", "OsRelease", "Package", "PatchRun", "StaleProcess", "Upgradable"),
    *("apt_archives", "apt_history", "newest_kernel", "os_release", "packages", "properties", "stale_processes"),
    "upgradable",
]


@dataclass(frozen=True, slots=True)
class OsRelease:
    """Distribution: ``id`` such as ``debian``, ``version_id`` such as ``12``, and its name for people."""

    id: str
    version_id: str
    codename: str
    pretty: str


@dataclass(frozen=True, slots=True)
class Package:
    """One package that dpkg knows; one that left only its configuration, or is half done, is not ``installed``."""

    name: str
    version: str
    architecture: str
    source: str
    state: str

    @property
    def installed(self) -> bool:
        """Return whether the package is installed completely."""
        return self.state[1:2] == "i" and not self.state[2:].strip()


@dataclass(frozen=True, slots=True)
class Upgradable:
    """One update that an archive offers: from ``installed`` to ``candidate``, by the suites that have it."""

    package: str
    architecture: str
    installed: str
    candidate: str
    suites: tuple[str, ...]

    @property
    def security(self) -> bool:
        """Return whether the archive that offers it is one for security updates, by the name of its suite."""
        return any("security" in suite for suite in self.suites)


@dataclass(frozen=True, slots=True)
class AptArchive:
    """One archive that apt knows: when it was signed, and until when that signature may be used (seconds, UTC)."""

    file: str
    origin: str
    label: str
    suite: str
    codename: str
    date: float
    valid_until: float | None


@dataclass(frozen=True, slots=True)
class PatchRun:
    """One transaction of apt: start and end (seconds, UTC; no end: it was broken off), and what it changed."""

    start: float
    end: float | None
    command: str
    by: str
    upgraded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    installed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether apt came to its end without an error."""
        return self.end is not None and not self.error


@dataclass(frozen=True, slots=True)
class StaleProcess:
    """A process that still uses files of the system which were replaced since it started."""

    pid: int
    paths: tuple[str, ...]


def properties(text: str, separator: str = "=") -> dict[str, str]:
    """Read ``NAME=value`` lines, quotes removed; lines of another form are an error."""
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, sign, value = line.partition(separator)
        if not sign:
            raise ValueError(f"this line has no {separator!r}: {line[:60]!r}")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def os_release(text: str) -> OsRelease:
    """Read os-release(5)."""
    found = properties(text)
    if "ID" not in found:
        raise ValueError("os-release names no ID")
    return OsRelease(
        found["ID"], found.get("VERSION_ID", ""), found.get("VERSION_CODENAME", ""), found.get("PRETTY_NAME", "")
    )


def packages(text: str) -> dict[str, Package]:
    """Read dpkg-query's list: state, name, version, architecture and source, separated by tabs.

    A name that is installed for several architectures carries all but the first as ``name:architecture``.
    """
    found: dict[str, Package] = {}
    for line in text.splitlines():
        state, name, version, architecture, source = line.split("\t")
        key = f"{name}:{architecture}" if name in found else name
        found[key] = Package(name, version, architecture, source, state)
    if "dpkg" not in found:
        raise ValueError("dpkg itself is not in its list, so the list is not whole")
    return found


_UPGRADABLE = re.compile(r"^(\S+?)/(\S+) (\S+) (\S+) \[upgradable from: (\S+)\]$")


def upgradable(text: str) -> list[Upgradable]:
    """Read ``apt list --upgradable``: ``package/suite,suite version architecture [upgradable from: version]``.

    The suites end with ``now`` for a version that lies in apt's own archive; that is no suite.
    """
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("Listing..."):
            continue
        match = _UPGRADABLE.match(line.strip())
        if match is None:
            raise ValueError(f"apt says {line[:80]!r}, which is no update")
        package, suites, candidate, architecture, installed = match.groups()
        named = tuple(suite for suite in suites.split(",") if suite != "now")
        found.append(Upgradable(package, architecture, installed, candidate, named))
    return found


_RELEASE = re.compile(r"^(\S+?):(Origin|Label|Suite|Codename|Date|Valid-Until): (.*)$")


def apt_archives(text: str) -> list[AptArchive]:
    """Read the heads of the Release files below /var/lib/apt/lists; ``Date`` is when the archive signed its index."""
    rows: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        match = _RELEASE.match(line)
        if match is None:
            raise ValueError(f"this is no line of a Release file: {line[:80]!r}")
        rows.setdefault(match[1], {})[match[2]] = match[3].strip()
    return [
        AptArchive(
            file=path.rpartition("/")[2],
            origin=row.get("Origin", ""),
            label=row.get("Label", ""),
            suite=row.get("Suite", ""),
            codename=row.get("Codename", ""),
            date=_http_date(row["Date"]),
            valid_until=_http_date(row["Valid-Until"]) if "Valid-Until" in row else None,
        )
        for path, row in rows.items()
    ]


def _http_date(text: str) -> float:
    moment = parsedate_to_datetime(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_CHANGE = re.compile(r"([^\s,()]+):(\S+) \(([^()]*)\)")


def apt_history(text: str) -> list[PatchRun]:
    """Read apt's history, oldest first. Its times are those of the host's zone; hosts of an estate run in UTC."""
    runs = []
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.strip()]
        if rows:
            runs.append(_patch_run(properties("\n".join(rows), ": ")))
    return sorted(runs, key=lambda run: run.start)


def _patch_run(row: Mapping[str, str]) -> PatchRun:
    upgraded = {}
    for name, _architecture, versions in _CHANGE.findall(row.get("Upgrade", "")):
        old, _comma, new = versions.partition(", ")
        upgraded[name] = (old, new.partition(",")[0])
    end = row.get("End-Date")
    return PatchRun(
        start=_local_date(row["Start-Date"]),
        end=_local_date(end) if end else None,
        command=row.get("Commandline", ""),
        by=row.get("Requested-By", ""),
        upgraded=upgraded,
        installed=_names(row.get("Install", "")),
        removed=_names(row.get("Remove", "")) + _names(row.get("Purge", "")),
        error=row.get("Error", ""),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name, _architecture, _versions in _CHANGE.findall(text))


def _local_date(text: str) -> float:
    return datetime.strptime(" ".join(text.split()), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


_SYSTEM_FILE = re.compile(
    r"^/proc/(\d+)/maps:\S+ \S+ \S+ \S+ \d+ +((?:/usr|/lib|/lib64|/bin|/sbin|/opt)/.*) \(deleted\)$"
)


def stale_processes(text: str) -> list[StaleProcess]:
    """Read the lines of /proc/PID/maps with ``(deleted)``; shared memory and temporary files are no replaced files."""
    found: dict[int, dict[str, None]] = {}
    for line in text.splitlines():
        if not line.startswith("/proc/"):
            raise ValueError(f"this is no line of a process's map: {line[:80]!r}")
        match = _SYSTEM_FILE.match(line)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = None
    return [StaleProcess(pid, tuple(paths)) for pid, paths in sorted(found.items())]


_KERNEL = re.compile(r"^linux-image-(\d\S*?)(?:-unsigned)?$")


def newest_kernel(known: Mapping[str, Package]) -> str | None:
    """Return the release of the newest kernel that is installed, as ``uname -r`` would say it; None without any."""
    releases = [match[1] for match in map(_KERNEL.match, _installed(known)) if match]
    return max(releases, key=_release_key, default=None)


def _installed(known: Mapping[str, Package]) -> Iterator[str]:
    return (package.name for package in known.values() if package.installed)


def _release_key(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release))
