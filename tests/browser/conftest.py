# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One browser for all tests, and the reports of made-up runs and drills as files."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import render as render_drill
from tests.browser._browser import Browser, NoBrowserError
from tests.unit.report.conftest import EXAMPLE
from tests.unit.verify_report.sample import CANARY, Maker
from verify.report import read_pack, render
from verify.report.data import ReportData

RUNS: dict[str, tuple[dict[str, Any], bool]] = {
    "bad": ({"hosts": 16, "seed": 11, "open_share": 0.3, "dead": 1, "most": 20}, True),
    "few": ({"hosts": 3, "seed": 11, "open_share": 0.5, "dead": 1, "most": 4}, True),
    "green": ({"hosts": 4, "seed": 4, "open_share": 0.0, "most": 20}, True),
    "killed": ({"hosts": 8, "seed": 3, "open_share": 0.2, "dead": 1, "most": 20}, False),
    "hostile": ({"hosts": 6, "seed": 5, "open_share": 0.4, "dead": 1, "most": 20, "hostile": True}, True),
}
DRILLS = ("pass", "pass_with_conditions", "fail", "aborted", "bare", "hostile")


@pytest.fixture(scope="session")
def started() -> Iterator[Browser]:
    """The browser of all tests. Without one the stage ends at once, with the sentence that says what to do."""
    try:
        with Browser() as browser:
            yield browser
    except NoBrowserError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture
def browser(started: Browser) -> Browser:
    """The browser as a new reader finds it: scripts, light, a screen."""
    started.look()
    return started


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ReportData]:
    """The made-up runs, read."""
    base = tmp_path_factory.mktemp("runs")
    made = {name: Maker(**made).write(base / name, complete=whole) for name, (made, whole) in RUNS.items()}
    return {name: read_pack(folder) for name, folder in made.items()}


@pytest.fixture(scope="session")
def audits(runs: dict[str, ReportData], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The audit reports of the runs."""
    base = tmp_path_factory.mktemp("audits")
    return {name: written(base / f"{name}.html", render(data)) for name, data in runs.items()}


@pytest.fixture(scope="session")
def drills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of drills: the example with each verdict, one that says next to nothing, one full of markup."""
    base = tmp_path_factory.mktemp("drills")
    return {name: written(base / f"{name}.html", render_drill(drill(name))) for name in DRILLS}


def drill(name: str) -> dict[str, Any]:
    """Return the record of a drill."""
    if name == "bare":
        return {"id": "x", "environment": "staging", "verdict": "fail"}
    record: dict[str, Any] = copy.deepcopy(EXAMPLE)
    if name == "hostile":
        attacked: dict[str, Any] = poisoned(record)
        return attacked
    record["verdict"] = name
    if name == "fail":
        record["achieved"]["rto_s"] = 10 * record["targets"]["rto_s"]
    return record


def poisoned(value: Any, key: str = "") -> Any:
    """Return a record in which each free text, and the name of each host and environment, ends with markup."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    free = isinstance(value, str) and (" " in value or key in ("environment", "host", "hosts"))
    return f"{value}{CANARY}" if free else value


def written(path: Path, page: bytes) -> Path:
    """Write a page and return where it lies."""
    path.write_bytes(page)
    return path
