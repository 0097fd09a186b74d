# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a recovery to the end reached what the archive holds, and what keeps one from it beforehand. Pure.

To PostgreSQL a segment that its restore command cannot give is the end of the archive: it stops there, is promoted and
says nothing. The place where the new timeline left the old one tells; a listing tells not what is in the file.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import parse_lsn

__all__ = ["archive_reached", "recovery_gaps"]

# Findings of the audit that end a recovery before its target, or lead it astray.
_ENDS = {
    "missing_wal",
    "truncated_wal",
    "duplicate_wal",
    "divergent_wal",
    "missing_history",
    "wrong_stanza",
    "no_backup",
}
# Only a recovery that follows the newest timeline, whichever that is, is led astray by one that production never took.
_ASTRAY = {"orphan_timeline"}


def recovery_gaps(findings: Iterable[Mapping[str, Any]], *, pinned: bool = False) -> list[dict[str, Any]]:
    """Return the findings for which a recovery to the end has to be refused.

    Args:
        findings: of C(wal_audit), for the backup that is restored.
        pinned: whether the recovery names its timeline by number.
    """
    codes = _ENDS if pinned else _ENDS | _ASTRAY
    return [dict(row) for row in findings if row["severity"] == "error" and row["code"] in codes]


def archive_reached(promoted: Mapping[str, Any], audited: Mapping[str, Any]) -> dict[str, Any]:
    """Return the check that a recovery to the end read the newest segment of the archive.

    Its last record may go on in a segment that was never archived, so all that is asked is an end beyond its first
    byte: recovery that stops before an unreadable segment ends there at the latest, also when the segment before was
    closed early. Damage in the middle of the newest segment itself, in an archive that is neither compressed nor
    encrypted, is not seen.

    Args:
        promoted: what C(postgresql_promote) returned: C(fork_timeline), C(fork_lsn).
        audited: what C(wal_audit) returned before: C(timeline), C(newest_wal), C(newest_wal_lsn).
    """
    begins, ended = audited.get("newest_wal_lsn"), promoted.get("fork_lsn")
    left, timeline = promoted.get("fork_timeline"), audited.get("timeline")
    reached = False
    if not begins:
        observed = "not compared: how far the archive reaches is not known"
    elif not ended or left is None:
        observed = "not compared: where the new timeline left the old one is not known"
    elif left != timeline:
        observed = f"recovery ended at {ended} of timeline {left}, and the archive was judged for timeline {timeline}"
    elif parse_lsn(ended) <= parse_lsn(begins):
        observed = (
            f"recovery ended at {ended} although the archive reaches beyond {begins}: "
            "the segment that holds this place, or the one after it, cannot be read"
        )
    else:
        reached, observed = True, f"recovery ended at {ended} of timeline {left}"
    segment = audited.get("newest_wal") or "unknown"
    return {
        "name": "the log was replayed to the end of the archive",
        "command": "wal_audit, then the history file of the new timeline",
        "expected": f"an end beyond {begins or 'unknown'}, where segment {segment} begins",
        "observed": observed,
        "seconds": None,
        "result": "verified" if reached else "differs",
    }
