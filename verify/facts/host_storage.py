# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts, disks, memory, and the state of single files: parsers of the answers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    *("BlockDevice", "Disk", "FileState", "Mount"),
    *(
        "block_devices",
        "cpus",
        "disks",
        "file_states",
        "fstab",
        "grepped",
        "load",
        "memory",
        "mounts",
        "stamped_files",
        "sysctl",
    ),
]

# File systems that hold no data of their own, or are full by their nature.
_PSEUDO = frozenset(
    {"tmpfs", "devtmpfs", "ramfs", "efivarfs", "squashfs", "proc", "sysfs", "cgroup", "cgroup2", "erofs", "iso9660"}
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mounts."""

    device: str
    target: str
    fstype: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system with room of its own; sizes in bytes, inodes counted (None where the file system has none)."""

    device: str
    target: str
    fstype: str
    size: int
    used: int
    available: int
    inodes: int | None
    inodes_used: int | None

    @property
    def used_ratio(self) -> float:
        """Return the share in use, 0 to 1, of what is not reserved for root - as df counts it."""
        return self.used / (self.used + self.available) if self.used + self.available else 0.0

    @property
    def inode_ratio(self) -> float:
        """Return the share of inodes in use, 0 to 1; 0 where there is no such limit."""
        return (self.inodes_used or 0) / self.inodes if self.inodes else 0.0


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """One block device and whether what it carries is encrypted below (a LUKS mapping, or a part of one)."""

    name: str
    type: str
    fstype: str
    mountpoints: tuple[str, ...]
    size: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class FileState:
    """Owner, mode and age of a file; ``mode`` holds the permission bits, ``mtime`` seconds since the epoch."""

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float


def mounts(text: str) -> list[Mount]:
    """Read /proc/self/mounts."""
    found = []
    for line in text.splitlines():
        device, target, fstype, options, _dump, _pass = line.split(" ")
        found.append(Mount(device, _unescaped(target), fstype, tuple(options.split(","))))
    if not any(mount.target == "/" for mount in found):
        raise ValueError("nothing is mounted at /, so the list is not whole")
    return found


def fstab(text: str) -> list[Mount]:
    """Read fstab(5), told by `grepped`: what has to be mounted; lines for swap or on demand (``noauto``) are none."""
    found = []
    for _path, line in grepped(text):
        words = line.split()
        if len(words) < 4 or words[0].startswith("#"):
            continue
        device, target, fstype, options = words[:4]
        if target.startswith("/") and fstype != "swap" and "noauto" not in options.split(","):
            found.append(Mount(device, _unescaped(target), fstype, tuple(options.split(","))))
    return found


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def disks(text: str) -> list[Disk]:
    """Read df's nine columns; file systems without data of their own, and second places of one, are left out."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("Filesystem"):
        raise ValueError("this is not what df prints")
    found: dict[tuple[str, int], Disk] = {}
    for line in lines[1:]:
        device, fstype, size, used, available, inodes, inodes_used, _free, target = line.split(None, 8)
        disk = Disk(
            *(device, target, fstype, int(size), int(used), int(available)), _count(inodes), _count(inodes_used)
        )
        if fstype not in _PSEUDO and disk.size:
            found.setdefault((device, disk.size), disk)
    return list(found.values())


def _count(text: str) -> int | None:
    return None if text in ("-", "0") else int(text)


def block_devices(text: str) -> list[BlockDevice]:
    """Read ``lsblk --json``, with parts and mappings after what they lie on."""
    return list(_devices(json.loads(text)["blockdevices"], encrypted=False))


def _devices(rows: Iterable[Mapping[str, Any]], *, encrypted: bool) -> Iterator[BlockDevice]:
    for row in rows:
        inside = encrypted or row["type"] == "crypt"
        places = tuple(place for place in row.get("mountpoints") or [] if place)
        yield BlockDevice(row["name"], row["type"], row.get("fstype") or "", places, int(row["size"]), inside)
        yield from _devices(row.get("children") or [], encrypted=inside)


def file_states(text: str) -> dict[str, FileState]:
    """Read stat's lines of seven columns, separated by tabs. A file that is not there has no line."""
    found = {}
    for line in text.splitlines():
        path, kind, mode, uid, gid, size, mtime = line.split("\t")
        found[path] = FileState(path, kind, int(mode, 8), int(uid), int(gid), int(size), float(mtime))
    if "/etc/passwd" not in found:
        raise ValueError("not even /etc/passwd is there, so the list is not whole")
    return found


def grepped(text: str) -> list[tuple[str, str]]:
    """Read ``path:line`` pairs as ``grep -H`` prints them."""
    found = []
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if not colon or not path.startswith("/"):
            raise ValueError(f"this is no line of a file: {line[:80]!r}")
        found.append((path, rest))
    return found


def sysctl(text: str) -> dict[str, str]:
    """Read files below /proc/sys as ``net.ipv4.ip_forward`` -> value; a setting that the kernel lacks has no line."""
    found = {path.removeprefix("/proc/sys/").replace("/", "."): value for path, value in grepped(text)}
    if not found:
        raise ValueError("the kernel shows none of its settings")
    return found


def stamped_files(text: str) -> dict[str, tuple[float, int]]:
    """Read ``mtime size path`` lines as path -> (seconds since the epoch, bytes)."""
    found = {}
    for line in text.splitlines():
        mtime, size, path = line.split(" ", 2)
        found[path] = (float(mtime), int(size))
    return found


def memory(text: str) -> dict[str, int]:
    """Read /proc/meminfo as name -> bytes (the few lines without a unit are counts)."""
    found = {}
    for line in text.splitlines():
        name, value, *unit = line.split()
        found[name.rstrip(":")] = int(value) * (1024 if unit else 1)
    if "MemTotal" not in found:
        raise ValueError("meminfo does not tell the memory")
    return found


def load(text: str) -> tuple[float, float, float]:
    """Read /proc/loadavg: the averages over 1, 5 and 15 minutes."""
    one, five, fifteen, *_rest = text.split()
    return float(one), float(five), float(fifteen)


def cpus(text: str) -> int:
    """Read the list of processors that work, such as ``0-3,6``, and count them."""
    count = 0
    for part in text.strip().split(","):
        first, _dash, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count
