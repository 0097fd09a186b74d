# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that stand in for people's: valid, dated before now, and marked for what they are."""

from __future__ import annotations

import datetime
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES, validate
from lab import _people
from lab._estate import Estate

NOWS = [
    datetime.datetime(2026, 11, 25, 8, 30, tzinfo=datetime.UTC),
    datetime.datetime(2026, 11, 23, 0, 5, tzinfo=datetime.UTC),  # a Monday, before anybody looked
    datetime.datetime(2028, 3, 1, 23, 59, 59, 999999, tzinfo=datetime.UTC),  # the day after a leap day
]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the records in a file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_every_record_fits_its_type_and_says_what_it_is(estate: Estate, now: datetime.datetime) -> None:
    files = _people.write(estate, now)
    assert {path.parent.name for path in files} == set(_people.TABLE) <= set(RECORD_TYPES)
    for path in files:
        for row in rows_of(path):
            validate(row, path.parent.name)
            assert row["environment"] == "lab"
            assert row["by"] == _people.BY
            assert row["notes"] == _people.NOTES


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_nobody_says_anything_in_the_future(estate: Estate, now: datetime.datetime) -> None:
    for path in _people.write(estate, now):
        for row in rows_of(path):
            assert parse_iso(row["at"]) <= now, (path.parent.name, row["id"])
        ids = [row["id"] for row in rows_of(path)]
        assert len(ids) == len(set(ids))


def test_each_working_night_of_the_last_week_was_looked_at() -> None:
    days = [row["day"] for row in _people.overnight_reviews(NOWS[0])]
    assert days == [f"2026-11-{day}" for day in (17, 18, 19, 20, 23, 24, 25)]
    monday = _people.overnight_reviews(NOWS[0])[4]
    assert (monday["period_start"], monday["period_end"]) == ("2026-11-20T07:30:00Z", "2026-11-23T07:30:00Z")
    assert _people.overnight_reviews(NOWS[1])[-1]["day"] == "2026-11-20"


@pytest.mark.parametrize("now", NOWS, ids=str)
def test_somebody_is_on_call_at_each_level_for_two_weeks(now: datetime.datetime) -> None:
    shifts = _people.rosters(now)[0]["shifts"]
    for level in (2, 3, 4, 5):
        own = [(parse_iso(row["from"]), parse_iso(row["to"])) for row in shifts if row["level"] == level]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(own))
        assert own[-1][1] >= now + datetime.timedelta(days=14)


def test_playbooks_find_a_place_for_what_they_leave(estate: Estate) -> None:
    _people.write(estate, NOWS[0])
    assert all(folder.is_dir() and not any(folder.iterdir()) for folder in _people.left_by_playbooks(estate))


def test_nothing_that_a_machine_measures_is_made_up() -> None:
    made = {"pipeline_run", "deployment", "vulnerability_scan", "patch", "exercise", "healing", "drift_check"}
    assert not made & set(_people.TABLE)


def test_writing_again_replaces_own_records_only(estate: Estate) -> None:
    _people.write(estate, NOWS[0])
    foreign = _people.directory(estate) / "incident" / "INC-7.yml"
    foreign.write_text("id: INC-7\n", encoding="utf-8")
    more = {"pipeline_run": [{"id": "run-1", "by": "lab/lab records"}], "incident": [{"id": "INC-2"}]}
    files = _people.write(estate, NOWS[0], more)
    assert foreign.read_text(encoding="utf-8") == "id: INC-7\n"
    by_type = {path.parent.name: rows_of(path) for path in files}
    assert [row["id"] for row in by_type["incident"]] == ["INC-1", "INC-2"]
    assert by_type["pipeline_run"][0]["by"] == "lab/lab records"
    assert not list(_people.directory(estate).rglob("*.new"))
    _people.remove(estate)
    assert [path.name for path in _people.directory(estate).rglob("*") if path.is_file()] == ["INC-7.yml"]
