# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a host may be written to: windows without freezes, and services by their hosts."""

from __future__ import annotations

from typing import Any

import pytest

from verify.facts.plans import times_open

from .world import DAY, NOW, World, at

HOUR = 3600.0

SERVICES = [{"name": "web", "hosts": ["lb1"]}]


def opened(host: str, *rows: dict[str, Any]) -> list[tuple[float, float]]:
    """Return, in hours ago, when a host may be written to."""
    world = World(verify_services=SERVICES)
    spans = [{"start": at(row["start"] * HOUR), "end": at(row["end"] * HOUR)} for row in rows]
    world.add("window", *({"at": at(3 * DAY), **row, **span} for row, span in zip(rows, spans, strict=True)))
    found = times_open(world.estate, host, 8 * HOUR)
    return [(round((NOW - begin) / HOUR), round((NOW - end) / HOUR)) for begin, end in found]


WORK = {"kind": "maintenance", "start": 10, "end": 2}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([WORK], [(10, 2)]),
        ([{**WORK, "hosts": ["db1"]}], [(10, 2)]),
        ([{**WORK, "hosts": ["lb1"]}], []),
        ([{**WORK, "services": ["web"]}], []),
        ([{**WORK, "end": 1}], []),
        ([WORK, {"kind": "freeze", "start": 8, "end": 6}], [(10, 8), (6, 2)]),
        ([WORK, {"kind": "freeze", "start": 12, "end": 6}], [(6, 2)]),
        ([WORK, {"kind": "freeze", "start": 12, "end": 1}], []),
        ([WORK, {"kind": "freeze", "start": 12, "end": 11}], [(10, 2)]),
        ([WORK, {"kind": "freeze", "start": 12, "end": 1, "services": ["web"]}], [(10, 2)]),
        ([WORK, {"kind": "freeze", "start": 12, "end": 1, "at": at(4 * HOUR)}], [(10, 4)]),
    ],
)
def test_a_freeze_is_taken_from_windows(rows: list[dict[str, Any]], expected: list[tuple[float, float]]) -> None:
    assert opened("db1", *rows) == expected


def test_a_window_of_a_service_opens_its_hosts() -> None:
    assert opened("lb1", {**WORK, "services": ["web"]}) == [(10, 2)]
    assert opened("lb1", {**WORK, "services": ["elsewhere"]}) == []
