# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a drill, put together from its journal. Pure: no file is touched here.

The journal holds what each step measured; this turns it into the phases of the recovery time, the writes lost, the
forecast for the real size and the verdict. Every part that was not measured stays ``None`` and is never a zero.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._cluster import lsn_number
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_phases import difference_of, phases_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_verdict import judge

__all__ = ["SCHEMA", "assemble", "forecast"]

SCHEMA = "ccobservatory.ops/drill/1"

TEST_TYPES = {"live": "full failover and return", "copy": "isolated copy beside the live environment"}
WHOLE_SECONDS_S = 1.0
_ASSUMES = (
    "The restore grows in a straight line with the data: disks and network give what they gave in this drill.",
    "Detection, decision, fencing, promotion and redirection take as long as in this drill.",
)
_REPLAY_GROWS = (
    "The replay grows with the data too: the backup is as old as in this drill, and a byte of data brings as much log."
)
_REPLAY_UNKNOWN = "The replay was not measured and is not in the forecast's growth."
_PROVED_BEFORE = ("assess", "prove_backups")


def assemble(
    state: Mapping[str, Any],
    *,
    targets: Mapping[str, float],
    versions: Mapping[str, Any],
    controller: Mapping[str, Any],
    history: list[dict[str, Any]],
    database_bytes: int = 0,
    stand_in: bool = False,
    retention_days: int = 1095,
    observer: Mapping[str, Any] | None = None,
    action_days: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the record of a drill.

    Args:
        state: the journal, folded (`_journal.state_of`).
        targets: ``rto_s``, ``rpo_s``, ``bound_s`` (the guide's bound for recovery), ``failback_gap_s``; seconds.
        versions: of the collection, the tools and the database.
        controller: name and load of the machine that ran the drill.
        history: earlier drills of the environment, oldest first: ``{id, started, verdict, rto_s, rpo_s, lost_rows}``.
        database_bytes: size of the database that the forecast is for; 0 takes the size of the backup.
        stand_in: whether people were represented by keys of the environment.
        retention_days: how long the record has to be kept, in days from its end.
        observer: what the witnesses beside the databases saw (`_drill_witness.witnessed`), None when nobody watched.
        action_days: days from the end of the drill until a finding of a severity has to be mended.
    """
    results, header = state["results"], state["header"]
    scenario = header.get("scenario", {})
    gap, phases = phases_of(state)
    _expect(phases, [row for row in history if row.get("scenario") == state["scenario"]])
    ledger = _ledger(results, state)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "id": state["drill_id"],
        "environment": state["environment"],
        "mode": state["mode"],
        "test_type": TEST_TYPES["live" if state["mode"] == "live" else "copy"],
        "scenario": {"name": state["scenario"], **scenario},
        "versions": {**versions, **results.get("assess", {}).get("versions", {})},
        "cleanup": _cleanup(results),
        "started": state["started"],
        "declared": results.get("decide", {}).get("declared") or state["entered"].get("fence"),
        "ended": state["ended"] or _last_instant(state),
        "controller": {**controller, "clock_offsets_s": results.get("assess", {}).get("clock_offsets_s", {})},
        "people": _people(results),
        "targets": dict(targets),
        "steps": state["steps"],
        "phases": phases,
        "client_gap": gap,
        "phase_sum_difference_s": difference_of(gap),
        "ledger": ledger,
        "integrity": _integrity(results),
        "archive": _archive(results),
        "backup": _backup(results, header),
        "recovery_point": _recovery_point(results),
        "observer": dict(observer) if observer else None,
        "fencing": results.get("fence", {}).get("fencing", []),
        "traffic": [{**row, "host": row.get("item")} for row in results.get("redirect", {}).get("traffic", [])],
        "steady_state": {
            "before": [row for step in _PROVED_BEFORE for row in results.get(step, {}).get("steady_state", [])],
            "after": results.get("steady", {}).get("steady_state", []),
        },
        "failback": _failback(results),
        "deviations": _deviations(state),
        "interruptions": state["interruptions"],
        "history": [{key: value for key, value in row.items() if key != "phases"} for row in history],
        "stand_in": stand_in,
        "header": {key: value for key, value in header.items() if key != "scenario"},
    }
    keep_until = parse_iso(record["ended"] or record["started"]) + datetime.timedelta(days=retention_days)
    record["retention"] = {"keep_until": iso_ms(keep_until)}
    record["approval"] = _signed_by(record["people"], "approve")
    record["sign_off"] = [person for person in record["people"] if person["step"] in ("document", "improve")]
    record["achieved"] = _achieved(gap, ledger, results)
    record["forecast"] = forecast(record, results, bound_s=targets.get("bound_s"), database_bytes=database_bytes)
    record["rollback"] = [*state.get("rollback", []), *state.get("hold", [])]
    record.update(judge(record, scenario, action_days=action_days))
    return record


def forecast(
    record: Mapping[str, Any], results: Mapping[str, Any], *, bound_s: float | None, database_bytes: int
) -> dict[str, Any] | None:
    """Extrapolate what was measured to the real size: seconds = fixed + bytes * (restore + replay) / bytes restored.

    Restore and replay grow with the data, the rest is taken as measured; ``assumes`` says so in sentences. The largest
    database is the one whose recovery just fits the bound. None where the restore or the gap was not measured.
    """
    restored = results.get("restore", {}).get("restore", {})
    size = (record.get("backup") or {}).get("size_bytes")
    gap = record.get("client_gap")
    if not restored.get("seconds") or not size or not gap or not bound_s:
        return None
    replay = next((phase["seconds"] for phase in record["phases"] if phase["name"] == "replay"), None)
    growing = restored["seconds"] + (replay or 0.0)
    fixed = gap["seconds"] - growing
    wanted = database_bytes or size
    seconds = fixed + growing * wanted / size
    log = _replayed_bytes(record["backup"], results.get("promote", {}))
    return {
        "data_bytes": wanted,
        "restore_bytes_per_s": round(size / restored["seconds"]),
        "fixed_s": round(fixed, 3),
        "wal_bytes": log,
        "replay_s": replay,
        "replay_bytes_per_s": round(log / replay) if log and replay else None,
        "forecast_s": round(seconds, 1),
        "bound_s": bound_s,
        "largest_database_bytes": max(0, round((bound_s - fixed) / growing * size)),
        "verdict": "inside" if seconds <= bound_s else "outside",
        "assumes": [*_ASSUMES, _REPLAY_GROWS if replay is not None else _REPLAY_UNKNOWN],
    }


def _replayed_bytes(backup: Mapping[str, Any], promote: Mapping[str, Any]) -> int | None:
    """Return the bytes of log from the start of the backup to the fork of the timelines, where both are known.

    None where another backup than the known one was restored.
    """
    begin, end = backup.get("lsn_start"), promote.get("fork_lsn")
    if not begin or not end or backup["restored_label"] != backup.get("label"):
        return None
    return max(0, lsn_number(end) - lsn_number(begin))


def _expect(phases: list[dict[str, Any]], history: list[dict[str, Any]]) -> None:
    """Give each phase the median of what earlier drills of the scenario took, in seconds."""
    for phase in phases:
        earlier = [row["phases"][phase["name"]] for row in history if phase["name"] in row.get("phases", {})]
        phase["expected_s"] = round(statistics.median(earlier), 3) if earlier else None


def _achieved(
    gap: Mapping[str, Any] | None, ledger: Mapping[str, Any] | None, results: Mapping[str, Any]
) -> dict[str, Any]:
    copied = results.get("copy", {})
    doubt = (ledger or {}).get("in_doubt", {})
    return {
        "rto_s": gap["seconds"] if gap else copied.get("seconds"),
        "rpo_s": ledger.get("rpo_s") if ledger else copied.get("data_age_s"),
        "lost_rows": ledger.get("lost") if ledger else None,
        "in_doubt_rows": doubt.get("total"),
    }


def _ledger(results: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any] | None:
    found = results.get("verify", {}).get("ledger")
    if not found:
        rolled_back = [note.get("ledger") for note in state.get("rollback", []) if note.get("ledger")]
        found = rolled_back[-1] if rolled_back else None
    if not found:
        return None
    salvage = results.get("salvage", {}).get("salvage") or {}
    run = results.get("canary", {}).get("run")
    return {**found, "run": run, "salvaged": salvage.get("rows"), "salvage_sha256": salvage.get("sha256")}


def _integrity(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [*results.get("verify", {}).get("checks", []), *results.get("copy", {}).get("checks", [])]
    ledger = results.get("verify", {}).get("ledger")
    if ledger:
        broken = {key: ledger.get(key) for key in ("wrong", "ghosts", "holes") if ledger.get(key)}
        rows.append(
            {
                "name": "acknowledged writes form an unbroken chain",
                "command": "ledger_compare",
                "expected": "no wrong, invented or missing-in-the-middle row",
                "observed": ", ".join(f"{value} {key}" for key, value in broken.items()) or "none",
                "seconds": ledger.get("seconds"),
                "result": "differs" if broken else "verified",
            }
        )
    return rows


def _archive(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what bounds the loss where only the archive survives: ``timeout_s``, ``push_s``, ``bound_s`` in seconds.

    PostgreSQL closes a segment ``archive_timeout`` after the last one and counts both in whole seconds, which makes up
    to one second more; then the segment has to be pushed (documentation of ``archive_timeout``). A timeout of 0 is off.
    """
    found = results.get("canary", {}).get("archive")
    if not found:
        return None
    bound = round(found["timeout_s"] + WHOLE_SECONDS_S + found["push_s"], 3) if found["timeout_s"] else None
    return {**found, "bound_s": bound}


def _backup(results: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any] | None:
    proved = results.get("prove_backups", {})
    # An activation arranges nothing: what it restores is what its survey found in the repository.
    used = results.get("arrange", {}).get("backup") or proved.get("backup") or results.get("survey", {}).get("backup")
    if not used:
        return None
    label = results.get("restore", {}).get("restore", {}).get("label")
    return {
        **used,
        "restored_label": label or used.get("label"),
        "repository": header.get("repository"),
        # Nobody looked at the cipher of a survey: that is not measured, and no claim that it is plain.
        "encrypted": proved.get("cipher") not in (None, "none") if "cipher" in proved else None,
        "cipher": proved.get("cipher"),
    }


def _recovery_point(results: Mapping[str, Any]) -> dict[str, Any] | None:
    promote = results.get("promote")
    if not promote:
        return None
    ledger = results.get("verify", {}).get("ledger", {})
    return {"lsn": promote.get("lsn"), "timeline": promote.get("timeline_after"), "time": ledger.get("recovered_up_to")}


def _cleanup(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what proves that nothing of the drill is left: what each step of the return says of its end."""
    left = {
        "heal": ("old primary, on its return", "old_primary"),
        "posture": ("recovery site", "target"),
        "copy": ("copy", "removed"),
    }
    return [
        {"name": name, "observed": results[step][key], "result": "verified"}
        for step, (name, key) in left.items()
        if results.get(step, {}).get(key)
    ]


def _failback(results: Mapping[str, Any]) -> dict[str, Any] | None:
    switched = results.get("failback", {})
    if "gap_s" not in switched:
        return None  # a switch that did not end has only noted since when it held the clients
    ledger = results.get("steady", {}).get("ledger", {})
    return {
        **switched,
        "method": "planned switchover through the poolers",
        "lost": ledger.get("lost"),
        "ledger": ledger,
    }


def _people(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [result["person"] for result in results.values() if isinstance(result, Mapping) and result.get("person")]


def _signed_by(people: list[dict[str, Any]], step: str) -> dict[str, Any] | None:
    found = [person for person in people if person["step"] == step]
    if not found:
        return None
    return {"approver": found[-1]["name"], "signed_at": found[-1]["signed_at"], "statement": found[-1]["statement"]}


def _deviations(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    late = [
        {
            "at": step["ended"],
            "step": step["id"],
            "text": f"{step['title']} took {step['seconds']} s; its deadline is {step['deadline_s']} s.",
        }
        for step in state["steps"]
        if step["seconds"] and step["deadline_s"] and step["seconds"] > step["deadline_s"]
    ]
    failed = [
        {"at": step["ended"], "step": step["id"], "text": step["error"]}
        for step in state["steps"]
        if step["status"] == "failed" and step["error"]
    ]
    return [*state["deviations"], *late, *failed]


def _last_instant(state: Mapping[str, Any]) -> str | None:
    ends = [step["ended"] for step in state["steps"] if step["ended"]]
    return max(ends, default=None)
