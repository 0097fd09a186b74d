# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running, provisioned lab: faults that are made for real turn the controls red that are there for them.

Three whole runs of the morning: over the healthy lab, with a batch of independent faults on different hosts, and after
they were undone. A fault has to turn its cells red; nothing else may turn red that was green in both healthy runs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import _breaker_table
import pytest
from _lab import INVENTORY, ROOT, monitoring_settles, run_on
from _morning_faults import FAULTS, SHIPPING_BOUND_S, SLOW, Fault
from _morning_records import Cell

from verify.engine.results import read_results
from verify.engine.words import GREEN

pytestmark = pytest.mark.lab

ENVIRONMENT = INVENTORY.parent.name
# After this time Prometheus has asked every target again.
SCRAPED_S = 40
LONGEST_RUN_S = 900
BUSY = ("was stopped after", "did not finish within", "does not answer as an ssh server", "timed out")


def red_cells(folder: Path) -> dict[Cell, str]:
    """Run the morning over the lab and return the cells that are not green, with what they say.

    A machine that is too busy to answer in time says nothing about a fault; then the run is repeated, twice at most.
    """
    for _attempt in range(3):
        found = _run(folder)
        busy = {cell: told for cell, told in found.items() if any(words in told for words in BUSY)}
        if not busy:
            return found
    pytest.fail(f"The lab is too busy to be judged, run again on a quieter machine: {sorted(busy.items())[:3]}")


def _run(folder: Path) -> dict[Cell, str]:
    command = [sys.executable, "-m", "pytest", "verify/", "--env", ENVIRONMENT, "--report-dir", str(folder), "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_RUN_S)
    runs = sorted(folder.glob("*/*/results.jsonl"))
    assert runs, done.stdout + done.stderr
    read = read_results(runs[-1])
    assert read.close is not None, done.stdout + done.stderr
    rows = [(one.control, row) for one in read.controls for row in one.rows]
    return {(control, row.subject): f"{row.status}: {row.says}" for control, row in rows if row.status not in GREEN}


@dataclass(frozen=True)
class Runs:
    """What was not green before the faults, with them, and after they were undone."""

    before: dict[Cell, str]
    broken: dict[Cell, str]
    after: dict[Cell, str]
    faults: dict[str, Fault]

    @property
    def new(self) -> dict[Cell, str]:
        """Return what turned red by the faults: red with them, and green in both healthy runs."""
        return {cell: told for cell, told in self.broken.items() if cell not in self.before and cell not in self.after}

    def beside(self, fault: Fault) -> set[str]:
        """Return the controls that a fault turned red beside those that are there for it or for another fault."""
        others = [one for one in self.faults.values() if one is not fault]
        expected = {cell for one in others for cell in one.cells} | fault.cells
        return {cell[0] for cell in self.new if cell not in expected and fault.explains(cell, others)}


def undo_all(faults: Iterable[Fault]) -> None:
    """Undo faults, every one of them, also where one cannot be undone; tell of those afterwards."""
    failed = []
    for fault in faults:
        try:
            fault.undo()
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed.append(f"{fault.name}: {error}")
    assert failed == []


@pytest.fixture(scope="module")
def morning(estate: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Run the morning three times: healthy, broken, healed."""
    folder = tmp_path_factory.mktemp("mornings")
    faults = {name: make() for name, make in FAULTS.items()}
    undo_all(faults.values())
    monitoring_settles()
    before = red_cells(folder)
    try:
        began = time.monotonic()
        for fault in faults.values():
            fault.make()
        time.sleep(max(0.0, (SHIPPING_BOUND_S if SLOW else SCRAPED_S) - (time.monotonic() - began)))
        broken = red_cells(folder)
    finally:
        undo_all(reversed(faults.values()))
    # What was held back has to arrive, and targets have to be asked again.
    assert run_on("lb1", "systemctl", "is-active", "rsyslog.service").stdout.strip() == "active"
    time.sleep(30)
    monitoring_settles()
    yield Runs(before, broken, red_cells(folder), faults)


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_turns_its_control_red(morning: Runs, name: str, record_property: pytest.RecordProperty) -> None:
    fault = morning.faults[name]
    own = {control for control, _subject in fault.cells}
    for control in own:
        others = (own - {control}) | morning.beside(fault)
        _breaker_table.note(record_property, control, fault.name, _breaker_table.LAB, others)
    known = {cell: morning.before[cell] for cell in fault.red & set(morning.before)}
    assert known == {}, "red before the fault was made, so nothing is proved"
    assert sorted(fault.red - set(morning.broken)) == []
    for cell, words in fault.tells.items():
        assert words in morning.broken.get(cell, "green")
        assert words not in morning.before.get(cell, "")


def test_nothing_else_turned_red(morning: Runs) -> None:
    expected = {cell for fault in morning.faults.values() for cell in fault.cells}
    allowed = {control for fault in morning.faults.values() for control in fault.also}
    strangers = {cell: told for cell, told in morning.new.items() if cell not in expected and cell[0] not in allowed}
    assert strangers == {}


def test_what_was_undone_is_green_again(morning: Runs) -> None:
    expected = {cell for fault in morning.faults.values() for cell in fault.red}
    assert {cell: morning.after[cell] for cell in expected & set(morning.after)} == {}
    for fault in morning.faults.values():
        for cell, words in fault.tells.items():
            assert words not in morning.after.get(cell, "")
