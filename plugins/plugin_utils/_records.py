# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that procedures leave: one canonical file each, chained to the record of the same type before it.

``<records>/<type>/<UTC time>-<id>.json``. ``previous`` names the file before it and its SHA-256, so that a record
that was edited or taken away leaves a mark in the one after it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, plain, sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import (
    DRILL_LIKE,
    RECORD_TYPES,
    TYPES,
    schema_name,
    validate,
)

__all__ = ["chain_faults", "complete", "write"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def complete(
    content: Mapping[str, Any], *, record_type: str, environment: str, defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content as a valid record.

    Filled in where they lack: ``schema``, ``type``, ``environment``, ``id``, the seconds of a phase whose start and end
    are known, ``at`` and ``by`` where the type has them, and ``defaults`` (operator and collection version).

    Raises `OpsError` when the content names another type or environment, or does not fit its schema.
    """
    if record_type not in TYPES:
        raise OpsError(f"There is no record type {record_type!r}; use one of {', '.join(TYPES)}.")
    record: dict[str, Any] = plain(content)
    record.pop("previous", None)
    record["schema"] = _schema(record, record_type)
    for key, value in (("type", record_type), ("environment", environment)):
        if record.setdefault(key, value) != value:
            raise OpsError(f"The content says {key} {record[key]!r}, the task says {value!r}; make them agree.")
    record.setdefault("id", f"{record.get('asset') or record_type}-{_utc.compact(_utc.now())}")
    for key, value in (defaults or {}).items():
        record.setdefault(key, value)
    if record_type in RECORD_TYPES:
        record.setdefault("at", _utc.iso_ms(_utc.now()))
        record.setdefault("by", record.get("operator") or "ccobservatory.ops")
    for phase in record.get("phases") or []:
        if isinstance(phase, dict) and phase.get("seconds") is None and phase.get("started") and phase.get("ended"):
            phase["seconds"] = _utc.seconds_between(phase["started"], phase["ended"])
    validate(record, record_type)
    return record


def _schema(record: Mapping[str, Any], record_type: str) -> str:
    """Return the schema of the type; the record of an activation or a fail-back may come as that of a drill."""
    wanted = schema_name(record_type)
    said = record.get("schema", wanted)
    if said not in (wanted, schema_name("drill") if record_type in DRILL_LIKE else wanted):
        raise OpsError(f"The content has the schema {said!r}, the type {record_type} has {wanted!r}; make them agree.")
    return wanted


def write(record: Mapping[str, Any], *, records_dir: Path) -> tuple[Path, str]:
    """Write a record after the newest one of its type and return its path and SHA-256.

    The file is complete or absent, never in between. Raises `OpsError` when the newest record cannot be read.
    """
    folder = records_dir / record["type"]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        before = _files(folder)
        data = canonical_json({**record, "previous": _link(before[-1]) if before else None}) + b"\n"
        path = _next_path(folder, before, str(record["id"]))
        _write_whole(path, data)
    return path, sha256_bytes(data)


def chain_faults(folder: Path) -> list[str]:
    """Return a sentence for each record of a folder that was edited, removed or put in between; empty when intact."""
    faults: list[str] = []
    before: Path | None = None
    for path in _files(folder):
        try:
            link = json.loads(path.read_bytes())["previous"]
        except (ValueError, KeyError, TypeError):
            faults.append(f"{path.name} is not a record.")
            before = path
            continue
        wanted = _link(before) if before else None
        if link != wanted:
            faults.append(_fault(path, link, wanted))
        before = path
    return faults


def _fault(path: Path, link: Any, wanted: Mapping[str, Any] | None) -> str:
    if not isinstance(link, Mapping):
        return f"{path.name} names no record before it, but {(wanted or {}).get('file')} is there."
    if wanted is None or link.get("file") != wanted["file"]:
        return f"{path.name} follows {link.get('file')}, which is not the record before it."
    return f"{wanted['file']} is not what it was when {path.name} was written."


def _link(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": sha256_bytes(path.read_bytes())}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if path.is_file()) if folder.is_dir() else []


def _next_path(folder: Path, before: list[Path], record_id: str) -> Path:
    """Return a name that sorts after the newest one, also when two records fall into one second or the clock "
    "went back."""
    safe = _UNSAFE.sub("-", record_id)[:80].strip("-.") or "record"
    stem = f"{_utc.compact(_utc.now())}-{safe}"
    name = f"{stem}.json"
    if before and name <= before[-1].name:
        newest = before[-1].name
        stamp, _dash, rest = newest.partition("-")
        number = int(stamp.partition("_")[2] or 0) + 1
        name = f"{stamp.partition('_')[0]}_{number:03d}-{safe}.json"
        if name <= newest:
            raise OpsError(
                f"No name for a record sorts after {newest} (it ends in {rest}); mend the clock and run again."
            )
    return folder / name


def _write_whole(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
