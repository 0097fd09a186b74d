# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was collected of a backup repository, and what is expected of it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal

__all__ = ["Bounds", "Repository"]


@dataclass
class Bounds:
    """What is expected of the repository; None leaves a check out. Ages in seconds, sizes in bytes."""

    segment_size: int = 16 * 2**20
    timeline: int | None = None
    continuity_from: str = "oldest"
    system_identifier: str | None = None
    database_version: str | None = None
    current_lsn: str | None = None
    max_archive_age_s: float | None = None
    max_backup_age_s: float | None = None
    max_full_backup_age_s: float | None = None
    retention_full: int | None = None
    certificate_min_days: float = 21
    min_free_percent: float = 10


@dataclass
class Repository:
    """What was collected of one stanza. Texts are None where a file exists but cannot be read."""

    stanza: str
    at: float
    listing: dict[str, dict[str, Any]]
    info: dict[str, Any]
    info_files: dict[str, str | None] = field(default_factory=dict)
    histories: dict[int, str | None] = field(default_factory=dict)
    manifests: dict[str, str | None] = field(default_factory=dict)
    archive: _wal.Archive = field(default_factory=_wal.Archive)

    def forks(self) -> dict[int, list[_wal.Fork]]:
        """Return the forks of each readable history file."""
        return {number: _wal.parse_history(text) for number, text in self.histories.items() if text is not None}

    def began(self, timeline: int) -> float:
        """Return when *timeline* showed up in the archive: the time of its history file, 0 without one."""
        path = self.archive.histories.get(timeline)
        return float(self.listing[path].get("time", 0)) if path else 0.0
