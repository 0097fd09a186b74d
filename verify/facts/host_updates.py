# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old a pending update is: bounds that can be proved, by its host and by earlier runs.

A Debian archive does not say when a version was published: its Packages index has no date for an entry, and the
``Date`` of a Release file is when the whole index was last signed (Debian wiki, RepositoryFormat). Nor does apt's
record of an upgrade say what it kept back, because the package is held, excluded, or cannot be had with all that it
needs. So the age has two bounds, and only those:

- at least: the index that offers the update was signed at ``Date``, and a run that saw the package wait earlier proves
  more;
- at most: an earlier run saw an index that was signed at ``Date`` and did not offer the update yet.

The true age lies between them. A check that wants "not older than" has to use the upper bound; where there is none it
cannot pass.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.host_software import AptArchive, Upgradable
from verify.facts.host_storage import FileState
from verify.facts.instants import epoch_or_none

__all__ = ["Apt", "PendingUpdate", "Sighting", "pending", "sightings"]

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


class Sighting(NamedTuple):
    """What earlier runs know of an update: when one first saw its package wait, and the date of the newest index that
    one saw without it (epoch seconds; None: never)."""

    seen: float | None
    absent: float | None


def sightings(estate: Estate, host: str) -> dict[str, Sighting]:
    """Return what earlier runs know of the updates of a host, by ``package:architecture``; nothing when no earlier run
    asked the host or none can be read, which leaves the ages without an upper bound."""
    try:
        return estate.read("ledger", "updates", _parse).get(host, {})
    except NoEvidence:
        return {}


def _parse(text: str) -> dict[str, dict[str, Sighting]]:
    return {
        host: {key: Sighting(epoch_or_none(one["seen"]), epoch_or_none(one["absent"])) for key, one in found.items()}
        for host, found in json.loads(text)["hosts"].items()
    }


def pending(
    updates: Iterable[Upgradable], archives: Sequence[AptArchive], known: Mapping[str, Sighting], *, now: float
) -> list[PendingUpdate]:
    """Return the updates with the bounds of their ages, security updates first; ``known`` is what earlier runs saw."""
    found = []
    for one in updates:
        sighting = known.get(f"{one.package}:{one.architecture}", Sighting(None, None))
        offered = min(now, _signed(one, archives, now), now if sighting.seen is None else sighting.seen)
        at_most = None if sighting.absent is None else max(0.0, now - sighting.absent)
        age = (now - offered, at_most)
        found.append(PendingUpdate(one.package, one.installed, one.candidate, one.suites, one.security, *age))
    return sorted(found, key=lambda update: (not update.security, update.package))


def _signed(update: Upgradable, archives: Iterable[AptArchive], now: float) -> float:
    """Return when the youngest index that offers the update was signed; now when none is known by its suite."""
    dates = [one.date for one in archives if one.suite in update.suites or one.codename in update.suites]
    return max(dates, default=now)
