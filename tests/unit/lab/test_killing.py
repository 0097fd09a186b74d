# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab's tests kill a run: what leads a session of its own is killed too, or is spared on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration"))

import _killing

# A worker in a session of its own, with a program of its own below it.
RUN = """
import os, subprocess, time
if os.fork() == 0:
    os.setsid()
    child = subprocess.Popen(["sleep", "60"])
    print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def started() -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a run and return it with the processes that are no members of its session."""
    run = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, start_new_session=True)
    assert run.stdout is not None
    below = [int(word) for word in run.stdout.readline().split()]
    assert all(os.getsid(pid) != run.pid for pid in below)
    return run, below


def left(pids: list[int]) -> list[int]:
    """Return those that work a moment later; a zombie has no command line."""
    time.sleep(0.3)
    paths = {pid: Path(f"/proc/{pid}/cmdline") for pid in pids}
    return [pid for pid, path in paths.items() if path.exists() and path.read_bytes()]


def test_the_whole_tree_is_killed() -> None:
    run, below = started()
    _killing.kill_tree(run)
    assert (run.returncode, left(below)) == (-signal.SIGKILL, [])


def test_the_main_process_is_killed_alone() -> None:
    run, below = started()
    _killing.kill_main(run)
    assert (run.returncode, left(below)) == (-signal.SIGKILL, below)
    for pid in below:
        os.kill(pid, signal.SIGKILL)
