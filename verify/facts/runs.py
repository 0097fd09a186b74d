# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks left, as checks read it: chained records, and the drills with their seals.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import epoch_or_none
from verify.facts.records import MACHINES, SLACK_S, Records

__all__ = ["ACTIVATION", "FAILBACK", "Pack", "Runs", "parse_packs", "runs"]

# Scenarios of packs that are no drills, but the real thing.
ACTIVATION, FAILBACK = "activation", "failback"


@dataclass(frozen=True, slots=True)
class Pack:
    """A sealed drill: whether the seal holds, and what its record measured.

    Instants are seconds since the epoch, durations seconds; None is what was not measured, or cannot be read. In
    ``signed`` are the signatures that the record tells of, each with the fault that was found with it.
    """

    name: str
    intact: bool
    faults: tuple[str, ...]
    record: Mapping[str, Any] | None
    started: float | None
    ended: float | None
    verdict: str | None
    mode: str | None
    scenario: str | None
    rto_s: float | None
    rpo_s: float | None
    lost_rows: int | None
    rto_target_s: float | None
    rpo_target_s: float | None
    signed: tuple[Mapping[str, Any], ...] = ()

    @property
    def environment(self) -> str | None:
        """Return the environment that was drilled."""
        return str(self.record["environment"]) if self.record else None

    @property
    def passed(self) -> bool:
        """Return whether the drill's own verdict is that it passed, with conditions or without."""
        return self.verdict in ("pass", "pass_with_conditions")

    @property
    def covered(self) -> frozenset[str]:
        """Return the hosts that the drill recovered: those that it took away, and those whose traffic it moved.

        A copy beside the live environment takes nothing away; it recovers the data of the primary alone.
        """
        header: Mapping[str, Any] = (self.record or {}).get("header") or {}
        found = {header.get("primary")}
        if self.mode == "live":
            found.update(header.get("lost_hosts") or ())
            found.update(row.get("host") for row in (self.record or {}).get("traffic") or ())
        return frozenset(str(host) for host in found if host)

    @property
    def signatures(self) -> tuple[Mapping[str, Any], ...]:
        """Return the signatures of people that hold, those of stand-ins too."""
        return tuple(row for row in self.signed if row["fault"] is None)


class Runs(Records):
    """The records of runs, and the packs of drills."""

    def __init__(self, estate: Estate) -> None:
        super().__init__(estate, MACHINES)

    @property
    def packs(self) -> tuple[Pack, ...]:
        """Return the sealed drills of this environment, the oldest first; also those whose record cannot be read.

        Raises `NoEvidence` for one that began or ended in the future: it would look fresh for as long as that lies
        ahead.
        """
        found: tuple[Pack, ...] = self._estate.read(MACHINES, "packs", parse_packs)
        own = tuple(pack for pack in found if pack.environment in (None, self._estate.name))
        for pack in own:
            if max(pack.started or 0.0, pack.ended or 0.0) - self._estate.now > SLACK_S:
                raise NoEvidence(f"The drill {pack.name} lies in the future; see the clock of the machine that ran it.")
        return own

    @property
    def drills(self) -> tuple[Pack, ...]:
        """Return the packs of drills alone, the oldest first: a disaster or the return from one rehearses nothing.

        One whose record cannot be read stays in, as it may be a drill. Raises as `packs` does.
        """
        return tuple(pack for pack in self.packs if pack.scenario not in (ACTIVATION, FAILBACK))


def runs(estate: Estate) -> Runs:
    """Return what playbooks left."""
    return Runs(estate)


def parse_packs(text: str) -> tuple[Pack, ...]:
    """Read the fact ``packs``. Raises ValueError, KeyError or TypeError for what is no such fact."""
    rows = [_pack(row) for row in json.loads(text)["packs"]]
    return tuple(sorted(rows, key=lambda pack: (pack.started or 0.0, pack.name)))


def _pack(row: Mapping[str, Any]) -> Pack:
    record = row["record"]
    about: Mapping[str, Any] = record or {}
    achieved, targets = about.get("achieved") or {}, about.get("targets") or {}
    return Pack(
        name=row["name"],
        intact=row["intact"] is True,
        faults=tuple(row["faults"]),
        record=record,
        started=epoch_or_none(about.get("started") or row.get("begun")),
        ended=epoch_or_none(about.get("ended")),
        verdict=about.get("verdict"),
        mode=about.get("mode"),
        scenario=(about.get("scenario") or {}).get("name"),
        rto_s=achieved.get("rto_s"),
        rpo_s=achieved.get("rpo_s"),
        lost_rows=achieved.get("lost_rows"),
        rto_target_s=targets.get("rto_s"),
        rpo_target_s=targets.get("rpo_s"),
        signed=tuple(row.get("signed") or ()),
    )
