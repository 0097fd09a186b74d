# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drill report shows, in its order: the record turned into facts, tables, lists and drawings. Pure.

A part that the record does not hold becomes ``None`` here and is written as "not measured" by the template.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_account as account
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_frame as frame
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_proofs as proofs
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_recovery as recovery
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_blocks import Record, Tile, part, parts, pill
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import (
    count,
    day,
    duration,
    moment,
    number,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._svg import share_bar

__all__ = ["VERDICTS", "view_of"]

# verdict -> (words, class, mark)
VERDICTS = {
    "pass": ("Passed", "ok", "✓"),
    "pass_with_conditions": ("Passed with conditions", "warn", "!"),
    "fail": ("Failed", "bad", "✕"),
    "aborted": ("Aborted", "bad", "✕"),
}

_ORDER: tuple[Callable[[Record], dict[str, Any]], ...] = (
    recovery.scenario,
    frame.plan,
    frame.milestones,
    recovery.recovery_time,
    recovery.steps,
    recovery.data,
    recovery.integrity,
    frame.security,
    proofs.fencing,
    proofs.traffic,
    proofs.steady_state,
    proofs.failback,
    proofs.backup,
    proofs.forecast,
    account.people,
    frame.observers,
    frame.told,
    account.findings,
    account.trend,
    account.conditions,
    account.cleanup,
    account.evidence,
    account.limits,
    account.seal,
    account.review,
)


def view_of(record: Record, *, record_sha256: str) -> dict[str, Any]:
    """Return everything the template needs.

    Args:
        record: the record of a drill, as written to drill.json.
        record_sha256: the SHA-256 of drill.json.
    """
    words, css, mark = VERDICTS.get(str(record.get("verdict")), ("No verdict", "bad", "?"))
    scenario = part(record, "scenario")
    shown = [build(record) for build in _ORDER]
    return {
        "title": f"Drill report {record.get('id') or 'without an id'}",
        "id": record.get("id"),
        "environment": record.get("environment"),
        "scenario": scenario.get("title") or scenario.get("name"),
        "mode": recovery.mode_words(record),
        "verdict": {"words": words, "css": css, "mark": mark},
        "reasons": _texts(record.get("verdict_reasons")),
        "started": moment(record.get("started")),
        "day": day(record.get("started")),
        "tiles": _tiles(record),
        "sections": shown,
        "record_sha256": record_sha256,
    }


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else [value]
    return [str(item) for item in items if item not in (None, "")]


def _tiles(record: Record) -> list[Tile]:
    return [_rto(record), _rpo(record), _lost(record), _doubt(record), _signed(record), _sealed(record)]


def _rto(record: Record) -> Tile:
    achieved, target = _figure(record, "achieved", "rto_s"), _figure(record, "targets", "rto_s")
    return _against("Recovery time (RTO)", achieved, target, name="tile-rto")


def _rpo(record: Record) -> Tile:
    achieved, target = _figure(record, "achieved", "rpo_s"), _figure(record, "targets", "rpo_s")
    tile = _against("Recovery point (RPO)", achieved, target, name="tile-rpo")
    return {**tile, "detail": f"not measured by a copy, {tile['detail']}"} if record.get("mode") == "copy" else tile


def _against(label: str, achieved: float | None, target: float | None, *, name: str) -> Tile:
    told = None
    if achieved is not None and target is not None:
        told = pill("ok", "inside the target") if achieved <= target else pill("bad", "past the target")
    return {
        "label": label,
        "value": None if achieved is None else duration(achieved),
        "detail": f"target {'not set' if target is None else duration(target)}",
        "bar": share_bar(achieved, target, name=name),
        "pill": told,
    }


def _lost(record: Record) -> Tile:
    lost = _figure(record, "achieved", "lost_rows")
    # Those of a ledger that began after the loss say nothing of it.
    acked = None if lost is None else count(part(record, "ledger").get("acked"))
    return {
        "label": "Acknowledged writes lost",
        "value": count(lost),
        "detail": f"of {acked} acknowledged" if acked else _absent(record, "number acknowledged: not measured"),
        "pill": pill("ok", "none lost") if lost == 0 else None,
    }


def _doubt(record: Record) -> Tile:
    doubt = part(part(record, "ledger"), "in_doubt")
    committed, missing = count(doubt.get("committed")), count(doubt.get("not_committed"))
    known = f"{committed} committed, {missing} not" if committed and missing else None
    return {
        "label": "Writes in doubt",
        "value": count(_figure(record, "achieved", "in_doubt_rows")),
        "detail": known or _absent(record, "their outcome: not measured"),
    }


def _absent(record: Record, otherwise: str) -> str:
    return "not part of an isolated copy" if record.get("mode") == "copy" else otherwise


def _signed(record: Record) -> Tile:
    signatures = parts(record, "sign_off")
    names = list(dict.fromkeys(f"{person.get('name')}" for person in signatures if person.get("name")))
    stand_in = any(person.get("stand_in") for person in signatures)
    return {
        "label": "Signed off by",
        "value": ", ".join(names) or None,
        "detail": "see people and sign-offs",
        "pill": pill("warn", "stand-in") if stand_in else None,
        "small": True,
    }


def _sealed(record: Record) -> Tile:
    seal = part(record, "seal")
    return {
        "label": "Seal",
        "value": seal.get("principal"),
        "detail": str(seal.get("fingerprint") or "fingerprint: not measured"),
        "link": "how to verify it",
        "small": True,
    }


def _figure(record: Record, group: str, name: str) -> float | None:
    return number(part(record, group).get(name))
