# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of scanners, as checks read them: the newest scan of each host and image, and since when a finding is known.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

from verify.engine.estate import Estate
from verify.facts.records import Record, everything

__all__ = ["Finding", "Scan", "Vulnerabilities", "vulnerabilities"]

# Scanners whose forms know no critical severity: their silence about it means nothing.
_WITHOUT_CRITICAL = ("debsecan",)


class Finding(NamedTuple):
    """One vulnerability of one package. ``first_seen`` is the oldest scan on file that has it."""

    id: str
    severity: str
    package: str
    installed: str | None
    fixed_version: str | None
    published: float | None
    first_seen: float
    title: str | None
    status: str | None

    @property
    def fixable(self) -> bool:
        """Return whether a version that mends it was published."""
        return bool(self.fixed_version)


class Scan(NamedTuple):
    """The newest scan of a host, image or repository."""

    kind: str
    name: str
    scanner: str
    version: str
    database_built: float | None
    scanned: float
    packages: int | None
    findings: tuple[Finding, ...]
    klass: str

    @property
    def rated(self) -> bool:
        """Return whether "nothing critical" means something: the scanner knows the word, and has rated what can be
        mended."""
        unrated = any(one.severity == "unknown" and one.fixable for one in self.findings)
        return self.scanner not in _WITHOUT_CRITICAL and not unrated


class Vulnerabilities:
    """All scans on file."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._rows = everything(estate, "vulnerability_scan")

    def newest(self, kind: str, name: str) -> Scan | None:
        """Return the newest scan of a ``host``, ``image`` or ``repository``; None when there is none."""
        rows = [row for row in self._rows if row.target.kind == kind and row.target.name == name]
        return _scan(sorted(rows, key=lambda row: float(row.scanned))) if rows else None

    def names(self, kind: str) -> list[str]:
        """Return the names of what was ever scanned of a kind."""
        return sorted({str(row.target.name) for row in self._rows if row.target.kind == kind})

    @property
    def of_hosts(self) -> dict[str, Scan | None]:
        """Return the newest scan of every host of the environment; None for one that was never scanned."""
        return {name: self.newest("host", name) for name in self._estate.environment.hosts}

    @property
    def images(self) -> dict[str, Scan]:
        """Return the newest scan of every image that was ever scanned."""
        found = {name: self.newest("image", name) for name in self.names("image")}
        return {name: scan for name, scan in found.items() if scan is not None}


def vulnerabilities(estate: Estate) -> Vulnerabilities:
    """Return the scans on file. Raises `NoEvidence` when they cannot be read."""
    return Vulnerabilities(estate)


def _scan(rows: list[Record]) -> Scan:
    """Return the last of some scans of one target, in order, with what the earlier ones say of its findings."""
    last = rows[-1]
    first: dict[tuple[str, str], float] = {}
    for row in rows:
        for finding in row.findings:
            first.setdefault((finding.id, finding.package), row.scanned)
    findings = tuple(
        Finding(
            id=one.id,
            severity=one.severity,
            package=one.package,
            installed=one.installed,
            fixed_version=one.fixed_version,
            published=one.published,
            first_seen=first[one.id, one.package],
            title=one.title,
            status=one.status,
        )
        for one in last.findings
    )
    scanner, target = last.scanner, last.target
    return Scan(
        *(target.kind, target.name, scanner.name, scanner.version or "", scanner.database_built, last.scanned),
        *(last.packages, findings, last.klass),
    )
