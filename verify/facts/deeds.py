# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to the estate, by the records that procedures leave, and the changes that it belongs to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from verify.engine.estate import Estate
from verify.facts.records import Record, everything
from verify.facts.registers import register

__all__ = ["Deed", "deeds", "records_of"]

_SLACK_S = 900.0


class Deed(NamedTuple):
    """One thing that was done: words for it, when, to which hosts and services, and the change that it names."""

    says: str
    started: float
    ended: float
    hosts: frozenset[str]
    services: frozenset[str]
    change: str | None


def deeds(estate: Estate, *, since: float) -> list[Deed]:
    """Return the deployments, patch runs and restores that ended since an instant, the oldest first.

    Raises `NoEvidence` when deployments are not kept on record.
    """
    found = [
        Deed(
            f"the deployment {one.id} of {one.service} {one.version}",
            *(one.started, one.ended, frozenset(), frozenset([one.service]), one.change),
        )
        for one in register(estate, "deployment")
        if one.ended and one.outcome != "cancelled"
    ]
    found += [
        Deed(f"the patches of {one.host}", one.started, one.ended, frozenset([one.host]), frozenset(), None)
        for one in everything(estate, "patch")
        if one.packages
    ]
    return sorted((deed for deed in found if deed.ended >= since), key=lambda deed: deed.started)


def records_of(deed: Deed, changes: Iterable[Record]) -> list[Record]:
    """Return the changes that a deed names, else those about its hosts or services whose time covers its own."""
    known = list(changes)
    if deed.change:
        return [change for change in known if change.id == deed.change]
    return [change for change in known if _about(change, deed) and _covers(change, deed)]


def _about(change: Record, deed: Deed) -> bool:
    return bool(deed.hosts & set(change.hosts or ()) or deed.services & set(change.services or ()))


def _covers(change: Record, deed: Deed) -> bool:
    start = change.planned_start if change.started is None else change.started
    end = change.planned_end if change.ended is None else change.ended
    return bool(start - _SLACK_S <= deed.started and deed.ended <= end + _SLACK_S)
