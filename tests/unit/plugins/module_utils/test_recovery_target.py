# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that cannot be reached is told before anything is stopped for it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.filter.target_fault import target_fault

OLD = {"label": "20261122-010000F", "stop": "2026-11-22T01:00:09.000Z", "lsn_stop": "0/4000088"}
NEW = {"label": "20261123-010000F", "stop": "2026-11-23T01:00:09.000Z", "lsn_stop": "1/2000100"}


@pytest.mark.parametrize(
    ("kind", "target", "more"),
    [
        ("time", "2026-11-22 02:00:00+00", {}),
        ("time", "2026-11-22T02:00:10.5+01:00", {}),
        ("lsn", "0/4000088", {}),
        ("name", "before the upgrade", {}),
        ("default", "", {}),
        ("time", "2026-11-23 02:00:00Z", {"label": "20261123-010000F", "timeline": 3}),
        ("time", "2026-11-22 02:00:00Z", {"backups": []}),
    ],
)
def test_a_target_that_can_be_reached(kind: str, target: str, more: dict[str, Any]) -> None:
    assert target_fault(target, kind, **{"backups": [OLD, NEW], **more}) == ""


@pytest.mark.parametrize(
    ("kind", "target", "more", "told"),
    [
        ("time", "2026-11-22 02:00:00", {}, "is not an instant with a time zone"),
        ("time", "2026-11-32 02:00:00Z", {}, "is not an instant"),
        ("time", "2126-11-22 02:00:00Z", {}, "lies in the future"),
        (
            "time",
            "2026-11-22 01:00:09Z",
            {},
            "No backup ended before 2026-11-22 01:00:09Z: 20261122-010000F ended at 2026",
        ),
        (
            "time",
            "2026-11-22 02:00:00Z",
            {"label": "20261123-010000F"},
            "20261123-010000F ended at 2026-11-23T01:00:09.000Z",
        ),
        ("lsn", "0-4000088", {}, "is no LSN"),
        ("lsn", "0/4000087", {}, "20261122-010000F ended at 0/4000088"),
        ("lsn", "0/4000088", {"label": "20261123-010000F"}, "20261123-010000F ended at 1/2000100"),
        ("default", "", {"timeline": "newest"}, "a number, current or latest"),
    ],
)
def test_a_target_that_cannot_be_reached(kind: str, target: str, more: dict[str, Any], told: str) -> None:
    assert told in target_fault(target, kind, **{"backups": [OLD, NEW], **more})
