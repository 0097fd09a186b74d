# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proofs on the lab need a lab: without one they fail, they are never left out."""

from __future__ import annotations

import json
import subprocess
import sys

import _drills
import pytest


@pytest.fixture(scope="session")
def estate() -> None:
    """Insist on a lab that is up as a whole, with the one writable primary where it belongs."""
    asked = [
        sys.executable,
        str(_drills.ROOT / "lab" / "lab"),
        "--quiet",
        "--prefix",
        _drills.PREFIX,
        "status",
        "--json",
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        pytest.fail(f"The lab is not up ({done.stderr.strip()}); start it with `make lab`.")
    down = [line["host"] for line in json.loads(done.stdout) if line["state"] != "running"]
    if down:
        pytest.fail(f"The lab is half up: {', '.join(down)} not running; start it with `make lab`.")
    if _drills.writable() != ["db1"]:
        pytest.fail(
            f"Writable databases: {_drills.writable()}; a drill starts from db1. Restore with `lab/lab restore`."
        )
