# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page shows of a run, put together: first the answers, then the views by owner, by item and by subject.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import day, duration, moment
from verify.engine.catalogue import Item
from verify.engine.judge import finding_id
from verify.engine.words import GREEN, Status, worst
from verify.report.change_lists import change_view
from verify.report.data import ControlRows, ReportData
from verify.report.drawings import kpi_view, strip
from verify.report.exceptions import (
    attestation_view,
    left_out_view,
    limits,
    override_rows,
    verify_commands,
    waiver_view,
)
from verify.report.groups import CSS, control_view
from verify.report.remedies import ages_of, causes, look_of, owners, shared_ids, undecided_items
from verify.report.scope import population, run_facts, sources
from verify.report.subjects import subject_views
from verify.report.summary import answer
from verify.report.text import WORDS, bounds_text, from_epoch, thin

__all__ = ["view_of"]

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
        "signed": data.signed,
        "answer": said,
        "ran": f"{moment(run['started'])} to {moment(run.get('ended') or from_epoch(data.moment))}",
        "changes": change_view(data),
        "undecided_words": _undecided(data),
        "undecided": sum(data.totals[status] for status in _OPEN[1:]) + _missing(data),
        "causes": causes(data),
        "undecided_items": undecided_items(data),
        "owners": by_owner,
        "run": run_facts(data),
        "population": population(data),
        "sources": sources(data),
        "sections": _sections(data, ages),
        "gaps": [item for item in data.items.values() if item.gap],
        "subjects": subject_views(data),
        "kpis": [
            kpi_view(name, rows, data.kpi_words.get(name, {}), place)
            for place, (name, rows) in enumerate(data.kpis.items())
        ],
        "waivers": [waiver_view(data, row) for row in data.waivers],
        "attestations": [attestation_view(data, row) for row in data.attestations],
        "left_out": [left_out_view(data, row) for row in data.left_out],
        "overrides": override_rows(data),
        "limits": limits(data),
        "verify": verify_commands(data),
    }


def _missing(data: ReportData) -> int:
    """Return how many expected cells have no row at all."""
    return max(0, (data.expected or 0) - data.decided)


def _undecided(data: ReportData) -> list[str]:
    told = [f"{thin(data.totals[one])} {WORDS[one]}" for one in _OPEN[1:] if data.totals[one]]
    return [*told, f"{thin(_missing(data))} never judged"] if _missing(data) else told


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
        "overrides": [row for row in override_rows(data) if row["item"] == item.id],
        "look": look_of(data, item),
        "strip": strip(data.strips.get(item.id, ()), str(data.run["started"])[:10]) if data.strips else "",
        "controls": [control_view(data, control, ages) for control in controls],
    }
