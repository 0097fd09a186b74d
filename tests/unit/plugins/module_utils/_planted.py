# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of repositories share: the audit of the recorded one, and faults to plant in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _repository_reader
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import Pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_judge import judge

MIB = 2**20
NEWEST, FULL = "20261123-212530F_20261123-215356I", "20261123-212530F"
ARCHIVE, BACKUP = "archive/main/15-1", "backup/main"
SYSTEM = "7711481165364725715"
Recorded = Any
Plant = Callable[[Recorded], None]


def audit(recorded: Recorded, *, at: float | None = None, **bounds: Any) -> list[dict[str, str]]:
    """Collect from the recorded repository and judge it."""
    tool = Pgbackrest(recorded, stanza="main")
    reader = _repository_reader.Reader(tool, run=recorded)
    repository = reader.collect(segment_size=MIB, all_manifests=False)
    repository.at = at or repository.at
    findings, _timeline = judge(repository, Bounds(segment_size=MIB, **bounds))
    return findings


def codes(findings: list[dict[str, str]]) -> set[str]:
    return {row["code"] for row in findings}


def segment(recorded: Recorded, name: str) -> str:
    """Return the path of a segment's file."""
    return next(path for path in recorded.listing if path.rsplit("/", 1)[-1].startswith(f"{name}-"))


def drop(prefix: str) -> Plant:
    """Return a fault that removes all paths which begin so."""

    def plant(recorded: Recorded) -> None:
        gone = [path for path in recorded.listing if path.startswith(prefix)]
        assert gone, prefix
        for path in gone:
            del recorded.listing[path]

    return plant


def resize(prefix: str, size: int) -> Plant:
    """Return a fault that gives a file another size."""

    def plant(recorded: Recorded) -> None:
        path = next(path for path in recorded.listing if path.startswith(prefix))
        recorded.listing[path]["size"] = size

    return plant


def add_segment(name: str, *, checksum: str = "0" * 40, later: float = 0) -> Plant:
    """Return a fault that archives one more file."""

    def plant(recorded: Recorded) -> None:
        newest = max(float(entry.get("time", 0)) for entry in recorded.listing.values())
        path = f"{ARCHIVE}/{name[:16]}/{name}-{checksum}.zst"
        recorded.listing[path] = {"type": "file", "size": 8464, "time": newest + later}

    return plant


def add_history(timeline: int, text: str, *, later: float = 0) -> Plant:
    """Return a fault that archives the history file of another timeline."""

    def plant(recorded: Recorded) -> None:
        newest = max(float(entry.get("time", 0)) for entry in recorded.listing.values())
        path = f"{ARCHIVE}/{timeline:08X}.history"
        recorded.listing[path] = {"type": "file", "size": 48, "time": newest + later}
        recorded.files[path] = text

    return plant


def unreadable(*paths: str) -> Plant:
    """Return a fault after which files cannot be decrypted."""

    def plant(recorded: Recorded) -> None:
        for path in [path for path in recorded.files if path.startswith(paths)]:
            recorded.files[path] = "Salted__ garbage"

    return plant


def other_system(path: str) -> Plant:
    """Return a fault that makes a file belong to another cluster."""

    def plant(recorded: Recorded) -> None:
        for name in (path, f"{path}.copy"):
            if name in recorded.files:
                recorded.files[name] = recorded.files[name].replace(SYSTEM, "1234567890123456789")

    return plant
