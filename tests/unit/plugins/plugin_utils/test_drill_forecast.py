# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill says of the recovery of the real data size, and what it assumes in saying so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.plugin_utils._good_drill import assembled, state


def test_the_forecast_lets_restore_and_replay_grow_and_says_so() -> None:
    """2 s of restore and 1 s of replay for 1000 bytes, 7 s for everything else."""
    record = assembled(state(), database_bytes=1_000_000)
    forecast = record["forecast"]
    assert forecast["restore_bytes_per_s"] == 500
    assert (forecast["fixed_s"], forecast["replay_s"]) == (7.0, 1.0)
    assert forecast["forecast_s"] == 3007.0
    assert forecast["largest_database_bytes"] == round((7200 - 7) / 3 * 1000)
    assert any("The replay grows with the data too" in text for text in forecast["assumes"])
    assert assembled(state(), database_bytes=10_000_000)["verdict"] == "fail"
    assert assembled(state())["forecast"]["forecast_s"] == 10.0, (
        "for the size that was restored it is what was measured"
    )


def test_a_replay_that_nobody_timed_is_no_zero() -> None:
    found = state()
    del found["results"]["promote"]["replay_end"]
    forecast = assembled(found, database_bytes=1_000_000)["forecast"]
    assert (forecast["replay_s"], forecast["replay_bytes_per_s"], forecast["fixed_s"]) == (None, None, 8.0)
    assert any("The replay was not measured" in text for text in forecast["assumes"])


@pytest.mark.parametrize(
    ("backup", "restored", "fork", "log"),
    [
        ({"lsn_start": "0/A000028"}, "20261123-190000F", "0/1601E588", 0x1601E588 - 0xA000028),
        ({"lsn_start": "0/A000028"}, "20261122-190000F", "0/1601E588", None),
        ({}, "20261123-190000F", "0/1601E588", None),
        ({"lsn_start": "0/A000028"}, "20261123-190000F", None, None),
    ],
)
def test_the_log_that_was_replayed_runs_from_the_backup_to_the_fork(
    backup: dict[str, Any], restored: str, fork: str | None, log: int | None
) -> None:
    found = state()
    found["results"]["prove_backups"]["backup"] |= backup
    found["results"]["restore"]["restore"]["label"] = restored
    found["results"]["promote"]["fork_lsn"] = fork
    forecast = assembled(found)["forecast"]
    assert (forecast["wal_bytes"], forecast["replay_bytes_per_s"]) == (log, log)
