# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that outlive a killed run: each leads a session of its own, so the signal that ended the run missed it.

A worker is a fork of its run: it has the run's command line and the pipes that it was born with. Both are written down
while the run lives, so that nothing else is ever taken for one of its workers. Where there is no /proc none is found.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes

__all__ = ["end", "marks_of", "workers_of"]

_PROC = Path("/proc")
# A task that is nearly done hands over cleaner than one that is cut off.
GRACE_S = 10.0
_LAST_S = 5.0


def marks_of(pid: int) -> dict[str, Any]:
    """Return what tells the workers of a living run from any other process: its command line and its pipes."""
    return {"command": _command(pid), "pipes": sorted(_pipes(pid))}


def workers_of(marks: Mapping[str, Any], *, besides: int) -> list[int]:
    """Return the living processes that bear the marks of a run that died; never those of the run ``besides``."""
    pipes = set(marks.get("pipes") or []) - _pipes(besides)
    if not pipes or not marks.get("command"):
        return []
    known = (int(path.name) for path in _PROC.glob("[0-9]*"))
    others = (pid for pid in known if pid not in (besides, os.getpid()))
    return sorted(pid for pid in others if _command(pid) == marks["command"] and pipes & _pipes(pid))


def end(pids: Iterable[int], *, grace_s: float = GRACE_S) -> list[int]:
    """Wait ``grace_s`` seconds until the processes have ended by themselves, then end them; return those that were."""
    left = _alive(pids, grace_s)
    for signal_, wait_s in ((signal.SIGTERM, _LAST_S), (signal.SIGKILL, _LAST_S)):
        still = _alive(left, 0)
        for pid in still:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
        _alive(still, wait_s)
    return left


def _alive(pids: Iterable[int], wait_s: float) -> list[int]:
    """Return the processes that live, after up to ``wait_s`` seconds in which they may end."""
    until = time.monotonic() + wait_s
    while True:
        left = [pid for pid in pids if _command(pid)]
        if not left or time.monotonic() >= until:
            return left
        time.sleep(0.1)


def _command(pid: int) -> str:
    """Return the hash of a command line, which may carry secrets; empty for a process that is gone or a zombie."""
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return sha256_bytes(line) if line else ""


def _pipes(pid: int) -> set[str]:
    """Return the names of the pipes that a process has open; none when it is gone or belongs to somebody else."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return {name for name in found if name.startswith("pipe:")}
