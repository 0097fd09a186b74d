# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is given: the declared environment and its evidence, with a note of each fact that was used.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence, Fact, NoEvidence, StaleEvidence

__all__ = ["Estate", "View"]

T = TypeVar("T")


class Estate:
    """The environment as it was at an instant (``now``, seconds since the epoch, UTC), seen through evidence alone.

    ``freshness_s`` is set for each control before its subjects are judged; a fact that is older makes the cell stale.
    """

    def __init__(self, environment: Environment, evidence: Evidence, *, now: float) -> None:
        self.environment = environment
        self.evidence = evidence
        self.now = now
        self.freshness_s = float("inf")
        self.used: list[Fact] = []
        self._views: dict[tuple[str, str], View] = {}

    @property
    def name(self) -> str:
        """Return the name of the environment."""
        return self.environment.name

    def declared(self, variable: str, default: Any = None) -> Any:
        """Return a variable of the environment; the default when it is not set."""
        return self.environment.variables.get(variable, default)

    def fact(self, subject: str, name: str) -> Fact:
        """Return a fact that can be judged, and note that it was used.

        Raises `NoEvidence` when it was not collected or could not be had, `StaleEvidence` when it is too old or dated
        in the future by more than five minutes (a clock that is off proves nothing).
        """
        found = self.evidence.get(subject, name)
        if found is None:
            raise NoEvidence(f"Nothing was collected as {name} of {subject}.")
        self.used.append(found)
        if found.error is not None:
            raise NoEvidence(found.error)
        age = self.now - found.collected
        # Said so that an instant which is no number is old as well.
        if not age <= self.freshness_s:
            raise StaleEvidence(
                f"{name} of {subject} is {age:.0f} s old; at most {self.freshness_s:.0f} s are allowed."
            )
        if age < -300:
            raise StaleEvidence(f"{name} of {subject} is dated {-age:.0f} s in the future; mend the clocks.")
        return found

    def read(self, subject: str, name: str, parser: Callable[[str], T]) -> T:
        """Return a fact's body as a parser reads it; equal bodies are parsed once, and nobody may change the value."""
        return self.evidence.parsed(self.fact(subject, name), parser)

    def json(self, subject: str, name: str) -> Any:
        """Return a fact's body read as JSON."""
        return self.evidence.json(self.fact(subject, name))

    def view(self, declared: Declared) -> View:
        """Return the typed view of a subject: the one that `View.register` knows for its kind."""
        key = (declared.kind, declared.name)
        if key not in self._views:
            self._views[key] = View.of(declared.kind)(self, declared)
        return self._views[key]

    def views(self, kind: str, group: str | None = None) -> list[Any]:
        """Return the views of all declared subjects of a kind."""
        return [self.view(declared) for declared in self.environment.subjects(kind, group)]


class View:
    """What a check sees of one subject. Subclasses in ``verify/facts`` add properties; attributes declared in the
    inventory can be read by `get`."""

    _known: dict[str, type[View]] = {}

    def __init__(self, estate: Estate, declared: Declared) -> None:
        self.estate = estate
        self.declared = declared
        self.name = declared.name

    def __init_subclass__(cls, kind: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if kind:
            View._known[kind] = cls

    @classmethod
    def of(cls, kind: str) -> type[View]:
        """Return the class of views of a kind."""
        return cls._known.get(kind, View)

    def get(self, key: str, default: Any = None) -> Any:
        """Return what the inventory declares of the subject under a key."""
        return self.declared.get(key, default)

    @property
    def variables(self) -> Mapping[str, Any]:
        """Return all that the inventory declares of the subject."""
        return self.declared.about

    def read(self, name: str, parser: Callable[[str], T]) -> T:
        """Return a fact of this subject as a parser reads it."""
        return self.estate.read(self.name, name, parser)
