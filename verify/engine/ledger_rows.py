# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the ledger and what they mean: runs, populations, findings, key figures.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import sqlalchemy as sql

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, digest
from verify.engine import ledger_tables as tables
from verify.engine.changes import Finding, Key, Open, Scope, Snapshot, advance
from verify.engine.judge import finding_id
from verify.engine.terms import terms_of
from verify.engine.trends import date_of
from verify.engine.words import Status, worst

__all__ = [
    *("Figure", "add_populations", "control_row", "figure_row", "findings_of", "finite", "follow"),
    *("item_of", "run_row", "selection_of", "snapshot_of", "storable", "worst_of"),
]

_SETTLED = "P" * 20
_FINDING_KEY = ("environment", "control", "kind", "subject")


class Figure(Protocol):
    """What the ledger keeps of a key figure: ``value`` is None when it could not be had."""

    @property
    def name(self) -> str:
        """The key figure, as the catalogue names it."""

    @property
    def value(self) -> float | None:
        """The figure in its unit, None when it could not be had."""

    @property
    def unit(self) -> str:
        """The unit of the value."""

    @property
    def n(self) -> int:
        """How many things it was reckoned from."""

    @property
    def coverage(self) -> float | None:
        """The share of the things concerned that could be read, from 0 to 1; None where that is no question."""

    @property
    def verdict(self) -> str:
        """What it is worth against its target."""


def snapshot_of(connection: sql.Connection, row: sql.RowMapping) -> Snapshot:
    """Return a run of the ledger as the snapshot that it was appended from; what open cells said is not kept."""
    result, people = tables.control_result.c, tables.population.c
    wanted = (
        sql.select(result.control, result.population, people.kind, people.names)
        .join_from(tables.control_result, tables.population, result.population == people.digest)
        .where(result.environment == row["environment"], result.run == row["id"])
    )
    known: dict[str, Scope] = {}
    scope = {}
    for control, population, kind, names in connection.execute(wanted):
        if population not in known:
            known[population] = Scope(kind, frozenset(json.loads(zlib.decompress(names))))
        scope[control] = known[population]
    told = json.loads(zlib.decompress(row["open_cells"]))
    found = {
        (control, scope[control].kind, subject): Open(Status(status), "")
        for control, subjects in told.items()
        for subject, status in subjects.items()
    }
    return Snapshot(
        run=row["id"],
        environment=row["environment"],
        at=row["at"],
        selection=json.loads(row["selection"]),
        catalogue=row["catalogue"],
        scope=scope,
        open=found,
        complete=row["complete"],
        terms=terms_of(json.loads(zlib.decompress(row["header"]))),
    )


def findings_of(connection: sql.Connection, environment: str) -> dict[Key, Finding]:
    """Return the findings of an environment by their cells."""
    rows = connection.execute(sql.select(tables.finding).where(tables.finding.c.environment == environment)).mappings()
    found = {}
    for row in rows:
        key = (row["control"], row["kind"], row["subject"])
        found[key] = Finding(
            *(key, Status(row["state"]), row["says"], row["first_seen"], row["since"], row["last_seen"]),
            *(row["observed"], row["history"]),
        )
    return found


def follow(connection: sql.Connection, now: Snapshot, before: Snapshot | None) -> None:
    """Bring the findings forward that this run judged: those known, and the cells that are open for the first time."""
    known = findings_of(connection, now.environment)
    changed: list[Finding] = []
    new: list[Finding] = []
    for key in {*known, *now.open}:
        finding, found = known.get(key), now.open.get(key)
        settled = finding is not None and found is None and finding.history == _SETTLED
        if settled or not now.judged(key) or (finding is not None and finding.observed >= now.at):
            continue
        was_green = before is not None and before.judged(key) and key not in before.open
        moved = advance(finding, key, found, now.at, was_green=was_green)
        (new if finding is None else changed).append(moved)
    if new:
        connection.execute(tables.finding.insert(), [_finding_row(one, now.environment) for one in new])
    if changed:
        found_by = [tables.finding.c[name] == sql.bindparam(f"key_{name}") for name in _FINDING_KEY]
        statement = tables.finding.update().where(*found_by)
        connection.execute(statement, [_keyed(_finding_row(one, now.environment)) for one in changed])


def _keyed(row: dict[str, Any]) -> dict[str, Any]:
    return {f"key_{name}" if name in _FINDING_KEY else name: value for name, value in row.items() if name != "id"}


def _finding_row(one: Finding, environment: str) -> dict[str, Any]:
    control, kind, subject = one.key
    return {
        "environment": environment,
        "control": control,
        "kind": kind,
        "subject": subject,
        "id": finding_id(control, kind, subject),
        "state": str(one.state),
        "says": storable(one.says),
        "first_seen": one.first_seen,
        "since": one.since,
        "last_seen": one.last_seen,
        "observed": one.observed,
        "history": one.history,
    }


def run_row(now: Snapshot, header: Mapping[str, Any], exit_code: int, manifest: str) -> dict[str, Any]:
    """Return the row of a run."""
    cells: dict[str, dict[str, str]] = {}
    for (control, _kind, subject), found in now.open.items():
        cells.setdefault(control, {})[subject] = str(found.status)
    return {
        "environment": now.environment,
        "id": now.run,
        "at": now.at,
        "series": now.series,
        "selection": selection_of(now),
        "catalogue": now.catalogue,
        "complete": now.complete,
        "exit": exit_code,
        "open_cells": tables.packed(canonical_json(cells)),
        "header": tables.packed(canonical_json(header)),
        "manifest": manifest,
    }


def control_row(now: Snapshot, control: str) -> dict[str, Any]:
    """Return the row of one control of a run, without its run."""
    counted = now.counts[control]
    return {
        "control": control,
        "item": item_of(control),
        "status": str(worst_of(counted)),
        "population": _population(now.scope[control]),
        **{f"n_{status.value}": counted.get(status, 0) for status in Status},
    }


def figure_row(one: Figure, at: float) -> dict[str, Any]:
    """Return the row of a key figure, without its run."""
    return {
        "name": one.name,
        "date": date_of(at),
        "value": finite(one.value),
        "unit": one.unit,
        "n": one.n,
        "coverage": one.coverage,
        "verdict": str(one.verdict),
    }


def storable(text: str) -> str:
    """Return a text that every database takes: what a host said can hold NUL and bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def finite(value: float | None) -> float | None:
    """Return a number that JSON can carry; a division by nothing is no figure."""
    return value if value is None or math.isfinite(value) else None


def add_populations(connection: sql.Connection, now: Snapshot) -> None:
    """Keep the populations of a run that the ledger does not have yet."""
    wanted = {_population(scope): scope for scope in set(now.scope.values())}
    there = sql.select(tables.population.c.digest).where(tables.population.c.digest.in_(list(wanted)))
    new = set(wanted) - set(connection.execute(there).scalars())
    rows = [
        {"digest": one, "kind": wanted[one].kind, "names": tables.packed(canonical_json(sorted(wanted[one].names)))}
        for one in sorted(new)
    ]
    if rows:
        connection.execute(tables.population.insert(), rows)


def _population(scope: Scope) -> str:
    return digest([scope.kind, sorted(scope.names)])


EVERYTHING = canonical_json({}).decode()
"""The selection of a run that looked at everything."""


def selection_of(now: Snapshot) -> str:
    """Return the selection of a run as text that can be compared."""
    return canonical_json(dict(now.selection)).decode()


def item_of(control: str) -> str:
    """Return the item of a control."""
    return control.partition(".")[0]


def worst_of(counted: Mapping[Status, int]) -> Status:
    """Return the worst status that was counted."""
    return worst(status for status, number in counted.items() if number)
