# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of data assets, as checks read them: what the repository holds, what was proved, and each of the last days.

A backup is *verified* when a record proves it: the record of this very backup or of its restore test, or a later audit
of the whole repository, which reads every backup that is kept. restic's own program here checks the repository after
each backup and counts it as a success only then, so its success on a day proves that day's backup. A record of this
very backup that says otherwise refutes it; only a newer one of the same kind and backup takes that back.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import parse_info
from verify.engine.estate import View
from verify.engine.evidence import NoEvidence
from verify.facts.instants import DAY_S, epoch
from verify.facts.metrics import metrics
from verify.facts.records import SLACK_S, Record, everything

__all__ = ["Asset", "Backup", "DayOfBackup", "Repository", "differing", "parse_restic", "proved"]

_PROVED, _REFUTED, _UNDECIDED = "verified", "differs", "could_not_run"


class Backup(NamedTuple):
    """A backup that a repository holds. Instants in seconds since the epoch; the size is None where nobody tells."""

    label: str
    type: str
    started: float
    stopped: float
    ok: bool
    size_bytes: int | None
    encrypted: bool


class DayOfBackup(NamedTuple):
    """24 hours that ended on a day: whether a backup ended in them (None: nobody can tell), and was verified."""

    day: str
    succeeded: bool | None
    verified: bool


class Repository(NamedTuple):
    """What a repository holds of an asset, the oldest backup first. ``status`` is ``ok``, or what is wrong."""

    status: str
    encrypted: bool
    backups: tuple[Backup, ...]


class Asset(View, kind="asset"):
    """A data asset that the environment declares (``verify_assets``)."""

    @property
    def repository(self) -> Repository:
        """Return what the repository holds.

        Raises `NoEvidence` for a source that is not known or not read, and for a backup that is dated more than five
        minutes ahead: it would look fresh for as long as it lies ahead.
        """
        host, source = self.get("host"), self.get("source")
        if not host or source not in ("pgbackrest", "restic"):
            raise NoEvidence(f"verify_assets: {self.name} needs a host, and pgbackrest or restic as its source.")
        fact = "file_backup_snapshots" if source == "restic" else "pgbackrest_info"
        parse = parse_restic if source == "restic" else _of_stanza(str(self.get("stanza") or "main"))
        found: Repository = self.estate.read(host, fact, parse)
        ahead = [one.label for one in found.backups if max(one.started, one.stopped) - self.estate.now > SLACK_S]
        if ahead:
            raise NoEvidence(f"The backup {ahead[0]} of {self.name} lies in the future; some clock is wrong.")
        return found

    @property
    def backups(self) -> tuple[Backup, ...]:
        """Return the backups that the repository holds, the oldest first."""
        return self.repository.backups

    @property
    def newest(self) -> Backup | None:
        """Return the newest backup, also a faulty one; None when the repository holds none."""
        return max(self.backups, key=lambda one: one.stopped, default=None)

    @property
    def age_s(self) -> float:
        """Return the age of the newest backup without fault; `NoEvidence` when there is none."""
        good = [one.stopped for one in self.backups if one.ok]
        if not good:
            raise NoEvidence(f"The repository holds no good backup of {self.name}, so it has no age.")
        return self.estate.now - max(good)

    @property
    def encrypted(self) -> bool:
        """Return whether the repository is encrypted."""
        return self.repository.encrypted

    def served_by(self, name: str) -> bool:
        """Return whether a host serves the data itself: the one of the files, the primary of the database by its own
        word. Raises `NoEvidence` for a host of the database (``hosts``, the group ``postgresql``) that does not tell.
        """
        if self.get("source") == "restic":
            return name == self.get("host")
        groups, named = self.estate.environment.groups, self.get("hosts") or "postgresql"
        wanted = [named] if isinstance(named, str) else named
        if not any(name in groups.get(one, [one]) for one in wanted):
            return False
        return any(not host.postgresql["recovery"] for host in self.estate.views("host") if host.name == name)

    def records(self, record_type: str) -> list[Record]:
        """Return the records of a type (``backup``, ``restore_test`` ...) about this asset, the oldest first."""
        return [row for row in everything(self.estate, record_type) if self._is_about_me(row)]

    def _is_about_me(self, record: Record) -> bool:
        """Return whether a record names this asset, or the place of its backups where nothing else lies."""
        assets = self.estate.environment.subjects("asset")
        named = [one.name for one in assets if _plain(one.name) == _plain(record.asset)]
        if named:
            return self.name in named
        alone = sum(one.get("host") == self.get("host") for one in assets) == 1
        return alone and record.backup.get("source") == self.get("host")

    @property
    def restore_tests(self) -> list[Record]:
        """Return the restore tests of this asset, the oldest first."""
        return self.records("restore_test")

    @property
    def last_restore_test(self) -> Record | None:
        """Return the newest restore test, however it ended."""
        return max(self.restore_tests, key=lambda row: float(row.ended), default=None)

    def verified(self, backup: Backup) -> bool:
        """Return whether something proves this backup, and no newer record of its own refutes it."""
        return self.standing(backup) == _PROVED

    def standing(self, backup: Backup) -> str | None:
        """Return what is known of a backup's integrity: verified, differs, could_not_run, or None for nothing.

        Its own records come first, the newest of each kind that decided; then audits of the whole repository, which
        prove, but do not take back what a record of this very backup found.
        """
        own = _outcome(row for row in self._checks() if _is_of(row, backup.label, backup.type))
        if own in (_PROVED, _REFUTED):
            return own
        proven = any(_proves(row, backup) for row in self._proofs()) or self._checked_by_program(backup)
        return _PROVED if proven else own

    def _checks(self) -> list[Record]:
        """Return the records that tell of a backup's integrity, the oldest first."""
        found = [row for kind in ("backup", "restore_test") for row in self.records(kind)]
        return sorted(found, key=lambda row: _checked(row) or float(row.ended))

    def _proofs(self) -> list[Record]:
        return [row for row in self._checks() if proved(row)]

    def _refuted(self) -> list[float]:
        """Return when each backup ended that its own records refute, also of those that are no longer kept."""
        checks = self._checks()
        found: set[float] = set()
        for row in checks:
            if _of_one(row) != _REFUTED:
                continue
            kept = [one for one in self.backups if _is_of(row, one.label, one.type)]
            label = row.backup.get("label")
            gone = [one for one in checks if label and one.backup.get("label") == label]
            if kept:
                found.update(one.stopped for one in kept if self.standing(one) == _REFUTED)
            elif _outcome(gone) == _REFUTED:
                # What is no longer kept ended with its own record; a restore test says nothing of that.
                found.update(float(one.ended) for one in gone if one.type == "backup")
        return sorted(found)

    def _checked_by_program(self, backup: Backup) -> bool:
        return self.get("source") == "restic" and any(
            backup.stopped - 60 <= success < backup.stopped + DAY_S for success in self._successes()
        )

    def checked_at(self, backup: Backup) -> float | None:
        """Return when the first check that proves a backup ended; None when nothing says when."""
        ends = [_checked(row) for row in self._proofs() if _proves(row, backup)]
        if self.get("source") == "restic":
            hourly = (success for success, _seen in self._series("file_backup_success_hourly"))
            ends += [success for success in hourly if backup.stopped - 60 <= success < backup.stopped + DAY_S]
        return min((end for end in ends if end is not None), default=None)

    def daily(self, days: int) -> list[DayOfBackup]:
        """Return the last so many times 24 hours, the newest first, each named by the day on which it ended.

        Knowledge comes from the repository, from records and from what was measured day by day; a time of which none
        of them knows anything is unknown, never a failure. The record of a backup that was not verified tells that
        somebody looked, and proves no backup; a restore test proves the backup that it restored, on the day of that.
        A day with a backup that its own record refutes is not verified, whatever else was taken on it.
        """
        good = [one for one in self.backups if one.ok]
        taken = self.records("backup")
        recorded = [float(row.ended) for row in taken if proved(row)]
        measured = self._measured()
        ends = [one.stopped for one in good] + recorded + [success for success, _seen in measured]
        proofs = self._proofs()
        proven = recorded + [one.stopped for one in good if any(_proves(row, one) for row in proofs)]
        if self.get("source") == "restic":
            proven += self._successes()
        looked = [float(row.ended) for row in taken] + [seen for _success, seen in measured]
        known_since = min([*ends, *looked], default=None)
        refuted = self._refuted()
        rows = []
        for number in range(days):
            last = self.estate.now - number * DAY_S
            first = last - DAY_S
            within = any(first < end <= last for end in ends)
            known = known_since is not None and first >= known_since - DAY_S
            day = f"{datetime.fromtimestamp(last, tz=UTC):%Y-%m-%d}"
            succeeded = True if within else False if known else None
            verified = any(first < end <= last for end in proven) and not any(first < end <= last for end in refuted)
            rows.append(DayOfBackup(day, succeeded, verified))
        return rows

    def _measured(self) -> list[tuple[float, float]]:
        """Return end of the newest backup, and when that was measured, of each day; empty when nothing was measured."""
        restic = self.get("source") == "restic"
        return list(self._series("file_backup_success_daily" if restic else "backup_completed_daily"))

    def _successes(self) -> list[float]:
        return [success for success, _seen in self._series("file_backup_success_daily")]

    def _series(self, name: str) -> Iterator[tuple[float, float]]:
        try:
            found = metrics(self.estate)
            series = found.series(name)
        except NoEvidence:
            # Metrics add to what the repository knows; without them the older days stay unknown.
            return
        for one in series:
            mine = (
                found.host_of(one.labels) == self.get("host")
                if self.get("source") == "restic"
                else one.labels.get("stanza") == (self.get("stanza") or "main")
            )
            if mine:
                # What ended after it was measured comes from a clock that is wrong.
                yield from ((value, at) for at, value in one.points if value - at <= SLACK_S)


def differing(record: Record) -> list[str]:
    """Return the checks of a backup or restore test that did not end as expected, by name."""
    return [str(check.name) for check in record.checks if check.result != _PROVED]


def proved(record: Record) -> bool:
    """Return whether a backup or restore test was verified: by its own word, and by each of its checks, of which there
    is at least one."""
    return bool(record.result == _PROVED and record.checks and not differing(record))


def _outcome(records: Iterable[Record]) -> str | None:
    """Return what the records of one backup, the oldest first, come to: of each kind of check the last that decided
    counts, and damage before proof; a restore that went well does not say that the audit's finding is gone.

    A check that could not run decides nothing, and one that calls itself verified without a check says nothing.
    """
    last: dict[str, str] = {}
    for row in records:
        told = _of_one(row)
        if told in (_PROVED, _REFUTED) or (told and row.type not in last):
            last[row.type] = told
    return next((one for one in (_REFUTED, _PROVED, _UNDECIDED) if one in last.values()), None)


def _of_one(record: Record) -> str | None:
    results = [record.result, *(check.result for check in record.checks)]
    if _REFUTED in results:
        return _REFUTED
    if _UNDECIDED in results:
        return _UNDECIDED
    return _PROVED if proved(record) else None


def _checked(record: Record) -> float | None:
    """Return when the check of a record ended: a restore test with itself, a backup with the audit after it."""
    if record.type == "restore_test":
        return float(record.ended)
    return next((phase.ended for phase in reversed(record.phases or ()) if phase.name == "audit"), None)


def _proves(record: Record, backup: Backup) -> bool:
    """Return whether a verified record proves a backup: its own, or an audit of the repository after it."""
    if _is_of(record, backup.label, backup.type):
        return True
    return bool(record.type == "backup" and record.started >= backup.stopped)


def _is_of(record: Record, label: str, kind: str) -> bool:
    """Return whether a record names a backup of a type (``snapshot``, ``full`` ...) by its label."""
    said = str(record.backup.get("label") or "")
    # A snapshot has a short and a long name; the name of an incremental backup begins with that of its full one.
    return bool(said) and (said == label or (kind == "snapshot" and said.startswith(label)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@cache
def _of_stanza(stanza: str) -> Callable[[str], Repository]:
    """Return the parser for one stanza; the same one each time, so that a fact is read once."""

    def parse(text: str) -> Repository:
        try:
            found = parse_info(text, stanza=stanza, at=0.0)
        except OpsError as exc:
            raise ValueError(exc.message) from exc
        if found["status"] in ("missing_stanza", "other"):
            raise ValueError(f"pgBackRest says of the stanza {stanza}: {found['status_message'] or found['status']}")
        encrypted = found["cipher"] != "none"
        return Repository(
            found["status"], encrypted, tuple(_pgbackrest(row, encrypted=encrypted) for row in found["backups"])
        )

    return parse


def _pgbackrest(row: dict[str, Any], *, encrypted: bool) -> Backup:
    started, stopped = epoch(row["start"]), epoch(row["stop"])
    return Backup(row["label"], row["type"], started, stopped, not row["error"], row["size_bytes"], encrypted)


def parse_restic(text: str) -> Repository:
    """Read the listing of a host's restic repository; restic encrypts all that it writes."""
    rows = json.loads(text)["snapshots"]
    if rows is None:
        raise ValueError("there is no repository")
    found = []
    for row in rows:
        about = row.get("summary") or {}
        started = epoch(about.get("backup_start") or row["time"])
        stopped = epoch(about.get("backup_end") or row["time"])
        size = about.get("total_bytes_processed")
        found.append(Backup(row["short_id"], "snapshot", started, stopped, ok=True, size_bytes=size, encrypted=True))
    return Repository("ok", True, tuple(sorted(found, key=lambda one: one.stopped)))
