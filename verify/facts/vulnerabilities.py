# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of scanners, as checks read them: the newest scan of each host and image, and since when a finding is known.

Where several scanners look at a target, what any of them found last is open: another one's silence mends nothing.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

from verify.engine.estate import Estate
from verify.facts.records import Record, everything

__all__ = ["Finding", "Scan", "Vulnerabilities", "vulnerabilities"]

# Scanners whose forms know no critical severity: their silence about it means nothing.
_WITHOUT_CRITICAL = ("debsecan",)
_AND = " and "
_RANKS = ("critical", "high", "medium", "low", "negligible", "none")
# What a scanner found counts until it was silent for so long while another one looked: then it was given up.
_GIVEN_UP_S = 30 * 86400.0
# Scans this close to the newest speak for today.
_TODAY_S = 26 * 3600.0


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
    """The newest scan of a host, image or repository; of several scanners, their newest ones together."""

    kind: str
    name: str
    scanner: str
    version: str
    database_built: float | None
    scanned: float
    packages: int | None
    findings: tuple[Finding, ...]
    klass: str
    digest: str | None

    @property
    def rated(self) -> bool:
        """Return whether "nothing critical" means something: the scanner knows the word, and has rated what can be
        mended."""
        unrated = any(one.severity == "unknown" and one.fixable for one in self.findings)
        return not set(self.scanner.split(_AND)) <= set(_WITHOUT_CRITICAL) and not unrated


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
    """Return the last scan of one target, of each scanner that is still in use, with what the earlier ones of ``rows``,
    which are in order, say of its findings."""
    first: dict[tuple[str, str], float] = {}
    for row in rows:
        for finding in row.findings:
            first.setdefault((finding.id, finding.package), row.scanned)
    newest = {str(row.scanner.name): row for row in rows}
    last = rows[-1]
    used = {name: row for name, row in newest.items() if last.scanned - row.scanned <= _GIVEN_UP_S}
    found: dict[tuple[str, str], Finding] = {}
    for row in used.values():
        for one in row.findings:
            finding = _finding(one, first[one.id, one.package])
            known = found.setdefault((one.id, one.package), finding)
            if _rank(finding) < _rank(known):
                found[one.id, one.package] = finding
    # A scanner of last week does not make up for what one of today cannot rate.
    today = [newest[name] for name in sorted(used) if last.scanned - newest[name].scanned <= _TODAY_S]
    built = [row.scanner.database_built for row in today if row.scanner.database_built is not None]
    looked = [row.packages for row in today if row.packages is not None]
    return Scan(
        *(last.target.kind, last.target.name, _AND.join(row.scanner.name for row in today)),
        *(_AND.join(row.scanner.version or "" for row in today), min(built, default=None), last.scanned),
        *(min(looked, default=None), tuple(found.values()), last.klass),
        digest=last.target.digest,
    )


def _rank(finding: Finding) -> int:
    """Return how bad a finding is, the worst first; what nobody rated comes last."""
    return _RANKS.index(finding.severity) if finding.severity in _RANKS else len(_RANKS)


def _finding(one: Record, first_seen: float) -> Finding:
    return Finding(
        id=one.id,
        severity=one.severity,
        package=one.package,
        installed=one.installed,
        fixed_version=one.fixed_version,
        published=one.published,
        first_seen=first_seen,
        title=one.title,
        status=one.status,
    )
