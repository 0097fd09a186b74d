# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: whether two things in the calendar are about the same, at the same time.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from verify.facts.records import Record

__all__ = ["holds", "touches"]


def _span(plan: Record) -> tuple[float, float]:
    if "planned_start" in plan:
        return plan.planned_start, plan.planned_end
    return plan.start, plan.end


def _about(one: Record, other: Record) -> bool:
    """Return whether two plans share a host or a service; one that names neither is about everything."""
    sides = [(set(plan.hosts or ()), set(plan.services or ())) for plan in (one, other)]
    if not any(sides[0]) or not any(sides[1]):
        return True
    return bool(sides[0][0] & sides[1][0] or sides[0][1] & sides[1][1])


def touches(one: Record, other: Record) -> bool:
    """Return whether two plans are about the same at the same time; one that ends when the other begins does not."""
    (begin, end), (start, stop) = _span(one), _span(other)
    return begin < stop and start < end and _about(one, other)


def holds(window: Record, change: Record) -> bool:
    """Return whether a change lies in a window as a whole, and is about what the window is about."""
    (begin, end), (start, stop) = _span(window), _span(change)
    return begin <= start and stop <= end and _about(window, change)
