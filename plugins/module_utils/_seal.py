# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seal of a pack: a manifest of all its files, chained to the pack before it and signed.

``MANIFEST`` begins with facts in comment lines, so that ``sha256sum -c MANIFEST`` reads it too::

    # ccobservatory.ops manifest 1
    # id: 20261123T211500Z-site_lost
    # environment: staging
    # sealed: 2026-11-23T21:31:02.118Z
    # journal: 58 <hash of its last line>
    # previous: 20261023T190000Z-site_lost <sha256 of its MANIFEST>
    # signer: seal@staging
    <sha256>  drill.html

A seal is tamper-evident, not tamper-proof: who holds the key can make another one. Without a key there is a manifest
alone, whose signer is `UNSIGNED`: it finds what was damaged, and proves nothing about who made it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes, sha256_file
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._sshsig import sign

__all__ = ["MANIFEST", "SIGNATURE", "UNSIGNED", "files_of", "manifest_text", "newest_seal", "read_facts", "seal"]

MANIFEST = "MANIFEST"
SIGNATURE = "MANIFEST.sig"
UNSIGNED = "none"
_TITLE = "# ccobservatory.ops manifest 1"
_FACTS = ("id", "environment", "sealed", "journal", "previous", "signer")


def files_of(folder: Path) -> list[str]:
    """Return the files of a pack as sorted paths inside it, without the manifest and its signature.

    Raises `OpsError` for what a manifest cannot hold: a link, a device, a name that is not printable.
    """
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise OpsError(f"{path} is not a plain file; a pack holds plain files only.")
        if not name.isprintable() or "\\" in name:
            raise OpsError(f"The file name {name!r} cannot stand in a manifest; rename it.")
        if path.is_file() and name not in (MANIFEST, SIGNATURE):
            names.append(name)
    return sorted(names)


def manifest_text(folder: Path, facts: Mapping[str, str]) -> bytes:
    """Return the manifest of a pack: its facts, and the SHA-256 of each file.

    ``facts`` holds id, environment, sealed, journal, previous and signer; a value is one line of text.
    """
    lines = [_TITLE]
    for key in _FACTS:
        value = facts[key]
        if not value or not value.isprintable():
            raise OpsError(f"The fact {key} of the manifest is {value!r}; it has to be one line of text.")
        lines.append(f"# {key}: {value}")
    lines += [f"{sha256_file(folder / name)}  {name}" for name in files_of(folder)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def seal(folder: Path, facts: Mapping[str, str], *, key: Path | None) -> str:
    """Write and sign the manifest of a pack; return the SHA-256 of the manifest.

    The manifest appears last, and only with its signature beside it: a pack is sealed or it is not. Without a key the
    fact signer has to be `UNSIGNED`. Raises `OpsError` when the pack is sealed already, or cannot be signed.
    """
    if (folder / MANIFEST).exists():
        raise OpsError(f"{folder} is sealed already; a sealed pack is never written again.")
    if (key is None) != (facts["signer"] == UNSIGNED):
        raise OpsError(f"The manifest of {folder} names the signer {facts['signer']}; without a key it is {UNSIGNED}.")
    for left in (f".{MANIFEST}", f".{SIGNATURE}", SIGNATURE):
        (folder / left).unlink(missing_ok=True)
    text = manifest_text(folder, facts)
    fresh = folder / f".{MANIFEST}"
    with fresh.open("wb") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    if key is not None:
        sign(fresh, key=key).replace(folder / SIGNATURE)
    fresh.replace(folder / MANIFEST)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sha256_bytes(text)


def read_facts(manifest: Path) -> dict[str, str]:
    """Return the facts of a manifest; OSError or `OpsError` when it is not one."""
    lines = manifest.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0] != _TITLE:
        raise OpsError(f"{manifest} is not a manifest of this collection.")
    facts = {}
    for line in lines[1:]:
        if not line.startswith("# "):
            break
        name, _colon, value = line[2:].partition(": ")
        facts[name] = value
    return facts


def newest_seal(base: Path, *, without: Path) -> tuple[str, str] | None:
    """Return the id and the manifest's SHA-256 of the pack that was sealed last under ``base``; None for the first."""
    found: list[tuple[str, str, str]] = []
    for manifest in base.glob(f"*/{MANIFEST}"):
        if manifest.parent == without:
            continue
        facts = read_facts(manifest)
        found.append((facts.get("sealed", ""), manifest.parent.name, sha256_file(manifest)))
    return max(found)[1:] if found else None
