# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what pgBackRest answers: C(info), C(verify), the logs of a backup and a restore, and the files it keeps.

Pure functions over texts as pgBackRest 2.45 writes them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import clean
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms

__all__ = ["parse_backup_log", "parse_info", "parse_restore_log", "parse_verify", "read_ini"]

_STATUS_NAMES = {0: "ok", 1: "missing_stanza", 2: "no_backup", 3: "missing_data", 4: "mixed", 5: "no_lock", 6: "other"}
_VERIFY_FILE = re.compile(
    r"(?P<what>invalid checksum|invalid size|file missing|duplicate WAL|invalid result) '?(?P<subject>[^\s':]+)'?"
    r"(?: for '(?P<archive>[^']+)')?(?P<rest>.*)"
)
_VERIFY_TOTAL = re.compile(
    r"^\s+(?:archiveId: (?P<archive>[^,]+), total WAL checked: (?P<wal>\d+), total valid WAL: (?P<wal_valid>\d+)"
    r"|backup: (?P<backup>[^,]+), status: (?P<status>[^,]+), total files checked: (?P<files>\d+), "
    r"total valid files: (?P<files_valid>\d+))"
)
_VERIFY_STATUS = re.compile(r"^status: (?P<status>\S+)$", re.MULTILINE)
_VERIFY_TROUBLE = re.compile(r"^\s*(?P<text>No usable (?:backup|archive)\.info file)$")
_RESTORE_SET = re.compile(r"restore backup set (?P<label>[0-9]{8}-[0-9]{6}F(?:_[0-9]{8}-[0-9]{6}[DI])?)")
_RESTORE_SIZE = re.compile(r"restore size = (?P<size>[0-9.]+)(?P<unit>[KMGTP]?B), file total = (?P<files>\d+)")
_BACKUP_LABEL = re.compile(r"new backup label = (?P<label>\S+)")
_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "PB": 2**50}


def read_ini(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a pgBackRest file (info, manifest or configuration) as strings.

    Values stay as they are written. Raises OpsError when text stands outside of a section or no section is there, which
    is how a file looks that was decrypted with a wrong key.
    """
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("[") and stripped.endswith("]") and "=" not in stripped:
            current = sections.setdefault(stripped[1:-1], {})
            continue
        key, separator, value = stripped.partition("=")
        if current is None or not separator:
            raise OpsError("The content is no pgBackRest file: a line stands outside of its sections.")
        current[key.strip()] = value.strip()
    if not sections:
        raise OpsError("The content is no pgBackRest file: it has no section.")
    return sections


def _instant(seconds: float) -> str:
    """Return *seconds* since the epoch as an instant in UTC."""
    return iso_ms(datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC))


def _backup(row: Mapping[str, Any], *, at: float) -> dict[str, Any]:
    """Return one backup of C(info) in our words."""
    sizes, stamps = row.get("info", {}), row["timestamp"]
    repository = sizes.get("repository", {})
    archive, lsn = row.get("archive") or {}, row.get("lsn") or {}
    return {
        "label": row["label"],
        "type": row["type"],
        "prior": row.get("prior"),
        "reference": row.get("reference") or [],
        "start": _instant(stamps["start"]),
        "stop": _instant(stamps["stop"]),
        "seconds": stamps["stop"] - stamps["start"],
        "age_s": round(at - stamps["stop"], 3),
        "size_bytes": sizes.get("size"),
        "delta_bytes": sizes.get("delta"),
        "repo_size_bytes": repository.get("size"),
        "repo_delta_bytes": repository.get("delta"),
        "lsn_start": lsn.get("start"),
        "lsn_stop": lsn.get("stop"),
        "wal_min": archive.get("start"),
        "wal_max": archive.get("stop"),
        "timeline": int(archive["stop"][:8], 16) if archive.get("stop") else None,
        "database_id": row.get("database", {}).get("id"),
        "error": bool(row.get("error", False)),
        "annotation": row.get("annotation") or {},
    }


def parse_info(text: str, *, stanza: str, at: float) -> dict[str, Any]:
    """Return the JSON of C(info) in our words: status, cipher, databases, backups oldest first, newest, archive.

    With a wrong cipher pass the JSON carries undecoded bytes in its message, so control characters are let through, and
    an answer that is broken by them counts as status C(other). Raises OpsError when *text* is no such JSON.
    """
    try:
        rows = json.loads(text, strict=False)
        if not isinstance(rows, list):
            raise TypeError("no list of stanzas")
        row = next((entry for entry in rows if entry["name"] == stanza), None)
    except (ValueError, KeyError, TypeError) as exc:
        if "unable to load info file" in text:
            return {**_empty_info(stanza), "status": "other", "status_message": "unable to load info file"}
        raise OpsError(f"pgbackrest info did not answer with JSON: {clean(text, limit=200) or 'nothing'}.") from exc
    if row is None:
        return _empty_info(stanza)
    backups = [_backup(entry, at=at) for entry in row.get("backup", [])]
    databases = [
        {"id": entry["id"], "system_identifier": str(entry["system-id"]), "version": str(entry["version"])}
        for entry in row.get("db", [])
    ]
    current = databases[-1]["id"] if databases else None
    archives = [entry for entry in row.get("archive", []) if entry.get("database", {}).get("id") == current]
    status = row.get("status", {})
    message = next(
        (str(entry["status"].get("message", "")) for entry in row.get("repo", []) if entry["status"].get("code")),
        str(status.get("message", "")),
    )
    return {
        "stanza": stanza,
        "status": _STATUS_NAMES.get(int(status.get("code", 99)), "other"),
        "status_message": clean(message.splitlines()[0] if message else "", limit=400),
        "backup_running": bool(status.get("lock", {}).get("backup", {}).get("held", False)),
        "cipher": str(row.get("cipher", "none")),
        "databases": databases,
        "backups": backups,
        "newest": max(backups, key=lambda entry: str(entry["stop"])) if backups else None,
        "archive": {
            "id": archives[-1]["id"] if archives else None,
            "min": archives[-1].get("min") if archives else None,
            "max": archives[-1].get("max") if archives else None,
        },
    }


def _empty_info(stanza: str) -> dict[str, Any]:
    """Return the answer for a stanza that the repository does not know."""
    return {
        "stanza": stanza,
        "status": "missing_stanza",
        "status_message": "the repository does not know this stanza",
        "backup_running": False,
        "cipher": "none",
        "databases": [],
        "backups": [],
        "newest": None,
        "archive": {"id": None, "min": None, "max": None},
    }


def _verify_code(what: str, subject: str, rest: str) -> str:
    """Return our name for one line of C(verify) about a file."""
    is_wal = re.match(r"^[^/]+/[0-9A-F]{16}/", subject) is not None
    if what == "duplicate WAL":
        return "duplicate_wal"
    if what == "file missing":
        return "missing_wal" if is_wal else "missing_file"
    if what == "invalid size":
        return "truncated_wal" if is_wal else "truncated_file"
    if what == "invalid result" and re.search(r"unable to flush|header missing|unexpected e(?:of|nd)|truncated", rest):
        return "truncated_wal" if is_wal else "truncated_file"
    return "bit_flip"


def parse_verify(output: str) -> dict[str, Any]:
    """Return what C(verify --output=text --verbose --log-level-console=info) found: findings, totals and its verdict.

    The exit code of C(verify) is 0 whatever it finds, so only the text counts: each line about a file is a finding; so
    are a total with fewer valid than checked files, and a status other than ok, when no line about a file explains it.
    """
    findings: list[dict[str, str]] = []
    totals: list[dict[str, Any]] = []
    for line in output.splitlines():
        finding = _verify_finding(line)
        total = _VERIFY_TOTAL.match(line)
        if finding is not None:
            findings.append(finding)
        elif total is not None and not line.startswith(" " * 20):
            totals.append(_verify_total(total))
    findings.extend(
        {"code": "verify_error", "name": row["name"], "text": f"{row['valid']} of {row['checked']} valid"}
        for row in totals
        if row["valid"] < row["checked"] and not any(_explains(entry["name"], row) for entry in findings)
    )
    statuses = _VERIFY_STATUS.findall(output)
    status = statuses[-1] if statuses else "none"
    if status not in ("ok", "none") and not findings:
        findings.append({"code": "verify_error", "name": "", "text": f"status: {status}"})
    return {"status": status, "findings": _unique(findings), "totals": _unique(totals)}


def _verify_finding(line: str) -> dict[str, str] | None:
    """Return the finding that one line of C(verify) tells, None for a line that tells none."""
    match = _VERIFY_FILE.search(line)
    if match is not None:
        text = clean(match["what"] + match["rest"], limit=200)
        return {
            "code": _verify_code(match["what"], match["subject"], match["rest"]),
            "name": match["subject"],
            "text": text,
        }
    trouble = _VERIFY_TROUBLE.match(line)
    if trouble is None:
        return None
    text = clean(trouble["text"], limit=200)
    return {"code": "unreadable_info", "name": text.split(" ")[2], "text": text}


def _explains(name: str, total: Mapping[str, Any]) -> bool:
    """Tell whether a finding about the file *name* belongs to the *total* of an archive or of a backup."""
    if total["wal"]:
        return re.search(r"(?:^|/)[0-9A-F]{24}", name) is not None
    # A set that builds on a damaged one is counted as invalid too, and only the damaged file is named.
    return name[:16] == total["name"][:16] and "/" in name


def _verify_total(match: re.Match[str]) -> dict[str, Any]:
    """Return one summary line of C(verify)."""
    if match["archive"] is not None:
        return {"name": match["archive"], "wal": True, "checked": int(match["wal"]), "valid": int(match["wal_valid"])}
    return {
        "name": match["backup"],
        "wal": False,
        "checked": int(match["files"]),
        "valid": int(match["files_valid"]),
        "status": match["status"],
    }


def _unique(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* without repetitions, in their order."""
    seen: dict[str, dict[str, Any]] = {}
    for row in rows:
        seen.setdefault(json.dumps(row, sort_keys=True), row)
    return list(seen.values())


def parse_restore_log(output: str) -> dict[str, Any]:
    """Return label, bytes and files that a restore told in its log at level info; None where it told nothing."""
    label, size = _RESTORE_SET.search(output), _RESTORE_SIZE.search(output)
    return {
        "label": label["label"] if label else None,
        "bytes": int(float(size["size"]) * _UNITS[size["unit"]]) if size else None,
        "files": int(size["files"]) if size else None,
    }


def parse_backup_log(output: str) -> str | None:
    """Return the label of the backup that a C(backup) told in its log at level info."""
    match = _BACKUP_LABEL.search(output)
    return match["label"] if match else None
