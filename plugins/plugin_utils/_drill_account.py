# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays of the drill: people, findings, trend, conditions, clean-up, evidence, limits, seal. Pure.

One function a section of the report: record in, blocks out.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_blocks import (
    Cell,
    Record,
    bullets,
    cell,
    code,
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
    day,
    moment,
    number,
    plain_text,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._svg import small_multiple

__all__ = ["cleanup", "conditions", "evidence", "findings", "limits", "people", "review", "seal", "trend"]


def people(record: Record) -> dict[str, Any]:
    """Who took part and what they signed."""
    return section(
        "people",
        "People and sign-offs",
        table(
            ("Item", "Role", "Signed by", "What was signed", "Signed at", ""),
            [_person(row) for row in parts(record, "people")],
            empty="Nobody signed anything in this drill.",
        ),
        table(
            ("Final sign-off", "Role", "Signed by", "What was signed", "Signed at", ""),
            [_person(row) for row in parts(record, "sign_off")],
            empty="The record was not signed off.",
        ),
        lead="A stand-in is a key that acts for a person in a rehearsal: it proves that the step was asked for and "
        "recorded, not that a person was there in time. The time of a signature is signed with the statement.",
    )


def _person(row: Record) -> list[Any]:
    return [
        cell(row.get("item"), "key"),
        row.get("role"),
        lines(cell(row.get("name")), code(row.get("fingerprint"))),
        lines(cell(row.get("statement")), cell(f"Comment: {row['comment']}"))
        if row.get("comment")
        else row.get("statement"),
        cell(moment(row.get("signed_at"))),
        pill("warn", "stand-in") if row.get("stand_in") else pill("ok", "person"),
    ]


def findings(record: Record) -> dict[str, Any]:
    """Deviations, interruptions, findings and what will be done."""
    return section(
        "findings",
        "Deviations, findings, corrective actions",
        table(
            ("Deviation", "Step", "At (UTC)"),
            [
                (row.get("text"), code(row.get("step")), cell(clock(row.get("at")), "time"))
                for row in parts(record, "deviations")
            ],
            empty="No deviation from the plan is on record.",
        ),
        table(
            ("Interruption in step", "Last sign of life (UTC)", "Taken up again (UTC)"),
            [
                (
                    code(row.get("step") or "between two steps"),
                    cell(clock(row.get("last_seen") or row.get("at")), "time"),
                    cell(clock(row.get("noticed")), "time"),
                )
                for row in parts(record, "interruptions")
            ],
            empty="The run was not interrupted.",
        ),
        table(
            ("Finding", "Severity", "Root cause", "Owner", "Due"),
            [
                (
                    row.get("text"),
                    result(row.get("severity")),
                    row.get("root_cause") or "its owner states it",
                    _owner(row),
                    cell(day(row.get("due")) or "no date yet"),
                )
                for row in parts(record, "findings")
            ],
            empty="No finding.",
        ),
        table(
            ("Corrective action", "Owner", "Due", "Tested again by"),
            [
                (row.get("text"), _owner(row), cell(day(row.get("due")) or "no date yet"), cell(_retest(row)))
                for row in parts(record, "corrective_actions")
            ],
            empty="No corrective action was needed.",
        ),
    )


def _owner(row: Record) -> Cell:
    return cell(row.get("owner") or "nobody yet")


def _retest(row: Record) -> str:
    if row.get("retest_due"):
        return str(day(row["retest_due"]))
    days = count(row.get("retest_due_days"))
    return f"{days} days after the drill" if days else "no date yet"


_TREND_LEGEND = [
    ("key-dot", "passed"),
    ("key-cond", "passed with conditions"),
    ("key-fail", "failed"),
    ("key-target", "target"),
    ("key-gap", "n/m: not measured"),
]


def trend(record: Record) -> dict[str, Any]:
    """The last drills and this one."""
    achieved, targets = part(record, "achieved"), part(record, "targets")
    here = {key: record.get(key) for key in ("id", "started", "verdict", "mode")}
    here.update({key: achieved.get(key) for key in ("rto_s", "rpo_s", "lost_rows")}, current=True)
    here["scenario"] = part(record, "scenario").get("name")
    past = [dict(row) for row in parts(record, "history") if row.get("id") != record.get("id")]
    alike = [*(row for row in past if _comparable(row, here)), here]
    pictures = [
        _multiple(alike, "rto_s", "Recovery time", "s", number(targets.get("rto_s"))),
        _multiple(alike, "rpo_s", "Recovery point", "s", number(targets.get("rpo_s"))),
    ]
    return section(
        "trend",
        "Trend of the last drills",
        {"kind": "pair", "svgs": pictures, "legend": _TREND_LEGEND},
        table(
            ("Drill", "Day", "Recovery time", "Recovery point", "Writes lost", "Verdict"),
            [_history_row(row) for row in reversed([*past, here])],
        ),
        lead="The drawings compare drills of this scenario and mode only; the table lists all that are known."
        if past
        else "This is the first drill of the environment: there is nothing to compare it with yet.",
    )


def _comparable(row: Record, here: Record) -> bool:
    """Tell whether two drills measured the same: a drill that does not name its scenario or mode is taken as alike."""
    return all(row.get(key) in (None, here.get(key)) for key in ("scenario", "mode"))


def _multiple(rows: list[dict[str, Any]], key: str, title: str, unit: str, target: float | None) -> Any:
    points = [
        {
            "value": number(row.get(key)),
            "label": str(row.get("started") or "")[:10],
            "state": str(row.get("verdict")),
            "current": bool(row.get("current")),
        }
        for row in rows
    ]
    return small_multiple(points, title=title, unit=unit, target=target, name=f"trend-{key.replace('_', '-')}")


def _history_row(row: Record) -> list[Any]:
    return [
        code(row.get("id")),
        cell(day(row.get("started"))),
        seconds_cell(row.get("rto_s")),
        seconds_cell(row.get("rpo_s")),
        figure(count(row.get("lost_rows"))),
        result(row.get("verdict")),
    ]


def conditions(record: Record) -> dict[str, Any]:
    """What ran the drill, and how far its clocks can be trusted."""
    versions, controller = part(record, "versions"), part(record, "controller")
    offsets = part(controller, "clock_offsets_s")
    load = controller.get("load_average")
    shown = ", ".join(f"{value:g}" for value in load) if isinstance(load, list) and load else None
    commit = plain_text(versions.get("git_commit"))
    dirty = " with local changes" if versions.get("git_dirty") else ""
    tools = [(name.replace("_", " ").capitalize(), code(value)) for name, value in versions.items()]
    tools = [row for row in tools if not row[0].startswith("Git ")]
    return section(
        "conditions",
        "Versions and measuring conditions",
        facts(
            *tools,
            ("Revision of the playbooks", code(f"{commit}{dirty}" if commit else None)),
            ("Operator", record.get("operator")),
            ("Controller", code(controller.get("host"))),
            ("Load average of the controller", cell(shown)),
        ),
        table(
            ("Host", "Clock offset to the controller"),
            [(code(host), figure(_milliseconds(value))) for host, value in sorted(offsets.items())],
            empty="The clock offsets of the hosts: not measured.",
        ),
    )


def _milliseconds(value: Any) -> str | None:
    found = number(value)
    return None if found is None else f"{found * 1000:+.1f} ms"


def cleanup(record: Record) -> dict[str, Any]:
    """What was put back, and the proof."""
    rows = parts(record, "cleanup")
    notes = [row.get("text") for row in parts(record, "rollback")]
    return section(
        "cleanup",
        "Clean-up proof",
        table(
            ("What was put back", "Observed", "Result"),
            [(row.get("name") or row.get("text"), row.get("observed"), result(row.get("result"))) for row in rows],
        ),
        bullets(notes, title="Rollback") if notes else None,
        facts(("Kept until", cell(day(part(record, "retention").get("keep_until"))))),
    )


def evidence(record: Record) -> dict[str, Any]:
    """The files of the pack."""
    return section(
        "evidence",
        "Evidence in this pack",
        table(
            ("File", "Bytes", "SHA-256"),
            [
                (code(row.get("path")), figure(count(row.get("bytes"))), code(row.get("sha256")))
                for row in parts(record, "evidence")
            ],
        ),
    )


def limits(record: Record) -> dict[str, Any]:
    """What the drill does not prove; an honest report says so."""
    return section("limits", "What this drill does not prove", bullets(list(_limits(record))))


def _limits(record: Record) -> Iterator[str]:
    yield "One drill is one sample: another fault, another hour or a larger backlog of log gives other figures."
    yield "The ledger proves its own table. Other tables are covered by the checks of structure only."
    if record.get("mode") == "copy":
        yield "Nothing was switched: detection, decision, fencing, redirection and the return were not exercised."
    else:
        yield "Hosts were powered off or cut off. What a disk loses when it lies about flushing was not exercised."
    if record.get("stand_in") or any(row.get("stand_in") for row in parts(record, "people")):
        yield "Keys stood in for people: how fast people answer, decide and sign was not measured."
    offsets = [number(value) for value in part(record, "controller", "clock_offsets_s").values()]
    known = [abs(value) * 1000 for value in offsets if value is not None]
    if known:
        yield f"Instants of different hosts compare to {max(known):.1f} ms only, the largest clock offset seen."
    else:
        yield "Clock offsets were not measured: instants of different hosts compare only as far as their clocks agree."
    if part(record, "forecast"):
        yield "The forecast extends the measured throughput in a straight line; disks and networks may not follow it."
    yield "Its cost in work and money, root causes and lessons are for people to write, in the record of a post-mortem."
    yield "The seal shows whether the pack was edited after sealing. It cannot show what was never recorded."


def seal(record: Record) -> dict[str, Any]:
    """How to check that nobody edited the pack."""
    found, previous, journal = part(record, "seal"), part(record, "seal", "previous"), part(record, "journal")
    signer = plain_text(found.get("principal")) or "PRINCIPAL"
    return section(
        "seal",
        "How to verify the seal",
        facts(
            ("Signed by", found.get("principal")),
            ("Key", code(found.get("fingerprint"))),
            ("Sealed at", cell(moment(found.get("sealed_at")), "time")),
            ("Journal", cell(f"{count(journal['lines'])} lines" if number(journal.get("lines")) is not None else None)),
            ("Hash of the journal's last line", code(journal.get("head"))),
            ("Pack before this one", code(previous.get("id") if found.get("previous") else "none: this is the first")),
            ("SHA-256 of its manifest", code(previous.get("sha256") if found.get("previous") else "none")),
        ),
        note("In the folder of this report, with Python 3 and OpenSSH:"),
        {"kind": "commands", "items": _commands(signer)},
        note(
            "The first command checks every file, the journal line by line, the link to the pack before this one and "
            "the signature, and names what was touched. The other two do a part of it without any code of ours. Take "
            "the list of signers from a place you trust rather than from this pack, and compare the fingerprint."
        ),
    )


def review(_record: Record) -> dict[str, Any]:
    """Where whoever reads the report says what they make of it; the record was sealed before that."""
    return section(
        "review",
        "Reviewer's sign-off",
        {"kind": "review"},
        lead="A drill that nobody reviewed has taught nobody. Sign on paper, or sign the manifest of this pack.",
    )


def _commands(signer: str) -> list[str]:
    quoted = "'" + signer.replace("'", "'\"'\"'") + "'"
    return [
        "python3 verify_pack.py --allowed-signers /path/to/allowed_signers",
        f"ssh-keygen -Y verify -f allowed_signers -I {quoted} -n ccobservatory.ops -s MANIFEST.sig < MANIFEST",
        "sha256sum --check MANIFEST",
    ]
