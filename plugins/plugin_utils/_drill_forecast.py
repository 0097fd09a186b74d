# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill says of the recovery of the real data size. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import parse_lsn

__all__ = ["forecast"]

_STRAIGHT = "The restore grows in a straight line with the data: disks and network give what they gave in this drill."
_SAME = "Detection, decision, fencing, promotion and redirection take as long as in this drill."
_REPLAY_GROWS = (
    "The replay grows with the data too: the backup is as old as in this drill, and a byte of data brings as much log."
)
_REPLAY_UNKNOWN = "The replay was not measured and is not in the forecast's growth."
_COPY_ALONE = (
    "It is the restore of a copy alone: the replay of log written after the backup, detection, decision, fencing, "
    "promotion and redirection come on top."
)
_COPY_GROWS = "The recovery of the copy to the end of its backup grows with the data too."


def forecast(
    record: Mapping[str, Any], results: Mapping[str, Any], *, bound_s: float | None, database_bytes: int
) -> dict[str, Any] | None:
    """Extrapolate what was measured to the real size: seconds = fixed + bytes * (restore + replay) / bytes restored.

    Restore and replay grow with the data, the rest is taken as measured; ``assumes`` says so in sentences. The largest
    database is the one whose recovery just fits the bound. None where the restore or the whole was not measured. Of a
    copy the whole is its restore until it served, and its replay is the recovery to the end of its backup.
    """
    found = _of_copy(results) if record["mode"] == "copy" else _of_recovery(record, results)
    size, restored, whole, replay = (found[key] for key in ("bytes", "restore_s", "whole_s", "replay_s"))
    if not restored or not size or whole is None or not bound_s:
        return None
    growing = restored + (replay or 0.0)
    fixed = whole - growing
    wanted = database_bytes or size
    seconds = fixed + growing * wanted / size
    log = found["wal_bytes"]
    return {
        "data_bytes": wanted,
        "restore_bytes_per_s": round(size / restored),
        "fixed_s": round(fixed, 3),
        "wal_bytes": log,
        "replay_s": replay,
        "replay_bytes_per_s": round(log / replay) if log and replay else None,
        "forecast_s": round(seconds, 1),
        "bound_s": bound_s,
        "largest_database_bytes": max(0, round((bound_s - fixed) / growing * size)),
        "verdict": "inside" if seconds <= bound_s else "outside",
        "assumes": [_STRAIGHT, *found["assumes"]],
    }


def _of_recovery(record: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recovery measured; what is not known is None."""
    backup, gap = record.get("backup") or {}, record.get("client_gap") or {}
    replay = next((phase["seconds"] for phase in record["phases"] if phase["name"] == "replay"), None)
    return {
        "bytes": backup.get("size_bytes"),
        "restore_s": results.get("restore", {}).get("restore", {}).get("seconds"),
        "whole_s": gap.get("seconds"),
        "replay_s": replay,
        "wal_bytes": _replayed_bytes(backup, results.get("promote", {})),
        "assumes": (_SAME, _REPLAY_GROWS if replay is not None else _REPLAY_UNKNOWN),
    }


def _of_copy(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the restore of a copy measured; what is not known is None."""
    copied = results.get("copy", {})
    replay = copied.get("recover_s")
    return {
        "bytes": (copied.get("backup") or {}).get("size_bytes"),
        "restore_s": (copied.get("restore") or {}).get("seconds"),
        "whole_s": copied.get("seconds"),
        "replay_s": replay,
        "wal_bytes": None,
        "assumes": (_COPY_ALONE, _COPY_GROWS if replay is not None else _REPLAY_UNKNOWN),
    }


def _replayed_bytes(backup: Mapping[str, Any], promote: Mapping[str, Any]) -> int | None:
    """Return the bytes of log from the start of the backup to the fork of the timelines, where both are known.

    None where another backup than the known one was restored.
    """
    begin, end = backup.get("lsn_start"), promote.get("fork_lsn")
    if not begin or not end or backup["restored_label"] != backup.get("label"):
        return None
    return max(0, parse_lsn(end) - parse_lsn(begin))
