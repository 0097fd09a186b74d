# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of a made-up estate, on disk as the engine leaves them, and their pages as a browser sees them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.conftest import Page
from tests.unit.verify_report.sample import Maker
from verify.report import read_pack, render
from verify.report.data import ReportData

MADE: dict[str, tuple[dict[str, Any], bool]] = {
    "bad": ({"hosts": 8, "seed": 3, "open_share": 0.05, "dead": 1}, True),
    "green": ({"hosts": 4, "seed": 4, "open_share": 0.0}, True),
    "killed": ({"hosts": 8, "seed": 3, "open_share": 0.05, "dead": 1}, False),
    "hostile": ({"hosts": 12, "seed": 5, "open_share": 0.2, "dead": 1, "hostile": True}, True),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of the made-up runs; no test may write there."""
    base = tmp_path_factory.mktemp("runs")
    return {name: Maker(**made).write(base / name, complete=whole) for name, (made, whole) in MADE.items()}


@pytest.fixture(scope="session")
def runs(folders: dict[str, Path]) -> dict[str, ReportData]:
    """The runs, read."""
    return {name: read_pack(folder) for name, folder in folders.items()}


@pytest.fixture(scope="session")
def pages(runs: dict[str, ReportData]) -> dict[str, Page]:
    """The pages of the runs."""
    return {name: Page(render(data)) for name, data in runs.items()}


def changed(data: ReportData, **header: Any) -> ReportData:
    """Return a run with another header."""
    return dataclasses.replace(data, run={**data.run, **header})
