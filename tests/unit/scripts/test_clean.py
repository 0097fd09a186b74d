# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make clean` removes what labs left, and nothing that another environment keeps."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[[str], subprocess.Popen[str]]

WRITTEN = "# Written by the lab; edits are lost.\nall: {}\n"
GOES = {
    ".lab/mol/secrets.json": "{}",
    ".cache/x": "",
    ".venv/bin/python": "",
    "inventories/lab/hosts.yml": WRITTEN,
    "inventories/lab-mol/hosts.yml": WRITTEN,
    "inventories/lab-old/hosts.yml": WRITTEN,
    "reports/lab/drills/1/drill.json": "{}",
    "reports/lab-mol/20261126T120000Z/report.html": "",
    "records/backup/1.json": '{"environment":"lab","type":"backup"}',
    "records/restore/2.json": '{"environment": "lab"}',
    "records/restore/.guard": "",
    "ccobservatory-ops-0.1.0.tar.gz": "",
}
STAYS = {
    "inventories/labour/hosts.yml": "all: {}\n",
    "inventories/production/hosts.yml": "all: {}\n",
    "reports/production/drills/1/drill.json": "{}",
    "records/backup/3.json": '{"environment":"production"}',
    "records/backup/.guard": "",
    "dump.tar.gz": "",
}


def plant(root: Path, files: dict[str, str]) -> None:
    """Write files below a directory."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_what_labs_left_goes_and_all_other_evidence_stays(checkout: Path, start: Run) -> None:
    plant(checkout, {**GOES, **STAYS})
    said, _none = start("clean.sh").communicate(timeout=60)
    assert [name for name in GOES if (checkout / name).exists()] == []
    assert [name for name in STAYS if not (checkout / name).exists()] == []
    assert not (checkout / "records/restore").exists()
    told = "left, because no lab has written it: reports/production records/backup inventories/labour\n"
    assert told in said


def test_an_environment_that_people_call_lab_is_theirs(checkout: Path, start: Run) -> None:
    theirs = {name: text.replace("Written by the lab", "Ours") for name, text in GOES.items() if "/lab/" in name}
    theirs["records/backup/1.json"] = GOES["records/backup/1.json"]
    plant(checkout, theirs)
    assert start("clean.sh").wait(timeout=60) == 0
    assert [name for name in theirs if not (checkout / name).exists()] == []


def test_where_nothing_is_left_nothing_is_said_of_it(checkout: Path, start: Run) -> None:
    plant(checkout, GOES)
    said, _none = start("clean.sh").communicate(timeout=60)
    assert "left" not in said.replace("what the labs left", "")
    assert not (checkout / "reports").exists()
    assert not (checkout / "records").exists()
    assert said.endswith("clean\n")
