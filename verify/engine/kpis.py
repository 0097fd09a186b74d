# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of a run, as the ledger keeps them day by day: read once more from the evidence that was judged.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from verify.engine.catalogue import Catalogue, bounds_of, load
from verify.engine.estate import Estate
from verify.engine.evidence import UNREADABLE, NotJudged

__all__ = ["MISSING", "NOTHING", "Figure", "Sample", "figure", "names", "samples", "with_words", "words"]

MISSING = "missing"
"""Verdict of a figure whose source did not answer; ``unknown`` is one that was measured and decides nothing."""

NOTHING = "nothing"
"""Word for a past figure of which there was nothing to measure, as the ledger's counts tell."""


@dataclass(frozen=True)
class Sample:
    """One figure of one day; value None where it could not be had, which is kept as such."""

    name: str
    value: float | None
    unit: str
    n: int
    coverage: float | None
    verdict: str


@dataclass(frozen=True)
class Figure:
    """A key figure: what it is called, in which unit (``s``, ``ratio``, ``count``), whether lower or higher is better.

    ``item`` and ``bound`` name the item that it belongs to and the bound that is its target, where it has one. With
    ``each`` there is one figure a declared subject of that kind. ``read(estate, bounds)`` returns a Kpi; it is
    ``read(subject, estate, bounds)`` where there are subjects.
    """

    name: str
    title: str
    unit: str
    better: str
    item: str
    bound: str
    note: str
    each: str
    read: Callable[..., Any]


_FIGURES: dict[str, Figure] = {}
_BETTER = ("lower", "higher", "")


def figure(
    name: str, *, title: str, unit: str, better: str, item: str, bound: str = "", note: str = "", each: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as the source of a key figure. Raises ValueError for one that is declared twice."""

    def mark(read: Callable[..., Any]) -> Callable[..., Any]:
        known = _FIGURES.get(name)
        if better not in _BETTER or (known is not None and known.read.__module__ != read.__module__):
            raise ValueError(f"the figure {name} is declared twice, or better is {better!r}")
        _FIGURES[name] = Figure(name, title, unit, better, item, bound, note, each, read)
        return read

    return mark


@cache
def _catalogue() -> Catalogue:
    return load()


def _bounds(estate: Estate, one: Figure, catalogue: Catalogue | None) -> SimpleNamespace:
    return bounds_of((catalogue or _catalogue())[one.item], estate.declared("verify_bounds") or {})


def _cells(estate: Estate) -> Iterator[tuple[str, str, Figure, Any]]:
    """Yield name, title, figure and subject (None for the environment) of each figure of an environment."""
    for name, one in sorted(_FIGURES.items()):
        if not one.each:
            yield name, one.title, one, None
        for declared in estate.environment.subjects(one.each) if one.each else ():
            yield f"{name}.{declared.name}", f"{one.title}: {declared.name}", one, declared


def names(estate: Estate) -> list[str]:
    """Return the names of the figures of an environment; one of a subject is called ``figure.subject``."""
    return [name for name, _title, _one, _subject in _cells(estate)]


def words(estate: Estate, catalogue: Catalogue | None = None) -> dict[str, dict[str, Any]]:
    """Return for each figure its title, unit, which way is better, its target (None without one) and a note."""
    found: dict[str, dict[str, Any]] = {}
    for name, title, one, _subject in _cells(estate):
        target = getattr(_bounds(estate, one, catalogue), one.bound) if one.bound else None
        found[name] = {"title": title, "unit": one.unit, "better": one.better, "target": target, "note": one.note}
    return found


def with_words(history: dict[str, Any], estate: Estate, catalogue: Catalogue | None = None) -> dict[str, Any]:
    """Return ``history.json`` with the words of each figure and its target of today; one that is declared no more keeps
    what it had."""
    known = words(estate, catalogue)
    told: dict[str, Any] = {name: dict(one) for name, one in history.get("kpi_words", {}).items()}
    points: dict[str, Any] = dict(history.get("kpis", {}))
    for name, one in known.items():
        if name in points:
            target = one.pop("target")
            told[name] = one
            points[name] = [[day, value, target] for day, value, _target in points[name]]
    return {**history, "kpi_words": told, "kpis": points}


def samples(estate: Estate, catalogue: Catalogue | None = None) -> list[Sample]:
    """Return every figure; one that has no evidence is kept without a value and with the verdict ``missing``."""
    found = []
    for name, _title, one, declared in _cells(estate):
        estate.freshness_s = float("inf")
        subject = [] if declared is None else [estate.view(declared)]
        try:
            kpi = one.read(*subject, estate, _bounds(estate, one, catalogue))
            found.append(Sample(name, kpi.value, one.unit, int(kpi.n), kpi.coverage, str(kpi.verdict)))
        except (NotJudged, *UNREADABLE):
            found.append(Sample(name, None, one.unit, 0, None, MISSING))
    return found
