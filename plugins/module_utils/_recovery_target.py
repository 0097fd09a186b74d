# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a recovery ends: a time, an LSN or a named point, and whether the backups reach it.

A target that nothing reaches is told before anything is stopped: PostgreSQL says so only when the old data is gone.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now, parse_iso
from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import parse_lsn

__all__ = ["WITH_TARGET", "refuse_unreachable", "target_of", "timeline_of"]

WITH_TARGET = ("time", "lsn", "name")


def target_of(kind: str, target: str) -> str:
    """Return *target* as pgBackRest reads it; a time in UTC to the microsecond. Raises OpsError for no such target."""
    if kind == "time":
        return f"{parse_iso(target):%Y-%m-%d %H:%M:%S.%f}+00"
    if kind == "lsn" and re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", target) is None:
        raise OpsError(f"'{target}' is no LSN; write the target such as 0/1800028.")
    return target


def timeline_of(text: str) -> str:
    """Return the timeline as pgBackRest reads it; raises OpsError for anything but a number, current or latest."""
    if text not in ("current", "latest") and not (text.isdigit() and int(text) > 0):
        raise OpsError(f"target_timeline is a number, current or latest, not '{text}'.")
    return text


def refuse_unreachable(kind: str, target: str, *, label: str, backups: Sequence[Mapping[str, Any]]) -> None:
    """Raise OpsError for a time or an LSN that no backup comes before, or a time that has not been yet.

    *backups* are those that a repository holds, as `Pgbackrest.info` tells them; *label* is the one to restore, or
    empty or ``latest`` for the newest before the target.
    """
    if kind not in ("time", "lsn"):
        return
    named = [row for row in backups if label in ("", "latest", row["label"])]
    if kind == "time":
        moment = parse_iso(target)
        if moment > now():
            raise OpsError(f"The time {iso_ms(moment)} lies in the future; name one that has been.")
        before, ends = [row for row in named if _ended(row) < moment], "stop"
    else:
        before, ends = [row for row in named if parse_lsn(row["lsn_stop"]) <= parse_lsn(target)], "lsn_stop"
    if named and not before:
        first = min(named, key=_ended)
        raise OpsError(
            f"No backup ended before {target}: {first['label']} ended at {first[ends]}; name a later target, or "
            "another backup."
        )


def _ended(row: Mapping[str, Any]) -> datetime.datetime:
    return parse_iso(row["stop"])
