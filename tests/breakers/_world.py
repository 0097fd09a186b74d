# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole environment whose every control is green, made of evidence alone, and the ways to break it.

``golden/environment.yml`` declares it; ``golden/evidence/<subject>/<fact>`` holds bodies as a source gave them
(``_hosts`` stands for every host that has no file of its own, ``--`` in a name for ``:``). Evidence that is better
computed comes from functions marked with `golden` in the modules ``golden_*.py``. A breaker is a function marked with
`breaker` in a module ``breakers_*.py``: it gets a fresh world, puts one fault in, and names the control that has to
turn red.
"""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify import checks
from verify.engine.catalogue import Catalogue, load
from verify.engine.control import Control, registered
from verify.engine.declared import Declared, Environment, check_variables
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, Fact
from verify.engine.judge import ControlResult, judge
from verify.engine.words import EvidenceClass

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
CHECKS = Path(str(checks.__file__)).parent
NOW_TEXT = "2026-11-25T08:30:00Z"
NOW = parse_iso(NOW_TEXT).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Breaker:
    """A fault: the control that has to see it, what it is, and others that rightly see it (`_shared` says why)."""

    control: str
    fault: str
    put: Callable[[World], None]
    also: tuple[str, ...]


_BREAKERS: list[Breaker] = []
_GOLDEN: list[Callable[[World], None]] = []


def breaker(control: str, fault: str, *, also: str | Iterable[str] = "") -> Callable[[Any], Any]:
    """Mark a function as the breaker of a control. ``also`` names others that must turn red with it, with a space
    between them; why they do is declared in `_shared`."""
    others = tuple(also.split() if isinstance(also, str) else also)

    def mark(put: Callable[[World], None]) -> Callable[[World], None]:
        _BREAKERS.append(Breaker(control, fault, put, others))
        return put

    return mark


def golden(build: Callable[[World], None]) -> Callable[[World], None]:
    """Mark a function that adds computed green evidence to a world."""
    _GOLDEN.append(build)
    return build


EVERYTHING = ("*", "*")


class Watched(Evidence):
    """Evidence that notes what is asked for. Bodies that were parsed in one world are not parsed again in the next."""

    _known: dict[tuple[Any, str], Any] = {}

    def __init__(self) -> None:
        super().__init__()
        self._parsed = self._known
        self.asked: set[tuple[str, str]] = set()

    def get(self, subject: str, name: str) -> Fact | None:
        """Return the fact of a subject, and note that it was asked for."""
        self.asked.add((subject, name))
        return super().get(subject, name)

    def __iter__(self) -> Iterator[Fact]:
        self.asked.add(EVERYTHING)
        return super().__iter__()


class World:
    """One environment that can be broken."""

    def __init__(self, declared: dict[str, Any], bodies: dict[tuple[str, str], str]) -> None:
        self.declared = declared
        self.variables: dict[str, Any] = declared["variables"]
        self.hosts: dict[str, dict[str, Any]] = declared["hosts"]
        self.groups: dict[str, list[str]] = declared["groups"]
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        for (subject, name), body in bodies.items():
            self.set(subject, name, body)

    def copy(self) -> World:
        """Return the same world, which can be broken on its own."""
        other = World(copy.deepcopy(self.declared), {})
        other._facts = {key: dict(about) for key, about in self._facts.items()}
        return other

    def set(self, subject: str, name: str, body: Any, **about: Any) -> None:
        """Put a fact in place: a text as it is, anything else as JSON; ``about`` overrides fields of `Fact`."""
        text = body if isinstance(body, str) else canonical_json(body).decode()
        known = {"source": subject, "collected": NOW - MINUTE, "command": name, "rc": 0}
        self._facts[subject, name] = {**known, "klass": EvidenceClass.MACHINE, **about, "body": text}

    def body(self, subject: str, name: str) -> str:
        """Return the body of a fact."""
        found: str = self._facts[subject, name]["body"]
        return found

    def edit(self, subject: str, name: str, old: str, new: str) -> None:
        """Replace a piece of a body; the piece has to be there."""
        body = self.body(subject, name)
        assert old in body, f"{subject}/{name} does not hold {old!r}"
        self._facts[subject, name]["body"] = body.replace(old, new)

    def change(self, subject: str, name: str, how: Callable[[Any], Any]) -> None:
        """Change a JSON body by a function that edits the value in place or returns another."""
        value = json.loads(self.body(subject, name))
        changed = how(value)
        self._facts[subject, name]["body"] = canonical_json(value if changed is None else changed).decode()

    def lose(self, subject: str, name: str, error: str = "It did not answer within 10 s.") -> None:
        """Make a fact one that could not be had."""
        self._facts[subject, name] = {**self._facts[subject, name], "body": None, "error": error}

    def age(self, subject: str, name: str, seconds: float) -> None:
        """Make a fact this old."""
        self._facts[subject, name]["collected"] = NOW - seconds

    def differs_from(self, other: World) -> frozenset[tuple[str, str]] | None:
        """Return the keys of the facts that differ; None when what is declared differs: every control may read that."""
        if self.declared != other.declared:
            return None
        keys = set(self._facts) | set(other._facts)
        return frozenset(key for key in keys if self._facts.get(key) != other._facts.get(key))

    def touched(self, other: World) -> set[str]:
        """Return the names of the facts and variables that differ, of whatever subject."""
        keys = set(self._facts) | set(other._facts)
        names = set(self.variables) | set(other.variables)
        facts = {key[1] for key in keys if self._facts.get(key) != other._facts.get(key)}
        return facts | {name for name in names if self.variables.get(name) != other.variables.get(name)}

    def estate(self) -> Estate:
        """Return the estate as checks see it."""
        check_variables(self.variables, where="golden/environment.yml")
        evidence = Watched()
        for (subject, name), about in self._facts.items():
            rest = {key: value for key, value in about.items() if key != "body"}
            if about["body"] is None:
                evidence.missing(subject=subject, name=name, **rest)
            else:
                rest.pop("error", None)
                evidence.record(about["body"], subject=subject, name=name, **rest)
        hosts = {name: Declared("host", name, about or {}) for name, about in self.hosts.items()}
        environment = Environment(
            "golden", "inventories/golden/hosts.yml", "0" * 64, hosts, self.groups, self.variables
        )
        return Estate(environment, evidence, now=NOW)


@cache
def stored() -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """Return what the world declares, and the bodies that are kept in files."""
    declared = yaml.safe_load((GOLDEN / "environment.yml").read_text(encoding="utf-8"))
    bodies: dict[tuple[str, str], str] = {}
    folder = GOLDEN / "evidence"
    for path in sorted((folder / "_hosts").glob("*")):
        for host in declared["hosts"]:
            bodies[host, path.name] = path.read_text(encoding="utf-8")
    for path in sorted(folder.glob("*/*")):
        if path.parent.name != "_hosts":
            bodies[path.parent.name.replace("--", ":"), path.name] = path.read_text(encoding="utf-8")
    return declared, bodies


@cache
def _built() -> World:
    _import("golden_*.py")
    declared, bodies = stored()
    world = World(copy.deepcopy(declared), bodies)
    for build in _GOLDEN:
        build(world)
    return world


def fresh() -> World:
    """Return a world in which everything is green; each call returns one of its own."""
    return _built().copy()


def breakers() -> list[Breaker]:
    """Return all breakers."""
    _import("breakers_*.py")
    return list(_BREAKERS)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue."""
    return load()


def results(world: World) -> Iterator[ControlResult]:
    """Judge every control over a world.

    A control that read nothing of what differs from the green world decides as it did there, and is not asked again.
    """
    changed = world.differs_from(_built())
    known = {} if changed is None else _green()
    estate = world.estate()
    for control in _controls():
        result, read = known.get(control.id, (None, frozenset[Any]()))
        if result is None or changed is None or EVERYTHING in read or read & changed:
            result = judge(control, catalogue()[control.item], estate)
        yield result


@cache
def _controls() -> tuple[Control, ...]:
    for path in sorted(CHECKS.glob("[a-z]*.py")):
        importlib.import_module(f"verify.checks.{path.stem}")
    return tuple(registered())


@cache
def _green() -> dict[str, tuple[ControlResult, frozenset[tuple[str, str]]]]:
    """Return what each control decides in the green world, and all that it read for that."""
    estate = _built().estate()
    found = {}
    for control in _controls():
        watched = estate.evidence
        assert isinstance(watched, Watched)
        watched.asked.clear()
        result = judge(control, catalogue()[control.item], estate)
        found[control.id] = (result, frozenset(watched.asked))
    return found


def asked(control: str, world: World) -> frozenset[str]:
    """Return the names of the facts that a control asks for, of whatever subject, when it judges a world."""
    (own,) = [one for one in _controls() if one.id == control]
    estate = world.estate()
    judge(own, catalogue()[own.item], estate)
    watched = estate.evidence
    assert isinstance(watched, Watched)
    every = {name for _subject, name in world._facts} if EVERYTHING in watched.asked else set()
    return frozenset(every | {name for _subject, name in watched.asked})


@cache
def _import(pattern: str) -> None:
    for path in sorted(HERE.glob(pattern)):
        importlib.import_module(path.stem)
