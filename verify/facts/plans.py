# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: whether two things in the calendar are about the same, at the same time, and what they allow on a host.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable

from verify.engine.estate import Estate
from verify.facts.pools import members
from verify.facts.records import Record, everything

__all__ = ["collide", "concerns", "holds", "opened", "times_open", "touches", "was_approved"]

_NOT_APPROVED = ("draft", "submitted", "rejected", "cancelled")
_Span = tuple[float, float]


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


def _meet(one: Record, other: Record) -> bool:
    (begin, end), (start, stop) = _span(one), _span(other)
    return begin < stop and start < end


def touches(one: Record, other: Record) -> bool:
    """Return whether two plans are about the same at the same time; one that ends when the other begins does not."""
    return _meet(one, other) and _about(one, other)


def collide(one: Record, other: Record, estate: Estate) -> bool:
    """Return whether two plans touch, or one names a host at that time on which a service runs that the other names."""
    if not _meet(one, other):
        return False
    hosts = estate.environment.hosts
    return _about(one, other) or any(concerns(one, host, estate) and concerns(other, host, estate) for host in hosts)


def holds(window: Record, change: Record) -> bool:
    """Return whether a change lies in a window as a whole, and is about what the window is about."""
    (begin, end), (start, stop) = _span(window), _span(change)
    return begin <= start and stop <= end and _about(window, change)


def concerns(plan: Record, host: str, estate: Estate) -> bool:
    """Return whether a plan is about a host: it names it, or names no host and a declared service that runs there.

    One that names neither is about every host, one that names only services that nobody declares about none.
    """
    if plan.hosts or not plan.services:
        return not plan.hosts or host in plan.hosts
    services = [one for one in estate.environment.subjects("service") if one.name in plan.services]
    return any(host in members(estate, one) for one in services if one.get("hosts") or one.get("host"))


def times_open(estate: Estate, host: str, longest_s: float) -> list[_Span]:
    """Return the times (seconds since the epoch) in which a host may be written to, by what is on record.

    These are maintenance and deployment windows and approved changes, without the freezes; only an emergency change may
    be made in a freeze. Nothing counts before it was put on record, and what was planned for longer than *longest_s*
    opens nothing: a door that always stands open is no window.
    """
    windows = [one for one in everything(estate, "window") if concerns(one, host, estate)]
    changes = [one for one in everything(estate, "change") if concerns(one, host, estate)]
    work = [one for one in changes if was_approved(one)]
    work = [one for one in work if one.planned_end - one.planned_start <= longest_s]
    frozen = [(max(one.start, one.at), one.end) for one in windows if one.kind == "freeze"]
    found = [
        (max(one.start, one.at), one.end)
        for one in windows
        if one.kind != "freeze" and one.end - one.start <= longest_s
    ]
    found += [opened(one, estate.now) for one in work if one.kind != "emergency"]
    return [*_without(found, frozen), *(opened(one, estate.now) for one in work if one.kind == "emergency")]


def _without(spans: Iterable[_Span], taken: Iterable[_Span]) -> list[_Span]:
    """Return what is left of some times when others are taken from them."""
    left = list(spans)
    for first, last in taken:
        pieces = [piece for begin, end in left for piece in ((begin, min(end, first)), (max(begin, last), end))]
        left = list(dict.fromkeys((begin, end) for begin, end in pieces if begin < end))
    return left


def was_approved(change: Record) -> bool:
    """Return whether a change was begun in a state that an approval leads to."""
    return change.started is not None and change.state not in _NOT_APPROVED


def opened(change: Record, now: float) -> _Span:
    """Return from when until when a change allows work: approved, in its last wording, and as it was planned."""
    approvals = [one.at for one in change.approvals or ()]
    if change.kind == "standard" and change.template:
        approvals.append(change.submitted)
    agreed = max(min(approvals, default=now), change.submitted)
    ended = now if change.ended is None else change.ended
    return max(change.started, change.planned_start, agreed), min(ended, change.planned_end)
