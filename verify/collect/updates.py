# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when updates wait, kept as a fact: what earlier runs saw of the updates that hosts lack today.

An archive does not say when it published a version, and a host's own record does not say what an upgrade kept back. An
earlier run does: it saw the update wait, or it saw an index, of a signed date, that did not offer it yet.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms
from verify.collect.previous import SUBJECT
from verify.engine.evidence import Evidence, NoEvidence
from verify.engine.store import read_evidence
from verify.facts.host_software import AptArchive, Package, Upgradable, apt_archives, packages, upgradable

__all__ = ["UPDATES", "collect"]

UPDATES = "updates"
_LOOK_BACK = 30
T = TypeVar("T")
Since = dict[str, str | None]


def collect(base: Path, own: Path, evidence: Evidence, *, hosts: Collection[str], now: Callable[[], float]) -> None:
    """Record, of each update that waits on a host of this run, what the newest run before that asked the host knew.

    ``base`` is the folder of the environment's runs, ``own`` that of this one. The body is ``{"hosts": {name:
    {"package:architecture": {"run", "seen", "absent"}}}}``: ``seen`` is when a run first saw the package wait, or null;
    ``absent`` the date of the newest index that a run saw without the update, or null. A host that no run asked before
    has no entry. When an earlier run cannot be read, the fact says so.
    """
    about: dict[str, Any] = {"subject": SUBJECT, "name": UPDATES, "source": SUBJECT, "collected": now()}
    waiting = {name: found for name in hosts if (found := _fact(evidence, name, UPDATES, upgradable))}
    known: dict[str, dict[str, Since]] = {}
    try:
        for folder in _earlier(base, own):
            asked = [name for name in waiting if name not in known]
            if not asked:
                break
            past = read_evidence(folder)
            for name in asked:
                before = _before(past, name, folder.name)
                if before is not None:
                    known[name] = {_key(one): before.since(one) for one in waiting[name]}
    except OpsError as exc:
        evidence.missing(f"An earlier run cannot be read: {exc.message}", command=str(base), **about)
        return
    evidence.record(canonical_json({"hosts": known}).decode(), command=str(base), rc=0, **about)


def _earlier(base: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of the runs before this one, the newest first."""
    found = sorted((path.parents[1] for path in base.glob("*/evidence/index.jsonl")), reverse=True)
    yield from [path for path in found if path.name < own.name][:_LOOK_BACK]


def _key(one: Upgradable) -> str:
    return f"{one.package}:{one.architecture}"


def _fact(evidence: Evidence, subject: str, name: str, parser: Callable[[str], T]) -> T | None:
    """Return a fact as a parser reads it; None when it was not had, or not whole."""
    fact = evidence.get(subject, name)
    if fact is None or fact.error is not None or fact.size > fact.kept:
        return None
    try:
        return evidence.parsed(fact, parser)
    except NoEvidence:
        return None


@dataclass(frozen=True)
class _Before:
    """What an earlier run saw of a host, and what it knew from those before it."""

    run: str
    at: str
    waiting: Mapping[str, Upgradable]
    packages: Mapping[str, Package]
    archives: tuple[AptArchive, ...]
    known: Mapping[str, Since]

    def since(self, one: Upgradable) -> Since:
        """Return since when an update waits.

        A newer version of what waited already goes on waiting: the host has lacked an update of that package since.
        """
        found = self.waiting.get(_key(one))
        same = found is not None and found.candidate == one.candidate
        if found is not None and (same or (found.security and found.installed == one.installed)):
            told = self.known.get(_key(one), {})
            return {"run": self.run, "seen": told.get("seen") or self.at, "absent": told.get("absent")}
        return {"run": self.run, "seen": None, "absent": self._absent(one)}

    def _absent(self, one: Upgradable) -> str | None:
        """Return the date of the index that did not offer the update: the package was there and could have had it."""
        package = self.packages.get(_key(one)) or self.packages.get(one.package)
        if package is None or not package.installed or package.version == one.candidate:
            return None
        dates = {
            suite: [file.date for file in self.archives if suite in (file.suite, file.codename)] for suite in one.suites
        }
        if not dates or not all(dates.values()):
            return None
        return iso_ms(from_epoch(min(date for found in dates.values() for date in found)))


def _before(past: Evidence, host: str, run: str) -> _Before | None:
    """Return what a run saw of a host; None when it did not ask, or was not answered in full."""
    waiting = _fact(past, host, UPDATES, upgradable)
    installed = _fact(past, host, "packages", packages)
    archives = _fact(past, host, "apt_archives", apt_archives)
    fact = past.get(host, UPDATES)
    if waiting is None or installed is None or archives is None or fact is None:
        return None
    known = (_fact(past, SUBJECT, UPDATES, json.loads) or {}).get("hosts", {}).get(host, {})
    at = iso_ms(from_epoch(fact.collected))
    return _Before(run, at, {_key(one): one for one in waiting}, installed, tuple(archives), known)
