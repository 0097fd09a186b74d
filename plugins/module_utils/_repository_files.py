# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the files of a repository beside its WAL: info files, kept sets and what their manifests name.

Are they there, whole and readable, and do they belong to this cluster. Pure functions; each returns findings.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import read_ini
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import finding

__all__ = ["judge_manifest", "judge_sets", "judge_stanza"]


def judge_stanza(repository: Repository, bounds: Bounds) -> list[dict[str, str]]:
    """Find a wrong cipher pass, damaged or missing info files and a stanza that belongs to another cluster."""
    files = repository.info_files
    found = [
        finding("missing_info", path, "not there", "the file and its copy")
        for path in files
        if path not in repository.listing
    ]
    there = [path for path in files if path in repository.listing]
    unreadable = [path for path in there if files[path] is None]
    if there and unreadable == there:
        expected = "info files that the cipher pass decrypts"
        return [*found, finding("wrong_cipher", f"stanza {repository.stanza}", "no info file can be decoded", expected)]
    found.extend(finding("bit_flip", path, "cannot be decoded", "a readable info file") for path in unreadable)
    for path in there:
        original = files[path]
        copy = files.get(f"{path}.copy")
        if copy is not None and original is not None and copy != original:
            found.append(finding("bit_flip", path, "differs from its copy", "a file equal to its copy"))
    found.extend(_judge_identity(repository, bounds))
    return found


def _judge_identity(repository: Repository, bounds: Bounds) -> list[dict[str, str]]:
    """Find system identifiers and versions that do not fit together or not the cluster."""
    found: list[dict[str, str]] = []
    current: dict[str, tuple[str, str]] = {}
    originals = {path: text for path, text in repository.info_files.items() if text and not path.endswith(".copy")}
    for path, text in originals.items():
        database = read_ini(text).get("db", {})
        current[path] = (database.get("db-system-id", ""), database.get("db-version", "").strip('"'))
    if len(set(current.values())) > 1:
        observed = ", ".join(f"{path}: {value[0]}" for path, value in sorted(current.items()))
        found.append(finding("wrong_stanza", f"stanza {repository.stanza}", observed, "one cluster in both info files"))
    expected = (bounds.system_identifier, bounds.database_version)
    for path, (identifier, version) in sorted(current.items()):
        if (expected[0] and identifier != expected[0]) or (expected[1] and version != expected[1]):
            observed = f"system identifier {identifier}, version {version}"
            wanted = f"system identifier {expected[0] or 'any'}, version {expected[1] or 'any'}"
            found.append(finding("wrong_stanza", path, observed, wanted))
    known = {value[0] for value in current.values()}
    owners = {
        label: read_ini(text).get("backup:db", {}).get("db-system-id", "")
        for label, text in sorted(repository.manifests.items())
        if text
    }
    found.extend(
        finding("wrong_stanza", label, f"system identifier {owner}", f"one of {sorted(known)}")
        for label, owner in owners.items()
        if known and owner not in known
    )
    return found


def judge_sets(repository: Repository) -> list[dict[str, str]]:
    """Find kept backups whose directory, manifest or history is gone, sets marked with errors and unknown ones."""
    base, listing = f"backup/{repository.stanza}", repository.listing
    labels = [row["label"] for row in repository.info["backups"]]
    found = [entry for row in repository.info["backups"] for entry in _judge_set(row, base, listing)]
    if not repository.info["backup_running"]:
        pattern = re.compile(rf"^{re.escape(base)}/(\d{{8}}-\d{{6}}F(?:_\d{{8}}-\d{{6}}[DI])?)$")
        there = {match.group(1) for path in listing if (match := pattern.match(path)) is not None}
        found.extend(
            finding("unknown_backup", label, "a directory that backup.info does not list", "only listed sets")
            for label in sorted(there - set(labels))
        )
    return found


def _judge_set(row: Mapping[str, Any], base: str, listing: Mapping[str, Any]) -> list[dict[str, str]]:
    """Find what is not there of one kept backup, by names alone."""
    label = row["label"]
    if f"{base}/{label}" not in listing:
        return [finding("missing_backup", label, "no directory", "the directory of a kept set")]
    found = [
        finding("missing_manifest", f"{label}/{name}", "not there", "a manifest and its copy")
        for name in ("backup.manifest", "backup.manifest.copy")
        if f"{base}/{label}/{name}" not in listing
    ]
    history = f"{base}/backup.history/{label[:4]}/{label}.manifest"
    if not any(history + end in listing for end in (".gz", ".zst", ".lz4", ".bz2", "")):
        found.append(finding("missing_backup_history", label, "no manifest in backup.history", "its manifest"))
    if row["error"]:
        found.append(finding("backup_error", label, "page checksum errors during the backup", "no errors"))
    return found


def judge_manifest(
    text: str, *, label: str, stanza: str, listing: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Find bundles and files that the manifest of backup *label* needs and that are missing or too short.

    Raises OpsError when *text* is no manifest.
    """
    sections = read_ini(text)
    bundled = sections.get("backup", {}).get("backup-bundle") == "true"
    needs: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    for name, value in sections.get("target:file", {}).items():
        row = json.loads(value)
        size = int(row.get("repo-size", row.get("size", 0)))
        home = f"backup/{stanza}/{row.get('reference', label)}"
        if "bni" in row:
            path, size = f"{home}/bundle/{row['bni']}", int(row.get("bno", 0)) + size
        elif size == 0 and bundled:
            continue
        else:
            path = f"{home}/{name}"
        needs[path] = max(needs[path], size)
        counts[path] += 1
    found: list[dict[str, str]] = []
    for path, size in sorted(needs.items()):
        found.extend(_compare_stored(path, size, counts[path], label=label, listing=listing))
    return found


def _compare_stored(
    path: str, size: int, count: int, *, label: str, listing: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Compare one bundle or file of a backup with what the repository lists."""
    is_bundle = "/bundle/" in path
    stored = next((path + end for end in ("", ".zst", ".gz", ".lz4", ".bz2") if path + end in listing), None)
    subject = path.split("/", 2)[2]
    if stored is None:
        observed = f"not there; {count} file(s) of {label} are in it" if is_bundle else f"not there; {label} needs it"
        return [finding("missing_bundle" if is_bundle else "missing_file", subject, observed, f"{size} bytes")]
    actual = int(listing[stored].get("size", 0))
    if actual < size:
        code = "truncated_bundle" if is_bundle else "truncated_file"
        return [finding(code, subject, f"{actual} bytes", f"at least {size} bytes")]
    return []
