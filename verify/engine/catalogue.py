# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: every line of the guide as an item, with what an auditor asks of a control.

``verify/catalogue/<section>.yml`` holds a list of items; `Item` names the keys. Bounds are the guide's figures and can
be overridden by the environment (``verify_bounds``), one by one.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import digest
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.remedy import Remedy, remedy_of

__all__ = ["Catalogue", "Item", "Remedy", "load"]

FOLDER = Path(__file__).resolve().parents[1] / "catalogue"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEYS = {
    *("id", "title", "objective", "severity", "frequency", "owner", "method", "sources", "remedy", "freshness_s"),
    *("bounds", "references", "gap"),
}
SEVERITIES = ("critical", "high", "medium", "low")
FREQUENCIES = ("continuous", "daily", "weekly", "monthly", "quarterly", "per_event")
METHODS = ("test", "examine", "interview")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the guide.

    ``freshness_s`` is how old evidence may be, in seconds; ``gap`` says why nothing proves the item yet.
    """

    id: str
    section: str
    title: str
    objective: str
    severity: str
    frequency: str
    owner: str
    method: str
    sources: tuple[str, ...]
    remedy: Remedy
    freshness_s: float
    bounds: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gap: str = ""


class Catalogue:
    """All items, by id, in the order of the guide."""

    def __init__(self, items: list[Item]) -> None:
        self._items = {item.id: item for item in items}
        if len(self._items) != len(items):
            ids = [item.id for item in items]
            twice = sorted({one for one in ids if ids.count(one) > 1})
            raise OpsError(f"The catalogue has items twice: {', '.join(twice)}; keep one of each.")

    def __getitem__(self, item_id: str) -> Item:
        """Return an item; `OpsError` when there is none of that id."""
        if item_id not in self._items:
            raise OpsError(f"The catalogue has no item {item_id!r}.")
        return self._items[item_id]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the catalogue's content, for comparing runs."""
        whole = [(item.id, item.title, item.objective, item.severity, item.method, item.freshness_s) for item in self]
        return digest([[*told, dict(self[told[0]].bounds), self[told[0]].gap] for told in whole])


def bounds_of(item: Item, overrides: Mapping[str, Any]) -> SimpleNamespace:
    """Return the bounds of an item as attributes, the environment's values over the guide's.

    Raises `OpsError` for an override of a bound that the item does not have, of another type, or that is not finite.
    """
    given = overrides.get(item.id) or {}
    for name, value in given.items():
        if name not in item.bounds:
            known = ", ".join(item.bounds) or "none"
            raise OpsError(
                f"verify_bounds.{item.id}.{name}: {item.id} has no such bound (it has {known}); correct the name."
            )
        wanted = item.bounds[name]
        if isinstance(value, float) and not math.isfinite(value):
            # Nothing is above NaN or infinity, and nothing below: whatever is compared with it holds.
            raise OpsError(f"verify_bounds.{item.id}.{name} is {value!r}; write a finite number.")
        numbers = isinstance(wanted, (int, float)) and isinstance(value, (int, float))
        if isinstance(value, bool) != isinstance(wanted, bool) or not (numbers or isinstance(value, type(wanted))):
            raise OpsError(f"verify_bounds.{item.id}.{name} is {value!r}; it has to be of the kind of {wanted!r}.")
    return SimpleNamespace(**{**item.bounds, **given})


def load(folder: Path = FOLDER) -> Catalogue:
    """Read the catalogue.

    Raises `OpsError` naming file, item and key of what is wrong.
    """
    items = []
    for path in sorted(folder.glob("*.yml")):
        try:
            rows = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or []  # noqa: S506 - a safe loader, in C
        except yaml.YAMLError as exc:
            raise OpsError(f"verify/catalogue/{path.name} is not YAML: {' '.join(str(exc).split())}.") from exc
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise OpsError(f"verify/catalogue/{path.name}, item {number} is no mapping; give it keys.")
            items.append(_item(row, f"{path.name}, item {row.get('id', number)}"))
    return Catalogue(sorted(items, key=lambda item: (_order(item.section), item.id)))


# The sections in the order of the guide; an item's id begins with its section.
SECTIONS = (
    *(
        "CORE",
        "DELIVER",
        "MORNING",
        "INFRA",
        "CICD",
        "EOD",
        "STANDUP",
        "WEEKLY",
        "RELEASE",
        "RELIABILITY",
        "DEPLOYMENT",
    ),
    *("MONITORING", "TOOLS", "ACCESS", "COMMS", "OPEX", "EFFICIENCY", "TEAM", "ESCALATION", "SECINC", "CHANGE", "IAC"),
    *("SECURITY", "AUTOMATION", "OUTAGE", "BREACH", "DR"),
)


def _order(section: str) -> int:
    return SECTIONS.index(section)


def _item(row: Mapping[str, Any], where: str) -> Item:
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise OpsError(f"verify/catalogue/{where}: there is no key {unknown[0]!r}; correct its name.")
    try:
        item = Item(
            id=row["id"],
            section=row["id"].rpartition("-")[0],
            title=row["title"],
            objective=row["objective"],
            severity=_one_of(row["severity"], SEVERITIES, where, "severity"),
            frequency=_one_of(row["frequency"], FREQUENCIES, where, "frequency"),
            owner=row["owner"],
            method=_one_of(row["method"], METHODS, where, "method"),
            sources=tuple(row["sources"]),
            remedy=_remedy(row["remedy"], where),
            freshness_s=float(row["freshness_s"]),
            bounds=dict(row.get("bounds", {})),
            references={name: tuple(values) for name, values in row.get("references", {}).items()},
            gap=row.get("gap", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise OpsError(
            f"verify/catalogue/{where}: the key {exc} is missing or of the wrong kind; complete the item."
        ) from exc
    if item.section not in SECTIONS:
        raise OpsError(f"verify/catalogue/{where}: there is no section {item.section!r}.")
    return item


def _remedy(row: Mapping[str, Any], where: str) -> Remedy:
    try:
        return remedy_of(row)
    except OpsError as exc:
        raise OpsError(f"verify/catalogue/{where}: {exc.message}") from exc


def _one_of(value: str, known: tuple[str, ...], where: str, key: str) -> str:
    if value not in known:
        raise OpsError(f"verify/catalogue/{where}: {key} is {value!r}; use one of {', '.join(known)}.")
    return value
