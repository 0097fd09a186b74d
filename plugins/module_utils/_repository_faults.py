# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the faults a backup repository can have: how grave each is, what mends it and what pgBackRest says about it.

A finding is a dict with C(code), C(severity), C(subject), C(observed), C(expected), C(mend) and C(pgbackrest), the last
telling what pgBackRest 2.45 itself says about this fault.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CATALOGUE", "finding"]

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
