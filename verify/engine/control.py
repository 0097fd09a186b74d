# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls: how a check is declared, and what it may say about a subject.

A check is a generator that reads like the sentence it proves::

    @control("INFRA-02")
    def security_updates_within_bound(host, bounds):
        yield expect(host.updates.packages_known > 0, "the package lists were read")
        for update in host.updates.security:
            yield expect(update.age_s <= bounds.high_s, f"{update.package} is patched in time", observed=update.age_s)

The name of the first parameter is the kind of subject: ``host``, ``service``, ``asset``, ``pool``, ``pipeline``,
``repository``, or ``estate`` for the environment as a whole. ``estate`` and ``bounds`` may follow.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from verify.engine.words import Status

__all__ = [
    *("KINDS", "Control", "Expectation", "Registry", "Verdict", "control", "expect", "manual_due"),
    *("not_applicable", "registered", "unknown"),
]

KINDS = ("host", "service", "asset", "pool", "pipeline", "repository", "estate")
_EXTRA = ("estate", "bounds")
_ITEM = re.compile(r"^[A-Z]+-\d\d$")


class Expectation(NamedTuple):
    """One thing a check expects: whether it holds, what it says, what was seen and what was wanted."""

    holds: bool
    says: str
    observed: Any = None
    expected: Any = None


class Verdict(NamedTuple):
    """A check's own word on its subject where no expectation can be had."""

    status: Status
    says: str
    observed: Any = None


Said = Expectation | Verdict
Check = Callable[..., Iterable[Said]]


def expect(holds: Any, says: str, *, observed: Any = None, expected: Any = None) -> Expectation:
    """Return an expectation. ``says`` is the claim in present tense; observed and expected are plain values.

    Raises TypeError for a function that nobody called or a generator that nobody read: both count as true.
    """
    if not isinstance(holds, bool) and (callable(holds) or hasattr(holds, "__next__")):
        raise TypeError(f"the claim {says!r} rests on {type(holds).__name__}, which is always true")
    # By place, past the constructor: checks say hundreds of thousands of these.
    return tuple.__new__(Expectation, (bool(holds), says, observed, expected))


def unknown(says: str, *, observed: Any = None) -> Verdict:
    """Say that the subject cannot be decided, in one sentence."""
    return Verdict(Status.UNKNOWN, says, observed)


def not_applicable(proof: str, *, observed: Any = None) -> Verdict:
    """Say that the control has nothing to say about the subject, with the fact that proves it."""
    return Verdict(Status.NOT_APPLICABLE, proof, observed)


def manual_due(says: str, *, observed: Any = None) -> Verdict:
    """Say that the statement of a person is missing or has run out."""
    return Verdict(Status.MANUAL_DUE, says, observed)


@dataclass(frozen=True, slots=True)
class Control:
    """Our claim for an item: the item's id, a part where an item has several controls, the check, its subjects.

    ``attested`` is whether the check rests on the statement of a person where no machine can tell.
    """

    item: str
    part: str
    kind: str
    group: str | None
    check: Check
    wants: tuple[str, ...]
    module: str
    attested: bool = False

    @property
    def id(self) -> str:
        """Return the name of the control: ``ITEM`` or ``ITEM.part``."""
        return f"{self.item}.{self.part}" if self.part else self.item


class Registry:
    """The controls that check files declared."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}

    def add(self, one: Control) -> None:
        """Keep a control; a second one of the same id in another file is a mistake."""
        known = self._controls.get(one.id)
        if known is not None and (known.module, known.check.__name__) != (one.module, one.check.__name__):
            raise ValueError(f"{one.id} is claimed twice: by {known.module} and by {one.module}; give it a part.")
        self._controls[one.id] = one

    def __iter__(self) -> Iterator[Control]:
        return iter(self._controls.values())

    def forget(self) -> None:
        """Forget every control, before the check files of a past run are imported."""
        self._controls.clear()

    def of(self, module: str) -> list[Control]:
        """Return the controls that a module declared, in the order in which it did."""
        return [one for one in self if one.module == module]


_REGISTRY = Registry()


def registered() -> Registry:
    """Return the controls of all check files that were imported."""
    return _REGISTRY


def control(item: str, part: str = "", *, on: str | None = None, attested: bool = False) -> Callable[[Check], Check]:
    """Declare a generator as the check of an item.

    ``part`` names one of several controls of the item, ``on`` narrows hosts to a group of the inventory, ``attested``
    says that the check asks for the statement of a person. Raises ValueError for an id that is none, or parameters that
    nobody can fill.
    """
    if not _ITEM.match(item):
        raise ValueError(f"{item!r} is not the id of an item, such as INFRA-02.")

    def declare(check: Check) -> Check:
        names = tuple(inspect.signature(check).parameters)
        if not names or names[0] not in KINDS or any(name not in _EXTRA for name in names[1:]):
            raise ValueError(
                f"{check.__name__}({', '.join(names)}): the first parameter is one of {', '.join(KINDS)}; "
                f"{' and '.join(_EXTRA)} may follow."
            )
        _REGISTRY.add(Control(item, part, names[0], on, check, names[1:], check.__module__, attested))
        return check

    return declare
