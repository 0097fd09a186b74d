# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named faults: made once, remembered, undone exactly, also after the lab or this machine was restarted."""

from __future__ import annotations

import datetime
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import _faults_files, _faults_hosts, _records
from ._console import LabError, LabRefused, table
from ._estate import Estate
from ._fault import Bench, Fault
from ._podman import Podman
from ._records import Record

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_faults_hosts.FAULTS, *_faults_files.FAULTS)}


def listing(estate: Estate) -> str:
    """Return the table of all faults and what each needs, marking those in effect."""
    active = {record.name for record in _records.load(estate)}
    rows = [
        ["*" if fault.name in active else "", fault.name, fault.usage, fault.title, fault.undo]
        for fault in FAULTS.values()
    ]
    notes = [f"  {fault.name}: {fault.options_text()}" for fault in FAULTS.values() if fault.options]
    return "\n".join(
        [table(["", "FAULT", "TARGETS", "WHAT HAPPENS", "HEAL"], rows), "", "options (--set KEY=VALUE):", *notes]
    )


def parse_options(words: Sequence[str]) -> dict[str, str]:
    """Return KEY=VALUE words as a dictionary.

    Raises: LabRefused for a word without '='.
    """
    options = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise LabRefused(f"'{word}' is no option of a fault; write --set KEY=VALUE.")
        options[key] = value
    return options


def get(name: str) -> Fault:
    """Return the fault of this name.

    Raises: LabRefused when there is none.
    """
    if name not in FAULTS:
        raise LabRefused(f"There is no fault '{name}'; choose one of {', '.join(FAULTS)}.")
    return FAULTS[name]


@contextmanager
def _one_at_a_time(estate: Estate) -> Iterator[None]:
    directory = _records.directory(estate)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make(
    podman: Podman, estate: Estate, name: str, targets: Sequence[str], options: dict[str, str]
) -> list[tuple[Record, bool]]:
    """Make a fault and return its records, each with whether it was made just now.

    Faults that can be repeated without harm are made sure of again; the others are left as they are.
    Raises: LabRefused for wrong targets or options or a missing lab; LabError when the fault cannot be made.
    """
    fault = get(name)
    groups = fault.split(list(targets))
    settings = fault.settle(options)
    bench = Bench(podman, estate)
    if not podman.states():
        raise LabRefused(f"The lab '{estate.prefix}' does not exist; build it with: lab up")
    with _one_at_a_time(estate):
        return [_make_one(bench, fault, group, settings) for group in groups]


def _make_one(bench: Bench, fault: Fault, targets: list[str], settings: dict[str, str]) -> tuple[Record, bool]:
    present = _records.find(bench.estate, fault.name, targets)
    if present is not None and not fault.repeatable:
        if present.complete:
            return present, False
        fault.heal(bench, present)  # the command that made it was killed half-way
        _records.delete(bench.estate, present)
        present = None
    at = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="microseconds")
    record = present or Record(fault.name, targets, at)
    # Remembered before it is made: a fault whose command is killed half-way can still be undone.
    _records.save(bench.estate, record)
    try:
        if fault.inside:
            bench.require_running(targets[0])
        fault.make(bench, record, settings)
    except LabError:
        if present is None:
            _records.delete(bench.estate, record)
        raise
    record.complete = True
    _records.save(bench.estate, record)
    return record, present is None


def heal(podman: Podman, estate: Estate, name: str | None, targets: Sequence[str]) -> list[str]:
    """Undo a fault (of all its targets when none is given), or every fault when the name is None; the newest first.

    Returns one line for each; a fault that is not in effect is no error.
    Raises: LabRefused for an unknown fault or target; LabError when undoing fails, the record then stays.
    """
    if name is not None:
        groups = get(name).split(list(targets)) if targets else None
        keys = None if groups is None else {_records.record_key(name, group) for group in groups}
    bench = Bench(podman, estate)
    lines: list[str] = []
    with _one_at_a_time(estate):
        for record in reversed(_records.load(estate)):
            if name is None or (record.name == name and (keys is None or record.key in keys)):
                note = get(record.name).heal(bench, record)
                _records.delete(estate, record)
                lines.append(f"{record.name} {' '.join(record.targets)}: undone{f' ({note})' if note else ''}")
    wanted = " ".join([name or "any fault", *targets])
    return lines or [f"{wanted}: not in effect, nothing to undo"]
