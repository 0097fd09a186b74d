# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What judging costs: 5,000 subjects x 60 checks judged and written out, against one pytest item a cell.

``ours``  CPU seconds and peak memory of a process that judges every cell, applies waivers and writes ``results.jsonl``
          (limits 6 s and 300 MB), and of one that reads it back and follows its chain.
``past``  what it costs to take the run into the ledger, find the one before it and compare, in SQLite.
``peer``  the same assertions as parametrized pytest items with JUnit output, on a smaller number, with what each item
          costs and what all cells would.

The result is printed as JSON with the load average of the run, so that a figure of a busy machine is seen as one: trust
CPU seconds and the ratio. Nothing is asserted: a figure is read by people.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
CPU_LIMIT_S, MEMORY_LIMIT_MB = 6.0, 300.0

PEER = """
import pytest
FACTS = {{f"web{{number}}": "3" for number in range({hosts})}}
@pytest.mark.parametrize("bound", range(3, 3 + {checks}))
@pytest.mark.parametrize("host", sorted(FACTS))
def test_count(host, bound):
    found = int(FACTS[host])
    assert found > 0, f"{{host}} has something to count"
    assert found <= bound, f"{{host}} is within its bound"
"""


def used() -> dict[str, float]:
    """Return CPU seconds and peak memory (MB) of this process so far."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": spent.ru_utime + spent.ru_stime, "peak_mb": spent.ru_maxrss / 1024}


def check_of(bound: int) -> Callable[..., Iterator[Any]]:
    """Return a check like those of the suite: a population proved, then two claims with names in them."""
    from verify.engine.control import expect

    def within(host: Any, estate: Any) -> Iterator[Any]:
        """Two facts of the host are read and compared with a bound."""
        seen, free = host.read("count", int), host.read("free", float)
        yield expect(seen > 0, f"{host.name} has something to count", observed=seen)
        yield expect(free >= 0.1, f"{host.name} has room", observed=free, expected=0.1)
        # One cell in fifty fails.
        if hash((host.name, bound)) % 50 == 0:
            seen += 1000
        yield expect(seen <= bound, f"{host.name} is within its bound", observed=seen, expected=bound)

    return within


def ours(hosts: int, checks: int, folder: Path) -> dict[str, Any]:
    """Judge and write every cell in this process; the cost of making the evidence is told apart."""
    from verify.engine.catalogue import Item, Remedy
    from verify.engine.control import Control
    from verify.engine.declared import Declared, Environment
    from verify.engine.estate import Estate
    from verify.engine.evidence import Evidence
    from verify.engine.judge import judge
    from verify.engine.results import Results
    from verify.engine.waivers import apply

    names = [f"web{number}.example.org" for number in range(hosts)]
    evidence = Evidence()
    for name in names:
        about: dict[str, Any] = {"subject": name, "source": "host", "collected": NOW - 60.5, "command": "count"}
        evidence.record("3\n", name="count", **about)
        evidence.record("0.25\n", name="free", **about)
    environment = Environment(
        name="bench",
        inventory="inventories/bench/hosts.yml",
        inventory_digest="0" * 64,
        hosts={name: Declared("host", name, {}) for name in names},
        groups={"all": names},
        variables={},
    )
    estate = Estate(environment, evidence, now=NOW)
    before = used()
    results = []
    with Results(folder / "results.jsonl") as log:
        log.header({"id": "bench", "environment": "bench"})
        for number in range(checks):
            item = Item(
                f"BENCH-{number:02d}",
                *("BENCH", "title", "objective", "high", "daily", "operations", "test"),
                ("host",),
                Remedy("mend it"),
                3600.0,
            )
            control = Control(item.id, "", "host", None, check_of(number + 3), ("estate",), "bench")
            result = apply([judge(control, item, estate)], (), NOW)[0]
            log.control(result)
            results.append(result)
        log.close(1, expected=hosts * checks)
    after = used()
    past = history(results, folder)
    size = (folder / "results.jsonl").stat().st_size
    totals = {status: count for status, count in log.totals.items() if count}
    return {
        "rows": sum(len(result.rows) for result in results),
        "totals": totals,
        "cpu_s": round(after["cpu_s"] - before["cpu_s"], 2),
        "peak_mb": round(after["peak_mb"], 1),
        "evidence_mb": round(before["peak_mb"], 1),
        "file_mb": round(size / 1e6, 1),
        "past": past,
    }


def history(results: list[Any], folder: Path) -> dict[str, Any]:
    """Append the run twice, a day apart, and compare the second with the first."""
    from verify.engine.changes import compare, snapshot
    from verify.engine.ledger import open_ledger

    before = used()
    with open_ledger(f"sqlite:///{folder}/ledger.sqlite") as book:
        for day in (1, 2):
            header: dict[str, Any] = {
                "id": f"bench-{day}",
                "environment": "bench",
                "collected": f"2026-11-0{day}T00:00:00.000Z",
            }
            header["catalogue"] = {"digest": "c"}
            now = snapshot(header, results)
            compared = compare(now, book.previous(now), book.findings("bench"))
            told = book.history(now)
            book.append(now, header=header, exit_code=1)
    after = used()
    return {
        "cpu_s": round((after["cpu_s"] - before["cpu_s"]) / 2, 2),
        "peak_mb": round(after["peak_mb"], 1),
        "still": len(compared["still"]),
        "items": len(told["strips"]),
        "file_mb": round((folder / "ledger.sqlite").stat().st_size / 1e6, 1),
    }


def spin() -> float:
    """Return the CPU seconds of a fixed piece of work, to tell a slow or busy machine by."""
    before, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return round(time.process_time() - before, 2)


def read_back(folder: Path) -> dict[str, Any]:
    """Read the results of `ours` and follow their chain."""
    from verify.engine.results import read_results

    before = used()
    found = read_results(folder / "results.jsonl")
    after = used()
    rows = sum(len(control.rows) for control in found.controls)
    return {"rows": rows, "cpu_s": round(after["cpu_s"] - before["cpu_s"], 2), "peak_mb": round(after["peak_mb"], 1)}


def peer(hosts: int, checks: int, folder: Path) -> dict[str, Any]:
    """Run the same claims as parametrized pytest items, with JUnit output, and return what they cost."""
    test = folder / "test_peer.py"
    test.write_text(PEER.format(hosts=hosts, checks=checks), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={folder / 'junit.xml'}"]
    began = time.monotonic()
    subprocess.run([*command, str(test)], cwd=folder, check=True, capture_output=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = spent.ru_utime + spent.ru_stime
    return {
        "items": hosts * checks,
        "cpu_s": round(cpu, 2),
        "peak_mb": round(spent.ru_maxrss / 1024, 1),
        "wall_s": round(time.monotonic() - began, 2),
        "ms_an_item": round(cpu / (hosts * checks) * 1000, 3),
    }


PARTS: dict[str, Callable[[int, int, Path], dict[str, Any]]] = {
    "ours": ours,
    "read": lambda _hosts, _checks, folder: read_back(folder),
    "peer": peer,
}


def apart(part: str, hosts: int, checks: int, folder: Path) -> dict[str, Any]:
    """Run one part in a process of its own, so that its memory is its own."""
    command = [sys.executable, str(Path(__file__)), "--part", part, "--folder", str(folder)]
    command += ["--hosts", str(hosts), "--checks", str(checks)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'collections'}", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Figures of judging.")
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--checks", type=int, default=60)
    parser.add_argument("--peer-hosts", type=int, default=100)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](options.hosts, options.checks, options.folder)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        judged = apart("ours", options.hosts, options.checks, folder)
        read = apart("read", options.hosts, options.checks, folder)
        items = apart("peer", options.peer_hosts, options.checks, folder)
    whole = items["ms_an_item"] / 1000 * judged["rows"]
    told = {
        "ours": {**judged, "cpu_limit_s": CPU_LIMIT_S, "memory_limit_mb": MEMORY_LIMIT_MB},
        "read": read,
        "peer": {**items, "cpu_s_for_all_cells": round(whole, 1)},
        "times_cheaper": round(whole / judged["cpu_s"], 1),
        "machine": {"cpu_s_of_10_million_additions": spin(), "load_average": os.getloadavg()},
    }
    print(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
