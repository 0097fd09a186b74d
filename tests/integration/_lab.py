# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test on the lab shares: where it is, its program, and commands on its hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = os.environ.get("OPS_LAB_PREFIX", "ops")
INVENTORY = ROOT / "inventories" / ("lab" if PREFIX == "ops" else f"lab-{PREFIX}") / "hosts.yml"
LONGEST_S = 400
SETTLED_S = 240
UNSETTLED = """
import json, urllib.request
def ask(url):
    try:
        with urllib.request.urlopen("http://127.0.0.1:" + url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return {}
targets = ask("9090/api/v1/targets?state=active").get("data", {}).get("activeTargets", [])
groups = ask("9090/api/v1/rules").get("data", {}).get("groups", [])
found = ["target " + t["scrapeUrl"] for t in targets if t["health"] != "up"]
found += ["rule " + r["name"] for g in groups for r in g["rules"] if r["health"] != "ok"]
held = {"targets": targets, "rules": groups, "an alert": ask("9093/api/v2/alerts")}
found += [name for name, there in held.items() if not there]
print(json.dumps(found))
"""


def lab(*arguments: str, code: int = 0) -> str:
    """Run the lab's program, insist on its exit code and return what it printed."""
    command = [sys.executable, str(ROOT / "lab" / "lab"), "--prefix", PREFIX, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == code, f"{' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_on(host: str, *command: str, data: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as root on a host."""
    return subprocess.run(
        ["podman", "exec", "-i", f"{PREFIX}-{host}", *command],
        input=data,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=LONGEST_S,
    )


def on(host: str, *command: str, data: str = "") -> str:
    """Run a command as root on a host and return its output; it has to succeed."""
    done = run_on(host, *command, data=data)
    assert done.returncode == 0, f"{host}: {' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def monitoring_settles() -> None:
    """Wait until monitoring has seen every target and judged every rule: just after a reset of the lab it has not."""
    deadline = time.monotonic() + SETTLED_S
    while found := json.loads(on("mon1", "python3", "-c", UNSETTLED)):
        assert time.monotonic() < deadline, f"after {SETTLED_S} s monitoring still lacks: {found}"
        time.sleep(3)


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        time.sleep(0.3)


def psql(*statements: str, host: str = "db1", options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run statements in the postgres database of a host, as the account that owns it."""
    words = [word for statement in statements for word in ("-c", statement)]
    stop = ("-v", "ON_ERROR_STOP=1", "-d", "postgres")
    return run_on(host, "runuser", "-u", "postgres", "--", "psql", "-XAtq", *stop, *options, *words)


def sql(*statements: str, host: str = "db1", options: tuple[str, ...] = ()) -> str:
    """Run statements that have to succeed and return the bare answer."""
    done = psql(*statements, host=host, options=options)
    assert done.returncode == 0, f"{host}: {statements}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def archive_at_rest() -> Iterator[None]:
    """See that no segment comes into the archive by itself, and that the last one has arrived."""
    sql("ALTER SYSTEM SET archive_timeout = 0", "SELECT pg_reload_conf()")
    count = "find /var/lib/pgbackrest/archive -name '*.zst' | wc -l"
    settled = [""]

    def quiet() -> bool:
        last, settled[0] = settled[0], on("repo1", "sh", "-c", f"sleep 2; {count}")
        return last == settled[0]

    try:
        until(quiet)
        yield
    finally:
        sql("ALTER SYSTEM RESET archive_timeout", "SELECT pg_reload_conf()")
