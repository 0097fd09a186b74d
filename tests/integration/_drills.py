# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the drill share: running it, killing it, reading what it left, and watching for two writers."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _killing
from _lab import INVENTORY, PREFIX, ROOT, run_on

ENVIRONMENT = "lab"
DATABASES = ("db1", "db2")
RUN_TIMEOUT_S = int(os.environ.get("OPS_DRILL_TIMEOUT", "900"))
# The loop ends by itself: a command in a container outlives the one that asked for it. A line is written at once, after
# its answer: an end between the instant and the answer would look like a host that did not answer.
LOOP = (
    "while :; do at=$(date +%s.%N); "
    "answer=$(PGCONNECT_TIMEOUT=1 /usr/lib/postgresql/15/bin/psql -h /var/run/postgresql -AtXqc "
    "'SELECT NOT pg_is_in_recovery()' 2>/dev/null || echo -); echo $at $answer; sleep 0.2; done"
)
LOOP_S = "20"
Killer = Callable[[subprocess.Popen[bytes]], None]


def command(*extra: str, playbook: str = "dr-drill.yml") -> list[str]:
    """Return the command of the operator's page, with quicker watching."""
    return [
        str(Path(sys.executable).parent / "ansible-playbook"),
        *("-i", str(INVENTORY), playbook, "-e", "dr_watch_seconds=2"),
        *extra,
    ]


def run(*extra: str, cwd: Path, playbook: str = "dr-drill.yml") -> subprocess.CompletedProcess[str]:
    """Run a playbook to its end; reports and records go below ``cwd``."""
    environment = dict(os.environ, PWD=str(cwd), ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1")
    return subprocess.run(
        command(*extra, playbook=str(ROOT / playbook)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )


def live(scenario: str) -> tuple[str, ...]:
    """Return the arguments of a live drill of a scenario in the lab."""
    return ("-e", f"dr_drill_confirm={ENVIRONMENT}", "-e", f"dr_drill_scenario={scenario}")


def drills(cwd: Path) -> list[Path]:
    """Return the folders of the drills below ``cwd``, oldest first."""
    return sorted(path.parent for path in cwd.glob(f"reports/{ENVIRONMENT}/drills/*/journal.jsonl"))


def record(folder: Path) -> dict[str, Any]:
    """Return the record of a drill."""
    found: dict[str, Any] = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
    return found


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal."""
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def start(*extra: str, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a drill; its output goes into a file, so that nothing of it waits for a reader."""
    environment = dict(os.environ, PWD=str(cwd), ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1")
    log = (cwd / "drill.log").open("ab")
    return subprocess.Popen(
        command(*extra, playbook=str(ROOT / "dr-drill.yml")),
        cwd=cwd,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def entered(step: str, *, cwd: Path) -> bool:
    """Tell whether the journal of the last drill below ``cwd`` has entered ``step``."""
    folders = drills(cwd)
    return bool(folders) and any(e["event"] == "enter" and e["step"] == step for e in entries(folders[-1]))


def kill_when_entered(
    process: subprocess.Popen[bytes], step: str, *, cwd: Path, killer: Killer = _killing.kill_tree
) -> bool:
    """Kill the run as soon as its journal enters ``step``; return False when it ended before."""
    return kill_when(process, lambda: entered(step, cwd=cwd), f"reach the step {step}", killer=killer)


def kill_when(
    process: subprocess.Popen[bytes], holds: Callable[[], bool], what: str, *, killer: Killer = _killing.kill_tree
) -> bool:
    """Kill the run as soon as something holds, which it had to do (``what``); return False when it ended before."""
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline:
        if holds():
            killer(process)
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.05)
    _killing.kill_tree(process)
    raise AssertionError(f"The drill did not {what} in {RUN_TIMEOUT_S} s.")


@dataclass
class Observer:
    """Asks both database hosts, some four times a second and from outside of the drill, whether they are writable.

    A host that does not answer is not writable. Two writers are two hosts that say so at the same instant.
    """

    samples: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: {host: [] for host in DATABASES})
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Observer:
        """Start one watcher a host."""
        self._threads = [threading.Thread(target=self._watch, args=(host,), daemon=True) for host in DATABASES]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        """Stop the watchers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _watch(self, host: str) -> None:
        while not self._stop.is_set():
            asked = ["podman", "exec", "-u", "postgres", f"{PREFIX}-{host}", "timeout", LOOP_S, "sh", "-c", LOOP]
            with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    stamp, _blank, answer = line.strip().partition(" ")
                    self.samples[host].append((float(stamp), answer == "t"))
                    if self._stop.is_set():
                        break
                process.kill()
            self._stop.wait(0.2)

    def writers(self) -> list[str]:
        """Return the hosts whose last answer, not older than two seconds, is that they are writable."""
        last = {host: rows[-1] for host, rows in self.samples.items() if rows}
        return [host for host, (at, answer) in last.items() if answer and time.time() - at < 2.0]

    def two_writers(self) -> list[tuple[float, float]]:
        """Return the instants at which both hosts were writable: (sample of one, sample of the other)."""
        first, second = (self._intervals(host) for host in DATABASES)
        return [(a[0], b[0]) for a in first for b in second if a[0] <= b[1] and b[0] <= a[1]]

    def _intervals(self, host: str) -> list[tuple[float, float]]:
        """Return the stretches between two samples that both say writable; what is unknown is not counted."""
        rows = self.samples[host]
        return [(a[0], b[0]) for a, b in itertools.pairwise(rows) if a[1] and b[1] and b[0] - a[0] < 2.0]

    def population(self) -> dict[str, int]:
        """Return how many answers each host gave."""
        return {host: len(rows) for host, rows in self.samples.items()}


def writable() -> list[str]:
    """Return the database hosts that are writable now."""
    asked = ("runuser", "-u", "postgres", "--", "psql", "-AtXqc", "SELECT NOT pg_is_in_recovery()")
    return [host for host in DATABASES if run_on(host, *asked).stdout.strip() == "t"]


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the pack's own verification, as an auditor would."""
    check: Sequence[str] = [sys.executable, str(folder / "verify_pack.py"), str(folder)]
    return subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)
