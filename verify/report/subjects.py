# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run seen from its subjects: for each host, service or asset what was found, what passed, and all its evidence.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verify.engine.evidence import Fact
from verify.engine.judge import Row, finding_id
from verify.engine.words import GREEN, Status, worst
from verify.report.data import ReportData
from verify.report.groups import CSS
from verify.report.names import anchor, control_ranges, natural, ranges
from verify.report.text import WORDS, clean, counted, time_of

__all__ = ["evidence_table", "subject_views"]

_KINDS = ("estate", "service", "asset", "pool", "pipeline", "repository", "host")
_DIGITS = 12
_COMMANDS = 2


def subject_views(data: ReportData) -> list[dict[str, Any]]:
    """Return the subjects by kind, in natural order; a kind also names those that are green in ranges."""
    found: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for control in data.controls:
        for row in control.rows:
            found.setdefault((row.kind, row.subject), []).append((control.control, row))
    facts: dict[str, list[Fact]] = {}
    for fact in data.facts.values():
        facts.setdefault(fact.subject, []).append(fact)
    kinds: dict[str, list[dict[str, Any]]] = {}
    for (kind, name), cells in sorted(found.items(), key=lambda pair: natural(pair[0][1])):
        kinds.setdefault(kind, []).append(_subject(data, kind, name, cells, facts))
    ordered = sorted(kinds, key=lambda kind: _KINDS.index(kind) if kind in _KINDS else len(_KINDS))
    return [_kind(kind, kinds[kind]) for kind in ordered]


def _kind(kind: str, subjects: list[dict[str, Any]]) -> dict[str, Any]:
    green = [one["name"] for one in subjects if one["green"]]
    told = counted(len(green), kind) + (" needs" if len(green) == 1 else " need")
    return {
        "kind": kind,
        "count": counted(len(subjects), kind),
        "subjects": subjects,
        "green": f"{told} nobody: {', '.join(ranges(green))}." if green else "",
    }


def _subject(
    data: ReportData, kind: str, name: str, cells: list[tuple[str, Row]], facts: Mapping[str, list[Fact]]
) -> dict[str, Any]:
    by_status: dict[Status, list[str]] = {}
    for control, row in cells:
        by_status.setdefault(row.status, []).append(control)
    status = worst(by_status)
    own = facts.get(name, []) if kind == "host" else _used(data, cells)
    return {
        "name": name,
        "kind": kind,
        "anchor": anchor(kind, name),
        "status": WORDS[status],
        "css": CSS[status],
        "green": status in GREEN,
        "counts": [(CSS[one], f"{len(rows)} {WORDS[one]}") for one, rows in sorted(by_status.items(), key=_by_rank)],
        "findings": _findings(cells),
        "passes": ", ".join(control_ranges(by_status.get(Status.PASS, []))),
        "not_applicable": ", ".join(control_ranges(by_status.get(Status.NOT_APPLICABLE, []))),
        "identity": ", ".join(dict.fromkeys(fact.identity for fact in own if fact.identity)),
        "collected": _span(data, own),
        "table": evidence_table(own),
    }


def _findings(cells: list[tuple[str, Row]]) -> list[dict[str, Any]]:
    """Return what is open or waived about a subject; equal sentences of several controls are told once."""
    found: dict[tuple[Status, str], list[tuple[str, str]]] = {}
    for control, row in cells:
        if row.status not in GREEN or row.status is Status.WAIVED:
            known = finding_id(control, row.kind, row.subject)
            found.setdefault((row.status, row.says), []).append((control, known))
    return [
        {"status": WORDS[status], "css": CSS[status], "says": says, "controls": told}
        for (status, says), told in sorted(found.items(), key=lambda pair: _by_rank((pair[0][0], [])))
    ]


def _by_rank(pair: tuple[Status, Any]) -> int:
    ranks = (Status.FAIL, Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE, Status.WAIVED, Status.PASS)
    return ranks.index(pair[0]) if pair[0] in ranks else len(ranks)


def _used(data: ReportData, cells: list[tuple[str, Row]]) -> list[Fact]:
    """Return the facts that the results of a subject rest on; a service has no evidence of its own."""
    keys = dict.fromkeys(key for _control, row in cells for key in row.evidence)
    return [data.facts[key] for key in keys if key in data.facts]


def _span(data: ReportData, facts: list[Fact]) -> str:
    if not facts:
        return ""
    day = str(data.run["started"])[:10]
    first, last = (time_of(choose(fact.collected for fact in facts), day=day) for choose in (min, max))
    return first if first == last else f"{first} to {last}"


def evidence_table(facts: list[Fact]) -> str:
    """Return facts as lines of fixed columns: exit code, digest, bytes, when, name. One text is cheap at any number."""
    return "\n".join(_line(fact) for fact in facts)


def _line(fact: Fact) -> str:
    name = clean(fact.name)
    if fact.error is not None:
        return f"  -  {'none':<{_DIGITS}} {'':>8}  {time_of(fact.collected)[11:]}  {name}: {clean(fact.error)}"
    code = "-" if fact.rc is None else str(fact.rc)
    cut = f" ({fact.kept} kept)" if fact.kept < fact.size else ""
    digest = (fact.digest or "")[:_DIGITS]
    return f"{code:>3}  {digest:<{_DIGITS}} {fact.size:>8}  {time_of(fact.collected)[11:]}  {name}{cut}"
