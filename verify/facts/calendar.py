# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Working days and hours of the environment (``verify_calendar``); Monday to Friday in UTC where it declares none.

``verify_calendar: {timezone: Europe/Zurich, working_days: [0, 1, 2, 3, 4], holidays: [2026-12-25]}``; 0 is Monday.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence

__all__ = ["day_of", "instant", "is_working_day", "working_day_ahead", "working_days"]

_WEEK = (0, 1, 2, 3, 4)
_AHEAD_S = 60 * 86400.0


def _calendar(estate: Estate) -> Mapping[str, Any]:
    declared: Mapping[str, Any] = estate.declared("verify_calendar") or {}
    return declared


def _zone(estate: Estate) -> datetime.tzinfo:
    name = str(_calendar(estate).get("timezone", "UTC"))
    try:
        return datetime.UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise NoEvidence(f"verify_calendar names the time zone {name!r}, which this machine does not know.") from exc


def day_of(estate: Estate, moment: float) -> datetime.date:
    """Return the day of an instant (seconds since the epoch) where the environment is."""
    return datetime.datetime.fromtimestamp(moment, tz=_zone(estate)).date()


def instant(estate: Estate, day: datetime.date, second_of_day: float) -> float:
    """Return the instant of a clock's reading on a day where the environment is, as seconds since the epoch."""
    hours, rest = divmod(int(second_of_day), 3600)
    clock = datetime.time(hours, rest // 60, rest % 60)
    return datetime.datetime.combine(day, clock, tzinfo=_zone(estate)).timestamp()


def is_working_day(estate: Estate, day: datetime.date) -> bool:
    """Return whether people work on a day."""
    calendar = _calendar(estate)
    free = {str(one) for one in calendar.get("holidays", ())}
    return day.weekday() in calendar.get("working_days", _WEEK) and day.isoformat() not in free


def working_days(estate: Estate, since: float, until: float) -> list[datetime.date]:
    """Return the working days from the day of one instant to the day of another, both included, the oldest first."""
    first, last = day_of(estate, since), day_of(estate, until)
    every = (first + datetime.timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in every if is_working_day(estate, day)]


def working_day_ahead(estate: Estate, count: int) -> datetime.date:
    """Return the working day that is so many working days after today: 1 is the next one, 0 is today, worked or not.

    Raises `NoEvidence` when the calendar has not so many in the next sixty days.
    """
    today = day_of(estate, estate.now)
    coming = [day for day in working_days(estate, estate.now, estate.now + _AHEAD_S) if day > today]
    if count > len(coming):
        raise NoEvidence(f"verify_calendar leaves {len(coming)} working days in the next sixty; {count} are looked at.")
    return [today, *coming][count]
