# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks left as a source: chained records below ``<runs>/<type>``, and the sealed packs of drills.

A chain that was edited and a seal that does not hold are facts, not errors: they are what the reader has to learn. A
record that cannot be read, or a folder that is no type, is a fault, as among people's records.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import TYPES, validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import entries_of, read_text
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import chain_faults
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import Found, Reading

__all__ = ["DrillPack", "Runs", "read_packs", "read_runs"]

VERIFIER = Path(__file__).resolve().parents[2] / "verify" / "verify_pack.py"
_VERIFIER_S = 120


@dataclass
class Runs(Reading):
    """A reading of the records of runs, with a sentence for each break of a chain, by type."""

    chains: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrillPack:
    """A pack of a drill: its name, whether its seal holds, what is wrong with it, and its record (None: unreadable)."""

    name: str
    intact: bool
    faults: tuple[str, ...]
    record: dict[str, Any] | None


def read_runs(folder: Path) -> Runs:
    """Read the records that playbooks left, of every environment that they were run for.

    Raises `OpsError` when the directory is missing; a type without a folder has no records.
    """
    if not folder.is_dir():
        raise OpsError(f"There is no directory of runs at {folder}; run a playbook, or correct verify_runs_dir.")
    runs = Runs(folder)
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.name not in TYPES or not path.is_dir():
            runs.fault(path, None, f"{path} is no folder of a record type; move it away.")
            continue
        runs.chains[path.name] = chain_faults(path)
        for file in sorted(path.glob("*.json")):
            _read_file(runs, file, path.name)
    return runs


def _read_file(runs: Runs, path: Path, kind: str) -> None:
    try:
        (row,) = entries_of(path, read_text(path))
        record = plain(row)
        validate(record, kind)
    except ValueError:
        runs.fault(path, kind, f"{path} holds several records; a run leaves one file each.")
        return
    except OpsError as exc:
        runs.fault(path, kind, f"{path}: {exc.message}")
        return
    runs.files[kind] += 1
    runs.found[kind].append(Found(kind, runs.name(path), "machine", "", record))


def read_packs(folder: Path, *, allowed_signers: Path | None, program: Path = VERIFIER) -> list[DrillPack]:
    """Return the drills that were sealed below a directory, oldest first, each checked by the verifier as a program.

    A drill that still runs is none; one that ended has to have its seal, and is not intact without it. Raises
    `OpsError` when the directory or the verifier is missing, or a pack cannot be checked at all.
    """
    if not folder.is_dir():
        raise OpsError(f"There is no directory of drills at {folder}; run a drill, or correct verify_drills_dir.")
    if not program.is_file():
        raise OpsError(f"The verifier of packs is missing at {program}; run from a checkout of the collection.")
    packs = sorted({path.parent for path in folder.glob("*/MANIFEST")} | set(_ended(folder)))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda pack: _checked(pack, allowed_signers, program), packs))


def _ended(folder: Path) -> Iterator[Path]:
    """Return the drills whose journal has its closing line, sealed or not."""
    for journal in folder.glob("*/journal.jsonl"):
        lines = journal.read_bytes().splitlines()
        if lines and b'"event":"close"' in lines[-1]:
            yield journal.parent


def _checked(pack: Path, signers: Path | None, program: Path) -> DrillPack:
    words = [sys.executable, "-I", str(program), str(pack), "--json"]
    if signers is not None:
        words += ["--allowed-signers", str(signers)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_VERIFIER_S)
        report = json.loads(done.stdout) if done.returncode in (0, 12) else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as exc:
        raise OpsError(f"The seal of {pack} cannot be checked: {exc}.") from exc
    if report is None:
        raise OpsError(f"The seal of {pack} cannot be checked: {done.stderr.strip()[:200] or 'the verifier failed'}.")
    faults = tuple(f"{fault['pack']}: {fault['text']}" for fault in report["faults"])
    return DrillPack(pack.name, bool(report["intact"]), faults, _record(pack))


def _record(pack: Path) -> dict[str, Any] | None:
    """Return the record of a drill; None when it is gone or no record, which the seal tells too."""
    try:
        (row,) = entries_of(pack / "drill.json", read_text(pack / "drill.json"))
        found: dict[str, Any] = plain(row)
        validate(found, "drill")
    except (OpsError, ValueError):
        return None
    return found
