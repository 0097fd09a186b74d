# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading waivers, refusing what an exception must not be: mistyped, unbounded, self-approved, or about nothing.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import entries_of, read_text
from verify.engine.catalogue import Catalogue
from verify.engine.control import KINDS, Control
from verify.engine.declared import Environment
from verify.engine.waivers import DAY_S, Waiver

__all__ = ["MAX_DAYS", "instant", "load", "paths", "strange_keys"]

MAX_DAYS = {"critical": 14, "high": 30, "medium": 90, "low": 180}
"""How long a waiver may hold, in days, by the severity of its item."""

_TEXTS = ("id", "item", "reason", "compensating_control", "owner", "requester", "approver", "ticket")
_INSTANTS = ("approved_on", "expires_on")
_KEYS = (*_TEXTS, *_INSTANTS, "subjects")
_EVERYTHING = ("*", "all")
_ZULU = re.compile(r"(Z|[+-]00:?00)$")


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
        self.days = {**MAX_DAYS, **(environment.variables.get("verify_waiver_days") or {})}

    def waiver(self, row: Mapping[str, Any], where: str) -> Waiver:
        """Return one waiver; raise `OpsError` for the first thing that is wrong with it."""
        strange_keys(row, _KEYS, where)
        texts = {key: _text(row, key, where) for key in _TEXTS}
        approved, expires = (instant(row, key, where) for key in _INSTANTS)
        kind, names, group = self._subjects(row.get("subjects"), where)
        made = Waiver(
            **{key: texts[key] for key in _TEXTS if key != "item"},
            target=texts["item"],
            kind=kind,
            names=names,
            group=group,
            approved_on=approved,
            expires_on=expires,
        )
        self._check_target(made, where)
        self._check_people(made, where)
        self._check_length(made, where)
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
                raise OpsError(f"{where}: subjects: there is no {kind} {name!r}{_nearest(str(name), known)}.")
        return str(kind), tuple(map(str, names)), ""

    def _group(self, given: Mapping[str, Any], where: str) -> tuple[str, tuple[str, ...], str]:
        group = given["group"]
        if given.get("kind", "host") != "host" or "names" in given:
            raise OpsError(f"{where}: subjects: a group is one of hosts and goes without names.")
        members = self.environment.groups.get(str(group))
        if not members:
            nearest = _nearest(str(group), self.environment.groups)
            raise OpsError(f"{where}: subjects: the inventory has no group {group!r} with hosts in it{nearest}.")
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
            raise OpsError(f"{where}: item: no control proves {made.target!r}{_nearest(made.target, known)}.")
        if made.kind not in [one.kind for one in wanted]:
            kinds = ", ".join(sorted({one.kind for one in wanted}))
            raise OpsError(f"{where}: subjects: {made.target} is about {kinds}, not about {made.kind}.")

    def _check_people(self, made: Waiver, where: str) -> None:
        if made.approver.strip().casefold() == made.requester.strip().casefold():
            raise OpsError(f"{where}: approver: {made.approver} asked for it; another person has to approve it.")

    def _check_length(self, made: Waiver, where: str) -> None:
        item = self.catalogue[made.target.partition(".")[0]]
        most = float(self.days[item.severity])
        if made.approved_on > self.now:
            raise OpsError(f"{where}: approved_on lies in the future; a waiver holds from its approval on.")
        if made.expires_on <= made.approved_on:
            raise OpsError(f"{where}: expires_on is not after approved_on; correct the two.")
        if made.expires_on - made.approved_on > most * DAY_S:
            held = (made.expires_on - made.approved_on) / DAY_S
            raise OpsError(
                f"{where}: expires_on: it holds {held:.1f} days; {item.id} is {item.severity}, so at most {most:g} are "
                "allowed. Shorten it and have it approved again later."
            )


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


def strange_keys(
    row: Mapping[str, Any], known: Sequence[str], where: str, *, required: Sequence[str] | None = None
) -> None:
    """Raise `OpsError` for a key that nobody reads (with the one that was probably meant), or that is missing."""
    for key in row:
        if key not in known:
            raise OpsError(f"{where}: {key}: there is no such key{_nearest(str(key), known)}.")
    for key in known if required is None else required:
        if key not in row:
            raise OpsError(f"{where}: {key}: it is missing; write it.")


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise OpsError(f"{where}: {key} is {value!r}; write a text.")
    return value.strip()


def instant(row: Mapping[str, Any], key: str, where: str) -> float:
    """Return an instant of a row as seconds since the epoch; `OpsError` unless it is whole and in UTC."""
    value = row[key]
    try:
        moment = parse_iso(value if isinstance(value, str) else str(value))
    except OpsError as exc:
        raise OpsError(f"{where}: {key}: write a whole instant in UTC, such as 2026-12-20T23:59:59Z.") from exc
    if not _ZULU.search(str(value).strip()):
        raise OpsError(f"{where}: {key}: {value} is not in UTC; write {moment:%Y-%m-%dT%H:%M:%SZ}.")
    return moment.timestamp()


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; was {close[0]} meant?" if close else "; correct the name"
