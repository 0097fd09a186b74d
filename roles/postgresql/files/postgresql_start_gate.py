#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide at boot whether a PostgreSQL cluster may start.

A database host that comes back after an outage cannot know whether another host took over meanwhile. It may start only
if nobody fenced it, the backup repository still accepts its credential, and the archive holds no timeline that branched
off after its own. The reason of each decision goes to standard output, one line, for the journal.

Exit status: 0 the cluster may start; 1 it may not, as decided; 2 the gate was called wrongly; 255 the repository gave
no answer, which is no decision: systemd takes this status alone for a failure, and asks again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

UNDECIDED = 255
FOUND, ABSENT = 0, 1  # exit statuses of "pgbackrest archive-get"
RECOVERY_FILES = ("recovery.signal", "backup_label")
NOTICE, WARNING = 5, 4  # priorities that the journal reads from "<N>"
WAL_NAME = re.compile(r"^([0-9A-F]{8})[0-9A-F]{16}(\.partial)?$")
TIMELINE_LINE = re.compile(r"^(?:Latest checkpoint's TimeLineID|Min recovery ending loc's timeline):\s+(\d+)$", re.M)
REFUSED_MARKS = ("AccessError", "access denied")


class GateError(Exception):
    """A reason not to start, as one sentence."""


class NoAnswer(GateError):
    """The repository could not be asked, so nothing is decided."""


@dataclass(frozen=True)
class Settings:
    """What the gate was asked to judge; times in seconds."""

    data_dir: Path
    bin_dir: Path
    fence_file: Path
    stanza: str
    timelines: int
    wait: float


@dataclass(frozen=True)
class Answer:
    """One answer of the repository: exit status (negative when it never answered) and its last message."""

    status: int
    message: str


Runner = Callable[[Sequence[str], float], Answer]


def run(command: Sequence[str], timeout: float) -> Answer:
    """Run a command for at most ``timeout`` seconds and return its status and output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Answer(-1, "the question timed out")
    except OSError as error:
        return Answer(-2, str(error))
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Answer(done.returncode, "\n".join(lines))


def check_local(settings: Settings) -> None:
    """Judge what this host alone can tell; raise GateError if it forbids the start."""
    if not (settings.data_dir / "PG_VERSION").is_file():
        raise GateError(f"{settings.data_dir} holds no cluster")
    if settings.fence_file.exists():
        reason = " ".join(settings.fence_file.read_text(encoding="utf-8", errors="replace").split())
        raise GateError(f"this host is fenced by {settings.fence_file}: {reason or 'no reason given'}")
    for name in RECOVERY_FILES:
        if (settings.data_dir / name).exists():
            raise GateError(f"{name} in the data directory belongs to a restore that its procedure must finish")


def own_timeline(settings: Settings, runner: Runner) -> int:
    """Return the newest timeline that the data directory knows.

    pg_control lags behind a promotion until the next checkpoint ends, so the names of the WAL files count too.
    Raise GateError if the control file cannot be read.
    """
    answer = runner([str(settings.bin_dir / "pg_controldata"), "-D", str(settings.data_dir)], 10)
    found = [int(number) for number in TIMELINE_LINE.findall(answer.message)]
    if answer.status != 0 or not found:
        last = (answer.message.splitlines() or [f"status {answer.status}"])[-1]
        raise GateError(f"the control file cannot be read: {last}")
    wal_dir = settings.data_dir / "pg_wal"
    names = os.listdir(wal_dir) if wal_dir.is_dir() else []
    found += [int(match[1], 16) for match in map(WAL_NAME.match, names) if match]
    return max(found)


def ask_archive(settings: Settings, timeline: int, runner: Runner, deadline: float) -> bool:
    """Tell whether the archive holds the history file of ``timeline``.

    Asks again until ``deadline`` (monotonic seconds), because the network may come up after this host did. A refusal
    is an answer and is not asked again: GateError. Without an answer raise NoAnswer.
    """
    with tempfile.TemporaryDirectory(prefix="start-gate-") as scratch:
        command = [
            "pgbackrest",
            f"--stanza={settings.stanza}",
            "--io-timeout=5",
            "--log-level-console=off",
            "--log-level-stderr=warn",
            "--log-level-file=off",
            "archive-get",
            f"{timeline:08X}.history",
            f"{scratch}/history",
        ]
        while True:
            answer = runner(command, max(1.0, deadline - time.monotonic()))
            if answer.status in (FOUND, ABSENT):
                return answer.status == FOUND
            lines = [line.strip() for line in answer.message.splitlines()] or [f"status {answer.status}"]
            refusal = next((line for line in lines if any(mark in line for mark in REFUSED_MARKS)), None)
            if refusal:
                raise GateError(f"the backup repository refuses this host: {refusal}")
            if time.monotonic() >= deadline:
                raise NoAnswer(f"the backup repository gives no answer within {settings.wait:.0f} s: {lines[0]}")
            time.sleep(0.5)


def decide(settings: Settings, runner: Runner = run) -> str:
    """Return why the cluster may start; raise GateError with the reason why it may not."""
    check_local(settings)
    own = own_timeline(settings, runner)
    if not settings.stanza:
        return f"timeline {own}, not fenced; no backup repository to ask"
    deadline = time.monotonic() + settings.wait
    for timeline in range(own + 1, own + 1 + settings.timelines):
        if ask_archive(settings, timeline, runner, deadline):
            raise GateError(
                f"the archive holds timeline {timeline}, newer than timeline {own} of this host: another host took over"
            )
    return f"timeline {own}, not fenced, accepted by the backup repository, no newer timeline in the archive"


def say(priority: int, text: str) -> None:
    """Write one line for the journal."""
    print(f"<{priority}>{text}", flush=True)


def parse(arguments: Sequence[str]) -> Settings:
    """Read the command line; argparse ends the program with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(description="Decide whether a PostgreSQL cluster may start.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--fence-file", type=Path, required=True)
    parser.add_argument("--stanza", default="", help="stanza of the repository to ask; none without")
    parser.add_argument("--timelines", type=int, default=8, help="timeline ids to look for after the own one")
    parser.add_argument("--wait", type=float, default=20, help="seconds to wait for the repository")
    options = parser.parse_args(arguments)
    return Settings(
        options.data_dir, options.bin_dir, options.fence_file, options.stanza, options.timelines, options.wait
    )


def main(arguments: Sequence[str]) -> int:
    """Decide, say why, and return the exit status."""
    settings = parse(arguments)
    try:
        say(NOTICE, f"PostgreSQL may start: {decide(settings)}")
    except NoAnswer as reason:
        say(WARNING, f"PostgreSQL stays stopped for now: {reason}")
        return UNDECIDED
    except GateError as reason:
        say(WARNING, f"PostgreSQL stays stopped: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
