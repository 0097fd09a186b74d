# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the drill share: running it, killing it, reading what it left, and watching for two writers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _killing
import _watching
from _lab import INVENTORY, PREFIX, ROOT, psql

ENVIRONMENT = "lab"
DATABASES = ("db1", "db2")
# A lost site costs each run one time-out, and a killed drill is begun some thirty times.
SETTINGS = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_TIMEOUT": "5"}
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


def command(*extra: str, cwd: Path, playbook: str = "dr-drill.yml") -> list[str]:
    """Return the command of the operator's page, with quicker watching; reports and records go below ``cwd``."""
    return [
        str(Path(sys.executable).parent / "ansible-playbook"),
        *("-i", str(inventory_in(cwd)), playbook, "-e", "dr_watch_seconds=2"),
        *extra,
    ]


def inventory_in(cwd: Path) -> Path:
    """Return the lab's inventory as a copy below ``cwd``: what is left of a drill lies beside its inventory."""
    copied = cwd / "inventories" / INVENTORY.parent.name
    if not copied.exists():
        shutil.copytree(INVENTORY.parent, copied)
    return copied / INVENTORY.name


def ad_hoc(host: str, *words: str, cwd: Path) -> None:
    """Run a single module on a host, as an operator would with ``ansible``; it has to succeed."""
    program = str(Path(sys.executable).parent / "ansible")
    asked = (program, host, "-i", str(inventory_in(cwd)), *words)
    done = subprocess.run(
        asked, cwd=ROOT, env=os.environ | SETTINGS, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(
    *extra: str, cwd: Path, playbook: str = "dr-drill.yml", started_in: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a playbook to its end, from the directory ``started_in`` or ``cwd``; reports and records go below ``cwd``."""
    environment = dict(os.environ, PWD=str(started_in or cwd)) | SETTINGS
    return subprocess.run(
        command(*extra, cwd=cwd, playbook=str(ROOT / playbook)),
        cwd=started_in or cwd,
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
    environment = dict(os.environ, PWD=str(cwd)) | SETTINGS
    log = (cwd / "drill.log").open("ab")
    return subprocess.Popen(
        command(*extra, cwd=cwd, playbook=str(ROOT / "dr-drill.yml")),
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
        first, second = (self.samples[host] for host in DATABASES)
        return _watching.both(first, second)

    def blind(self, record: Mapping[str, Any]) -> dict[tuple[str, str], float]:
        """Return for how many seconds nobody looked around each promotion on record, by its step and the host."""
        return _watching.blind_at_promotions(self.samples, record)

    def population(self) -> dict[str, int]:
        """Return how many answers each host gave."""
        return {host: len(rows) for host, rows in self.samples.items()}


def writable() -> list[str]:
    """Return the database hosts that are writable now."""
    return [host for host in DATABASES if psql("SELECT NOT pg_is_in_recovery()", host=host).stdout.strip() == "t"]


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the pack's own verification, as an auditor would."""
    check: Sequence[str] = [sys.executable, str(folder / "verify_pack.py"), str(folder)]
    return subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)
