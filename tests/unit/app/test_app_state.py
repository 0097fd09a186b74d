# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When requests are served, when they wait, and when they are refused at once."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest


def watched(state: ModuleType, *probes: tuple[float, dict[str, Any]]) -> Any:
    """Return the state after the probes, each with its time."""
    kept = state.DatabaseState(pause_patience=10)
    for now, probe in probes:
        kept.judge(state.Probe(**probe), now)
    return kept


GOOD = {"answered": True, "writable": True, "server": "10.0.0.1"}
STANDBY = {"answered": True, "writable": False, "server": "10.0.0.2"}
PAUSED = {"answered": False, "paused": True}
SLOW = {"answered": False, "slow": True, "reason": "no answer in time"}
SILENT = {"answered": False, "reason": "connection refused"}


def test_a_service_that_just_started_refuses(state: ModuleType) -> None:
    assert state.DatabaseState(pause_patience=10).verdict is state.Verdict.GONE


@pytest.mark.parametrize(
    ("probes", "verdict"),
    [
        ([(0, GOOD)], "READY"),
        ([(0, GOOD), (1, SILENT)], "GONE"),
        ([(0, SILENT), (1, GOOD)], "READY"),
        ([(0, STANDBY)], "GONE"),
        ([(0, GOOD), (1, STANDBY)], "GONE"),
        ([(0, GOOD), (1, PAUSED)], "PAUSED"),
        ([(0, GOOD), (1, PAUSED), (10.9, PAUSED)], "PAUSED"),
        ([(0, GOOD), (1, PAUSED), (11.1, PAUSED)], "GONE"),
        ([(0, GOOD), (1, PAUSED), (11.1, PAUSED), (11.2, PAUSED)], "GONE"),
        ([(0, GOOD), (1, PAUSED), (2, GOOD), (9, PAUSED), (18, PAUSED)], "PAUSED"),
        ([(0, GOOD), (1, PAUSED), (2, SILENT)], "GONE"),
        ([(0, GOOD), (1, PAUSED), (2, SLOW)], "PAUSED"),
        ([(0, GOOD), (1, PAUSED), (2, SLOW), (11.1, SLOW)], "GONE"),
        ([(0, GOOD), (1, PAUSED), (2, SLOW), (3, GOOD)], "READY"),
        ([(0, GOOD), (1, SLOW)], "READY"),
        ([(0, GOOD), (1, SLOW), (2, SLOW)], "GONE"),
        ([(0, GOOD), (1, SLOW), (2, SILENT)], "GONE"),
        ([(0, GOOD), (1, SLOW), (2, GOOD), (3, SLOW)], "READY"),
        ([(0, GOOD), (1, SLOW), (2, PAUSED), (3, SLOW)], "PAUSED"),
        ([(0, SLOW)], "GONE"),
        ([(0, SILENT), (1, PAUSED)], "GONE"),
        ([(0, PAUSED)], "GONE"),
    ],
)
def test_the_verdict_over_a_series_of_probes(
    state: ModuleType, probes: list[tuple[float, dict[str, Any]]], verdict: str
) -> None:
    assert watched(state, *probes).verdict is state.Verdict[verdict]


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ([(0, GOOD)], ""),
        ([(0, SILENT)], "connection refused"),
        ([(0, {"answered": False})], "the database does not answer"),
        ([(0, STANDBY)], "the database at 10.0.0.2 is read-only"),
        ([(0, GOOD), (1, PAUSED)], "the pooler is paused"),
        ([(0, GOOD), (1, PAUSED), (12, PAUSED)], "the pooler has been paused for more than 10 s"),
    ],
)
def test_a_refusal_has_a_reason(state: ModuleType, probes: list[tuple[float, dict[str, Any]]], told: str) -> None:
    assert watched(state, *probes).reason == told


def test_the_server_is_that_of_the_last_answer(state: ModuleType) -> None:
    assert watched(state, (0, GOOD), (1, SILENT)).server == "10.0.0.1"
    assert watched(state, (0, GOOD), (1, STANDBY)).server == "10.0.0.2"
