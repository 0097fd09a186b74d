# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to the estate, by the records that procedures leave, and the changes that it belongs to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.facts.host_software import PatchRun
from verify.facts.records import Record, everything
from verify.facts.registers import register
from verify.facts.runs import runs
from verify.facts.verdicts import clock

__all__ = ["SLACK_S", "Deed", "deeds", "records_of", "upgrades"]

SLACK_S = 900.0
"""By how much the clocks and the order of writing of two records of one thing may differ, in seconds."""


class Deed(NamedTuple):
    """One thing that was done: words for it, when, to which hosts and services, and the change that it names."""

    says: str
    started: float
    ended: float
    hosts: frozenset[str]
    services: frozenset[str]
    change: str | None


def deeds(estate: Estate, *, since: float) -> list[Deed]:
    """Return the deployments, patch runs, restores and recoveries that ended since an instant, the oldest first.

    A recovery is a live drill, a disaster in earnest or the return from one; it touches every service. A drill on a
    copy touches nothing, and a pack whose record cannot be read is the business of INFRA-05. Raises `NoEvidence` when
    deployments are not kept on record, or drills cannot be read.
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
    found += [
        Deed(f"the restore {one.id} of {one.asset}", one.started, one.ended, frozenset([one.host]), frozenset(), None)
        for one in everything(estate, "restore")
    ]
    services = frozenset(one.name for one in estate.environment.subjects("service"))
    found += [
        Deed(f"the {pack.scenario} {pack.name}", pack.started, pack.ended, _fenced(pack.record), services, None)
        for pack in runs(estate).packs
        if pack.record and pack.mode == "live" and pack.started is not None and pack.ended is not None
    ]
    return sorted((deed for deed in found if deed.ended >= since), key=lambda deed: deed.started)


def _fenced(record: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(row["host"]) for row in record.get("fencing") or () if row.get("host"))


def upgrades(estate: Estate, host: Any, *, since: float) -> Iterator[Deed]:
    """Yield the upgrades of a host since an instant, by apt's own history, that no patch run on record left.

    What unattended-upgrades installs is the work of its timer, and what an installation brought along is a part of it;
    an upgrade that broke off is the business of SECURITY-04. Raises `NoEvidence` when the history cannot be read.
    """
    patches = [one for one in everything(estate, "patch") if one.host == host.name]
    by_hand = [run for run in host.patch_runs if run.succeeded and run.end >= since and _by_hand(run)]
    for run in by_hand:
        if not any(one.started - SLACK_S <= run.start <= one.ended + SLACK_S for one in patches):
            says = f"the upgrade of {len(run.upgraded)} packages of {host.name} at {clock(run.start)}"
            yield Deed(says, run.start, run.end, frozenset([host.name]), frozenset(), None)


def _by_hand(run: PatchRun) -> bool:
    return bool(run.upgraded) and not run.installed and "unattended-upgrade" not in run.command


def records_of(deed: Deed, changes: Iterable[Record]) -> list[Record]:
    """Return the changes whose time covers that of a deed: the one that it names, else those about its hosts or
    services."""
    return [
        change
        for change in changes
        if _covers(change, deed) and (change.id == deed.change if deed.change else _about(change, deed))
    ]


def _about(change: Record, deed: Deed) -> bool:
    return bool(deed.hosts & set(change.hosts or ()) or deed.services & set(change.services or ()))


def _covers(change: Record, deed: Deed) -> bool:
    start = change.planned_start if change.started is None else change.started
    end = change.planned_end if change.ended is None else change.ended
    return bool(start - SLACK_S <= deed.started and deed.ended <= end + SLACK_S)
