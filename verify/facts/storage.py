# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems of a host, as it sees them itself, held against its fstab and against what Prometheus knows of them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from verify.facts.host_storage import Disk
from verify.facts.metrics import Sample

__all__ = ["read_only", "unmounted", "unwatched"]


def unwatched(disks: Sequence[Disk], samples: Iterable[Sample], *, inodes: bool = False) -> list[Disk]:
    """Return the file systems of which Prometheus has no sample, by the place or by the device; with ``inodes`` only
    those that have a limit of inodes.

    An overlay has no room of its own: it shares size and inodes with what it lies on, and that one's sample counts.
    What FUSE mounts is not asked of Prometheus (`_source_queries`).
    """
    known = {one.labels.get(key) for one in samples for key in ("mountpoint", "device")}
    seen = [one for one in disks if one.target in known or one.device in known]
    below = {(one.size, one.inodes) for one in seen}
    return [
        one
        for one in disks
        if one not in seen
        and not one.fstype.startswith("fuse")
        and not (one.fstype == "overlay" and (one.size, one.inodes) in below)
        and (one.inodes or not inodes)
    ]


def unmounted(host: Any) -> list[str]:
    """Return the places that fstab of a host names and at which nothing is mounted."""
    mounted = {one.target for one in host.mounts}
    return [one.target for one in host.fstab if one.target not in mounted]


def read_only(host: Any) -> list[str]:
    """Return where a host mounted a file system read-only that fstab does not want so.

    What fstab does not name is left to who mounted it, but for the root.
    """
    wanted = {one.target: "ro" not in one.options for one in host.fstab}
    wanted.setdefault("/", True)
    # The last line of a place is what one sees there.
    last = {one.target: one for one in host.mounts}
    return [
        target for target, writable in wanted.items() if writable and target in last and "ro" in last[target].options
    ]
