# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cells a run has to decide: the matrix control x subject, fixed before anything is collected.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.catalogue import SECTIONS, SEVERITIES, Catalogue, Item
from verify.engine.control import Control
from verify.engine.declared import Declared, Environment
from verify.engine.judge import finding_id

__all__ = ["Line", "Selection", "expected", "lines", "population"]


@dataclass(frozen=True)
class Selection:
    """What was asked for on the command line; empty means everything.

    Items, sections, owners and severities narrow controls, hosts narrow the subjects of kind host, findings narrow to
    the cells with these names.
    """

    items: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    def check(self, catalogue: Catalogue, environment: Environment) -> None:
        """Raise `OpsError` for a name that does not exist: a mistyped selection never selects nothing in silence."""
        owners = sorted({item.owner for item in catalogue})
        known: tuple[tuple[str, Sequence[str], Iterable[str]], ...] = (
            ("--item", self.items, [item.id for item in catalogue]),
            ("--section", self.sections, SECTIONS),
            ("--owner", self.owners, owners),
            ("--severity", self.severities, SEVERITIES),
            ("--host", self.hosts, environment.hosts),
        )
        for option, asked, there in known:
            names = list(there)
            for one in asked:
                if one not in names:
                    shown = ", ".join(names) if len(names) < 40 else f"{names[0]} ... {names[-1]}"
                    raise OpsError(f"{option} {one}: there is none of that name; known: {shown}.")

    def takes(self, item: Item) -> bool:
        """Return whether an item was asked for."""
        return (
            (not self.items or item.id in self.items)
            and (not self.sections or item.section in self.sections)
            and (not self.owners or item.owner in self.owners)
            and (not self.severities or item.severity in self.severities)
        )

    def as_record(self) -> dict[str, list[str]]:
        """Return the selection as a record keeps it, without what was not narrowed."""
        return {key: list(value) for key, value in vars(self).items() if value}


@dataclass(frozen=True)
class Line:
    """One line of the matrix: a control and the subjects it has to decide. No subject is a cell too: the estate's."""

    control: Control
    item: Item
    subjects: tuple[Declared, ...] = field(default=())

    @property
    def cells(self) -> int:
        """Return how many rows the control has to give."""
        return max(1, len(self.subjects))


def lines(
    controls: Iterable[Control], catalogue: Catalogue, environment: Environment, selection: Selection
) -> list[Line]:
    """Return the matrix of a run, in the order of the catalogue.

    Raises `OpsError` for a control whose item the catalogue lacks, a name that does not exist, a finding or an item
    that nothing in the matrix answers to, and a selection that leaves nothing to decide.
    """
    selection.check(catalogue, environment)
    ranked = sorted(controls, key=lambda control: (SECTIONS.index(catalogue[control.item].section), control.id))
    found = []
    for control in ranked:
        item = catalogue[control.item]
        if selection.takes(item):
            subjects = _subjects(control, environment, selection)
            if subjects is not None:
                found.append(Line(control, item, tuple(subjects)))
    _refuse_unproved(selection, ranked)
    _refuse_unfound(selection, found, environment)
    if not found:
        raise OpsError("The selection leaves nothing to decide; a run that decides nothing is never green.")
    return found


def _refuse_unproved(selection: Selection, controls: Sequence[Control]) -> None:
    """Raise `OpsError` for an item that was asked for by name and that no control proves: the others hide the gap."""
    proved = {control.item for control in controls}
    for item in selection.items:
        if item not in proved:
            raise OpsError(f"--item {item}: no control proves it, it is a declared gap; leave it out.")


def _refuse_unfound(selection: Selection, found: Iterable[Line], environment: Environment) -> None:
    """Raise `OpsError` for a finding that is no cell of the matrix: one that was mistyped would count as mended."""
    cells = {name for line in found for name in _names(line.control, line.subjects, environment)}
    for name in selection.findings:
        if name not in cells:
            raise OpsError(
                f"--only {name}: no cell of this selection has that name; copy it from the report of the last run."
            )


def _subjects(control: Control, environment: Environment, selection: Selection) -> list[Declared] | None:
    """Return what a control has to decide of a selection; None for a control of which it takes no cell."""
    subjects = environment.subjects(control.kind, control.group)
    if selection.hosts:
        subjects = [one for one in subjects if control.kind == "host" and one.name in selection.hosts]
        if not subjects:
            return None
    if selection.findings:
        wanted = set(selection.findings)
        if wanted.isdisjoint(_names(control, subjects, environment)):
            return None
        return [one for one in subjects if finding_id(control.id, one.kind, one.name) in wanted]
    return subjects


def _names(control: Control, subjects: Iterable[Declared], environment: Environment) -> list[str]:
    """Return the names of a control's cells; without a subject it has one, that of the estate (see `judge`)."""
    named = [finding_id(control.id, one.kind, one.name) for one in subjects]
    return named or [finding_id(control.id, "estate", environment.name)]


def expected(matrix: Iterable[Line]) -> int:
    """Return the number of cells that the run has to decide."""
    return sum(line.cells for line in matrix)


def population(environment: Environment, matrix: Iterable[Line]) -> dict[str, Any]:
    """Return what the run is about: subjects of each kind in its matrix, and hosts left out with the reason."""
    names: dict[str, set[str]] = {}
    for line in matrix:
        for subject in line.subjects:
            names.setdefault(subject.kind, set()).add(subject.name)
    excluded: Mapping[str, str] = environment.excluded
    return {
        "kinds": {kind: len(found) for kind, found in sorted(names.items())},
        "hosts_expected": len(environment.hosts),
        "hosts_excluded": dict(excluded),
    }
