# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the baseline that an environment leaves out for a while: exceptions like waivers, and approved like them.

``verify_baseline`` names each with what every exception needs (`verify.engine.approval`)::

    verify_baseline:
      sshd-x11:
        hosts: [desk1]                  # groups or hosts; all without it
        reason: the desk shows a display of its own until it is replaced
        compensating_control: the port is open to the bastion only
        owner: platform
        requester: a.adams@example.org
        approver: b.brown@example.org
        approved_on: 2026-11-20T09:00:00Z
        expires_on: 2026-12-03T23:59:59Z  # the last instant at which it holds; the rule is judged again afterwards
        ticket: OPS-2212

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms
from verify.engine.approval import APPROVAL, approval, check_length, days_of, nearest, strange_keys
from verify.engine.catalogue import Catalogue
from verify.engine.declared import Environment
from verify.engine.people import people_of
from verify.engine.waivers import EXPIRING_S

__all__ = ["ITEMS", "as_record", "check", "expired", "holds", "sentences"]

VARIABLE = "verify_baseline"
ITEMS = ("CORE-05", "INFRA-08")
"""The items whose controls judge the rules of the baseline; an exception holds no longer than the strictest allows."""


def check(environment: Environment, catalogue: Catalogue, rules: Collection[str], *, now: float) -> None:
    """Check the exceptions of an environment against the rules there are, its inventory and the catalogue.

    Raises `OpsError` naming the inventory, the rule, the key and the mend. One that has ended is no mistake.
    """
    days, people = days_of(environment.variables), people_of(environment)
    strictest = min((catalogue[item] for item in ITEMS), key=lambda item: days[item.severity])
    known = {*environment.groups, *environment.hosts, *environment.excluded, *environment.scope}
    for rule, row in _declared(environment):
        where = f"{environment.inventory}: {VARIABLE}.{rule}"
        if rule not in rules:
            raise OpsError(f"{where}: the baseline has no such rule{nearest(rule, rules)}.")
        strange_keys(row, (*APPROVAL, "hosts"), where, required=APPROVAL)
        check_length(approval(row, where, people), where, item=strictest, days=days, now=now, what="an exception")
        for name in _hosts(row):
            if name not in known:
                raise OpsError(f"{where}: hosts: the inventory has no group or host {name!r}{nearest(name, known)}.")


def holds(row: Mapping[str, Any], now: float) -> bool:
    """Return whether an exception is approved and in force at an instant; what is not leaves its rule judged."""
    try:
        found = approval(row, VARIABLE)
    except OpsError:
        return False
    return bool(found["approved_on"] <= now <= found["expires_on"])


def as_record(environment: Environment, now: float) -> list[dict[str, Any]]:
    """Return the exceptions as the header of a run keeps them, each with its state as of an instant."""
    return [_record(rule, row, now) for rule, row in _declared(environment)]


def _record(rule: str, row: Mapping[str, Any], now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"rule": rule, "hosts": _hosts(row)}
    try:
        found = approval(row, VARIABLE)
    except OpsError:
        # Only a past run can have one: those of today are refused before anything is asked.
        return {**told, "reason": str(row.get("reason") or row.get("skip") or ""), "state": "not approved"}
    approved, expires = found.pop("approved_on"), found.pop("expires_on")
    if not approved <= now <= expires:
        state = "expired" if now > expires else "not approved"
    else:
        state = "expires within 14 days" if expires - now <= EXPIRING_S else "in force"
    instants = {"approved": iso_ms(from_epoch(approved)), "expires": iso_ms(from_epoch(expires))}
    return {**told, **found, **instants, "state": state}


def expired(rows: Iterable[Mapping[str, Any]], items: Collection[str]) -> list[str]:
    """Return the rules whose exception has run out, where a run judged any of the items that they concern."""
    return [str(row["rule"]) for row in rows if row["state"] == "expired" and not set(items).isdisjoint(ITEMS)]


def sentences(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what people have to do about the exceptions, a sentence each."""
    told = {
        "expired": "has run out, so the rule is judged again: remove it, or have it approved again.",
        "expires within 14 days": "expires within 14 days.",
    }
    return [f"{VARIABLE}: {row['rule']}: the exception {told[row['state']]}" for row in rows if row["state"] in told]


def _declared(environment: Environment) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted((environment.variables.get(VARIABLE) or {}).items())


def _hosts(row: Mapping[str, Any]) -> list[str]:
    named = row.get("hosts") or []
    return [named] if isinstance(named, str) else [str(one) for one in named]
