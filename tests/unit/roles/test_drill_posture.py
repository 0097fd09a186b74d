# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What protected the primary before a drill is noted once, and held against what does afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._estate import Estate

NAMES = 'ANY 1 ("rx_client1")'
GIVEN = {"dr_primary": "db1", "dr_target": "db2", "__dr_result": "{{ __dr_posture_kept }}"}
BEFORE: dict[str, dict[str, Any]] = {
    "db1": {"run": True, "names": NAMES},
    "db2": {"run": True, "standby": True},
    "client1": {"receiver": True},
}

pytestmark = pytest.mark.slow


def results(estate: Estate) -> list[str]:
    return [row["result"] for row in estate.result]


def test_a_posture_that_a_drill_took_away_is_not_steady(tmp_path: Path) -> None:
    estate = Estate(tmp_path, **BEFORE)
    assert estate.run("posture_note.yml", step="arrange", **GIVEN) == 0, estate.said[-3000:]
    assert [row["expected"] for row in estate.result] == ["client1", NAMES, "True"]
    assert results(estate) == ["verified"] * 3
    estate.world["hosts"]["db1"]["names"] = ""
    estate.world["hosts"]["db2"]["run"] = False
    estate.world["hosts"]["client1"]["receiver"] = False
    assert estate.run("posture_read.yml", step="arrange", **GIVEN) == 0, estate.said[-3000:]
    assert results(estate) == ["differs"] * 3
    assert [row["observed"] for row in estate.result] == ["none", "none", "False"]


def test_what_was_never_noted_is_not_compared(tmp_path: Path) -> None:
    estate = Estate(tmp_path, **BEFORE)
    assert estate.run("posture_read.yml", step="steady", **GIVEN) == 0, estate.said[-3000:]
    assert estate.result == []
