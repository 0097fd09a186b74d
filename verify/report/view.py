# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page shows of a run, put together: first the answers, then the views by owner, by item and by subject.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import day, duration, moment, size
from verify.engine.catalogue import Item
from verify.engine.evidence import Fact
from verify.engine.judge import finding_id
from verify.engine.words import GREEN, Status, worst
from verify.report.data import ControlRows, ReportData
from verify.report.drawings import coverage_bar, kpi_view, strip
from verify.report.groups import CSS, control_view
from verify.report.names import anchor
from verify.report.remedies import ages_of, causes, owners, shared_ids
from verify.report.subjects import subject_views
from verify.report.summary import TRANSITIONS, answer, transitions
from verify.report.text import WORDS, age, bounds_text, counted, from_epoch, thin, time_of, value

__all__ = ["view_of"]

_CHANGE_WORDS = {
    "new": ("New", "bad"),
    "newly_unknown": ("Newly unknown", "warn"),
    "flapping": ("Flapping", "warn"),
    "still": ("Still open", "bad"),
    "fixed": ("Fixed", "ok"),
}
_OPEN = (Status.FAIL, Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE)


def view_of(data: ReportData) -> dict[str, Any]:
    """Return all that the template writes, in its order."""
    run, ages = data.run, ages_of(data)
    said = answer(data)
    by_owner = owners(data, ages)
    return {
        "id": str(run["id"]),
        "environment": str(run["environment"]),
        "day": day(run["started"]),
        "complete": data.complete,
        "answer": said,
        "ran": f"{moment(run['started'])} to {moment(from_epoch(data.moment))}",
        "changes": _changes(data),
        "undecided_words": _undecided(data),
        "undecided": sum(data.totals[status] for status in _OPEN[1:]) + _missing(data),
        "causes": causes(data),
        "owners": by_owner,
        "run": _run(data),
        "population": _population(data),
        "sources": _sources(data),
        "sections": _sections(data, ages),
        "gaps": [item for item in data.items.values() if item.gap],
        "subjects": subject_views(data),
        "kpis": [
            kpi_view(name, rows, data.kpi_words.get(name, {}), place)
            for place, (name, rows) in enumerate(data.kpis.items())
        ],
        "waivers": [_waiver(data, row) for row in data.waivers],
        "attestations": [_attestation(data, row) for row in data.attestations],
        "limits": _limits(data),
        "verify": _verify(data),
    }


def _missing(data: ReportData) -> int:
    """Return how many expected cells have no row at all."""
    return max(0, (data.expected or 0) - data.decided)


def _undecided(data: ReportData) -> list[str]:
    told = [f"{thin(data.totals[one])} {WORDS[one]}" for one in _OPEN[1:] if data.totals[one]]
    return [*told, f"{thin(_missing(data))} never judged"] if _missing(data) else told


# What changed


def _changes(data: ReportData) -> dict[str, Any]:
    told = data.changes or {}
    lists = transitions(data)
    oldest = max((row.get("age_s") or 0 for row in lists["still"]), default=0)
    return {
        "comparable": bool(told.get("comparable")),
        "reason": told.get("reason") or "There is no earlier run of the same scope to compare with.",
        "previous": told.get("previous"),
        "gap": None if told.get("gap_s") is None else age(told["gap_s"]),
        "lists": [_change(name, lists[name]) for name in _CHANGE_WORDS if name in TRANSITIONS],
        "oldest": age(oldest) if oldest else "",
    }


def _change(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one list of changes by control, or by subject where that is shorter: a lost host is one line."""
    told = [_change_row(row, fixed=name == "fixed") for row in rows]
    by_control, by_subject = _grouped(told, "control", "subject"), _grouped(told, "subject", "control")
    title, css = _CHANGE_WORDS[name]
    groups = by_subject if len(by_subject) < len(by_control) else by_control
    return {"name": name, "title": title, "css": css, "count": len(rows), "groups": groups}


def _change_row(row: Mapping[str, Any], *, fixed: bool) -> dict[str, Any]:
    notes = [age(row["age_s"])] if row.get("age_s") else []
    notes += [f"{row['turns']} turns in {row['of']} runs"] if row.get("turns") else []
    place = anchor(str(row.get("kind", "")), str(row.get("subject", "")))
    return {
        "control": (str(row.get("control", "")), str(row.get("item", ""))),
        "subject": (str(row.get("subject", "")), place),
        # What was fixed is no finding of this run; its subject has a place all the same.
        "target": place if fixed else str(row.get("finding", "")),
        "note": ", ".join(notes),
    }


def _grouped(rows: Sequence[Mapping[str, Any]], by: str, other: str) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        told = {"text": row[other][0], "target": row["target"], "note": row["note"]}
        found.setdefault(row[by], []).append(told)
    return [{"text": text, "target": target, "rows": told} for (text, target), told in found.items()]


# What was looked at


def _run(data: ReportData) -> list[tuple[str, Any]]:
    run = data.run
    clock = (run.get("clock") or {}).get("offset_s")
    inventory = run.get("inventory") or {}
    by = run.get("operator") or run.get("scheduler")
    state = "with changes that are in no commit" if run.get("dirty") else "clean"
    return [
        ("Run", run["id"]),
        ("Environment", run["environment"]),
        ("Started", moment(run["started"])),
        ("Ended", moment(run.get("ended")) if data.complete else "did not come to its end"),
        ("Started by", f"{by} on {run.get('runner')}" if by else run.get("runner")),
        ("Clock of the runner", None if clock is None else f"{clock:+.3f} s from its time source"),
        ("Rules", f"collection {run.get('collection_version')}, commit {run.get('commit')}, {state}"),
        ("Inventory", f"{inventory.get('path')}, SHA-256 {inventory.get('digest')}"),
        ("Catalogue", f"{counted(len(data.items), 'item')}, SHA-256 {(run.get('catalogue') or {}).get('digest')}"),
        ("Parameters", value(run.get("parameters") or None) or "none"),
        ("Selection", value(run.get("selection") or None) or "everything"),
        ("Key exchange", run.get("kex") or None),
        ("Judged again from", run.get("replay_of") or "its own evidence"),
    ]


def _population(data: ReportData) -> dict[str, Any]:
    hosts, known = data.hosts, data.run.get("catalogue") or {}
    kinds = (data.run.get("population") or {}).get("kinds") or {}
    parts = {name: int(known.get(name) or 0) for name in ("asserted", "attested", "gap")}
    items = int(known.get("items") or len(data.items))
    share = f"{100 * parts['asserted'] / items:.1f} %" if items else None
    return {
        "hosts": {"expected": thin(hosts.expected), "reached": thin(hosts.reached)},
        "unreachable": sorted(hosts.unreachable.items()),
        "excluded": sorted(hosts.excluded.items()),
        "kinds": [counted(number, kind) for kind, number in kinds.items()],
        "expected": None if data.expected is None else thin(data.expected),
        "decided": thin(data.decided),
        "totals": [(WORDS[status], CSS[status], number) for status, number in data.totals.items() if number],
        "items": items,
        "parts": parts,
        "share": share,
        "bar": coverage_bar(parts),
    }


def _sources(data: ReportData) -> list[dict[str, Any]]:
    """Return how the evidence was obtained: a line for each fact by its name, with what became of it."""
    names: dict[tuple[str, str], list[Fact]] = {}
    for fact in data.facts.values():
        names.setdefault((fact.source, fact.name), []).append(fact)
    return [_source(data, source, name, facts) for (source, name), facts in names.items()]


def _source(data: ReportData, source: str, name: str, facts: Sequence[Fact]) -> dict[str, Any]:
    commands = list(dict.fromkeys(fact.command for fact in facts))
    had = [fact for fact in facts if fact.error is None]
    today = str(data.run["started"])[:10]
    first = min(fact.collected for fact in facts)
    return {
        "source": source,
        "name": name,
        "command": commands[0],
        "others": len(commands) - 1,
        "facts": thin(len(had)),
        "missing": len(facts) - len(had),
        "distinct": thin(len({fact.digest for fact in had})),
        "bytes": size(sum(fact.size for fact in had)) if had else None,
        "cut": sum(fact.kept < fact.size for fact in had),
        "first": time_of(first, day=today),
        "last": time_of(max(fact.collected for fact in facts), day=today),
        "age": age(data.moment - first),
    }


# By item


def _sections(data: ReportData, ages: Mapping[str, float]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    shared = shared_ids(data)
    for item_id, controls in data.by_item().items():
        item = data.item(item_id)
        found.setdefault(item.section, []).append(_item(data, item, controls, ages, shared))
    return [
        {"name": section, "entries": entries, "open": sum(entry["css"] in ("bad", "warn") for entry in entries)}
        for section, entries in found.items()
    ]


def _item(
    data: ReportData, item: Item, controls: Sequence[ControlRows], ages: Mapping[str, float], shared: frozenset[str]
) -> dict[str, Any]:
    totals: dict[Status, int] = {}
    for control in controls:
        for row in control.rows:
            totals[row.status] = totals.get(row.status, 0) + 1
    status = worst(totals) if controls else None
    references = [f"{name} {', '.join(values)}" for name, values in item.references.items()]
    about = [item.severity, item.frequency.replace("_", " "), f"owner {item.owner}", f"method {item.method}"]
    limits = [bounds_text(control.bounds or item.bounds) for control in controls]
    return {
        "item": item,
        "status": WORDS[status] if status else ("gap" if item.gap else "not in this run"),
        "css": CSS[status] if status else "mute",
        "green": status is None or status in GREEN,
        # What a shared cause leaves undecided is told once, with the cause; it unfolds no item.
        "unfolded": any(
            finding_id(control.control, row.kind, row.subject) not in shared
            for control in controls
            for row in control.rows
            if row.status not in GREEN
        ),
        "counts": [(CSS[one], f"{thin(number)} {WORDS[one]}") for one, number in totals.items()],
        "about": " · ".join([*about, f"evidence at most {duration(item.freshness_s)} old", *references]),
        "bounds": "; ".join(dict.fromkeys(limit for limit in limits if limit)),
        "strip": strip(data.strips.get(item.id, ()), str(data.run["started"])[:10]) if data.strips else "",
        "controls": [control_view(data, control, ages) for control in controls],
    }


# Exceptions, limits, seal


def _waiver(data: ReportData, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a waiver with the findings it excuses; one that has run out says so."""
    used = [finding for finding in data.findings if finding.row.waiver and finding.row.waiver == str(row.get("id"))]
    told = {
        key.replace("_", " "): value(one) if not isinstance(one, list) else ", ".join(map(str, one))
        for key, one in row.items()
        if key not in ("id", "expires") and one not in (None, "", [])
    }
    return {
        "id": row.get("id"),
        "facts": {key: moment(text) if _instant(text) else text for key, text in told.items()},
        "used": [(finding.id, finding.row.subject, WORDS[finding.row.original or Status.UNKNOWN]) for finding in used],
        **_until(data, row.get("expires")),
    }


def _attestation(data: ReportData, row: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        key.replace("_", " "): value(one)
        for key, one in row.items()
        if key not in ("id", "valid_until") and one not in (None, "", [])
    }
    facts = {key: moment(text) if _instant(text) else text for key, text in told.items()}
    return {"id": row.get("id") or row.get("item"), "facts": facts, **_until(data, row.get("valid_until"))}


def _instant(text: str) -> bool:
    return len(text) >= 20 and text[4:5] == "-" and text[10:11] == "T" and text.endswith("Z")


def _until(data: ReportData, expires: Any) -> dict[str, Any]:
    """Return until when an exception holds and whether it does; written instants in UTC compare as text."""
    if not expires:
        return {"until": None, "css": "bad", "state": "no end"}
    over = str(expires) < from_epoch(data.moment)
    return {"until": moment(expires), "css": "bad" if over else "ok", "state": "expired" if over else "valid"}


def _limits(data: ReportData) -> list[str]:
    run = data.run
    found = [
        "A result is as good as its evidence: it shows what a host or system said at the stated instant, not between "
        "runs.",
        "Evidence of class attested or declared was stated by a person; only evidence of class machine was read from a "
        "system.",
        "The seal is tamper-evident, not tamper-proof: whoever holds the signing key can make another pack. Compare "
        "the fingerprint with one you know, and keep copies elsewhere.",
    ]
    gaps = sum(bool(item.gap) for item in data.items.values())
    if gaps:
        found.insert(
            0,
            f"{counted(gaps, 'item')} of the guide {'has' if gaps == 1 else 'have'} no control: see the list of gaps.",
        )
    if run.get("selection"):
        found.insert(
            0, "This run looked at a selection only. It proves nothing about the rest and cannot stand for the day."
        )
    if run.get("dirty"):
        found.insert(0, "The rules had changes that are in no commit; what was run cannot be fetched from the history.")
    if (run.get("clock") or {}).get("offset_s") is None:
        found.insert(0, "The clock of the runner could not be compared with a time source; ages may be wrong.")
    if not data.complete:
        found.insert(0, "The run did not come to its end. What it decided stands below; what it did not is unknown.")
    return [*found, *(str(one) for one in run.get("limits") or ())]


def _verify(data: ReportData) -> list[dict[str, str]]:
    signer = shlex.quote(str(data.run.get("signer") or "SIGNER"))
    sign = f"ssh-keygen -Y verify -f allowed_signers -I {signer} -n ccobservatory.ops -s MANIFEST.sig < MANIFEST"
    env = shlex.quote(str(data.run["environment"]))
    return [
        {
            "what": "All of it, with your own copy of the script and of the list of signers",
            "line": "python3 verify_pack.py . --allowed-signers FILE --chain --daily",
        },
        {"what": "The signature, without any code of ours", "line": sign},
        {"what": "The files, without any code of ours", "line": "sha256sum --check MANIFEST"},
        {
            "what": "The output behind a digest",
            "line": 'python3 -c \'import json,sys; [print(json.loads(l)["body"]) for l in open("evidence/blobs.jsonl") '
            'if json.loads(l)["digest"].startswith(sys.argv[1])]\' DIGEST',
        },
        {
            "what": "Judge the same evidence again, offline",
            "line": f"pytest verify/ --replay reports/{env}/{data.run['id']}",
        },
    ]
