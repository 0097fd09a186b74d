# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading waivers, refusing what an exception must not be: mistyped, unbounded, self-approved, or about nothing.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import entries_of, read_text
from verify.engine.approval import APPROVAL, approval, check_length, days_of, nearest, strange_keys, text_of
from verify.engine.catalogue import Catalogue
from verify.engine.control import KINDS, Control
from verify.engine.declared import Environment
from verify.engine.people import people_of
from verify.engine.waivers import Waiver

__all__ = ["load", "paths"]

_KEYS = ("id", "item", *APPROVAL, "subjects")
_EVERYTHING = ("*", "all")


def paths(environment: Environment) -> list[Path]:
    """Return the waiver files of ``verify_waivers_file`` (one or a list), relative to the inventory's folder."""
    declared = environment.variables.get("verify_waivers_file") or []
    names = [declared] if isinstance(declared, str) else list(declared)
    base = Path(environment.inventory).parent
    return [base / Path(str(name)).expanduser() for name in names]


def load(
    files: Sequence[Path],
    *,
    controls: Mapping[str, Control],
    catalogue: Catalogue,
    environment: Environment,
    now: float,
) -> tuple[Waiver, ...]:
    """Read the waivers of some files and check each against catalogue, controls and inventory.

    ``verify_waiver_days`` of the environment can change how many days a waiver may hold, by severity. Raises `OpsError`
    naming file, waiver, key and mend.
    """
    reader = _Reader(controls, catalogue, environment, now)
    found: list[Waiver] = []
    for path in files:
        for place, row in enumerate(_rows(path), start=1):
            where = f"{path}, waiver {row.get('id') or f'number {place}'}"
            found.append(reader.waiver(row, where))
            if found[-1].id in [one.id for one in found[:-1]]:
                raise OpsError(f"{where}: id: another waiver has this id; give it one of its own.")
    _refuse_overlap(found, controls.values())
    _refuse_blanket([one for one in found if one.holds(now)], list(controls.values()), environment)
    return tuple(found)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the mappings in a file; a file may say with ``[]`` that nothing is waived, an empty one says nothing."""
    text = read_text(path)
    said = [line for line in text.splitlines() if line.strip() and line.strip() != "---" and not line.startswith("#")]
    return [] if said == ["[]"] else entries_of(path, text)


class _Reader:
    """What waivers are checked against."""

    def __init__(
        self, controls: Mapping[str, Control], catalogue: Catalogue, environment: Environment, now: float
    ) -> None:
        self.controls = controls
        self.catalogue = catalogue
        self.environment = environment
        self.now = now
        self.days = days_of(environment.variables)
        self.people = people_of(environment)

    def waiver(self, row: Mapping[str, Any], where: str) -> Waiver:
        """Return one waiver; raise `OpsError` for the first thing that is wrong with it."""
        strange_keys(row, _KEYS, where)
        identity = {key: text_of(row, key, where) for key in ("id", "item")}
        approved = approval(row, where, self.people)
        kind, names, group = self._subjects(row.get("subjects"), where)
        made = Waiver(id=identity["id"], target=identity["item"], kind=kind, names=names, group=group, **approved)
        self._check_target(made, where)
        item = self.catalogue[made.target.partition(".")[0]]
        check_length(approved, where, item=item, days=self.days, now=self.now)
        return made

    def _subjects(self, given: Any, where: str) -> tuple[str, tuple[str, ...], str]:
        """Return kind and names of the subjects, and the group they come from."""
        if not isinstance(given, Mapping):
            raise OpsError(f"{where}: subjects: write {{kind: host, names: [..]}}, {{group: ..}} or {{kind: estate}}.")
        strange_keys(given, ("kind", "names", "group"), f"{where}: subjects", required=())
        if "group" in given:
            return self._group(given, where)
        kind = given.get("kind")
        if kind == "estate" and "names" not in given:
            return "estate", (self.environment.name,), ""
        names = given.get("names")
        if kind not in KINDS or not isinstance(names, list) or not names or len(set(map(str, names))) != len(names):
            raise OpsError(
                f"{where}: subjects: kind has to be one of {', '.join(KINDS)}, and names a list that names each once."
            )
        known = self._known(str(kind))
        for name in names:
            if name in _EVERYTHING and name not in known:
                raise OpsError(f"{where}: subjects: a waiver for every {kind} is none; name each that was approved.")
            if name not in known:
                raise OpsError(f"{where}: subjects: there is no {kind} {name!r}{nearest(str(name), known)}.")
        return str(kind), tuple(map(str, names)), ""

    def _group(self, given: Mapping[str, Any], where: str) -> tuple[str, tuple[str, ...], str]:
        group = given["group"]
        if given.get("kind", "host") != "host" or "names" in given:
            raise OpsError(f"{where}: subjects: a group is one of hosts and goes without names.")
        members = self.environment.groups.get(str(group))
        if not members:
            mend = nearest(str(group), self.environment.groups)
            raise OpsError(f"{where}: subjects: the inventory has no group {group!r} with hosts in it{mend}.")
        if set(members) >= set(self.environment.scope or self.environment.hosts):
            raise OpsError(
                f"{where}: subjects: the group {group!r} holds every host of {self.environment.name}, so nothing would "
                "be left to judge, and a new host would be excused by nobody; name the hosts that were approved."
            )
        return "host", tuple(members), str(group)

    def _known(self, kind: str) -> set[str]:
        environment = self.environment
        names = {subject.name for subject in environment.subjects(kind)}
        if kind == "host":
            names.update(environment.excluded)
            names.update(name for members in environment.groups.values() for name in members)
        return names

    def _check_target(self, made: Waiver, where: str) -> None:
        wanted = [one for one in self.controls.values() if made.target in (one.item, one.id)]
        if not wanted:
            known = [*(item.id for item in self.catalogue), *self.controls]
            raise OpsError(f"{where}: item: no control proves {made.target!r}{nearest(made.target, known)}.")
        if made.kind not in [one.kind for one in wanted]:
            kinds = ", ".join(sorted({one.kind for one in wanted}))
            raise OpsError(f"{where}: subjects: {made.target} is about {kinds}, not about {made.kind}.")


def _refuse_blanket(held: Sequence[Waiver], controls: Sequence[Control], environment: Environment) -> None:
    """Raise `OpsError` when waivers in force excuse every host that their item is about: nothing would be left."""
    for target in dict.fromkeys(one.target for one in held if one.kind == "host"):
        judged = [one for one in controls if one.kind == "host" and target in (one.item, one.id)]
        hosts = {name for one in judged for name in _hosts_of(one, environment)}
        over = [one for one in held if one.kind == "host" and one.target in (target, target.partition(".")[0])]
        if len(hosts) > 1 and hosts <= {name for one in over for name in one.names}:
            named = " and ".join(one.id for one in over)
            raise OpsError(
                f"The waivers in force for {target} ({named}) name each of the {len(hosts)} hosts that it judges, so "
                "nothing would be left of it; mend one host, and waive what cannot be mended yet."
            )


def _hosts_of(control: Control, environment: Environment) -> set[str]:
    """Return the hosts that a control is about, also those that a limit leaves out of this run."""
    scope = set(environment.scope or environment.hosts)
    return scope & set(environment.groups.get(control.group, ())) if control.group else scope


def _refuse_overlap(found: Sequence[Waiver], controls: Iterable[Control]) -> None:
    """Raise `OpsError` when two waivers cover one cell at the same time: which of them was meant?"""
    scopes = {one.id: {control.id for control in controls if one.concerns(control)} for one in found}
    for one, other in itertools.combinations(found, 2):
        in_time = one.approved_on <= other.expires_on and other.approved_on <= one.expires_on
        if in_time and one.kind == other.kind and scopes[one.id] & scopes[other.id]:
            both = sorted(set(one.names) & set(other.names))
            if both:
                raise OpsError(
                    f"The waivers {one.id} and {other.id} both cover {both[0]} for {one.target} at the same time; "
                    "keep one."
                )
