# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What faults are in effect: one JSON file each, so that a fault can be undone after any restart."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ._estate import Estate


@dataclass
class Record:
    """One fault in effect: its name, its targets, when it was made (UTC, ISO) and what undoing it needs.

    complete is false while the fault is being made; such a record remains when the command was killed.
    """

    name: str
    targets: list[str]
    at: str
    undo: dict[str, Any] = field(default_factory=dict)
    complete: bool = False

    @property
    def key(self) -> str:
        """Name of the file, unique for a fault and its targets."""
        return record_key(self.name, self.targets)


def record_key(name: str, targets: Sequence[str]) -> str:
    """Return the file name (without ending) of a fault on these targets."""
    return "+".join([name, *(target.replace("/", "%") for target in targets)])


def directory(estate: Estate) -> Path:
    """Return where the records of a lab lie."""
    return estate.state / "faults"


def save(estate: Estate, record: Record) -> None:
    """Write a record so that it is there completely or not at all."""
    path = directory(estate) / f"{record.key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as handle:
        json.dump(asdict(record), handle, indent=2)
        handle.flush()
        os.fsync(handle.fileno())
    Path(handle.name).replace(path)


def load(estate: Estate) -> list[Record]:
    """Return all records, the oldest first."""
    records = [Record(**json.loads(path.read_text(encoding="utf-8"))) for path in directory(estate).glob("*.json")]
    return sorted(records, key=lambda record: (record.at, record.key))


def find(estate: Estate, name: str, targets: Sequence[str]) -> Record | None:
    """Return the record of a fault on these targets, if it is in effect."""
    wanted = record_key(name, targets)
    return next((record for record in load(estate) if record.key == wanted), None)


def delete(estate: Estate, record: Record) -> None:
    """Remove a record and the saved originals that belong to it."""
    for ending in (".json", ".tar"):
        (directory(estate) / f"{record.key}{ending}").unlink(missing_ok=True)


def saved_original(estate: Estate, key: str) -> Path:
    """Return where the original of a changed file is kept."""
    return directory(estate) / f"{key}.tar"


def cuts(estate: Estate) -> list[list[str]]:
    """Return the firewall rules of all faults in effect."""
    return [record.undo["rules"] for record in load(estate) if record.undo.get("rules")]


def forget(estate: Estate, names: Iterable[str]) -> None:
    """Remove the records of faults that ended by other means."""
    wanted = set(names)
    for record in load(estate):
        if record.name in wanted:
            delete(estate, record)


def forget_all(estate: Estate) -> None:
    """Remove all records, for a lab that was replaced as a whole."""
    for record in load(estate):
        delete(estate, record)
