# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old a pending update is: bounds that can be proved from the host alone.

A Debian archive does not say when a version was published: its Packages index has no date for an entry, and the
``Date`` of a Release file is when the whole index was last signed (Debian wiki, RepositoryFormat). So the age has two
bounds, and only those:

- at least: the index that offers the update was signed at ``Date``, and a run that saw it pending earlier proves more;
- at most: when the host last took every update its archives had (apt's own record), the update was not among them.
  A package that is held is left out by every run, so nothing bounds the age of its update; and apt-get's plain
  ``upgrade`` leaves out whatever needs a new package, such as most kernels.

The true age lies between them. A check that wants "not older than" has to use the upper bound; where there is none it
cannot pass.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from verify.facts.host_software import AptArchive, PatchRun, Upgradable
from verify.facts.host_storage import FileState

__all__ = ["Apt", "PendingUpdate", "pending"]

_WHOLE = re.compile(
    r"\s(?:dist-upgrade|full-upgrade|safe-upgrade)(?:\s|$)|unattended-upgrade"
    r"|\bapt\s(?:.*\s)?upgrade(?:\s|$)|--with-new-pkgs\s(?:.*\s)?upgrade(?:\s|$)|\supgrade\s(?:.*\s)?--with-new-pkgs(?:\s|$)"
)
_SLACK_S = 300.0
# Stamps that are touched whenever apt fetched its lists, the most telling first.
_STAMPS = ("/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists", "/var/cache/apt/pkgcache.bin")


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """One update that waits.

    Its true age lies between ``age_at_least_s`` and ``age_at_most_s``, in seconds; None means that nothing bounds it.
    """

    package: str
    installed: str
    candidate: str
    suites: tuple[str, ...]
    security: bool
    age_at_least_s: float
    age_at_most_s: float | None

    @property
    def key(self) -> str:
        """Return the update's name in the ledger: package and version."""
        return f"{self.package}={self.candidate}"


@dataclass(frozen=True, slots=True)
class Apt:
    """apt's archives, and how old its lists are."""

    archives: tuple[AptArchive, ...]
    stamps: Mapping[str, FileState]
    now: float

    @property
    def lists_age_s(self) -> float | None:
        """Return the seconds since apt last fetched its lists; None when nothing tells, as a stamp of the future."""
        seen = [self.stamps[path].mtime for path in _STAMPS[:2] if path in self.stamps]
        return self.now - max(seen) if seen and max(seen) <= self.now + _SLACK_S else None

    @property
    def security_archives(self) -> tuple[AptArchive, ...]:
        """Return the archives for security updates; none at all means that nobody offers any."""
        return tuple(one for one in self.archives if "security" in f"{one.suite} {one.label}".lower())


def pending(
    updates: Iterable[Upgradable],
    archives: Sequence[AptArchive],
    runs: Sequence[PatchRun],
    *,
    now: float,
    held: Collection[str] = (),
) -> list[PendingUpdate]:
    """Return the updates with the bounds of their ages, security updates first; ``held`` are packages on hold."""
    since = last_whole_upgrade(runs)
    found = [
        PendingUpdate(
            package=one.package,
            installed=one.installed,
            candidate=one.candidate,
            suites=one.suites,
            security=one.security,
            age_at_least_s=max(0.0, now - _signed(one, archives, now)),
            age_at_most_s=None if since is None or one.package in held else max(0.0, now - since),
        )
        for one in updates
    ]
    return sorted(found, key=lambda update: (not update.security, update.package))


def last_whole_upgrade(runs: Iterable[PatchRun]) -> float | None:
    """Return when apt last took all updates without an error (start, epoch seconds); None when its record has none.

    Only runs that upgrade as a whole count; one that installs single packages says nothing of the others.
    """
    whole = [run.start for run in runs if run.succeeded and _WHOLE.search(run.command)]
    return max(whole, default=None)


def _signed(update: Upgradable, archives: Iterable[AptArchive], now: float) -> float:
    """Return when the youngest index that offers the update was signed; now when none is known by its suite."""
    dates = [one.date for one in archives if one.suite in update.suites or one.codename in update.suites]
    return max(dates, default=now)
