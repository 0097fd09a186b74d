# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the audit report at 1000 hosts x 60 controls, against its budgets, in a real Chromium.

``size``     bytes of the page (5 MB), and gzipped.
``cpu``      seconds of processor time to read the pack, to render the page and to write all formats.
``open``     seconds until the page is loaded and drawn (3 s), beside a blank page of the same run.
``filter``   milliseconds from a key to the frame that shows its effect, the slowest of some searches (100 ms). Two
             frames of waiting for the screen, up to 33 ms, are part of it.
``linked``   whether a link to a result shows it on a page of this size; all else that the page does is proved by
             ``tests/browser``.

Each time is told twice: as people wait for it, and as processor time of the page's thread. On a machine with more work
than processors the first says nothing about the page, so that the budgets are judged on the second; ``judged_on`` says
which it was. The exit code is 1 when a budget or the link is broken. Needs the package chromium.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]
from tests.browser._browser import Browser, NoBrowserError  # noqa: E402 - the path above comes first
from tests.browser._reading import choose, in_view  # noqa: E402 - the path above comes first
from tests.unit.verify_report.sample import Maker  # noqa: E402 - the path above comes first
from verify.report import read_pack, render, write_all  # noqa: E402 - the path above comes first

BUDGETS = {"size_bytes": 5_000_000, "open_s": 3.0, "filter_ms": 100.0}
SEARCHES = ("f", "fr", "fra-web-1", "sshd", "no answer", "")


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of processor time that some work takes, and what it returns."""
    began = time.process_time()
    found = work()
    return round(time.process_time() - began, 2), found


def opened(page: Path, runs: int) -> tuple[float, float]:
    """Return the median seconds of opening a page, waited and of processor time, in a browser of its own."""
    waited, used = [], []
    for _run in range(runs):
        with Browser() as browser:
            # The counter starts anew with each page.
            waited.append(browser.open(page))
            used.append(browser.busy())
    return round(statistics.median(waited), 2), round(statistics.median(used), 2)


def searched(browser: Browser, page: Path) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of each search, waited and of processor time, typed one after the other."""
    browser.open(page)
    time.sleep(1.5)
    found = {}
    for text in SEARCHES:
        before = browser.busy()
        waited = choose(browser, "q", text)
        found[text or "(cleared)"] = (round(waited, 1), round(1000 * (browser.busy() - before), 1))
    return found


def linked(browser: Browser, page: Path) -> bool:
    """Return whether a link to the last open result of a host shows it."""
    finding = [one.id for one in read_pack(page.parent).open_findings if one.row.kind == "host"][-1]
    browser.open(page, f"#{finding}")
    return in_view(browser, finding)


def main() -> int:
    """Measure and print; return 1 when a budget or the link is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5, help="how often the page is opened")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Maker(hosts=options.hosts, open_share=0.01, dead=5).write(Path(scratch) / "run")
        reading, data = cpu(lambda: read_pack(folder))
        rendering, page = cpu(lambda: render(data))
        writing, _none = cpu(lambda: write_all(folder))
        (Path(scratch) / "blank.html").write_text("<!DOCTYPE html><title>blank</title>", encoding="utf-8")
        blank = opened(Path(scratch) / "blank.html", options.runs)
        opening = opened(folder / "audit.html", options.runs)
        with Browser() as browser:
            searches = searched(browser, folder / "audit.html")
            shown = linked(browser, folder / "audit.html")
    on_cpu = int(os.getloadavg()[0] > (os.cpu_count() or 1))
    slowest = max(times[on_cpu] for times in searches.values())
    figures = {"size_bytes": len(page), "open_s": opening[on_cpu], "filter_ms": slowest}
    kept = {name: figures[name] <= limit for name, limit in BUDGETS.items()}
    told = {
        "results": data.decided,
        "findings": len(data.findings),
        "gzip_bytes": len(gzip.compress(page, 6)),
        "cpu_s": {"read": reading, "render": rendering, "write_all": writing},
        "open_s_waited_and_cpu": {"blank": blank, "report": opening},
        "filter_ms_waited_and_cpu": searches,
        "judged_on": "cpu" if on_cpu else "waiting",
        **figures,
        "budgets": BUDGETS,
        "kept": kept,
        "linked": shown,
        "load": [round(value, 1) for value in os.getloadavg()],
    }
    print(json.dumps(told, indent=2))
    return 0 if all(kept.values()) and shown else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoBrowserError as error:
        sys.exit(str(error))
