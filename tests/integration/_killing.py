# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ways to kill a run: with everything that it started, as a controller that dies, or the main process alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def kill_main(process: subprocess.Popen[bytes]) -> None:
    """Kill the main process alone: a worker leads a session of its own and goes on with its task."""
    process.kill()
    process.wait(timeout=30)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill the run and everything that it started on the controller, in whatever session it is, without warning.

    Each process is halted before its children are listed, so that none can start another one meanwhile.
    """
    found = [process.pid]
    for pid in found:
        _signal(pid, signal.SIGSTOP)
        found += _children(pid)
    for pid in found:
        _signal(pid, signal.SIGKILL)
    process.wait(timeout=30)


def _children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text(encoding="ascii").split()]
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
