# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the audit report at 1000 hosts x 60 controls, against its budgets, in a real Chromium.

``size``     bytes of the page (5 MB), and gzipped.
``cpu``      seconds of processor time to read the pack, to render the page and to write all formats.
``open``     seconds until the page is loaded and drawn (3 s), beside a blank page of the same run.
``filter``   milliseconds from a key to the frame that shows its effect, the slowest of some searches (100 ms). Two
             frames of waiting for the screen, up to 33 ms, are part of it.
``behaves``  what the script of the page has to do: each is true or the figures are worth nothing.

Each time is told twice: as people wait for it, and as processor time of the page's thread. On a machine with more work
than processors the first says nothing about the page, so that the budgets are judged on the second; ``judged_on`` says
which it was. The exit code is 1 when a budget or a behaviour is broken. Needs the package chromium.
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
sys.path[:0] = [str(ROOT), str(ROOT / "collections"), str(Path(__file__).resolve().parent)]
from _browser import Browser  # noqa: E402 - the path above comes first

from tests.unit.verify_report.sample import Maker  # noqa: E402 - the path above comes first
from verify.report import read_pack, render, write_all  # noqa: E402 - the path above comes first

BUDGETS = {"size_bytes": 5_000_000, "open_s": 3.0, "filter_ms": 100.0}
SEARCHES = ("f", "fr", "fra-web-1", "sshd", "no answer", "")
FILTER = """
(async () => {
  const field = document.getElementById('filter').elements.namedItem('q');
  const began = performance.now();
  field.value = %s;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  return performance.now() - began;
})()
"""
SHOWN = "[...document.querySelectorAll('.{css}')].filter(node => !node.hidden)"


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
        waited = browser.run(FILTER % json.dumps(text))
        found[text or "(cleared)"] = (round(waited, 1), round(1000 * (browser.busy() - before), 1))
    return found


def behaves(browser: Browser, page: Path, hostile: Path) -> dict[str, bool]:
    """Return what the script of the page has to do, and whether it does."""
    data = read_pack(page.parent)
    finding = next(one for one in data.open_findings if one.row.kind == "host")
    found: dict[str, bool] = {}
    browser.open(page, f"#{finding.id}")
    place = f"document.getElementById('{finding.id}').getBoundingClientRect().top"
    found["a deep link shows its finding"] = 0 <= browser.run(place) <= browser.run("innerHeight")
    browser.open(page, "#?q=fra-web-003&status=open")
    texts = browser.run(f"{SHOWN.format(css='subject')}.map(node => node.textContent)")
    found["the state of the address is taken over"] = bool(texts) and all("fra-web-003" in text for text in texts)
    found["what was found is counted"] = "subjects" in browser.run("document.getElementById('said').textContent")
    browser.run(FILTER % json.dumps("sshd"))
    found["the state goes into the address"] = "q=sshd" in browser.run("location.hash")
    browser.run(f"location.hash = '{finding.id}'")
    browser.drawn()
    found["a link is followed though the filter hides it"] = browser.run(place) is not None
    browser.run("document.getElementById('filter').reset()")
    browser.drawn()
    whole = browser.run("document.querySelectorAll('.item').length")
    found["clearing shows everything"] = browser.run(f"{SHOWN.format(css='item')}.length") == whole
    browser.run("document.activeElement.blur()")
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="/", text="/" if kind == "keyDown" else "")
    found["the slash key leads to the search"] = browser.run("document.activeElement.name") == "q"
    browser.events.clear()
    browser.open(hostile)
    browser.run("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    browser.drawn()
    said = [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    found["hostile output stays text"] = browser.run("document.title").startswith("Do not sign") and not said
    return found


def main() -> int:
    """Measure and print; return 1 when a budget or a behaviour is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5, help="how often the page is opened")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Maker(hosts=options.hosts, open_share=0.01, dead=5).write(Path(scratch) / "run")
        hostile = Maker(hosts=12, seed=5, open_share=0.2, dead=1, hostile=True).write(Path(scratch) / "hostile")
        reading, data = cpu(lambda: read_pack(folder))
        rendering, page = cpu(lambda: render(data))
        writing, _none = cpu(lambda: write_all(folder))
        write_all(hostile)
        (Path(scratch) / "blank.html").write_text("<!DOCTYPE html><title>blank</title>", encoding="utf-8")
        blank = opened(Path(scratch) / "blank.html", options.runs)
        opening = opened(folder / "audit.html", options.runs)
        with Browser() as browser:
            searches = searched(browser, folder / "audit.html")
            behaviour = behaves(browser, folder / "audit.html", hostile / "audit.html")
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
        "behaves": behaviour,
        "load": [round(value, 1) for value in os.getloadavg()],
    }
    print(json.dumps(told, indent=2))
    return 0 if all(kept.values()) and all(behaviour.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
