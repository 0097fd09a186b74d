# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every exception needs: a reason, what protects in the meantime, people of whom one approved it, and an end.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.engine.catalogue import Item
from verify.engine.people import NOBODY_DECLARED, People
from verify.engine.waivers import DAY_S

__all__ = [
    *("APPROVAL", "MAX_DAYS", "approval", "check_length", "days_of", "instant", "nearest", "other_days"),
    *("strange_keys", "text_of"),
]

MAX_DAYS = {"critical": 14, "high": 30, "medium": 90, "low": 180}
"""How long an exception may hold, in days, by the severity of its item."""

_TEXTS = ("reason", "compensating_control", "owner", "requester", "approver", "ticket")
_INSTANTS = ("approved_on", "expires_on")
APPROVAL = (*_TEXTS, *_INSTANTS)
"""The keys that every exception has."""
_ZULU = re.compile(r"(Z|[+-]00:?00)$")


def approval(row: Mapping[str, Any], where: str, people: People = NOBODY_DECLARED) -> dict[str, Any]:
    """Return who approved an exception, why and until when; instants as seconds since the epoch (UTC).

    Raises `OpsError` naming place, key and mend for a key that is missing or no text or instant, for an approver who
    is the requester, and, where the environment declares ``people``, for one of the two whom it does not know.
    """
    strange_keys({key: row[key] for key in APPROVAL if key in row}, APPROVAL, where)
    found: dict[str, Any] = {key: text_of(row, key, where) for key in _TEXTS}
    found |= {key: instant(row, key, where) for key in _INSTANTS}
    if people.one(found["approver"], found["requester"]):
        raise OpsError(f"{where}: approver: {found['approver']} asked for it; another person has to approve it.")
    for key in ("requester", "approver"):
        if people.declared and not people.know(found[key]):
            raise OpsError(
                f"{where}: {key}: {found[key]} is no owner of verify_owners and nobody whom verify_allowed_signers "
                "lists; name a person whom the environment knows, or add the key of this one."
            )
    return found


def days_of(variables: Mapping[str, Any]) -> dict[str, float]:
    """Return how many days an exception may hold, by severity; ``verify_waiver_days`` of an environment changes it.

    No more than `verify.engine.declared.MOST_WAIVER_DAYS`: a longer one is refused with the inventory.
    """
    return {**MAX_DAYS, **(variables.get("verify_waiver_days") or {})}


def other_days(variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where an exception may hold longer or shorter than the guide's days.

    Each has ``severity``, ``guide``, ``used`` (both in days) and ``effect`` (``loosened`` or ``tightened``).
    """
    return [
        {"severity": name, "guide": guide, "used": used, "effect": "loosened" if used > guide else "tightened"}
        for name, guide in MAX_DAYS.items()
        if (used := days_of(variables)[name]) != guide
    ]


def check_length(
    found: Mapping[str, Any], where: str, *, item: Item, days: Mapping[str, float], now: float, what: str = "a waiver"
) -> None:
    """Raise `OpsError` for an approval that lies ahead, ends before it begins, or holds longer than its item allows."""
    approved, expires, most = found["approved_on"], found["expires_on"], float(days[item.severity])
    if approved > now:
        raise OpsError(f"{where}: approved_on lies in the future; {what} holds from its approval on.")
    if expires <= approved:
        raise OpsError(f"{where}: expires_on is not after approved_on; correct the two.")
    if expires - approved > most * DAY_S:
        held = (expires - approved) / DAY_S
        raise OpsError(
            f"{where}: expires_on: it holds {held:.1f} days; {item.id} is {item.severity}, so at most "
            f"{most:g} are allowed. Shorten it and have it approved again later."
        )


def strange_keys(
    row: Mapping[str, Any], known: Sequence[str], where: str, *, required: Sequence[str] | None = None
) -> None:
    """Raise `OpsError` for a key that nobody reads (with the one that was probably meant), or that is missing."""
    for key in row:
        if key not in known:
            raise OpsError(f"{where}: {key}: there is no such key{nearest(str(key), known)}.")
    for key in known if required is None else required:
        if key not in row:
            raise OpsError(f"{where}: {key}: it is missing; write it.")


def text_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """Return a text of a row without the space around it; `OpsError` when it is none."""
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


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the mend of a mistyped word: which known one was probably meant."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; was {close[0]} meant?" if close else "; correct the name"
