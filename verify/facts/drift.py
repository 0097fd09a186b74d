# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparisons of code and estate: the newest of each target, and which repositories of code were compared.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping

from verify.engine.control import Said, expect
from verify.engine.estate import Estate
from verify.facts.kinds import is_infrastructure
from verify.facts.records import Record
from verify.facts.registers import register

__all__ = ["all_compared", "comparisons"]


def comparisons(estate: Estate) -> dict[str, Record]:
    """Return the newest comparison of each target, by its name. Raises `NoEvidence` when they cannot be read."""
    rows = sorted(register(estate, "drift_check"), key=lambda row: float(row.checked))
    return dict(sorted({str(row.target): row for row in rows}.items()))


def all_compared(estate: Estate, found: Mapping[str, Record]) -> Said:
    """Claim that the code of each repository that is declared as infrastructure is in one of these comparisons: as its
    target, or among its ``repositories``."""
    named = {name for target, row in found.items() for name in (target, *(row.repositories or ()))}
    code = [one.name for one in estate.views("repository") if is_infrastructure(one)]
    left = sorted(set(code) - named)
    claim = f"the code of each of {len(code)} repositories of infrastructure is compared with {estate.name}"
    return expect(not left, claim, observed=left, expected=[])
