# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terraform code: where each configuration keeps its state, whether that place locks and encrypts, and its modules.

What a backend does by itself, and what it has to be told, is from Terraform's language reference ("Backend
Configuration"): S3 locks with ``use_lockfile`` or ``dynamodb_table`` and is told to ``encrypt``; an HTTP backend locks
at ``lock_address``; Consul locks, and stores what it is given as it is.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Backend", "backends", "folders"]

_BLOCK = re.compile(r'^[ \t]*(?:backend[ \t]+"([a-z0-9_]+)"|(cloud))[ \t]*\{(.*?)^[ \t]*\}', re.MULTILINE | re.DOTALL)
_CALLED = re.compile(r'^[ \t]*source[ \t]*=[ \t]*"(\.{1,2}/[^"]+)"', re.MULTILINE)
_CODE = re.compile(r"^[ \t]*(?:resource|data|module|provider|terraform)\b", re.MULTILINE)
_COMMENT = re.compile(r"(?m)(?:#|//).*$")
_REMOTE = frozenset({"azurerm", "cloud", "consul", "cos", "gcs", "http", "kubernetes", "oss", "pg", "remote", "s3"})
_LOCKS = frozenset({"azurerm", "cloud", "consul", "cos", "gcs", "kubernetes", "pg", "remote"})
_ENCRYPTS = frozenset({"azurerm", "cloud", "gcs", "remote"})


class Backend(NamedTuple):
    """Where the code of a folder keeps its state: the kind (empty: nowhere but beside the code), and what it does."""

    folder: str
    kind: str
    remote: bool
    locks: bool
    encrypts: bool


def backends(texts: Mapping[str, str]) -> list[Backend]:
    """Return the backend of each folder whose Terraform code is applied; a module that others call keeps no state."""
    found, called = _grouped(texts)
    wanted = [folder for folder, text in found.items() if _CODE.search(text) and folder not in called]
    return [_backend(folder, found[folder]) for folder in sorted(wanted)]


def _grouped(texts: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """Return the code of each folder without comments, and the folders that others call."""
    found: dict[str, str] = {}
    for path, text in texts.items():
        folder = path.rpartition("/")[0] or "."
        found[folder] = found.get(folder, "") + "\n" + _COMMENT.sub("", text)
    return found, {_beside(folder, one) for folder, text in found.items() for one in _CALLED.findall(text)}


def _beside(folder: str, source: str) -> str:
    parts = [] if folder == "." else folder.split("/")
    for part in source.rstrip("/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."


def _backend(folder: str, text: str) -> Backend:
    found = _BLOCK.search(text)
    if found is None:
        return Backend(folder, "", False, False, False)
    kind, block = found[1] or found[2], found[3]
    locks = kind in _LOCKS or (kind == "s3" and _says(block, "use_lockfile", "dynamodb_table"))
    locks = (
        locks
        or (kind == "http" and _says(block, "lock_address"))
        or (kind == "oss" and _says(block, "tablestore_table"))
    )
    encrypts = kind in _ENCRYPTS or _says(block, "encrypt")
    return Backend(folder, kind, kind in _REMOTE, locks, encrypts)


def _says(block: str, *keys: str) -> bool:
    """Return whether a block sets one of some keys to something that is not false or empty."""
    values = re.findall(rf"^[ \t]*(?:{'|'.join(keys)})[ \t]*=[ \t]*(\S.*?)[ \t]*$", block, re.MULTILINE)
    return any(value not in ("false", '""', "null") for value in values)


def folders(texts: Mapping[str, str]) -> list[str]:
    """Return the folders with Terraform code: what is applied, and the modules that it calls."""
    found, called = _grouped(texts)
    blocks = {folder for folder in found if "modules/" in f"{folder}/"}
    return sorted(folder for folder, text in found.items() if _CODE.search(text) or folder in called | blocks)
