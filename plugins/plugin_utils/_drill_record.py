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

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_context as context
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_forecast import forecast
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_integrity import integrity
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_outage import known_ledger, outage_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_phases import difference_of, phases_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_security import compared
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_verdict import judge

__all__ = ["SCHEMA", "assemble"]

SCHEMA = "ccobservatory.ops/drill/1"

TEST_TYPES = {"live": "full failover and return", "copy": "isolated copy beside the live environment"}
WHOLE_SECONDS_S = 1.0
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
    operator: str | None = None,
    interval_days: int = 90,
    remembered: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the record of a drill.

    Args:
        state: the journal, folded (`_journal.state_of`).
        targets: ``rto_s``, ``rpo_s``, ``bound_s`` (the guide's bound for recovery), ``failback_gap_s``,
            ``backup_age_s`` (of the backup that a copy restores); seconds.
        versions: of the collection, the tools and the database.
        controller: name and load of the machine that ran the drill.
        history: earlier drills of the environment, oldest first: ``{id, started, verdict, rto_s, rpo_s, lost_rows,
            restored_s}``.
        database_bytes: size of the database that the forecast is for; 0 takes the size of the backup.
        stand_in: whether people were represented by keys of the environment.
        retention_days: how long the record has to be kept, in days from its end.
        observer: what the witnesses beside the databases saw (`_drill_witness.witnessed`), None when nobody watched.
        action_days: days from the end of the drill until a finding of a severity has to be mended.
        operator: the account that ran the command.
        interval_days: days from the end until the environment has to be drilled again.
        remembered: how an earlier drill found the primary protected, for a disaster in which nobody can ask it.
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
        "operator": operator,
        "people": _people(results),
        "plan": context.plan(header),
        "notifications": context.notifications(results),
        "targets": dict(targets),
        "steps": state["steps"],
        "phases": phases,
        "client_gap": gap,
        "outage": outage_of(results),
        "phase_sum_difference_s": difference_of(gap),
        "ledger": ledger,
        "integrity": integrity(results, scenario),
        "security": _security(results, remembered),
        "archive": _archive(results),
        "backup": _backup(results, header),
        "recovery_point": _recovery_point(results),
        "observer": dict(observer) if observer else None,
        "observers": context.observers(header, observer, ledger),
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
    record["next_due"] = context.next_due(record, interval_days)
    record["time_to_restore"] = context.time_to_restore(record, history)
    record["approval"] = _signed_by(record["people"], "approve")
    record["milestones"] = context.milestones(state, record)
    record["sign_off"] = [person for person in record["people"] if person["step"] in ("document", "improve")]
    record["achieved"] = _achieved(gap, ledger, results)
    record["forecast"] = forecast(record, results, bound_s=targets.get("bound_s"), database_bytes=database_bytes)
    record["rollback"] = [*state.get("rollback", []), *state.get("hold", [])]
    record.update(judge(record, scenario, action_days=action_days))
    # Who closed it, by hand or for a disaster, said why: nothing that was measured before makes another verdict of it.
    if state.get("verdict") == "aborted":
        reasons = list(dict.fromkeys([*state["reasons"], *record["verdict_reasons"]]))
        record.update(verdict="aborted", verdict_reasons=reasons)
    return record


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
        # What clients had waited before the declaration is not in a gap that begins with it.
        "rto_s": (None if "declared" in gap else gap["seconds"]) if gap else copied.get("seconds"),
        "rpo_s": ledger.get("rpo_s") if ledger else None,
        "lost_rows": ledger.get("lost") if ledger else None,
        "in_doubt_rows": doubt.get("total"),
        # A copy takes nothing away, so it measures no loss: the age of its backup is only what it is.
        **({"backup_age_s": copied.get("data_age_s")} if copied else {}),
    }


def _ledger(results: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any] | None:
    if outage_of(results):
        return known_ledger(results)
    found = results.get("verify", {}).get("ledger")
    if not found:
        rolled_back = [note.get("ledger") for note in state.get("rollback", []) if note.get("ledger")]
        found = rolled_back[-1] if rolled_back else None
    if not found:
        return None
    salvage = results.get("salvage", {}).get("salvage") or {}
    run = results.get("canary", {}).get("run")
    return {**found, "run": run, "salvaged": salvage.get("rows"), "salvage_sha256": salvage.get("sha256")}


def _security(results: Mapping[str, Any], remembered: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    """Return how the recovery site is protected, held against what the primary had while it was still asked."""
    before = (results.get("assess") or results.get("survey") or {}).get("security")
    return compared(before, results.get("verify", {}).get("security"), remembered=remembered)


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
        "retention": proved.get("retention") or None,
    }


def _recovery_point(results: Mapping[str, Any]) -> dict[str, Any] | None:
    promote = results.get("promote")
    if not promote:
        return None
    ledger = results.get("verify", {}).get("ledger", {})
    return {"lsn": promote.get("lsn"), "timeline": promote.get("timeline_after"), "time": ledger.get("recovered_up_to")}


def _cleanup(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what proves that nothing of the drill is left: what each step of the return read back at its end."""
    left = {
        "heal": ("old primary, on its return", "old_primary"),
        "posture": ("recovery site", "target"),
        "copy": ("copy", "removed"),
    }
    return [
        {"name": name, **{part: results[step][key].get(part) for part in ("expected", "observed", "result")}}
        for step, (name, key) in left.items()
        if isinstance(results.get(step, {}).get(key), Mapping)
    ]


def _failback(results: Mapping[str, Any]) -> dict[str, Any] | None:
    switched = results.get("failback", {})
    if "gap_s" not in switched:
        return None  # a switch that did not end has only noted since when it held the clients
    ledger = results.get("prove_return", {}).get("ledger", {})
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
    told = {key: found[-1].get(key) for key in ("asked_at", "signed_at", "deadline_s", "statement")}
    return {"approver": found[-1]["name"], **told}


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
