# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of a killed run: found by what they inherited, never taken for another process, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._orphans import end, marks_of, workers_of

# A run that holds a pipe and forks a worker into a session of its own, as Ansible does.
RUN = """
import os, sys, time
its_end, own_end = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(own_end, b".")
    time.sleep(float(sys.argv[1]))
    os._exit(0)
os.read(its_end, 1)
print("ready", flush=True)
time.sleep(60)
"""


def started(seconds: float) -> subprocess.Popen[str]:
    """Start a run whose worker lives for so many seconds."""
    command = [sys.executable, "-c", RUN, str(seconds)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    return run


@pytest.fixture
def run() -> Iterator[subprocess.Popen[str]]:
    made = started(60)
    marks = marks_of(made.pid)
    yield made
    made.kill()
    made.wait()
    end(workers_of(marks, besides=os.getpid()), grace_s=0)


def test_a_worker_outlives_its_run_and_is_found_and_ended(run: subprocess.Popen[str]) -> None:
    marks = marks_of(run.pid)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    (worker,) = workers_of(marks, besides=os.getpid())
    assert worker != run.pid
    assert end([worker], grace_s=0.2) == [worker]
    assert workers_of(marks, besides=os.getpid()) == []


def test_another_run_of_the_same_command_is_none_of_its_workers(run: subprocess.Popen[str]) -> None:
    marks = marks_of(run.pid)
    other = started(60)
    theirs = marks_of(other.pid)
    assert theirs["command"] == marks["command"]
    assert other.pid not in workers_of(marks, besides=os.getpid())
    other.kill()
    other.wait()
    end(workers_of(theirs, besides=os.getpid()), grace_s=0)


def test_a_process_with_the_same_pipes_and_another_command_is_none() -> None:
    marks = marks_of(os.getpid())
    read, write = os.pipe()
    with subprocess.Popen(["sleep", "60"], pass_fds=(read, write)) as other:
        wanted = {**marks, "pipes": [f"pipe:[{os.fstat(read).st_ino}]"]}
        assert workers_of(wanted, besides=1) == []
        other.kill()
    os.close(read)
    os.close(write)


def test_a_task_that_ends_in_time_is_not_cut_off() -> None:
    run = started(1)
    marks = marks_of(run.pid)
    run.kill()
    run.wait()
    left = workers_of(marks, besides=os.getpid())
    begun = time.monotonic()
    assert end(left, grace_s=30) == []
    assert time.monotonic() - begun < 10


def test_without_marks_nobody_is_found() -> None:
    assert workers_of({}, besides=os.getpid()) == []
    assert workers_of({"command": "x", "pipes": []}, besides=os.getpid()) == []
