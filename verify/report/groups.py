# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a control put together where they say the same, so that a thousand subjects take a line and not a thousand.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from verify.engine.evidence import Fact
from verify.engine.judge import Row, finding_id
from verify.engine.words import GREEN, Status
from verify.report.data import ControlRows, ReportData
from verify.report.names import SUBJECT, anchor, claim, natural, numbers, ranges, value_text
from verify.report.text import WORDS, age, counted, excerpt, time_of, value

__all__ = ["CSS", "control_view", "facts_of", "open_groups"]

CSS = {
    Status.PASS: "ok",
    Status.FAIL: "bad",
    Status.UNKNOWN: "warn",
    Status.STALE: "warn",
    Status.MANUAL_DUE: "warn",
    Status.WAIVED: "info",
    Status.NOT_APPLICABLE: "mute",
}
_RANK = (Status.FAIL, Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE, Status.WAIVED)
_OUTPUTS = 2
_CLAIMS = 3
_DIGESTS = 3
_COMMANDS = 4
# Up to so many subjects that passed are named one by one, each with a lasting place to link to; more are ranges.
_NAMED = 100


def control_view(data: ReportData, control: ControlRows, ages: Mapping[str, float]) -> dict[str, Any]:
    """Return what the page shows of a control; ``ages`` tells for how long a finding has been open, in seconds."""
    by_status: dict[Status, list[Row]] = {}
    for row in control.rows:
        by_status.setdefault(row.status, []).append(row)
    subjects = {kind: counted(number, kind) for kind, number in _kinds(control.rows).items()}
    return {
        "id": control.control,
        "procedure": control.procedure,
        "bounds": control.bounds,
        "population": ", ".join(subjects.values()),
        "groups": open_groups(data, control, ages),
        "passes": _passes(data, control.control, by_status.get(Status.PASS, [])),
        "not_applicable": _proofs(by_status.get(Status.NOT_APPLICABLE, [])),
    }


def _kinds(rows: Iterable[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.kind] = found.get(row.kind, 0) + 1
    return found


def facts_of(data: ReportData, row: Row) -> list[Fact]:
    """Return the facts that a row used."""
    return [data.facts[key] for key in row.evidence if key in data.facts]


# What is open or waived


def open_groups(data: ReportData, control: ControlRows, ages: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the rows that are open or waived, in groups that say the same, the worst first."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in control.rows:
        if row.status not in GREEN or row.status is Status.WAIVED:
            key = (row.status, claim(row.says, row.subject), value(row.expected), row.waiver)
            found.setdefault(key, []).append(row)
    ordered = sorted(found.items(), key=lambda pair: _RANK.index(pair[0][0]))
    return [_group(data, control, key, rows, ages) for key, rows in ordered]


def _group(
    data: ReportData, control: ControlRows, key: tuple[Any, ...], rows: list[Row], ages: Mapping[str, float]
) -> dict[str, Any]:
    status, says, expected, waiver = key
    members = [_member(data, control, row, ages) for row in rows]
    facts = [fact for row in rows[:50] for fact in facts_of(data, row)]
    telling = any(member["observed"] or member["digest"] or member["more"] for member in members)
    return {
        "status": WORDS[status],
        "css": CSS[status],
        "original": WORDS[rows[0].original] if rows[0].original else "",
        "waiver": waiver,
        "says": says if len(rows) > 1 else rows[0].says,
        "common": len(rows) > 1 and SUBJECT in says,
        "count": counted(len(rows), rows[0].kind),
        "expected": expected,
        "commands": list(dict.fromkeys((fact.source, fact.command) for fact in facts))[:_COMMANDS],
        "left": max(0, len({(fact.source, fact.command) for fact in facts}) - _COMMANDS),
        "rows": members,
        "plain": not telling,
        "aged": any(member["age"] for member in members),
        "observes": any(member["observed"] for member in members),
        "outputs": _outputs(data, rows),
    }


def _member(data: ReportData, control: ControlRows, row: Row, ages: Mapping[str, float]) -> dict[str, Any]:
    facts = facts_of(data, row)
    place = _place(control.control, row)
    known = place["id"]
    digests = [fact.digest[:12] for fact in facts if fact.digest]
    codes = list(dict.fromkeys(str(fact.rc) for fact in facts if fact.rc is not None))
    return {
        **place,
        "observed": value(row.observed),
        "age": "" if known not in ages else age(ages[known]),
        "rc": ", ".join(codes),
        "digest": " ".join(digests),
        "collected": "" if row.collected is None else time_of(row.collected, day=_day(data)),
        "klass": str(row.klass or ""),
        "more": [_failed(one) for one in row.failed[1:]],
        "left": row.failed_count - len(row.failed) if row.failed_count > len(row.failed) else 0,
    }


def _place(control: str, row: Row) -> dict[str, str]:
    """Return the lasting name of a result, and where the page tells of its subject."""
    return {
        "id": finding_id(control, row.kind, row.subject),
        "subject": row.subject,
        "anchor": anchor(row.kind, row.subject),
    }


def _failed(one: Mapping[str, Any]) -> str:
    wanted = value(one.get("expected"))
    seen = f": observed {value(one.get('observed')) or 'nothing'}"
    return f"{one.get('says', '')}{seen}{f', expected {wanted}' if wanted else ''}"


def _day(data: ReportData) -> str:
    return str(data.run["started"])[:10]


def _outputs(data: ReportData, rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return excerpts of the outputs behind a group: the first of each distinct body, two at most."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        for fact in facts_of(data, row):
            if len(found) == _OUTPUTS:
                return list(found.values())
            if fact.digest and fact.digest in data.bodies and fact.digest not in found:
                text, note = excerpt(data.bodies[fact.digest], fact, row.observed)
                found[fact.digest] = {"key": fact.key, "text": text, "note": note, "digest": fact.digest}
    return list(found.values())


# What passed, and what does not apply


def _passes(data: ReportData, control: str, rows: list[Row]) -> dict[str, Any] | None:
    if not rows:
        return None
    names = ranges(row.subject for row in rows)
    return {
        "named": [_place(control, row) for row in sorted(rows, key=_by_name)] if len(rows) <= _NAMED else [],
        "count": counted(len(rows), rows[0].kind),
        "names": names,
        "checked": sum(row.checked for row in rows),
        "claims": _claims(rows),
        "evidence": _evidence(data, rows),
        "classes": ", ".join(dict.fromkeys(str(row.klass) for row in rows if row.klass)),
    }


def _by_name(row: Row) -> tuple[Any, ...]:
    return natural(row.subject)


def _claims(rows: list[Row]) -> dict[str, Any]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(claim(row.says, row.subject), []).append(row)
    ordered = sorted(found.items(), key=lambda pair: -len(pair[1]))
    shown = [
        {
            "says": rows[0].says if len(rows) == 1 else says,
            "count": len(rows),
            "observed": value_text([row.observed for row in rows], value),
            "expected": value_text([row.expected for row in rows], value),
        }
        for says, rows in ordered[:_CLAIMS]
    ]
    return {"shown": shown, "left": len(ordered) - len(shown)}


def _evidence(data: ReportData, rows: list[Row]) -> list[dict[str, Any]]:
    """Return the evidence of passes, command by command: exit codes, when, how old, which bodies and how often."""
    commands: dict[tuple[str, str], dict[str, Fact]] = {}
    for row in rows:
        for fact in facts_of(data, row):
            commands.setdefault((fact.source, fact.command), {})[fact.key] = fact
    return [_command(data, source, command, list(facts.values())) for (source, command), facts in commands.items()]


def _command(data: ReportData, source: str, command: str, facts: list[Fact]) -> dict[str, Any]:
    times = [fact.collected for fact in facts]
    digests: dict[str, int] = {}
    for fact in facts:
        if fact.digest:
            digests[fact.digest] = digests.get(fact.digest, 0) + 1
    ranked = sorted(digests.items(), key=lambda pair: (-pair[1], pair[0]))
    codes = numbers(fact.rc for fact in facts if fact.rc is not None)
    return {
        "source": source,
        "command": command,
        "count": counted(len(facts), "fact"),
        "rc": "" if codes is None else f"{codes[0]}" if codes[0] == codes[1] else f"{codes[0]} to {codes[1]}",
        "first": time_of(min(times), day=_day(data)),
        "last": time_of(max(times), day=_day(data)),
        "age": age(data.moment - min(times)),
        "digests": [(digest[:12], number) for digest, number in ranked[:_DIGESTS]],
        "left": len(ranked) - _DIGESTS if len(ranked) > _DIGESTS else 0,
    }


def _proofs(rows: list[Row]) -> list[dict[str, Any]]:
    """Return what does not apply, with the facts that prove it."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(claim(row.says, row.subject), []).append(row)
    return [
        {
            "says": rows[0].says if len(rows) == 1 else says,
            "count": counted(len(rows), rows[0].kind),
            "names": ranges(row.subject for row in rows),
        }
        for says, rows in found.items()
    ]
