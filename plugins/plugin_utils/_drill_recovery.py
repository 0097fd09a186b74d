# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the recovery went: scenario, recovery time, steps, data, integrity. Pure.

One function a section of the report: record in, blocks out.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import seconds_between
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_blocks import (
    Block,
    Cell,
    Record,
    bullets,
    cell,
    code,
    drawing,
    exact_cell,
    facts,
    figure,
    lines,
    note,
    part,
    parts,
    pill,
    result,
    seconds_cell,
    section,
    table,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import (
    clock,
    count,
    moment,
    number,
    plain_text,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._svg import gantt, waterfall

__all__ = ["NOT_IN_COPY", "data", "integrity", "mode_words", "recovery_time", "scenario", "steps"]

PHASES = {
    "detect": "Notice the outage",
    "decide": "Declare and decide",
    "fence": "Fence the old primary",
    "restore": "Restore the backup",
    "replay": "Replay the log",
    "promote": "Promote, prove a write",
    "redirect": "Redirect the traffic",
    "first_write": "First acknowledged write",
}
GROUPS = {"declaration": "Declaration", "recovery": "Recovery", "continuity": "Continuity"}
NOT_IN_COPY = (
    "Not part of a drill on an isolated copy: the live environment was neither stopped, fenced nor redirected."
)


def mode_words(record: Record) -> str | None:
    """Return what the mode means."""
    words = {
        "live": "Full failover: the environment itself was switched over and returned",
        "copy": "Isolated copy: restored beside the live environment, which was not touched",
    }
    return words.get(str(record.get("mode")), plain_text(record.get("mode")))


def scenario(record: Record) -> dict[str, Any]:
    """What was rehearsed, and what had been agreed before."""
    told, approval = part(record, "scenario"), part(record, "approval")
    return section(
        "scenario",
        "Scenario and scope",
        facts(
            ("Threat", told.get("threat")),
            ("Hypothesis", told.get("hypothesis")),
            ("Stop condition", told.get("stop_condition")),
            ("Mode", mode_words(record)),
            wide=True,
        ),
        facts(
            ("Scenario", code(told.get("name"))),
            ("Test type", record.get("test_type")),
            ("Approved before the start by", approval.get("approver")),
            ("Approved at", cell(moment(approval.get("signed_at")), "time")),
            ("Began", cell(moment(record.get("started")), "time")),
            ("Disaster declared", cell(moment(record.get("declared")), "time")),
            ("Ended", cell(moment(record.get("ended")), "time")),
            ("Length of the whole drill", seconds_cell(_length(record))),
        ),
        bullets(told.get("blast_radius") or [None], title="Blast radius"),
        bullets(told.get("rollback") or [None], title="Way back"),
    )


def _length(record: Record) -> float | None:
    return _offset(plain_text(record.get("started")) or "", record.get("ended"))


def recovery_time(record: Record) -> dict[str, Any]:
    """The recovery time in its phases, drawn to scale, against the gap that clients saw."""
    rows = [row for row in parts(record, "phases") if number(row.get("seconds")) is not None]
    gap = part(record, "client_gap")
    picture = _waterfall(record, rows, gap) if rows else note(None)
    return section(
        "recovery-time",
        "Recovery time, phase by phase",
        picture,
        table(
            ("Phase", "Began", "Ended", "Took", "Expected", "Deadline", "Verdict"),
            [_phase_row(row) for row in rows],
            empty="No phase was measured.",
        ),
        facts(
            *_outage_rows(gap),
            ("Last acknowledged write before", cell(moment(gap.get("last_ack")), "time")),
            ("First acknowledged write after", cell(moment(gap.get("first_ack")), "time")),
            ("Gap that clients saw", exact_cell(gap.get("seconds"))),
            ("Sum of the phases", exact_cell(gap.get("sum_of_phases_s"))),
            ("Difference", exact_cell(record.get("phase_sum_difference_s"))),
            ("Client's clock ahead of the controller's", exact_cell(gap.get("clock_offset_s"))),
        ),
        lead="Measured at a client outside of the estate: from its last acknowledged write before the fault to its "
        "first one after. The phases are timed apart from that, by the journal on the controller, each from its own "
        "beginning to its own end; what a phase took is what of it fell into the gap. More than 0.5 s of difference "
        "fails the drill.",
    )


def _outage_rows(gap: Record) -> list[tuple[str, Any]]:
    """Since when clients were not served, and who told; a drill has the last acknowledged write instead."""
    told = part(gap, "outage")
    return (
        [("Outage since", cell(moment(told.get("started")), "time")), ("As told by", told.get("source"))]
        if told
        else []
    )


def _waterfall(record: Record, rows: list[Any], gap: Record) -> Block:
    total = number(gap.get("seconds"))
    sum_of_rows = sum(float(row["seconds"]) for row in rows)
    drawn = []
    for row in rows:
        seconds, deadline = float(row["seconds"]), number(row.get("deadline_s"))
        drawn.append(
            {
                "label": PHASES.get(str(row.get("name")), str(row.get("name"))),
                "offset": number(row.get("offset_s")) or 0.0,
                "seconds": seconds,
                "expected": number(row.get("expected_s")),
                "late": deadline is not None and seconds > deadline,
            }
        )
    edges = (clock(gap.get("last_ack")) or "not measured", clock(gap.get("first_ack")) or "not measured")
    svg = waterfall(
        drawn,
        total=sum_of_rows if total is None else total,
        target=number(part(record, "targets").get("rto_s")),
        edges=edges,
    )
    legend = [("key-bar", "measured")]
    if any(row["expected"] is not None for row in drawn):
        legend.append(("key-expected", "expected from earlier drills"))
    return drawing(svg, legend)


def _phase_row(row: Record) -> list[Any]:
    seconds, deadline = number(row.get("seconds")), number(row.get("deadline_s"))
    return [
        PHASES.get(str(row.get("name")), row.get("name")),
        cell(clock(row.get("started")), "time"),
        cell(clock(row.get("ended")), "time"),
        exact_cell(seconds),
        seconds_cell(row.get("expected_s")) if number(row.get("expected_s")) is not None else figure("not known yet"),
        seconds_cell(deadline),
        _on_time(seconds, deadline),
    ]


def _on_time(seconds: float | None, deadline: float | None) -> Cell:
    if seconds is None or deadline is None:
        return result(None)
    return pill("ok", "in time") if seconds <= deadline else pill("bad", "late")


def steps(record: Record) -> dict[str, Any]:
    """Each step of the guide with its deadline, drawn over the whole drill."""
    rows = parts(record, "steps")
    return section(
        "steps",
        "Steps of the guide, DR-01 to DR-12",
        _gantt(record, rows) if rows else None,
        table(
            ("Item", "Step", "Actor", "Began (UTC)", "Took", "Deadline", "Result", "Digest of the result"),
            [_step_row(row) for row in rows],
            empty="No step is on record.",
        ),
        table(("Item", "Step", "What it ran"), [_commands_row(row) for row in rows]) if rows else None,
        lead="Each command is written down before it runs, with its principal arguments. Run in the folder of the "
        "inventory, or with -i and its path, a line does the same again.",
    )


def _commands_row(row: Record) -> list[Any]:
    found = row.get("commands")
    told = found if isinstance(found, list) and found else [None]
    return [cell(row.get("item"), "key"), code(row.get("id")), lines(*(code(line) for line in told))]


def _step_row(row: Record) -> list[Any]:
    tries = number(row.get("attempts")) or 0
    title = plain_text(row.get("title")) or plain_text(row.get("id"))
    suffix = f" ({tries:.0f} attempts)" if tries > 1 else ""
    error = f" Error: {row['error']}" if row.get("error") else ""
    digest = plain_text(row.get("digest"))
    late = _on_time(number(row.get("seconds")), number(row.get("deadline_s")))["text"] == "late"
    status = pill("bad", "late") if late and row.get("status") == "done" else result(row.get("status"))
    return [
        cell(row.get("item"), "key"),
        f"{title}{suffix}{error}",
        row.get("actor"),
        cell(clock(row.get("started")), "time"),
        seconds_cell(row.get("seconds")),
        seconds_cell(row.get("deadline_s")),
        status,
        code(f"{digest[:16]}…" if digest else "no result"),
    ]


def _gantt(record: Record, rows: list[Any]) -> Block | None:
    begin = plain_text(record.get("started")) or ""
    groups: dict[str, list[dict[str, Any]]] = {}
    reach = 0.0
    for row in rows:
        offset, seconds = _offset(begin, row.get("started")), number(row.get("seconds"))
        drawn: dict[str, Any] = {
            "item": plain_text(row.get("item")) or "",
            "label": plain_text(row.get("title")) or plain_text(row.get("id")) or "",
            "offset": offset or 0.0,
            "seconds": seconds if offset is not None else None,
            "deadline": number(row.get("deadline_s")),
            "state": plain_text(row.get("status")) or "not measured",
        }
        reach = max(reach, drawn["offset"] + (drawn["seconds"] or 0.0))
        phase = str(row.get("phase"))
        groups.setdefault(GROUPS.get(phase, phase if row.get("phase") else "Steps"), []).append(drawn)
    if not reach:
        return None
    return drawing(
        gantt([{"title": title, "rows": members} for title, members in groups.items()], total=reach),
        [("key-bar", "in time"), ("key-late", "late or failed")],
    )


def _offset(begin: str, at: Any) -> float | None:
    try:
        return max(0.0, seconds_between(begin, str(at)))
    except OpsError:
        return None


def data(record: Record) -> dict[str, Any]:
    """What was lost, what is in doubt, and where the recovery stopped."""
    ledger, point = part(record, "ledger"), part(record, "recovery_point")
    doubt = part(ledger, "in_doubt")
    if not ledger:
        return section("data", "Lost and in-doubt writes", note(NOT_IN_COPY if record.get("mode") == "copy" else None))
    sample = [_lost_write(row) for row in _sample(ledger)]
    return section(
        "data",
        "Lost and in-doubt writes",
        table(
            ("Canary writes", "Number", "Meaning"),
            [
                ("Sent", figure(count(ledger.get("sent"))), "sent by the client, each chained to the one before"),
                ("Acknowledged", figure(count(ledger.get("acked"))), "the client was told that they are stored"),
                ("In the database", figure(count(ledger.get("in_db"))), "found after the recovery"),
                ("Lost", figure(count(ledger.get("lost"))), "acknowledged, but not in the database"),
                ("Wrong", figure(count(ledger.get("wrong"))), "in the database with another content"),
                ("Invented", figure(count(ledger.get("ghosts"))), "in the database, but never sent"),
                ("Holes", figure(count(ledger.get("holes"))), "missing in the middle, with later ones present"),
                ("In doubt", figure(count(doubt.get("total"))), "sent without an answer: the client cannot know"),
                ("In doubt, committed", figure(count(doubt.get("committed"))), "of these, in the database"),
                ("In doubt, not committed", figure(count(doubt.get("not_committed"))), "of these, not in the database"),
                (
                    "Salvaged",
                    figure(count(ledger.get("salvaged"))),
                    "read from the old disk, beyond the recovery point, for review",
                ),
            ],
        ),
        facts(
            ("Window of lost writes", seconds_cell(ledger.get("lost_window_s"))),
            ("Archive interval: timeout and push", seconds_cell(part(record, "archive").get("bound_s"))),
            ("First lost write", cell(moment(ledger.get("first_lost")), "time")),
            ("Last lost write", cell(moment(ledger.get("last_lost")), "time")),
            ("Loss is a clean end", cell(ledger.get("clean_suffix"))),
            ("Recovered up to", cell(moment(point.get("time") or ledger.get("recovered_up_to")), "time")),
            ("Recovery point (LSN)", code(point.get("lsn"))),
            ("Timeline after recovery", code(point.get("timeline"))),
            ("Run of the ledger", code(ledger.get("run"))),
            ("Digest of the salvage", code(ledger.get("salvage_sha256"))),
        ),
        bullets(sample, title=f"Lost writes, {len(sample)} shown of {count(ledger.get('lost')) or 'an unknown number'}")
        if sample
        else None,
        lead="A client outside of the estate keeps a ledger of every write it sends. Compared with the database after "
        "the recovery, it tells what an acknowledgement was worth.",
    )


def _sample(ledger: Record) -> list[Any]:
    found = ledger.get("lost_sample")
    return found if isinstance(found, list) else []


def _lost_write(row: Any) -> Any:
    if not isinstance(row, dict) or not {"worker", "n"} <= set(row):
        return row
    acked = clock(row.get("acked"))
    return f"worker {row['worker']}, write {row['n']}" + (f", acknowledged at {acked}" if acked else "")


def integrity(record: Record) -> dict[str, Any]:
    """The integrity ladder, rung by rung."""
    return section(
        "integrity",
        "Integrity ladder",
        table(
            ("Check", "Command", "Expected", "Observed", "Took", "Result"),
            [
                (
                    row.get("name"),
                    code(row.get("command")),
                    row.get("expected"),
                    row.get("observed"),
                    seconds_cell(row.get("seconds")),
                    result(row.get("result")),
                )
                for row in parts(record, "integrity")
            ],
        ),
        lead="No single check sees everything: each rung finds damage that the ones above it cannot.",
    )
