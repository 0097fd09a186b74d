# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds a recovery in a drill's record: plan, observers, messages, milestones, mean time, next test. Pure.

What the inventory declares is marked by where it stands (``plan``, ``observers``); everything else was measured.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso, seconds_between

__all__ = ["milestones", "next_due", "notifications", "observers", "plan", "time_to_restore"]

PLAN = ("name", "version", "approved", "approved_by", "announced")
PLAN_LISTS = ("systems", "exclusions", "dependencies", "assumptions")
WITNESS = "witness beside the database: whether it takes writes"
LEDGER = "client outside of the estate: every write, and what became of it"


def plan(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the inventory declares of the test plan; what it does not say is None, a list that is empty stays."""
    found = header.get("plan") or {}
    return {key: found.get(key) for key in PLAN} | {key: list(found.get(key) or []) for key in PLAN_LISTS}


def observers(
    header: Mapping[str, Any], witnessed: Mapping[str, Any] | None, ledger: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return who watched: the people and the machines that the inventory names, and the machines that the drill set.

    ``looks`` counts what a machine saw: answers of a database, or writes sent. None where nobody counted.
    """
    named = [
        {"kind": "machine" if row.get("machine") else "person", "name": row.get("name"), "role": row.get("role")}
        for row in header.get("observers") or []
    ]
    rows: list[dict[str, Any]] = [{**row, "looks": None} for row in named]
    for host, looks in sorted(((witnessed or {}).get("hosts") or {}).items()):
        rows.append({"kind": "machine", "name": host, "role": WITNESS, "looks": looks})
    if ledger:
        rows.append({"kind": "machine", "name": header.get("canary"), "role": LEDGER, "looks": ledger.get("sent")})
    return rows


def notifications(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each message to stakeholders: step, instant, way, class of recipients, outcome; oldest first."""
    found = [
        {"step": step, **row}
        for step, result in results.items()
        if isinstance(result, Mapping)
        for row in result.get("messages") or []
        # Records of before kept the names of the ways only, without an instant.
        if isinstance(row, Mapping)
    ]
    return sorted(found, key=lambda row: str(row.get("at")))


def milestones(state: Mapping[str, Any], record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the instants of the drill that people ask for, in their order, with the seconds since the declaration."""
    declared = record.get("declared")
    rows = [{"name": name, "at": at} for name, at in _instants(state, record) if at]
    return [{**row, "after_s": seconds_between(declared, row["at"]) if declared else None} for row in rows]


def _instants(state: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    entered, left, results = state["entered"], state["left"], state["results"]
    told = [row["at"] for row in record["notifications"] if row["step"] == "coordinate" and row.get("at")]
    yield "drill began", record["started"]
    yield "plan approved", (record["approval"] or {}).get("signed_at")
    yield "fault made", entered.get("fault")
    yield "disaster declared", record["declared"]
    yield "recovery began", entered.get("fence") or entered.get("copy")
    yield "data available", results.get("promote", {}).get("first_write") or left.get("copy")
    yield "first write acknowledged to a client", (record["client_gap"] or {}).get("first_ack")
    yield "service validated", left.get("verify")
    yield "stakeholders told that service is back", min(told, default=None)
    yield "return to the primary site ended", left.get("failback")
    yield "closed", record["ended"]


def time_to_restore(record: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``restored_s`` of this drill, from the declaration to the first acknowledged write, and the mean of all.

    ``mean_s`` is the mean time to restore over this and the earlier drills that know theirs, ``drills`` how many.
    """
    gap, declared = record.get("client_gap") or {}, record.get("declared")
    restored = None
    if declared and gap.get("first_ack"):
        restored = round(seconds_between(declared, gap["first_ack"]) - float(gap.get("clock_offset_s") or 0.0), 3)
    known = [row["restored_s"] for row in history if row.get("restored_s") is not None]
    known += [restored] if restored is not None else []
    return {"restored_s": restored, "mean_s": round(statistics.mean(known), 3) if known else None, "drills": len(known)}


def next_due(record: Mapping[str, Any], interval_days: int) -> str | None:
    """Return the instant by which the environment has to be drilled again."""
    end = record.get("ended") or record.get("started")
    return iso_ms(parse_iso(end) + datetime.timedelta(days=interval_days)) if end else None
