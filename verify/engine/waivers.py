# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: accepted exceptions with a scope, a reason, an approver and an end. The check still runs.

A file of ``verify_waivers_file`` holds one mapping or a list of them::

    - id: W-17
      item: INFRA-02                      # or one control of it, such as INFRA-02.kernel
      subjects: {kind: host, names: [db1]}  # or {group: database}, or {kind: estate}
      reason: the vendor certifies the new kernel in December
      compensating_control: the host has no route to the internet
      owner: database
      requester: a.adams
      approver: b.brown
      approved_on: 2026-11-20T09:00:00Z
      expires_on: 2026-12-20T23:59:59Z    # the last instant at which it holds
      ticket: OPS-2211

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms
from verify.engine.control import Control
from verify.engine.judge import ControlResult, Row, finding_id
from verify.engine.words import GREEN, Status, exit_code

__all__ = ["EXPIRING_S", "Cell", "Review", "Waiver", "apply", "as_record", "exit_of", "from_record", "review"]

DAY_S = 86_400.0
EXPIRING_S = 14 * DAY_S
_WAIVABLE = (Status.FAIL, Status.UNKNOWN)
Cell = tuple[str, str, str]
"""Control id, kind and name of the subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One exception. ``target`` is an item or a control, ``names`` are the subjects of ``kind`` that it excuses.

    ``approved_on`` and ``expires_on`` are seconds since the epoch (UTC), both inclusive.
    """

    id: str
    target: str
    kind: str
    names: tuple[str, ...]
    group: str
    reason: str
    compensating_control: str
    owner: str
    requester: str
    approver: str
    approved_on: float
    expires_on: float
    ticket: str

    def concerns(self, control: Control) -> bool:
        """Return whether a control is in the waiver's scope."""
        return self.kind == control.kind and self.target in (control.item, control.id)

    def holds(self, now: float) -> bool:
        """Return whether the waiver is in force at an instant."""
        return self.approved_on <= now <= self.expires_on


def apply(results: Iterable[ControlResult], waivers: Sequence[Waiver], now: float) -> list[ControlResult]:
    """Return the results with failed and unknown cells waived where a waiver in force covers them.

    The original status stays in ``original``; nothing else of a row changes. Stale and due cells are not waived.
    """
    return [_applied(result, [one for one in waivers if one.concerns(result.control)], now) for result in results]


def _applied(result: ControlResult, waivers: Sequence[Waiver], now: float) -> ControlResult:
    excused = {name: one.id for one in waivers if one.holds(now) for name in one.names}
    if not excused:
        return result
    rows = tuple(_waived(row, excused) if row.status in _WAIVABLE else row for row in result.rows)
    return replace(result, rows=rows)


def _waived(row: Row, excused: Mapping[str, str]) -> Row:
    waiver = excused.get(row.subject)
    return row._replace(status=Status.WAIVED, original=row.status, waiver=waiver) if waiver else row


@dataclass(frozen=True)
class Review:
    """What became of the waivers in a run; ids in the order of the files.

    ``used`` waive something, ``unused`` cover only cells that need no waiver, ``unseen`` cover no cell of the run,
    ``expired`` have run out, ``needed`` are those of them whose cells still are not green, ``expiring`` run out within
    14 days. ``cells`` are the waived findings by waiver, ``expired_cells`` the open cells whose waiver has run out,
    ``whole`` is whether the run judged everything, so that an unseen waiver covers nothing at all.
    """

    used: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    expiring: tuple[str, ...] = ()
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expired_cells: frozenset[Cell] = frozenset()
    whole: bool = True

    @property
    def mistakes(self) -> tuple[str, ...]:
        """Return the waivers in force that waive nothing: errors, because an exception nobody needs hides the next."""
        return self.unused + (self.unseen if self.whole else ())

    @property
    def exit_floor(self) -> int:
        """Return 11 when a waiver ran out that is still needed, or waives nothing; else 0."""
        return 11 if self.needed or self.mistakes else 0

    @property
    def sentences(self) -> list[str]:
        """Return what people have to do about waivers, a sentence each."""
        told = [
            f"Waiver {one} has expired and is still needed: remedy the finding or have it approved again."
            for one in self.needed
        ]
        told += [f"Waiver {one} waives nothing that failed: remove it." for one in self.mistakes]
        told += [
            f"Waiver {one} has expired and is not needed: remove it." for one in self.expired if one not in self.needed
        ]
        told += [f"Waiver {one} expires within 14 days." for one in self.expiring]
        return told


def review(results: Iterable[ControlResult], waivers: Sequence[Waiver], now: float, *, whole: bool = True) -> Review:
    """Return what became of the waivers in results that `apply` has seen.

    ``whole`` is False for a run that was narrowed on the command line: a waiver whose cells it did not judge is then
    no mistake.
    """
    judged = list(results)
    groups: dict[str, list[str]] = {key: [] for key in ("used", "unused", "unseen", "expired", "needed", "expiring")}
    cells: dict[str, tuple[str, ...]] = {}
    open_cells: dict[Cell, None] = {}
    excused = {cell for one in waivers if one.holds(now) for cell in _covered(one, judged)}
    for one in waivers:
        covered = _covered(one, judged)
        cells[one.id] = tuple(finding_id(*cell) for cell, row in covered.items() if row.waiver == one.id)
        if one.holds(now):
            groups["used" if cells[one.id] else "unused" if covered else "unseen"].append(one.id)
            if one.expires_on - now <= EXPIRING_S:
                groups["expiring"].append(one.id)
            continue
        groups["expired"].append(one.id)
        # A later waiver for the same cell took over; then this one is not needed.
        left = {cell: None for cell, row in covered.items() if row.status in _WAIVABLE and cell not in excused}
        open_cells.update(left)
        if left:
            groups["needed"].append(one.id)
    named = {key: tuple(found) for key, found in groups.items()}
    return Review(**named, cells=cells, expired_cells=frozenset(open_cells), whole=whole)


def _covered(waiver: Waiver, results: Iterable[ControlResult]) -> dict[Cell, Row]:
    names = set(waiver.names)
    return {
        (result.control.id, row.kind, row.subject): row
        for result in results
        if waiver.concerns(result.control)
        for row in result.rows
        if row.kind == waiver.kind and row.subject in names
    }


def exit_of(results: Iterable[ControlResult], found: Review) -> int:
    """Return the exit code of a run: that of the cells, and 11 where nothing is wrong but waivers.

    Cells whose waiver has run out count as 11, so that "somebody has to decide again" can be told from a new failure;
    any other failure or gap outranks it.
    """
    expired = found.expired_cells
    statuses = {Status.PASS} if expired else set()
    for result in results:
        for row in result.rows:
            if row.status in GREEN or not expired or (result.control.id, row.kind, row.subject) not in expired:
                statuses.add(row.status)
    return exit_code(statuses) or found.exit_floor


def as_record(waivers: Sequence[Waiver], found: Review) -> list[dict[str, Any]]:
    """Return the waivers as ``waivers.json`` keeps them, with what became of each and the findings that it waives."""
    return [
        {
            "id": one.id,
            "item": one.target,
            "kind": one.kind,
            "subjects": list(one.names),
            "group": one.group,
            "reason": one.reason,
            "compensating_control": one.compensating_control,
            "owner": one.owner,
            "requester": one.requester,
            "approver": one.approver,
            "approved": _iso(one.approved_on),
            "expires": _iso(one.expires_on),
            "ticket": one.ticket,
            "state": _state(one.id, found),
            "findings": list(found.cells.get(one.id, ())),
        }
        for one in waivers
    ]


def _state(waiver_id: str, found: Review) -> str:
    if waiver_id in found.expired:
        return "expired, still needed" if waiver_id in found.needed else "expired"
    if waiver_id in found.used:
        return "expires within 14 days" if waiver_id in found.expiring else "in force"
    return "waives nothing" if waiver_id in found.mistakes else "not looked at"


def from_record(rows: Collection[Mapping[str, Any]]) -> tuple[Waiver, ...]:
    """Return the waivers that a run kept; `OpsError` when its ``waivers.json`` is none."""
    kept = ("id", "kind", "group", "reason", "compensating_control", "owner", "requester", "approver", "ticket")
    try:
        return tuple(
            Waiver(
                **{key: row[key] for key in kept},
                target=row["item"],
                names=tuple(row["subjects"]),
                approved_on=datetime.datetime.fromisoformat(row["approved"]).timestamp(),
                expires_on=datetime.datetime.fromisoformat(row["expires"]).timestamp(),
            )
            for row in rows
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise OpsError(f"waivers.json of the run holds something that is no waiver ({exc}).") from exc


def _iso(instant: float) -> str:
    return iso_ms(from_epoch(instant))
