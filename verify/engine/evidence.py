# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence: dated, hashed facts in memory, and how a judgement notes which of them it used.

A fact is what one command, query or record said about one subject. Its body is text (what the command printed, or the
canonical JSON of an answer) and is kept once for equal digests. A fact that could not be had carries an error and no
body: absence is evidence too, and never turns into an empty value.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes
from verify.engine.words import EvidenceClass, Status

__all__ = ["UNREADABLE", "Evidence", "Fact", "ManualDue", "NoEvidence", "NotJudged", "StaleEvidence"]

T = TypeVar("T")

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading something malformed ends in; nesting without end is one of the ways in which a source can lie."""


class NotJudged(Exception):
    """A cell cannot be decided; the message is one sentence that says why, ``status`` what the cell becomes."""

    status = Status.UNKNOWN


class NoEvidence(NotJudged):
    """There is no evidence, or it cannot be read: the cell is unknown."""


class StaleEvidence(NotJudged):
    """The evidence is older than its bound: the cell is stale."""

    status = Status.STALE


class ManualDue(NotJudged):
    """The statement of a person is missing, not valid or has run out: the cell is due by hand."""

    status = Status.MANUAL_DUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that a source said about a subject.

    ``collected`` is when it was read (seconds since the epoch, UTC), ``seconds`` how long that took, ``command`` the
    command line, query or path, ``rc`` its exit code or HTTP status, ``digest`` the SHA-256 of the body, ``size`` the
    bytes that the source had to say and ``kept`` how many of them stand in the body. ``identity`` is the proof of whom
    we spoke with: an SSH host key fingerprint, a TLS certificate, a path. ``error`` is a sentence where there is no
    body. ``key`` is how results refer to the fact: ``subject/name``.
    """

    subject: str
    name: str
    source: str
    collected: float
    command: str
    rc: int | None = None
    digest: str | None = None
    size: int = 0
    kept: int = 0
    seconds: float = 0.0
    identity: str = ""
    error: str | None = None
    klass: EvidenceClass = EvidenceClass.MACHINE
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Made once: tens of controls refer to the same fact.
        object.__setattr__(self, "key", f"{self.subject}/{self.name}")


class Evidence:
    """All facts of a run, and the bodies they share."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], Fact] = {}
        self._bodies: dict[str, str] = {}
        self._parsed: dict[tuple[Any, str], Any] = {}

    def add(self, fact: Fact, body: str | None) -> Fact:
        """Keep a fact; the body's digest must be the fact's. A second fact of the same subject and name replaces it."""
        if (body is None) != (fact.digest is None):
            raise ValueError(f"{fact.key}: a fact has a body and a digest, or neither")
        if body is not None and fact.digest is not None:
            self._bodies.setdefault(fact.digest, body)
        self._facts[fact.subject, fact.name] = fact
        return fact

    def record(self, body: str, **about: Any) -> Fact:
        """Keep a body as a fact and compute its digest; ``about`` holds the other fields of `Fact`."""
        data = body.encode("utf-8", "surrogatepass")
        size = about.pop("size", len(data))
        about |= {"digest": sha256_bytes(data), "size": size, "kept": len(data)}
        return self.add(Fact(**about), body)

    def missing(self, error: str, **about: Any) -> Fact:
        """Keep that a fact could not be had, with the sentence that says why."""
        return self.add(Fact(**(about | {"error": error})), None)

    def get(self, subject: str, name: str) -> Fact | None:
        """Return the fact of a subject, or None when nobody asked for it."""
        return self._facts.get((subject, name))

    def body(self, fact: Fact) -> str:
        """Return the body of a fact.

        Raises `NoEvidence` when the fact has none.
        """
        if fact.digest is None:
            raise NoEvidence(fact.error or f"{fact.key} has no body.")
        return self._bodies[fact.digest]

    def parsed(self, fact: Fact, parser: Callable[[str], T]) -> T:
        """Return the body as a parser reads it; equal bodies are parsed once for all subjects.

        Raises `NoEvidence` when there is no body, or the parser stumbles over it (`UNREADABLE`). The value is shared:
        nobody may change it.
        """
        key = (parser, fact.digest or "")
        if key not in self._parsed:
            body = self.body(fact)
            try:
                self._parsed[key] = parser(body)
            except UNREADABLE as exc:
                raise NoEvidence(f"What {fact.subject} said for {fact.name} cannot be read: {exc}.") from exc
        found: T = self._parsed[key]
        return found

    def json(self, fact: Fact) -> Any:
        """Return the body read as JSON."""
        return self.parsed(fact, json.loads)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._facts.values())

    def __len__(self) -> int:
        return len(self._facts)

    def bodies(self) -> Iterator[tuple[str, str]]:
        """Return digest and body of each distinct body, in the order in which they came."""
        return iter(self._bodies.items())
