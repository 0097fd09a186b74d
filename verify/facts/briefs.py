# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The brief of the stand-up: the one that counts now, what it has to list, and what its figures have to equal.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import SEVERITIES
from verify.engine.control import Said, expect
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.calendar import day_of, instant, is_working_day, working_days
from verify.facts.incidents import due, priority_bounds
from verify.facts.metrics import Metrics, metrics
from verify.facts.records import Record, everything
from verify.facts.registers import register

__all__ = [
    *("FIGURES", "Brief", "brief_of_the_day", "differences", "open_at", "standup", "tells_of_blocked"),
    "tells_of_incident",
]

_BACK_S = 10 * 86400.0
_ROUNDED_S = 60.0
_NOBODY = ("", "?", "unknown", "tbd", "nobody")


class Brief(NamedTuple):
    """The day of a stand-up, when its brief had to be there (epoch seconds), and the brief; None when there is none."""

    day: datetime.date
    due: float
    record: Record | None


def brief_of_the_day(estate: Estate, due_s: float) -> Brief:
    """Return the brief of today's stand-up, or of the last working day while today's is not due.

    ``due_s`` is the second of the day at which the stand-up begins. Raises `NoEvidence` when the calendar has no
    working day in the ten days before.
    """
    today = day_of(estate, estate.now)
    found = {row.day: row for row in everything(estate, "brief") if row.kind == "standup"}
    due_now = is_working_day(estate, today) and (estate.now >= instant(estate, today, due_s) or f"{today}" in found)
    days = [day for day in working_days(estate, estate.now - _BACK_S, estate.now) if day < today or due_now]
    if not days:
        raise NoEvidence("verify_calendar leaves no working day in the last ten, so no stand-up was due.")
    return Brief(days[-1], instant(estate, days[-1], due_s), found.get(f"{days[-1]}"))


def standup(estate: Estate, due_s: float) -> tuple[list[Said], Brief]:
    """Return the claims that every line of the stand-up begins with, and the brief: it is there, and was in time."""
    brief = brief_of_the_day(estate, due_s)
    said: list[Said] = [
        expect(brief.record is not None, f"the stand-up of {brief.day} has a brief", expected="a brief")
    ]
    if brief.record is not None:
        produced = brief.record.produced
        claim = f"the brief of {brief.day} was there before the stand-up"
        said.append(expect(produced <= brief.due, claim, observed=produced, expected=brief.due))
    return said, brief


def open_at(estate: Estate, record_type: str, moment: float, *, begin: str, end: str) -> list[Record]:
    """Return the records of a register that had begun and not ended at an instant, by the names of those keys."""
    return [
        row
        for row in register(estate, record_type)
        if row[begin] <= moment and (row.get(end) is None or row[end] > moment)
    ]


def _up(seen: Metrics, query: str) -> float:
    return float(sum(sample.value == 1 for sample in seen.some(query)))


def _mean(seen: Metrics, query: str) -> float:
    return seen.total(query) / len(seen.some(query))


FIGURES: Mapping[str, Callable[[Metrics], float]] = {
    "targets_up": lambda seen: _up(seen, "up"),
    "probes_up": lambda seen: _up(seen, "probe_success"),
    "cpu_used_ratio": lambda seen: _mean(seen, "cpu_used_ratio_avg_1d"),
    "memory_used_ratio": lambda seen: _mean(seen, "memory_used_ratio_avg_1d"),
    "filesystem_used_ratio": lambda seen: _mean(seen, "filesystem_used_ratio"),
}
"""What a brief states of status and utilisation, and what each figure is in the metrics: the exporters and probes
that answer, the means over hosts of the last day, the mean over file systems."""


def differences(estate: Estate, brief: Record, most: float) -> Iterator[Said]:
    """Claim of each figure that the brief states it, and that the metrics say the same within a share of it."""
    seen = metrics(estate)
    stated = brief.figures or {}
    for name, figure in FIGURES.items():
        yield expect(name in stated, f"the brief states {name}", observed=sorted(stated))
        if name in stated:
            wanted = figure(seen)
            off = abs(stated[name] - wanted)
            claim = f"{name} of the brief equals what the metrics say"
            yield expect(off <= most * max(abs(wanted), 1e-9), claim, observed=stated[name], expected=wanted)


def tells_of_incident(estate: Estate, brief: Record, incident: Record) -> Iterator[Said]:
    """Claim that the brief says how far the cause of an incident is understood, and how much time its bound left when
    the brief was made, to a minute.

    What was written into the incident after the brief may have changed its cause and priority; until then both agree.
    """
    name, later = incident.id, incident.at > brief.produced
    causes = {row.id: row.cause_state for row in brief.causes or ()}
    yield expect(
        name in causes and (later or causes[name] == incident.cause_state),
        f"the brief says how far the cause of {name} is understood",
        observed=causes.get(name),
        expected=incident.cause_state,
    )
    bounds = priority_bounds(estate)
    ends = [due(incident, bounds, one) for one in (SEVERITIES if later else (incident.priority,))]
    left = (brief.figures or {}).get(f"{name}_left_s")
    yield expect(
        left is not None and any(abs(end - brief.produced - left) <= _ROUNDED_S for end in ends),
        f"the brief says how much time the bound of {name} leaves",
        observed=left,
        expected=[end - brief.produced for end in ends],
    )


def tells_of_blocked(brief: Record, item: Record) -> Iterator[Said]:
    """Claim that the brief says what blocked work waits for and since when, as the register does.

    What was written into the register after the brief may name something else.
    """
    rows = {row.id: row for row in brief.waits or ()}
    said = rows.get(item.id)
    on, wanted = (one.depends_on.strip().lower() if one else "" for one in (said, item))
    yield expect(
        on not in _NOBODY and (item.at > brief.produced or on == wanted),
        f"the brief names what {item.id} waits for",
        observed=said and said.depends_on,
        expected=item.depends_on,
    )
    yield expect(
        said is not None and abs(said.since - item.blocked_since) <= _ROUNDED_S,
        f"the brief says since when {item.id} waits",
        observed=said and said.since,
        expected=item.blocked_since,
    )
    yield expect(wanted not in _NOBODY, f"the register names what {item.id} waits for", observed=item.depends_on)
