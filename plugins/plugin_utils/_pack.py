# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the pack of a drill: record, report, verifier and seal in the folder of its journal.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain, sha256_file
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import state_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import JOURNAL, Owner, Store, release
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import MANIFEST, files_of, newest_seal, seal
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import record_bytes, render

__all__ = ["Sealing", "completed", "make_pack", "sealed_pack"]

RECORD, REPORT, VERIFIER, SIGNERS = "drill.json", "drill.html", "verify_pack.py", "allowed_signers"
_VERIFIER = Path(__file__).resolve().parents[2] / "verify" / VERIFIER
_HISTORY = 12


@dataclass(frozen=True)
class Sealing:
    """Who seals: the signing key, the name it has in the list of signers, and that list."""

    key: Path
    principal: str
    allowed_signers: Path


def make_pack(
    folder: Path,
    record: Mapping[str, Any],
    *,
    sealing: Sealing,
    owner: Owner,
    history: Sequence[Mapping[str, Any]] | None,
    previous: str,
) -> dict[str, Any]:
    """Write drill.json, drill.html, the verifier and the list of signers, then seal the folder.

    The journal is closed with the record's verdict when it is still open. Returns the paths, the digest of the manifest
    and the command that verifies the pack. Raises `OpsError` before anything is written when the record, the key or the
    journal is not fit.
    """
    _check_sealing(sealing)
    journal = _closed_journal(folder, record, owner)
    link = _previous(folder, previous)
    whole = completed(folder, record, journal=journal, history=history)
    sealed_at = _utc.iso_ms(_utc.now())
    whole["seal"] = {
        "principal": sealing.principal,
        "fingerprint": _sshsig.fingerprint(sealing.key),
        "sealed_at": sealed_at,
        "previous": {"id": link[0], "sha256": link[1]} if link else None,
    }
    _write(folder / VERIFIER, _VERIFIER.read_bytes())
    _write(folder / SIGNERS, sealing.allowed_signers.read_bytes())
    whole["evidence"] = _evidence(folder)
    validate(whole, "drill")
    _write(folder / RECORD, record_bytes(whole))
    _write(folder / REPORT, render(whole))
    told = {
        "id": str(whole["id"]),
        "environment": str(whole["environment"]),
        "sealed": sealed_at,
        "journal": f"{journal['lines']} {journal['head']}" if journal else "none",
        "previous": f"{link[0]} {link[1]}" if link else "none",
        "signer": sealing.principal,
    }
    seal(folder, told, key=sealing.key)
    return sealed_pack(folder)


def completed(
    folder: Path,
    record: Mapping[str, Any],
    *,
    journal: Mapping[str, Any] | None,
    history: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Return the record with what the journal and the earlier packs tell better than the caller."""
    whole: dict[str, Any] = {key: value for key, value in plain(record).items() if key not in ("seal", "evidence")}
    if journal:
        whole["journal"] = {"lines": journal["lines"], "head": journal["head"]}
        whole["steps"], whole["interruptions"] = journal["steps"], journal["interruptions"]
        for key in ("deviations", "findings"):
            whole.setdefault(key, journal[key])
        for key, value in (("id", journal["drill_id"]), ("environment", journal["environment"])):
            if whole.setdefault(key, value) != value:
                raise OpsError(f"The record says {key} {whole[key]!r}, the journal says {value!r}; make them agree.")
        whole["ended"] = whole.get("ended") or journal["ended"]
    if history is not None:
        whole["history"] = plain(list(history))
    elif not whole.get("history"):
        whole["history"] = _history(folder)
    return whole


def sealed_pack(folder: Path) -> dict[str, Any]:
    """Return where the parts of a sealed pack are, its digest, and the command that verifies it."""
    script, html = folder / VERIFIER, folder / REPORT
    return {
        "dir": str(folder),
        "html": str(html),
        "json": str(folder / RECORD),
        "manifest": str(folder / MANIFEST),
        "manifest_sha256": sha256_file(folder / MANIFEST),
        "verify_command": f"python3 {_quoted(str(script))} {_quoted(str(folder))}",
    }


def _check_sealing(sealing: Sealing) -> None:
    """Raise `OpsError` when the key cannot sign under its name, before anything is written."""
    if not sealing.principal or not sealing.principal.isprintable():
        raise OpsError(
            "The seal needs a principal: the name that the list of allowed signers gives to the signing key."
        )
    if not sealing.allowed_signers.is_file():
        raise OpsError(f"There is no list of allowed signers at {sealing.allowed_signers}.")
    _sshsig.fingerprint(sealing.key)


def _closed_journal(folder: Path, record: Mapping[str, Any], owner: Owner) -> dict[str, Any] | None:
    """Return the state of the folder's journal, closed with the record's verdict; None when there is no journal."""
    path = folder / JOURNAL
    if not path.exists():
        return None
    store = Store(folder, owner=owner)
    entries = store.read().entries
    state = state_of(entries)
    if not state["closed"]:
        bodies: list[dict[str, Any]] = []
        if state["current"]:
            bodies.append({"event": "leave", "step": state["current"], "status": "done"})
        reasons = [str(reason) for reason in record.get("verdict_reasons") or []]
        bodies.append({"event": "close", "verdict": str(record.get("verdict")), "reasons": reasons})
        state = state_of(store.append(bodies))
        release(folder.parent, owner=owner)
    return state


def _previous(folder: Path, previous: str) -> tuple[str, str] | None:
    """Return the id and manifest digest of the pack before this one."""
    if previous == "none":
        return None
    if previous == "auto":
        return newest_seal(folder.parent, without=folder)
    manifest = folder.parent / previous / MANIFEST
    if "/" in previous or not manifest.is_file():
        raise OpsError(f"There is no sealed pack {previous!r} beside {folder}; name one, or let it be found (auto).")
    return previous, sha256_file(manifest)


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return what the earlier drills of the environment achieved, oldest first."""
    rows = []
    for path in sorted(folder.parent.glob(f"*/{RECORD}")):
        if path.parent == folder or not (path.parent / MANIFEST).exists():
            continue
        try:
            found = json.loads(path.read_bytes())
            achieved, scenario = found["achieved"], found["scenario"]["name"]
        except (ValueError, KeyError, TypeError):
            continue
        rows.append(
            {
                **{key: found.get(key) for key in ("id", "started", "verdict", "mode")},
                "scenario": scenario,
                **{key: achieved.get(key) for key in ("rto_s", "rpo_s", "lost_rows")},
            }
        )
    return rows[-_HISTORY:]


def _evidence(folder: Path) -> list[dict[str, Any]]:
    later = (RECORD, REPORT)
    names = [name for name in files_of(folder) if name not in later and not name.startswith(".")]
    return [
        {"path": name, "sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size} for name in names
    ]


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}")
    with fresh.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"
