# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may enter which system, as declared in ``verify_systems``, and who can, as it was found.

A system that has accounts of its own is known by its newest ``access_listing`` record. One that is entered through the
accounts of its hosts (``hosts``) is known by the evidence of those hosts. A grant on record that has not run out
(``access_grant``) adds to the declared set.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from verify.engine.control import Said, expect, not_applicable, unknown
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.declarations import meant
from verify.facts.host_uses import entrances
from verify.facts.records import Record, everything
from verify.facts.verdicts import span

__all__ = ["Entrant", "declared_systems", "each_system", "entrants", "listing", "same_set"]

System = Mapping[str, Any]
_LISTS = {"admin": "administrators", "write": "writers", "read": "readers"}
# Whoever may do more may do less.
_ENOUGH = {"admin": ("admin",), "write": ("admin", "write"), "read": ("admin", "write", "read")}


class Entrant(NamedTuple):
    """One who can enter: name, what he may do (admin, write, read), and when he last did (None: not said)."""

    name: str
    role: str
    last_used: float | None


def declared_systems(estate: Estate, kind: str = "") -> list[System]:
    """Return the systems that the environment declares, of a kind when one is given."""
    found = estate.declared("verify_systems") or []
    return [one for one in found if not kind or one["kind"] == kind]


def each_system(estate: Estate, kind: str, bounds: Any) -> Iterator[Said]:
    """Claim of each system of a kind that those who can enter it are those who may."""
    systems = declared_systems(estate, kind)
    for one in systems:
        yield from same_set(estate, one, bounds)
    if not systems:
        reason = estate.environment.empty_reason(f"{kind}_systems")
        told = f"{estate.name} declares no system of the kind {kind}"
        # That nobody entered can be seen in the records of systems that do exist.
        known = sorted({one.system for one in everything(estate, "access_listing")})
        if reason:
            yield not_applicable(f"{told}: {reason}", observed=known)
        else:
            yield unknown(f"{told}; name it in verify_systems, or say in verify_empty.{kind}_systems why there is none")


def listing(estate: Estate, system: str, max_age_s: float) -> Record:
    """Return the newest list of who can enter a system. Raises `NoEvidence` for none, or one that is too old."""
    found = [one for one in everything(estate, "access_listing") if one.system == system]
    if not found:
        raise NoEvidence(f"No access_listing on record says who can enter {system}; export one.")
    newest = max(found, key=lambda one: one.at or 0.0)
    age = estate.now - (newest.at or 0.0)
    if age > max_age_s:
        raise NoEvidence(
            f"The newest list of who can enter {system} is {span(age)} old; {span(max_age_s)} are allowed."
        )
    return newest


def entrants(estate: Estate, system: System, max_age_s: float) -> list[Entrant]:
    """Return who can enter a system, as it was found."""
    if "hosts" not in system:
        return [
            Entrant(one.name, one.role, one.last_used) for one in listing(estate, system["name"], max_age_s).principals
        ]
    hosts = [host for host in estate.views("host") if meant(estate, system["hosts"], host.name)]
    if not hosts:
        raise NoEvidence(f"{system['name']} is entered through hosts that are not in scope: {system['hosts']}.")
    names = sorted({name for host in hosts for name in entrances(host)})
    return [Entrant(name, "admin", None) for name in names]


def same_set(estate: Estate, system: System, bounds: Any) -> Iterator[Said]:
    """Claim that nobody can do more in a system than declared, and that nobody who is declared is missing."""
    found = entrants(estate, system, bounds.listing_max_age_s)
    name = system["name"]
    yield expect(found, f"the list of who can enter {name} names somebody", observed=len(found), expected="1 or more")
    granted = _granted(estate, name)
    for one in found:
        if one.role == "read" and "readers" not in system:
            continue
        may = {who for role in _ENOUGH[one.role] for who in (*(system.get(_LISTS[role]) or ()), *granted.get(role, ()))}
        yield expect(
            one.name in may,
            f"{one.name}, who has the role {one.role} in {name}, is declared for it",
            observed=one.name,
            expected=sorted(may),
        )
    for role, key in _LISTS.items():
        can = {one.name for one in found if one.role in _ENOUGH[role]}
        gone = sorted(set(system.get(key) or ()) - can)
        yield expect(not gone, f"all declared {key} of {name} are there", observed=gone, expected=[])


def _granted(estate: Estate, system: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in everything(estate, "access_grant"):
        if one.system == system and (one.expires is None or one.expires > estate.now):
            found.setdefault(one.role, []).append(one.principal)
    return found
