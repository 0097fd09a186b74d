# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proofs on the lab need a lab: without one they fail, they are never left out."""

from __future__ import annotations

import json
from typing import Any

import _breaker_table
import _drills
import _morning_faults
import pytest
from _lab import lab, on


@pytest.fixture(scope="session")
def estate() -> None:
    """Insist on a lab that is up as a whole, with the one writable primary where it belongs."""
    try:
        lines = json.loads(lab("--quiet", "status", "--json"))
    except AssertionError as error:
        pytest.fail(f"The lab is not up ({error}); start it with `make lab`.")
    down = [line["host"] for line in lines if line["state"] != "running"]
    if down:
        pytest.fail(f"The lab is half up: {', '.join(down)} not running; start it with `make lab`.")
    if _drills.writable() != ["db1"]:
        pytest.fail(
            f"Writable databases: {_drills.writable()}; a drill starts from db1. Restore with `lab/lab restore`."
        )


@pytest.fixture(autouse=True)
def nobody_holds_it(request: pytest.FixtureRequest) -> None:
    """Take away the name of a procedure that a test before left without its end, on purpose."""
    if "estate" in request.fixturenames:
        on("repo1", "rm", "-f", "/var/lib/ccobservatory/dr-lease.json")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print and keep the table of breakers, one line for each that was made on the lab."""
    _breaker_table.conclude(
        terminalreporter, lambda rows: len({row.fault for row in rows}) == len(_morning_faults.FAULTS)
    )
