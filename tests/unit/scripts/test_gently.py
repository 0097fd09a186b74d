# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that is run gently is the command itself, and yields to all others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[3] / "scripts" / "gently.sh"


def gently(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command gently to its end."""
    asked = ["bash", str(PROGRAM), *command]
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)


def test_what_runs_gently_is_the_command_and_it_is_nice() -> None:
    """Niceness is there on any machine, also where no control group can be made."""
    done = gently("bash", "-c", 'nice; echo "$1" $PYTEST_XDIST_AUTO_NUM_WORKERS; exit 7', "name", "two words")
    assert (done.returncode, done.stdout, done.stderr) == (7, "19\ntwo words 1\n", "")


def test_without_a_command_it_says_what_it_wants() -> None:
    done = gently()
    assert (done.returncode, done.stderr) == (2, "gently: name the command to run\n")


def test_where_no_group_can_be_made_the_command_runs_all_the_same(tmp_path: Path) -> None:
    """Neither version of control groups is found, as on a kernel without them; nothing is made anywhere instead."""
    for name, code in (("awk", 0), ("grep", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    asked = ["bash", str(PROGRAM), "nice"]
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, timeout=60, env=os.environ | {"PATH": path}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "19\n", "")
    assert not Path("/ccobservatory-idle").exists()
    asked[-1] = "--forget"
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, timeout=60, env=os.environ | {"PATH": path}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_in_a_group_that_can_be_made_it_is_idle() -> None:
    """Where this machine lets nobody make one, that is what is seen: the command stays in the group of its parent."""
    ours = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    done = gently("cat", "/proc/self/cgroup")
    assert done.returncode == 0
    moved = [line for line in done.stdout.splitlines() if line.endswith(":/ccobservatory-idle")]
    assert len(moved) == 1 or done.stdout == ours
