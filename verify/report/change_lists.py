# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since the last comparable run, in the fewest lines: by control, or by subject where that is shorter.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from verify.report.data import ReportData
from verify.report.names import anchor
from verify.report.summary import terms_of_changes, transitions
from verify.report.text import age, sentence

__all__ = ["change_view"]

# name -> words, colour, whether the first screen tells it also when there is none
_LISTS = {
    "new": ("New", "bad", True),
    "newly_unknown": ("Newly unknown", "warn", True),
    "waiver_expired": ("Waiver expired", "bad", False),
    "flapping": ("Flapping", "warn", True),
    "still": ("Still open", "bad", True),
    "waived": ("Newly waived", "info", False),
    "fixed": ("Fixed", "ok", True),
    "scope_in": ("Now in scope", "mute", False),
    "scope_out": ("No longer in scope", "warn", False),
}


def change_view(data: ReportData) -> dict[str, Any]:
    """Return what changed, or why nothing can be compared."""
    told = data.changes or {}
    lists = transitions(data)
    oldest = max((row.get("age_s") or 0 for row in lists["still"]), default=0)
    known = _Places(data)
    return {
        "comparable": bool(told.get("comparable")),
        "reason": sentence(told.get("reason") or "there is no earlier run of the same scope to compare with"),
        "previous": told.get("previous"),
        "gap": None if told.get("gap_s") is None else age(told["gap_s"]),
        "lists": [_change(name, lists[name], known) for name in _LISTS if lists[name] or _LISTS[name][2]],
        "oldest": age(oldest) if oldest else "",
        "terms": terms_of_changes(data),
    }


class _Places:
    """What this page has a place for: a link never leads nowhere."""

    def __init__(self, data: ReportData) -> None:
        self.findings = {finding.id for finding in data.findings}
        self.items = set(data.by_item())
        self.subjects = {anchor(row.kind, row.subject) for control in data.controls for row in control.rows}

    def of(self, *names: str) -> str:
        """Return the first of some places that is there; empty when none is."""
        there = (name for name in names if name in self.findings or name in self.items or name in self.subjects)
        return next(there, "")


def _change(name: str, rows: Sequence[Mapping[str, Any]], known: _Places) -> dict[str, Any]:
    told = [_row(row, known) for row in rows]
    by_control, by_subject = _grouped(told, "control", "subject"), _grouped(told, "subject", "control")
    title, css, _always = _LISTS[name]
    groups = by_subject if len(by_subject) < len(by_control) else by_control
    return {"name": name, "title": title, "css": css, "count": len(rows), "groups": groups}


def _row(row: Mapping[str, Any], known: _Places) -> dict[str, Any]:
    kind, subject, item = (str(row.get(key) or "") for key in ("kind", "subject", "item"))
    notes = [age(row["age_s"])] if row.get("age_s") else []
    notes += [f"{row['turns']} turns in {row['of']} runs"] if row.get("turns") else []
    notes += [f"{row['open']} open"] if row.get("open") else []
    notes += ["judged by other terms"] if row.get("terms") else []
    place = anchor(kind, subject)
    # What came into scope or left it can be a whole subject or a whole control.
    return {
        "control": (str(row.get("control") or "every control"), known.of(item)),
        "subject": (subject or f"every {kind}", known.of(place)),
        "target": known.of(str(row.get("finding") or ""), place, item),
        "note": ", ".join(notes),
    }


def _grouped(rows: Sequence[Mapping[str, Any]], by: str, other: str) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        told = {"text": row[other][0], "target": row["target"], "note": row["note"]}
        found.setdefault(row[by], []).append(told)
    return [{"text": text, "target": target, "rows": told} for (text, target), told in found.items()]
