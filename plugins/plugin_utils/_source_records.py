# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of records as a source: ``<records>/<type>/*.yml|json``, each file read whole or refused.

A record is *attested* when an SSH signature beside its file (``<file>.sig``) holds against the allowed signers, and
*declared* otherwise. A signature that does not hold is a fault, as is a signature whose file is gone. A file that
belongs to no type is a fault of all types: nobody knows which of them lacks it. A draft (``<file>.draft.yml``) is no
record and no fault.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import TYPES, validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import DRAFT, entries_of, read_text
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_forms import FORMS, foreign_record, form_of

__all__ = ["Found", "Reading", "RecordFault", "belongs", "load_records", "read_records"]

_SUFFIXES = (".yml", ".yaml", ".json")
_ASIDE = ("README.md", "README", ".gitkeep", ".gitignore", ".gitattributes", "CODEOWNERS")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A record with where it stands, its class (``machine``, ``attested``, ``declared``) and who signed it."""

    type: str
    file: str
    klass: str
    signed_by: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordFault:
    """What is wrong with a file: its path, the type it belongs to (None: nobody can tell), and a sentence."""

    file: str
    type: str | None
    says: str


@dataclass
class Reading:
    """What a directory of records holds: records by type, how many files were read by type, and every fault."""

    folder: Path
    found: dict[str, list[Found]] = field(default_factory=lambda: {name: [] for name in TYPES})
    files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TYPES, 0))
    faults: list[RecordFault] = field(default_factory=list)

    def fault(self, path: Path, record_type: str | None, says: str) -> None:
        """Keep a fault."""
        self.faults.append(RecordFault(self.name(path), record_type, says))

    def name(self, path: Path) -> str:
        """Return how a file is called: its path below the directory."""
        return path.relative_to(self.folder).as_posix()

    def wrong(self, record_type: str) -> list[str]:
        """Return a sentence for each fault that keeps this type from being complete."""
        return [one.says for one in self.faults if one.type in (None, record_type)]


def load_records(folder: Path, **how: Any) -> Reading:
    """Return what `read_records` reads; raise `OpsError` with the first faults when there is any."""
    reading = read_records(folder, **how)
    if reading.faults:
        told = " ".join(one.says for one in reading.faults[:_SHOWN])
        more = f" And {len(reading.faults) - _SHOWN} more." if len(reading.faults) > _SHOWN else ""
        raise OpsError(told + more, faults=[one.says for one in reading.faults])
    return reading


def read_records(folder: Path, *, environments: Sequence[str], allowed_signers: Path | None = None) -> Reading:
    """Read a directory of people's records.

    ``environments`` are the names that a record may carry, the first of them for files of scanners and providers that
    carry none. Without ``allowed_signers`` no record is attested. Raises `OpsError` when the directory is missing;
    everything else that is wrong stands in the reading's faults.
    """
    if not folder.is_dir():
        raise OpsError(f"There is no directory of records at {folder}; make it, or correct verify_records_dir.")
    reading = Reading(folder)
    files = [(path, kind) for path in _entries(reading) for kind in [path.relative_to(folder).parts[0]]]
    signed = _signatures(reading, [path for path, _kind in files], allowed_signers)
    for path, kind in files:
        if path in signed:
            _read_file(reading, path, kind, signed[path], environments)
    _unique(reading)
    return reading


def _entries(reading: Reading) -> list[Path]:
    """Return the files that hold records; note the ones that nobody can place."""
    kept = []
    for path in sorted(path for path in reading.folder.rglob("*") if not path.is_dir() or path.is_symlink()):
        parts = path.relative_to(reading.folder).parts
        if path.name in _ASIDE or any(part.startswith(".") for part in parts):
            continue
        if path.is_symlink():
            reading.fault(path, None, f"{path} is a link; put the file itself there.")
        elif len(parts) < 2 or parts[0] not in TYPES:
            wanted = parts[0] if len(parts) > 1 else path.name
            reading.fault(path, None, f"{path}: there is no record type {wanted!r}; move it into the folder of a type.")
        elif path.suffix == ".sig":
            if not path.with_suffix("").is_file():
                reading.fault(path, parts[0], f"{path} is the signature of a file that is gone; bring the file back.")
        elif path.name.endswith(DRAFT):
            continue
        elif path.suffix in _SUFFIXES or form_of(path):
            kept.append(path)
        else:
            forms = ", ".join([*_SUFFIXES, *FORMS])
            reading.fault(path, parts[0], f"{path} is not a record; its name has to end in one of {forms}.")
    return kept


def _signatures(reading: Reading, paths: list[Path], signers: Path | None) -> dict[Path, str]:
    """Return who signed each file, empty where nobody did; a file whose signature does not hold is left out."""

    def check(path: Path) -> tuple[Path, str, str]:
        signature = path.with_name(path.name + ".sig")
        if signers is None or not signature.is_file():
            return path, "", ""
        try:
            return path, _sshsig.verify(path, signature=signature, allowed_signers=signers).principal, ""
        except OpsError as exc:
            return path, "", exc.message

    with ThreadPoolExecutor(max_workers=4) as pool:
        checked = list(pool.map(check, paths))
    for path, _who, wrong in checked:
        if wrong:
            reading.fault(path, path.relative_to(reading.folder).parts[0], wrong)
    return {path: who for path, who, wrong in checked if not wrong}


def _read_file(reading: Reading, path: Path, kind: str, signer: str, environments: Sequence[str]) -> None:
    try:
        text = read_text(path)
        rows = [foreign_record(path, text, environments[0])] if form_of(path) else entries_of(path, text)
    except OpsError as exc:
        reading.fault(path, kind, exc.message)
        return
    reading.files[kind] += 1
    for number, row in enumerate(rows, start=1):
        where = f"{path}, record {number}" if len(rows) > 1 else str(path)
        try:
            record = plain(row)
            _whole(record)
            validate(record, kind)
            belongs(record, kind, environments)
        except OpsError as exc:
            reading.fault(path, kind, f"{where}: {exc.message}")
            continue
        klass = "attested" if signer else "declared"
        reading.found[kind].append(Found(kind, reading.name(path), klass, signer, record))


def _whole(record: dict[str, Any]) -> None:
    """Raise `OpsError` when a record says that it is a draft, as one does that was renamed before it was filed."""
    if record.get("draft"):
        raise OpsError(f"it is a draft still; call it {DRAFT} again, complete it, and file it with record.yml.")


def belongs(record: dict[str, Any], kind: str, environments: Iterable[str]) -> None:
    """Raise `OpsError` when a record says another type or an environment that this directory does not serve."""
    said = record.get("type", kind)
    # Backups and drills carry a type of their own schema; all others may name their folder.
    if said != kind:
        raise OpsError(f"type is {said!r}, but it lies in the folder {kind}; move it or correct the type.")
    known = list(environments)
    if record["environment"] not in known:
        raise OpsError(
            f"environment is {record['environment']!r}, but this directory serves {', '.join(known)}; correct it, or "
            "add the name to verify_environments."
        )


def _unique(reading: Reading) -> None:
    """Note each id that two records of a type and environment share."""
    for kind, rows in reading.found.items():
        first: dict[tuple[str, str], str] = {}
        for row in rows:
            key = (row.record["environment"], row.record["id"])
            if key in first:
                path = reading.folder / row.file
                reading.fault(path, kind, f"{path}: the id {key[1]!r} is taken by {first[key]}; give it another one.")
            first.setdefault(key, row.file)
