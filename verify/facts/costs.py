# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Costs and budgets, as checks read them: FOCUS lines of the newest exports, in one currency.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.records import Record, everything

__all__ = ["Costs", "costs"]


class Costs:
    """The costs of the environment. ``metric`` is the FOCUS column that counts."""

    def __init__(self, estate: Estate, metric: str = "EffectiveCost") -> None:
        self._estate = estate
        self._metric = metric
        self.lines = _newest_lines(everything(estate, "cost"))
        self._budgets = everything(estate, "budget")

    @property
    def currency(self) -> str:
        """Return the one currency; `NoEvidence` when there is no line, or more than one currency."""
        found = sorted({str(line.BillingCurrency) for line in self.lines})
        if len(found) != 1:
            raise NoEvidence(f"Costs are given in {', '.join(found) or 'no currency'}; one is needed to add them up.")
        return found[0]

    @property
    def seen_until(self) -> float | None:
        """Return the end of the newest charge; None when there is none."""
        return max((float(line.ChargePeriodEnd) for line in self.lines), default=None)

    def actual(self, start: float, end: float) -> float:
        """Return what the charges that begin between two instants cost together."""
        if self.lines:
            self.currency  # noqa: B018 - raises where there are several
        return sum(float(line[self._metric]) for line in self.lines if start <= line.ChargePeriodStart < end)

    def by_service(self, start: float, end: float) -> dict[str, float]:
        """Return the same by FOCUS ServiceName, the dearest first."""
        found: dict[str, float] = {}
        for line in self.lines:
            if start <= line.ChargePeriodStart < end:
                found[line.ServiceName] = found.get(line.ServiceName, 0.0) + float(line[self._metric])
        return dict(sorted(found.items(), key=lambda row: -row[1]))

    def budget(self, at: float) -> tuple[float, float, float]:
        """Return amount, start and end of the budget of everything in which an instant lies.

        Budgets of single services with the same period are added up where there is none of everything. Raises
        `NoEvidence` when there is none, or it is in another currency.
        """
        rows = [row for row in self._budgets if row.period_start <= at < row.period_end]
        whole = [row for row in rows if not row.services]
        chosen = whole[-1:] or _latest_by_service(rows)
        if not chosen:
            raise NoEvidence("There is no budget for the present period.")
        periods = {(row.period_start, row.period_end) for row in chosen}
        foreign = {str(row.currency) for row in chosen} - ({self.currency} if self.lines else set())
        if len(periods) != 1 or (self.lines and foreign):
            raise NoEvidence("The budgets of the present period differ in period or currency from each other or costs.")
        ((start, end),) = periods
        return sum(float(row.amount) for row in chosen), float(start), float(end)

    def month(self, now: float, *, tolerance: float = 0.05) -> _kpi.Kpi:
        """Return how the cost of the present budget period goes against its budget."""
        amount, start, end = self.budget(now)
        until = self.seen_until
        return _kpi.cost_variance(
            self.actual(start, end), amount, start=start, end=end, seen_until=until, tolerance=tolerance
        )

    def inventories(self) -> dict[str, Record]:
        """Return the newest inventory of resources of each source; `NoEvidence` when none was ever recorded."""
        newest: dict[str, Record] = {str(row.source): row for row in everything(self._estate, "resource_inventory")}
        if not newest:
            raise NoEvidence("No inventory of resources was recorded.")
        return newest

    def orphans(self, floor: float) -> list[Record]:
        """Return the resources of the newest inventories that nothing uses and that cost at least so much a month.

        What does not say its cost counts. Raises `NoEvidence` when no inventory was ever recorded.
        """
        rows = [resource for row in self.inventories().values() for resource in row.resources]
        return [one for one in rows if not one.attached and (one.monthly_cost is None or one.monthly_cost >= floor)]


def costs(estate: Estate) -> Costs:
    """Return the costs of the environment. Raises `NoEvidence` when they cannot be read."""
    return Costs(estate)


def _newest_lines(exports: Iterable[Record]) -> list[Any]:
    """Return the lines of all exports; of a day that several exports of a source have, those of the newest.

    A provider corrects the charges of past days with each export, so an older one must not be added to a newer.
    """
    by_day: dict[tuple[str, str], tuple[Any, ...]] = {}
    for export in exports:
        days: dict[str, list[Any]] = {}
        for line in export.lines:
            days.setdefault(_day(line.ChargePeriodStart), []).append(line)
        for day, lines in days.items():
            by_day[str(export.source), day] = tuple(lines)
    return [line for key in sorted(by_day) for line in by_day[key]]


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC):%Y-%m-%d}"


def _latest_by_service(rows: Iterable[Record]) -> list[Record]:
    latest = {tuple(sorted(row.services or ())): row for row in rows}
    return list(latest.values())
