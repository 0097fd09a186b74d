# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host, sent there through podman: finds and damages files so that the damage can be undone exactly.

Called as `python3 - '{"verb": ..., ...}'`; prints one JSON object, {"error": sentence} when the request cannot be met.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LABEL = re.compile(r"\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?")
SEGMENT = re.compile(r"([0-9A-F]{24})-([0-9a-f]{40})(\.\w+)?")
CIPHER = re.compile(r"^(\s*repo\d*-cipher-pass\s*=\s*)(\S.*)$", re.MULTILINE)


class Impossible(Exception):
    """The request cannot be met; the message is one sentence."""


def keep_times(path: Path, work: Callable[[], None]) -> None:
    """Do something to a file and put its times back: rot leaves no trace in a directory listing."""
    before = path.stat()
    work()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def write_at(path: Path, offset: int, content: bytes) -> None:
    """Overwrite bytes in place."""
    with path.open("r+b") as handle:
        handle.seek(offset)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def read_at(path: Path, offset: int, length: int) -> bytes:
    """Read bytes at an offset."""
    with path.open("rb") as handle:
        handle.seek(offset)
        return handle.read(length)


def flip(*, path: str, offset: int | None = None, length: int = 1, plan: bool = False) -> dict[str, Any]:
    """Invert bytes of a file, by default one in its middle; or only say what that would change."""
    file = Path(path)
    size = file.stat().st_size
    at = size // 2 if offset is None else offset
    before = read_at(file, at, length)
    if len(before) != length:
        raise Impossible(f"{path} has only {size} bytes, so {length} at {at} cannot be changed.")
    after = bytes(byte ^ 0xFF for byte in before)
    if not plan:
        keep_times(file, lambda: write_at(file, at, after))
    return {"path": path, "offset": at, "before": before.hex(), "after": after.hex()}


def unflip(*, path: str, offset: int, before: str, after: str) -> dict[str, Any]:
    """Put inverted bytes back, unless the file is gone or was written anew."""
    file = Path(path)
    if not file.exists():
        return {"healed": False, "why": f"{path} no longer exists"}
    present = read_at(file, offset, len(after) // 2).hex()
    if present == before:
        return {"healed": True, "why": ""}
    if present != after:
        return {"healed": False, "why": f"{path} was written anew"}
    keep_times(file, lambda: write_at(file, offset, bytes.fromhex(before)))
    return {"healed": True, "why": ""}


def newest_backup(repo: Path, stanza: str) -> Path:
    """Return the directory of the newest backup of a stanza."""
    root = repo / "backup" / stanza
    labels = [
        entry for entry in root.glob("*") if entry.is_dir() and not entry.is_symlink() and LABEL.fullmatch(entry.name)
    ]
    if not labels:
        raise Impossible(f"There is no backup below {root}; make one first.")
    return max(labels, key=lambda entry: re.findall(r"\d{8}-\d{6}", entry.name)[-1])


def backup_file(*, repo: str, stanza: str, bundle: bool) -> dict[str, Any]:
    """Return the largest file of the newest backup, of its bundles only when asked."""
    backup = newest_backup(Path(repo), stanza)
    base = backup / "bundle" if bundle or (backup / "bundle").is_dir() else backup / "pg_data"
    files = [entry for entry in base.rglob("*") if entry.is_file()]
    if not files:
        raise Impossible(f"The backup {backup.name} has no file below {base}.")
    largest = max(files, key=lambda entry: (entry.stat().st_size, entry.name))
    return {"path": str(largest), "label": backup.name}


def segments(repo: Path, stanza: str) -> list[Path]:
    """Return the archived segments of a stanza in the order of their names."""
    files = (entry for entry in (repo / "archive" / stanza).rglob("*") if entry.is_file())
    return sorted((entry for entry in files if SEGMENT.fullmatch(entry.name)), key=lambda entry: entry.name)


def wal_segment(*, repo: str, stanza: str, segment: str = "") -> dict[str, Any]:
    """Return a segment by name, else the last but one: damage there leaves a gap with good segments around it."""
    found = segments(Path(repo), stanza)
    if segment:
        found = [entry for entry in found if entry.name.startswith(segment)]
        if not found:
            raise Impossible(f"The archive of {stanza} holds no segment {segment}.")
        return {"path": str(found[0])}
    if len(found) < 3:
        raise Impossible(
            f"The archive of {stanza} holds only {len(found)} segments; three are needed, switch WAL first."
        )
    return {"path": str(found[-2])}


def truncate(*, path: str) -> dict[str, Any]:
    """Cut a file to its first half."""
    file = Path(path)
    size = file.stat().st_size
    keep_times(file, lambda: os.truncate(file, size // 2))
    return {"path": path, "size": size}


def remove(*, path: str) -> dict[str, Any]:
    """Remove a file."""
    Path(path).unlink()
    return {"path": path}


def duplicate(*, path: str, plan: bool = False) -> dict[str, Any]:
    """Archive a segment a second time under another checksum, as two primaries would; or only say under which."""
    file = Path(path)
    match = SEGMENT.fullmatch(file.name)
    if match is None:
        raise Impossible(f"{path} is not an archived segment.")
    other = hashlib.sha1(match.group(2).encode(), usedforsecurity=False).hexdigest()
    copy = file.with_name(f"{match.group(1)}-{other}{match.group(3) or ''}")
    if not plan:
        copy_owned(file, copy)
    return {"path": str(copy)}


def copy_owned(source: Path, target: Path) -> None:
    """Copy a file with its times, mode and owner."""
    shutil.copy2(source, target)
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)


def orphan_timeline(*, repo: str, stanza: str, plan: bool = False) -> dict[str, Any]:
    """Leave a segment of a timeline that no server of the stanza ever was on; or only say where it would lie."""
    found = segments(Path(repo), stanza)
    if not found:
        raise Impossible(f"The archive of {stanza} holds no segment.")
    last = found[-1]
    timeline = f"{int(last.name[:8], 16) + 7:08X}"
    target = last.parent.parent / f"{timeline}{last.parent.name[8:]}" / f"{timeline}{last.name[8:]}"
    answer = {"path": str(target), "directory": "" if target.parent.exists() else str(target.parent)}
    if not plan:
        target.parent.mkdir(mode=0o750, exist_ok=True)
        status = last.parent.stat()
        os.chown(target.parent, status.st_uid, status.st_gid)
        copy_owned(last, target)
    return answer


def unlink(*, path: str, directory: str = "") -> dict[str, Any]:
    """Remove a file a fault made, and the directory made for it when it is empty."""
    Path(path).unlink(missing_ok=True)
    if directory and Path(directory).is_dir() and not any(Path(directory).iterdir()):
        Path(directory).rmdir()
    return {"healed": True, "why": ""}


def config_value(*, directory: str, key: str) -> dict[str, Any]:
    """Return the first value of an option in the configuration files of pgBackRest."""
    for file in sorted(Path(directory).rglob("*.conf")):
        match = re.search(rf"^\s*{re.escape(key)}\s*=\s*(\S.*?)\s*$", file.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return {"path": str(file), "value": match.group(1)}
    raise Impossible(f"No configuration file below {directory} sets {key}.")


def change_key(*, path: str) -> dict[str, Any]:
    """Replace the passphrase of the repository by another one."""
    file = Path(path)
    text, count = CIPHER.subn(r"\g<1>not-the-passphrase-of-this-repository", file.read_text(encoding="utf-8"))
    if not count:
        raise Impossible(f"{path} holds no passphrase of a repository.")
    file.write_text(text, encoding="utf-8")  # in place: owner and mode stay
    return {"path": path}


def usage(*, path: str) -> dict[str, Any]:
    """Return the bytes a directory holds and its owner and mode."""
    top = Path(path)
    if not top.is_dir():
        raise Impossible(f"{path} is not a directory.")
    status = top.stat()
    total = sum(entry.lstat().st_blocks * 512 for entry in top.rglob("*"))
    return {"bytes": total, "uid": status.st_uid, "gid": status.st_gid, "mode": f"{status.st_mode & 0o7777:o}"}


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    verb.__name__: verb
    for verb in (
        flip,
        unflip,
        backup_file,
        wal_segment,
        truncate,
        remove,
        duplicate,
        orphan_timeline,
        unlink,
        config_value,
        change_key,
        usage,
    )
}


def main() -> None:
    """Run the verb named in the argument and print its answer."""
    request = json.loads(sys.argv[1])
    try:
        answer = VERBS[request.pop("verb")](**request)
    except (Impossible, OSError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
