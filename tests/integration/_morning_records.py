# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in what people of the lab write down: registers that nobody keeps any more, a host that nobody scans.

A register is taken away by a name that begins with a dot, which the reader of records leaves out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

Cell = tuple[str, str]
ESTATE = "lab"
UNSCANNED = "lb1"


def kept(record_type: str) -> str:
    """Return the words that tell of a register without an entry."""
    return f"has not a single {record_type.replace('_', ' ')} on record"


def _estate(record_type: str, *controls: str) -> dict[Cell, str]:
    return {(control, ESTATE): kept(record_type) for control in controls}


REGISTERS: Mapping[str, Mapping[Cell, str]] = {
    "overnight_review": _estate("overnight_review", "DELIVER-01"),
    "incident": _estate("incident", "EOD-02", "EOD-07.incidents", "MORNING-01.incidents", "EFFICIENCY-05"),
    "review": _estate("review", "SECURITY-03"),
    "knowledge_session": _estate("knowledge_session", "TEAM-02"),
    "routine_task": _estate("routine_task", "EFFICIENCY-03"),
    "developer_request": _estate("developer_request", "TEAM-04"),
    "security_alert": _estate("security_alert", "EOD-07"),
    "change": _estate("change", "EOD-04", "MONITORING-05"),
    "capacity_forecast": {("EOD-05", "application"): kept("capacity_forecast")},
    "budget": dict.fromkeys((("EFFICIENCY-01", ESTATE), ("INFRA-03", ESTATE)), "There is no budget for the present"),
    "repository_rules": {("IAC-01", "infrastructure"): kept("repository_rules")},
    "pipeline": {
        **_estate("pipeline", "CORE-02.registered"),
        ("DELIVER-02", "infrastructure"): "infrastructure is known to the system that runs it",
    },
    "pipeline_run": {
        ("CORE-02", "infrastructure"): "infrastructure has a run on record",
        ("IAC-03.builds", "infrastructure"): "the pipeline of infrastructure ran",
        ("MORNING-04", "infrastructure"): "infrastructure did not run for",
    },
}
"""Each register that is taken away, and by which words its controls then tell of it."""

SCANS: Mapping[Cell, str] = {
    **{(control, UNSCANNED): f"{UNSCANNED} was scanned" for control in ("CORE-05", "MORNING-05", "RELIABILITY-05")},
    ("OPEX-05", UNSCANNED): f"{UNSCANNED} was scanned in the last",
}
"""By which words controls tell of a host that nobody scans."""


def take_away(folder: Path, record_type: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what takes a register away, and what brings it back; the second does nothing where nothing is away."""
    there, aside = folder / record_type, folder / f".{record_type}"

    def make() -> None:
        assert there.is_dir(), f"{there} is not there; `lab/lab records` writes it"
        there.rename(aside)

    def undo() -> None:
        if aside.is_dir() and there.is_dir():
            shutil.rmtree(aside)  # written anew meanwhile
        elif aside.is_dir():
            aside.rename(there)

    return make, undo


def leave_unscanned(folder: Path, host: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what takes the scans of a host out of the records, and what brings them back."""
    path = folder / "vulnerability_scan" / "stand-in.json"
    aside = path.with_name(f".{path.name}")

    def make() -> None:
        rows = json.loads(path.read_text(encoding="utf-8"))
        left = [row for row in rows if row["target"]["name"] != host]
        assert 0 < len(left) < len(rows), f"{path} holds no scan of {host} beside others"
        path.rename(aside)
        path.write_text(json.dumps(left), encoding="utf-8")

    def undo() -> None:
        if aside.exists():
            aside.replace(path)

    return make, undo
