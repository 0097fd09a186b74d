# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill is worth: pass, pass with conditions, or fail, each with its reasons. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_outage import unmeasured
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_phases import LARGEST_DIFFERENCE_S
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_security import deficiencies, unknown

__all__ = ["judge"]


ACTION_DAYS = {"high": 14, "low": 90}
RETEST_DAYS = 30
# What a scenario expects to lose at most when only the archive survives.
ARCHIVE_INTERVAL = "archive_interval"
# The proof that a fence held when the old primary came back early; it stands for none of the three.
RETURN = "return"


def judge(
    record: Mapping[str, Any], scenario: Mapping[str, Any], *, action_days: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return ``verdict``, ``verdict_reasons``, ``findings`` and ``corrective_actions`` of a record.

    A drill fails when its expected outcome did not come about, when a target was missed, or when something that has
    to be measured was not. It passes with conditions when it held but was interrupted, fell back to an older backup,
    ran late at a step, was signed by stand-ins, or when the recovery site is protected otherwise than the primary site
    was, or nobody could tell: the service was recovered all the same, but a difference is a finding of high severity.
    Each finding belongs to the lead of the drill until the lead hands
    it on, and is due ``action_days`` after the end, by its severity; what failed is drilled again within 30 days.
    """
    expected = scenario.get("expect", {})
    outcome = "copied" if record["mode"] == "copy" else expected.get("outcome", "recovered")
    # A scenario is checked before; what an older journal expects must not cost the report.
    rules = _RULES.get(outcome, (_unknown_outcome, *_RULES["recovered"]))
    failures = [text for rule in rules for text in rule(record, expected)]
    weak = list(deficiencies(record["security"]))
    conditions = [*weak, *_conditions(record, expected)]
    verdict = "fail" if failures else "pass_with_conditions" if conditions else "pass"
    days = {**ACTION_DAYS, **(action_days or {})}
    found = [("high", text) for text in [*failures, *weak]]
    found += [("low", text) for text in conditions if text not in weak]
    owner = {"owner": record.get("header", {}).get("lead")}
    findings = [
        {"severity": severity, "text": text, **owner, "due": _days_after(record, days[severity])}
        for severity, text in found
    ]
    again = {"retest_due": _days_after(record, RETEST_DAYS), "retest_due_days": RETEST_DAYS}
    actions = [
        {"text": f"Mend: {row['text']}", **owner, "due": row["due"], **again}
        for row in findings
        if row["severity"] == "high"
    ]
    reasons = failures or conditions or [_success(record, outcome)]
    return {"verdict": verdict, "verdict_reasons": reasons, "findings": findings, "corrective_actions": actions}


def _days_after(record: Mapping[str, Any], days: int) -> str | None:
    """Return the instant so many days after the end of the drill."""
    end = record.get("ended") or record.get("started")
    return iso_ms(parse_iso(end) + datetime.timedelta(days=days)) if end else None


def _unknown_outcome(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    yield f"The scenario expects the outcome {expected.get('outcome')!r}, which nobody knows how to judge."


def _writer_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    if not record.get("observer"):
        yield "Whether there were ever two writers was not measured: the witnesses' files are not in the evidence."
    yield from _two_writers(record, expected)


def _two_writers(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    observer = record.get("observer")
    if observer and observer["two_writers_seen"]:
        first = observer["overlaps"][0]
        yield f"{' and '.join(first['hosts'])} both took writes, first from {first['from']} to {first['to']}."


def _recovery_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    # In a disaster what nobody could measure is a condition: the service is back all the same.
    if expected.get("outcome") != "activated" or record["achieved"]["rto_s"] is not None:
        yield from _over("The recovery time", record["achieved"]["rto_s"], record["targets"]["rto_s"])
    gap, difference = record["client_gap"], record["phase_sum_difference_s"]
    if difference is not None and abs(difference) > LARGEST_DIFFERENCE_S:
        told = "belong to no phase" if difference > 0 else "are counted twice"
        yield (
            f"The phases add up to {gap['sum_of_phases_s']} s, the clients saw {gap['seconds']} s: {abs(difference)} s "
            f"{told}, or clocks disagree."
        )
    if expected.get("fallback") and not _result(record, "restore").get("fallback"):
        yield "The damaged backup was not noticed: no fall-back to an older one took place."
    yield from _forecast_failures(record, expected)


def _forecast_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    projected = record["forecast"]
    if projected and projected["verdict"] == "outside":
        yield (
            f"Forecast for {projected['data_bytes']} bytes: {projected['forecast_s']} s, beyond the bound of "
            f"{projected['bound_s']} s."
        )


def _fencing_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    if len({proof["proof"] for proof in record["fencing"] if proof.get("proved")} - {RETURN}) < 3:
        yield "Fewer than three proofs of fencing are on record."
    returned = [proof for proof in record["fencing"] if proof.get("proof") == RETURN]
    if record["scenario"].get("returns_early") and not any(proof.get("proved") for proof in returned):
        yield "That the old primary stayed down when it came back before the promotion is not proved."


def _steady_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    if not record["steady_state"]["after"]:
        yield "The steady state afterwards was not measured."
    for row in record["steady_state"]["after"]:
        if row["result"] != "verified":
            yield f"Afterwards, {row['name']}: expected {row['expected']}, observed {row['observed']}."


def _loss_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    achieved, targets = record["achieved"], record["targets"]
    lost = achieved["lost_rows"]
    if (record["ledger"] or {}).get("lost_after"):
        yield f"{record['ledger']['lost_after']} writes are missing that were acknowledged after the return of service."
    if lost is None and expected.get("outcome") == "activated":
        return
    if lost is None:
        yield "The loss was not measured: there is no comparison of the ledger."
        return
    if expected.get("lost_rows") == 0 and lost:
        yield f"{lost} acknowledged writes are lost where the scenario allows none."
    if expected.get("lost_rows") == ARCHIVE_INTERVAL:
        yield from _beyond_the_archive(record)
    if lost:
        yield from _over("The time between the last kept and the last lost write", achieved["rpo_s"], targets["rpo_s"])


def _beyond_the_archive(record: Mapping[str, Any]) -> Iterator[str]:
    """Say so when more is lost than what had no time to reach the archive; a bound that nobody knows holds nothing."""
    archive, window = record.get("archive"), (record.get("ledger") or {}).get("lost_window_s")
    if not archive:
        yield "The archive interval was not measured, so whether the loss is inside of it is not known."
    elif archive["bound_s"] is None:
        yield "archive_timeout is off: nothing bounds what a lost host takes along."
    elif record["achieved"]["lost_rows"] and (window is None or window > archive["bound_s"]):
        yield (
            f"The window of lost writes is {window} s; the archive interval allows {archive['bound_s']} s "
            f"(archive_timeout {archive['timeout_s']:g} s, {archive['push_s']} s for the push)."
        )


def _failback_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    failback, targets = record["failback"], record["targets"]
    if not failback:
        return
    if failback["lost"] is None:
        yield "The loss at the return was not measured."
    elif failback["lost"]:
        yield f"{failback['lost']} acknowledged writes were lost at the return to the primary site."
    if failback["client_errors"] > targets.get("failback_errors", 0):
        yield (
            f"{failback['client_errors']} client errors at the return to the primary site; the poolers should have "
            "held them."
        )
    yield from _over("The pause at the return", failback["gap_s"], targets.get("failback_gap_s"))


def _refusal_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    named = expected.get("finding", "")
    errors = " ".join(str(step.get("error") or "") for step in record["steps"])
    if _result(record, "promote"):
        yield "The recovery was carried through although the scenario had to be refused."
    if named not in errors:
        yield f"The drill was not stopped by {named}."
    if not record["rollback"]:
        yield "The return to the old primary is not on record."
    ledger = record["ledger"]
    if not ledger:
        yield "The loss was not measured: there is no comparison of the ledger after the return to the old primary."
    elif ledger["lost"]:
        yield f"{ledger['lost']} acknowledged writes are missing after the return to the old primary."


def _damage_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Say what a drill that was taken back has left destroyed: its statements cannot be undone."""
    for row in record["rollback"]:
        if row.get("destroyed"):
            yield str(row["destroyed"])


def _copy_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    copied = _result(record, "copy")
    if copied.get("result") != "verified":
        yield f"The isolated copy {copied.get('result', 'was not made')}."
    achieved, targets = record["achieved"], record["targets"]
    yield from _over("The restore of the copy", achieved["rto_s"], targets["rto_s"])
    yield from _over("The age of the restored backup", achieved.get("backup_age_s"), targets.get("backup_age_s"))


def _integrity_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for row in record["integrity"]:
        if row["result"] != "verified":
            yield f"Integrity, {row['name']}: expected {row['expected']}, observed {row['observed']}."


def _cleanup_failures(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for row in record["cleanup"]:
        if row["result"] != "verified":
            yield f"Left behind, {row['name']}: expected {row['expected']}, observed {row['observed']}."
    if _result(record, "copy").get("result") and not any(row["name"] == "copy" for row in record["cleanup"]):
        yield "Nobody saw whether the copy was removed."


def _unfinished(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    missed = [step["id"] for step in record["steps"] if step["status"] not in ("done", "skipped", "failed")]
    for step in record["steps"]:
        if step["status"] == "failed":
            yield f"Step {step['id']} failed: {step['error'] or 'no reason given'}"
    if missed:
        yield f"{len(missed)} steps were not reached, from {missed[0]} on."


def _over(what: str, value: float | None, target: float | None) -> Iterator[str]:
    if target is None:
        return
    if value is None:
        yield f"{what} was not measured."
    elif value > target:
        yield f"{what} is {value} s; the target is {target} s."


def _conditions(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    if record["interruptions"]:
        yield f"The run was interrupted {len(record['interruptions'])} time(s) and resumed."
    if record["stand_in"]:
        yield "People were represented by stand-in keys; the timing of human steps is not proved."
    # In a disaster the old primary is lost before a witness can be set beside it; that is no fault of the recovery.
    if expected.get("outcome") == "activated" and not record.get("observer"):
        yield "Nobody could watch the old primary: that there was one writer rests on the three proofs of fencing."
    # Nobody moves to the recovery site in a copy, in a return, or where the recovery is refused.
    if record["mode"] != "copy" and expected.get("outcome", "recovered") in ("recovered", "activated"):
        yield from unknown(record["security"])
    if expected.get("outcome") == "activated":
        yield from unmeasured(record)
    for deviation in record["deviations"]:
        if not (expected.get("outcome") == "refused" and deviation.get("step") == "restore"):
            yield f"Deviation: {deviation['text']}"


def _success(record: Mapping[str, Any], outcome: str) -> str:
    if outcome == "refused":
        return "The recovery was refused for the reason that the scenario plants, and nothing was lost."
    if outcome == "copied":
        took = record["achieved"]["rto_s"]
        return f"The copy was restored in {took} s and verified; loss not measured, as a copy takes nothing away."
    return f"Recovered in {record['achieved']['rto_s']} s, {record['achieved']['lost_rows']} acknowledged writes lost."


def _result(record: Mapping[str, Any], step_id: str) -> dict[str, Any]:
    found = [step for step in record["steps"] if step["id"] == step_id]
    return dict(found[0]["result"]) if found else {}


_RULES = {
    "recovered": (
        *(_unfinished, _recovery_failures, _loss_failures, _fencing_failures, _steady_failures, _failback_failures),
        *(_integrity_failures, _writer_failures, _damage_failures, _cleanup_failures),
    ),
    "activated": (
        *(_unfinished, _recovery_failures, _loss_failures, _fencing_failures, _integrity_failures, _two_writers),
    ),
    "returned": (
        *(_unfinished, _failback_failures, _integrity_failures, _steady_failures, _writer_failures, _cleanup_failures),
    ),
    "refused": (_refusal_failures, _integrity_failures, _writer_failures, _damage_failures),
    "copied": (_unfinished, _copy_failures, _forecast_failures, _integrity_failures, _cleanup_failures),
}
