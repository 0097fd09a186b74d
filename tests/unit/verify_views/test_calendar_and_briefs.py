# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Working days where the environment is, and which stand-up counts now."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, NoEvidence
from verify.facts.briefs import brief_of_the_day
from verify.facts.calendar import day_of, instant, is_working_day, working_day_ahead, working_days

NINE = 32400


def estate(now: str, *, calendar: dict[str, Any] | None = None, briefs: tuple[tuple[str, str], ...] = ()) -> Estate:
    """Return an estate at an instant with briefs: day, and when it was produced."""
    evidence, at = Evidence(), parse_iso(now).timestamp()
    rows = [
        {
            "file": f"brief/{day}.json",
            "class": "machine",
            "signed_by": "",
            "record": {
                **{"id": day, "environment": "x", "at": produced, "by": "a", "kind": "standup", "day": day},
                "produced": produced,
            },
        }
        for day, produced in briefs
    ]
    body = json.dumps({"type": "brief", "files": len(rows), "records": rows, "faults": []})
    evidence.record(body, subject="runs", name="brief", source="runs", collected=at, command="")
    variables: dict[str, Any] = {"verify_runs_dir": "records"}
    if calendar is not None:
        variables["verify_calendar"] = calendar
    return Estate(Environment("x", "x", "0", {}, {}, variables), evidence, now=at)


def test_days_and_hours_are_those_of_the_place() -> None:
    there = estate("2026-11-25T23:30:00Z", calendar={"timezone": "Asia/Tokyo"})
    assert day_of(there, there.now) == datetime.date(2026, 11, 26)
    assert instant(there, datetime.date(2026, 11, 26), NINE) == parse_iso("2026-11-26T00:00:00Z").timestamp()
    here = estate("2026-11-25T23:30:00Z")
    assert day_of(here, here.now) == datetime.date(2026, 11, 25)
    # Clocks were put back on 25 October.
    summer = estate("2026-10-25T12:00:00Z", calendar={"timezone": "Europe/Zurich"})
    assert instant(summer, datetime.date(2026, 10, 23), NINE) == parse_iso("2026-10-23T07:00:00Z").timestamp()
    assert instant(summer, datetime.date(2026, 10, 26), NINE) == parse_iso("2026-10-26T08:00:00Z").timestamp()


def test_holidays_and_weekends_are_free() -> None:
    one = estate("2026-11-25T08:00:00Z", calendar={"holidays": ["2026-11-24"]})
    assert not is_working_day(one, datetime.date(2026, 11, 24))
    assert [f"{day:%d}" for day in working_days(one, one.now - 6 * 86400, one.now)] == ["19", "20", "23", "25"]
    two = estate("2026-11-25T08:00:00Z", calendar={"working_days": [6]})
    assert [f"{day:%a}" for day in working_days(two, two.now - 7 * 86400, two.now)] == ["Sun"]


@pytest.mark.parametrize(
    ("now", "count", "day"),
    [
        ("2026-11-25T08:00:00Z", 1, "2026-11-26"),
        ("2026-11-25T08:00:00Z", 0, "2026-11-25"),
        ("2026-11-27T20:00:00Z", 1, "2026-11-30"),
        ("2026-11-28T20:00:00Z", 1, "2026-11-30"),
        ("2026-11-28T20:00:00Z", 0, "2026-11-28"),
        ("2026-11-30T08:00:00Z", 1, "2026-12-02"),
        ("2026-11-25T23:30:00Z", 1, "2026-11-27"),
    ],
    ids=["tomorrow", "today", "a Friday", "a Saturday", "a free day itself", "before a holiday", "past midnight there"],
)
def test_the_next_working_day_leaves_free_days_out(now: str, count: int, day: str) -> None:
    there = estate(now, calendar={"timezone": "Europe/Zurich", "holidays": ["2026-12-01"]})
    assert f"{working_day_ahead(there, count)}" == day


def test_a_calendar_without_work_has_no_next_working_day() -> None:
    with pytest.raises(NoEvidence, match="leaves 0 working days"):
        working_day_ahead(estate("2026-11-25T08:30:00Z", calendar={"working_days": []}), 1)


def test_an_unknown_zone_is_no_evidence() -> None:
    with pytest.raises(NoEvidence, match="Nowhere/At_All"):
        day_of(estate("2026-11-25T08:00:00Z", calendar={"timezone": "Nowhere/At_All"}), 0.0)


WEDNESDAY, TUESDAY = ("2026-11-25", "2026-11-25T08:10:00Z"), ("2026-11-24", "2026-11-24T08:10:00Z")


@pytest.mark.parametrize(
    ("now", "briefs", "day", "there"),
    [
        ("2026-11-25T08:30:00Z", (TUESDAY, WEDNESDAY), "2026-11-25", True),
        ("2026-11-25T08:30:00Z", (TUESDAY,), "2026-11-24", True),
        ("2026-11-25T09:00:00Z", (TUESDAY,), "2026-11-25", False),
        ("2026-11-25T08:59:59Z", (), "2026-11-24", False),
        ("2026-11-22T12:00:00Z", (), "2026-11-20", False),
        ("2026-11-23T08:00:00Z", (), "2026-11-20", False),
    ],
    ids=["before nine, there", "before nine, not yet", "at nine, missing", "before nine, none", "a Sunday", "a Monday"],
)
def test_which_stand_up_counts(now: str, briefs: tuple[tuple[str, str], ...], day: str, there: bool) -> None:
    found = brief_of_the_day(estate(now, briefs=briefs), NINE)
    assert (f"{found.day}", found.record is not None) == (day, there)
    assert found.due == parse_iso(f"{day}T09:00:00Z").timestamp()


def test_a_calendar_without_work_has_no_stand_up() -> None:
    with pytest.raises(NoEvidence, match="no working day"):
        brief_of_the_day(estate("2026-11-25T08:30:00Z", calendar={"working_days": []}), NINE)
