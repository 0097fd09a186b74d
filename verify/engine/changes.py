# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since the last comparable run. Pure: the ledger brings the past, nothing is read or written here.

Two runs are comparable when environment, selection, catalogue and kinds of subjects are the same. Otherwise nothing is
listed, and the reason and the gap in time are told: a difference between unequal runs says nothing about the estate.
What an item was judged by can differ all the same, where an environment sets bounds of its own: ``terms`` says so, and
every change of such an item carries it.

A cell is *open* while it is neither ``pass`` nor ``not_applicable``; a waived cell is open but excused. ``new`` holds
what turned to ``fail``, or from green to ``stale`` or ``manual_due``; ``newly_unknown`` what turned to ``unknown``;
``still`` what was and is bad; ``fixed`` what was open and is green; ``waived`` and ``waiver_expired`` what was excused
or no longer is. A cell stands in one of these; ``flapping`` names in addition what keeps changing.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import digest
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms, parse_iso
from verify.engine.judge import ControlResult, finding_id
from verify.engine.terms import Terms, changed, terms_of
from verify.engine.words import Status

__all__ = [
    *("Before", "Finding", "Key", "Open", "Scope", "Snapshot"),
    *("advance", "compare", "differences", "flapping_of", "snapshot"),
]

Key = tuple[str, str, str]
"""Control id, kind and name of the subject: one cell."""

FLAPPING = (3, 10)
"""How many changes among how many of the last states make a finding flap."""

_QUIET = (Status.PASS, Status.NOT_APPLICABLE)
_LISTS = ("new", "fixed", "still", "newly_unknown", "waived", "waiver_expired", "flapping", "scope_in", "scope_out")
_LETTERS = {
    Status.PASS: "P",
    Status.NOT_APPLICABLE: "N",
    Status.FAIL: "F",
    Status.STALE: "S",
    Status.MANUAL_DUE: "M",
    Status.UNKNOWN: "U",
    Status.WAIVED: "W",
}
# States among which a change is none: green is green, and a failure that ages is one failure.
_ALIKE = str.maketrans("NSM", "PFF")
_KEPT = 20


class Scope(NamedTuple):
    """The subjects that a control judged."""

    kind: str
    names: frozenset[str]


class Open(NamedTuple):
    """A cell that is neither pass nor not applicable."""

    status: Status
    says: str


@dataclass(frozen=True)
class Snapshot:
    """What a run decided, as far as the next one has to know.

    ``at`` is the instant as of which it was judged (seconds since the epoch, UTC), ``selection`` what it was narrowed
    to, ``catalogue`` the digest of the catalogue; ``counts`` has the number of cells by control and status,
    ``complete`` is whether every cell of the matrix was decided. ``terms`` are those that are not the guide's; None
    of a run that did not tell them.
    """

    run: str
    environment: str
    at: float
    selection: Mapping[str, Any]
    catalogue: str
    scope: Mapping[str, Scope]
    open: Mapping[Key, Open]
    counts: Mapping[str, Mapping[Status, int]] = field(default_factory=dict)
    complete: bool = True
    terms: Terms | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of subjects that were judged."""
        return tuple(sorted({scope.kind for scope in self.scope.values()}))

    @property
    def series(self) -> str:
        """Return what comparable runs have in common, as a digest."""
        return digest([self.environment, dict(self.selection), self.catalogue, list(self.kinds)])

    def judged(self, key: Key) -> bool:
        """Return whether a cell was in the run's scope."""
        scope = self.scope.get(key[0])
        return scope is not None and scope.kind == key[1] and key[2] in scope.names


@dataclass(frozen=True)
class Before:
    """The last comparable run, or the reason why there is none and when the newest run was (seconds, UTC)."""

    snapshot: Snapshot | None
    reason: str = ""
    newest_at: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A cell that is or was open, followed over runs.

    ``first_seen`` is when it was open for the first time, ``since`` when it was last found open after green,
    ``last_seen`` when it was open last and ``observed`` when it was judged last (seconds since the epoch, UTC).
    ``history`` has a letter a run that judged it: the last of them last, at most twenty.
    """

    key: Key
    state: Status
    says: str
    first_seen: float
    since: float
    last_seen: float
    observed: float
    history: str


def snapshot(header: Mapping[str, Any], results: Iterable[ControlResult]) -> Snapshot:
    """Return what a run decided.

    The header has id, environment, selection, the catalogue's digest and the instants ``collected`` or ``ended``.
    """
    scope: dict[str, Scope] = {}
    found: dict[Key, Open] = {}
    counts: dict[str, dict[Status, int]] = {}
    alike: dict[Scope, Scope] = {}
    for result in results:
        control = result.control.id
        made = Scope(result.rows[0].kind, frozenset(row.subject for row in result.rows))
        scope[control] = alike.setdefault(made, made)
        counted = dict.fromkeys(Status, 0)
        for row in result.rows:
            counted[row.status] += 1
            if row.status not in _QUIET:
                found[control, row.kind, row.subject] = Open(row.status, row.says)
        counts[control] = counted
    at = next(header[key] for key in ("collected", "ended", "started") if header.get(key))
    decided = sum(sum(counted.values()) for counted in counts.values())
    return Snapshot(
        run=str(header["id"]),
        environment=str(header["environment"]),
        at=parse_iso(at).timestamp(),
        selection=header.get("selection") or {},
        catalogue=str(header["catalogue"]["digest"]),
        scope=scope,
        open=found,
        counts=counts,
        complete=header.get("expected", decided) == decided,
        terms=terms_of(header),
    )


def advance(known: Finding | None, key: Key, now: Open | None, at: float, *, was_green: bool) -> Finding:
    """Return a finding after one more run judged its cell; ``now`` is None when the cell is green.

    ``was_green`` tells of a cell that nobody followed yet whether the run before had judged it.
    """
    status = now.status if now else Status.PASS
    if known is None:
        says = now.says if now else ""
        return Finding(key, status, says, at, at, at, at, ("P" if was_green else "") + _LETTERS[status])
    history = (known.history + _LETTERS[status])[-_KEPT:]
    if now is None:
        return Finding(
            *(key, status, known.says, known.first_seen, known.since, known.last_seen, max(at, known.observed)),
            history,
        )
    since = at if known.state in _QUIET else known.since
    return Finding(key, status, now.says, known.first_seen, since, at, at, history)


def turns(history: str, last: int) -> int:
    """Return how often the last states changed between green, bad, unknown and excused."""
    states = history[-last:].translate(_ALIKE)
    return sum(one != other for one, other in itertools.pairwise(states))


def flapping_of(variables: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many changes among how many states flap, as ``verify_flapping`` says: ``{changes: 3, of: 10}``."""
    said = variables.get("verify_flapping") or {}
    return int(said.get("changes", FLAPPING[0])), int(said.get("of", FLAPPING[1]))


def differences(now: Snapshot, other: Snapshot) -> list[str]:
    """Return why two runs cannot be compared, a clause each; empty when they can."""
    said = []
    if now.environment != other.environment:
        said.append(f"it was of the environment {other.environment}")
    if dict(now.selection) != dict(other.selection):
        said.append("it judged another selection")
    if now.catalogue != other.catalogue:
        said.append("the catalogue was another one")
    if now.kinds != other.kinds:
        said.append(f"it judged other kinds of subjects ({', '.join(other.kinds)})")
    return said


def compare(
    now: Snapshot,
    before: Before,
    known: Mapping[Key, Finding],
    *,
    expired: Collection[Key] = (),
    flapping: tuple[int, int] = FLAPPING,
) -> dict[str, Any]:
    """Return what changed, as ``changes.json`` keeps it.

    ``known`` are the findings before this run, ``expired`` the open cells whose waiver has run out. ``terms`` tells by
    item what it is judged by and was not before. Instants are ISO 8601 in UTC, ages in seconds.
    """
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in _LISTS}
    told: dict[str, Any] = {"comparable": False, "previous": None, "reason": before.reason, "gap_s": None, **lists}
    told["terms"] = {}
    past = before.snapshot
    if past is not None and not now.complete:
        told["reason"] = "this run did not decide all that it had to"
        return told
    if past is None:
        if before.newest_at is not None:
            told["gap_s"] = round(now.at - before.newest_at, 3)
        return told
    told.update(comparable=True, previous=past.run, reason="", gap_s=round(now.at - past.at, 3))
    terms = told["terms"] = changed(now.terms, past.terms)
    moved = {
        key: advance(
            known.get(key), key, now.open.get(key), now.at, was_green=past.judged(key) and key not in past.open
        )
        for key in sorted({*now.open, *past.open, *known})
        if now.judged(key)
    }
    for key, finding in moved.items():
        turned = turns(finding.history, flapping[1])
        flaps = {"flapping": True, "turns": turned, "of": len(finding.history[-flapping[1] :])}
        entry = _entry(key, finding, now, past, flaps if turned >= flapping[0] else {})
        if entry["item"] in terms:
            entry["terms"] = terms[entry["item"]]
        if flaps.items() <= entry.items():
            lists["flapping"].append(entry)
        name = _list_of(key, now, past, key in expired)
        if name:
            lists[name].append(entry)
    lists["scope_in"] += _scope_changes(now, past, now)
    lists["scope_out"] += _scope_changes(past, now, past)
    return told


def _list_of(key: Key, now: Snapshot, past: Snapshot, expired: bool) -> str:
    """Return the name of the list in which a cell of this run stands; empty for one that changed nothing."""
    found, had = now.open.get(key), past.open.get(key)
    if found is None:
        return "fixed" if had else ""
    was = had.status if had else Status.PASS
    if found.status is Status.WAIVED:
        return "" if was is Status.WAIVED else "waived"
    if expired and was is Status.WAIVED:
        return "waiver_expired"
    if found.status is Status.UNKNOWN:
        return "still" if was is Status.UNKNOWN else "newly_unknown"
    if found.status is Status.FAIL:
        return "still" if was is Status.FAIL else "new"
    return "new" if was in (*_QUIET, Status.WAIVED) else "still"


def _entry(key: Key, finding: Finding, now: Snapshot, past: Snapshot, flaps: Mapping[str, Any]) -> dict[str, Any]:
    control, kind, subject = key
    had = past.open.get(key)
    was = (had.status if had else Status.PASS) if past.judged(key) else None
    return {
        "finding": finding_id(control, kind, subject),
        "control": control,
        "item": control.partition(".")[0],
        "kind": kind,
        "subject": subject,
        "status": str(finding.state),
        "previous_status": str(was) if was else None,
        "says": finding.says,
        "since": iso_ms(from_epoch(finding.since)),
        "age_s": round(now.at - finding.since, 3),
        **flaps,
    }


def _scope_changes(more: Snapshot, less: Snapshot, told: Snapshot) -> list[dict[str, Any]]:
    """Return what ``more`` judged and ``less`` did not: whole subjects, whole controls, and single cells.

    ``told`` is the run whose open cells are counted: what leaves the scope with an open finding was not fixed.
    """
    there = {(scope.kind, name) for scope in less.scope.values() for name in scope.names}
    groups: dict[tuple[str, str, str], list[Key]] = {}
    for control, scope in more.scope.items():
        other = less.scope.get(control)
        names = scope.names - other.names if other and other.kind == scope.kind else scope.names
        for name in sorted(names):
            if (scope.kind, name) not in there:
                group = ("", scope.kind, name)
            else:
                group = (control, scope.kind, name if other else "")
            groups.setdefault(group, []).append((control, scope.kind, name))
    return [_scope_entry(*group, cells, told) for group, cells in sorted(groups.items())]


def _scope_entry(control: str, kind: str, subject: str, cells: list[Key], told: Snapshot) -> dict[str, Any]:
    still_open = [told.open[key] for key in cells if key in told.open]
    whole = control and subject
    return {
        "finding": finding_id(control, kind, subject) if whole else None,
        "control": control,
        "item": control.partition(".")[0],
        "kind": kind,
        "subject": subject,
        "status": str(still_open[0].status) if whole and still_open else None,
        "cells": len(cells),
        "open": len(still_open),
    }
