# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants: read strictly, written in UTC with milliseconds."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import (
    compact,
    elapsed_text,
    iso_ms,
    parse_iso,
    seconds_between,
)


@given(st.datetimes(min_value=datetime.datetime(1970, 1, 1), max_value=datetime.datetime(2200, 1, 1)))  # noqa: DTZ001
def test_an_instant_survives_to_the_millisecond(naive: datetime.datetime) -> None:
    moment = naive.replace(tzinfo=datetime.UTC)
    read = parse_iso(iso_ms(moment))
    assert datetime.timedelta(0) <= moment - read < datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-23T21:15:00Z", "2026-11-23T21:15:00.000Z"),
        ("2026-11-23 22:15:00.5+01:00", "2026-11-23T21:15:00.500Z"),
        ("2026-11-23T16:15:00.123456789-0500", "2026-11-23T21:15:00.123Z"),
    ],
)
def test_other_zones_are_turned_into_utc(text: str, written: str) -> None:
    assert iso_ms(parse_iso(text)) == written


@pytest.mark.parametrize("text", ["2026-11-23T21:15:00", "23.11.2026", "2026-13-01T00:00:00Z", "now", ""])
def test_an_instant_without_a_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(OpsError):
        parse_iso(text)


def test_a_naive_instant_is_not_written() -> None:
    with pytest.raises(OpsError, match="time zone"):
        iso_ms(datetime.datetime(2026, 11, 23))  # noqa: DTZ001


def test_names_of_files_and_progress_lines() -> None:
    assert compact(parse_iso("2026-11-23T21:15:00.999Z")) == "20261123T211500Z"
    assert [elapsed_text(value) for value in (-1, 41.9, 3599, 3723)] == ["00:00", "00:41", "59:59", "1:02:03"]
    assert seconds_between("2026-11-23T21:15:00.250Z", "2026-11-23T21:15:01Z") == 0.75
