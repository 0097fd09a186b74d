# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instant in a playbook is written as in the records: UTC, milliseconds, never after the real one."""

from __future__ import annotations

import datetime

import pytest

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.filter.instant import instant

NAIVE = datetime.datetime(2026, 11, 23, 21, 15, 0, 123999)  # noqa: DTZ001 - as Ansible's now() gives it


@pytest.mark.parametrize(
    "moment",
    [
        NAIVE,
        NAIVE.replace(tzinfo=datetime.UTC),
        NAIVE.replace(hour=22, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ],
    ids=["without a zone", "UTC", "another zone"],
)
def test_an_instant_is_written_in_utc(moment: datetime.datetime) -> None:
    assert instant(moment) == "2026-11-23T21:15:00.123Z"


def test_what_is_no_instant_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="not str"):
        instant("2026-11-23")
