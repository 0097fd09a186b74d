# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms by which an environment has its items judged, where they are not those of the guide.

Bounds that ``verify_bounds`` sets over the guide's are listed beside these in the header of a run, so that a report
says by which figures it judged, and two runs that judged an item by different ones are told apart. Rules of the
baseline that an approved exception leaves out (`verify.engine.left_out`) are terms of the items that judge them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine import left_out
from verify.engine.catalogue import Catalogue, bounds_of

__all__ = ["Terms", "changed", "check", "effect", "overrides", "terms_of"]

Terms = Mapping[str, Mapping[str, Any]]
"""By item, what is used in place of the guide's terms, by its name."""

_GUIDE = "the guide's"
_ALLOWANCES = ("critical_s", "high_s", "medium_s", "low_s", "reboot_s", "restart_s")
"""Bounds that give time to mend something: more of it is looser."""
_COUNTED_FROM = ("outage_min_s",)
"""Least sizes from which something bad counts at all: a larger one lets more of it pass."""


def check(variables: Mapping[str, Any], catalogue: Catalogue, *, where: str) -> None:
    """Raise `OpsError` for a line of ``verify_bounds`` that no item reads, with the inventory, the key and the mend."""
    given = variables.get("verify_bounds") or {}
    for item in given:
        if item not in catalogue:
            close = difflib.get_close_matches(str(item), [one.id for one in catalogue], n=1)
            mend = f"was {close[0]} meant?" if close else "correct it or remove the line."
            raise OpsError(f"{where}: verify_bounds.{item}: the catalogue has no item of that name; {mend}")
        try:
            bounds_of(catalogue[item], given)
        except OpsError as exc:
            raise OpsError(f"{where}: {exc.message}") from exc


def overrides(variables: Mapping[str, Any], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the bounds of an environment that differ from the guide's, in the order of the guide.

    Each has ``item``, ``bound``, ``guide``, ``used`` and ``effect`` (see `effect`).
    """
    given = variables.get("verify_bounds") or {}
    return [
        {
            "item": item.id,
            "bound": name,
            "guide": item.bounds[name],
            "used": used,
            "effect": effect(name, item.bounds[name], used),
        }
        for item in catalogue
        for name, used in (given.get(item.id) or {}).items()
        if name in item.bounds and used != item.bounds[name]
    ]


def effect(bound: str, guide: Any, used: Any) -> str:
    """Return whether a bound of an environment is ``loosened`` or ``tightened`` against the guide's.

    The names of bounds say it: ``max`` may not be passed, ``min`` has to be reached. ``changed`` where no name does.
    """
    words = bound.split("_")
    if bound in _ALLOWANCES or bound in _COUNTED_FROM or "max" in words:
        return "loosened" if used > guide else "tightened"
    if "min" in words:
        return "loosened" if used < guide else "tightened"
    return "changed"


def terms_of(header: Mapping[str, Any]) -> Terms | None:
    """Return by which terms of its own a run judged; None for a run of before headers told of them."""
    if "bounds" not in header:
        return None
    found: dict[str, dict[str, Any]] = {}
    for one in header["bounds"]:
        found.setdefault(str(one["item"]), {})[str(one["bound"])] = one["used"]
    for one in header.get("left_out") or ():
        if one["state"] not in ("expired", "not approved"):
            for item in left_out.ITEMS:
                found.setdefault(item, {})[f"rule {one['rule']}"] = f"left out on {_named(one['hosts'])}"
    return found


def _named(hosts: Sequence[str]) -> str:
    return ", ".join(hosts) or "every host"


def changed(now: Terms | None, past: Terms | None) -> dict[str, str]:
    """Return what differs between the terms of two runs, a clause an item; ``the guide's`` where one had no own."""
    here, there = now or {}, past or {}
    told = {}
    for item in sorted({*here, *there}):
        one, other = here.get(item, {}), there.get(item, {})
        names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
        before = "not told" if past is None else _GUIDE
        clauses = [f"{name} is {one.get(name, _GUIDE)}, was {other.get(name, before)}" for name in names]
        if clauses:
            told[item] = "; ".join(clauses)
    return told
