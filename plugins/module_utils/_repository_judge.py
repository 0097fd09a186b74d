# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a whole repository: all that listings and small files prove, then what C(verify) read beyond it.

Pure functions; each returns findings, every fault of one subject once.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import finding
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_files import (
    judge_manifest,
    judge_sets,
    judge_stanza,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_upkeep import judge_age
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_wal import (
    judge_archive_files,
    judge_continuity,
    judge_timelines,
    production_timeline,
)

__all__ = ["judge", "judge_verify", "only_older"]

_SEGMENT = re.compile(r"\b[0-9A-F]{24}\b")
# Faults of the log that one backup needs: they say nothing of another backup.
_OF_ONE_SET = ("backup_without_wal", "backup_off_timeline")


def judge(repository: Repository, bounds: Bounds) -> tuple[list[dict[str, str]], int | None]:
    """Return all findings that need no content, and the timeline they were judged against (None when none is known)."""
    found = judge_stanza(repository, bounds)
    if any(entry["code"] == "wrong_cipher" for entry in found):
        return found, bounds.timeline
    encrypted = repository.info["cipher"] != "none"
    found.extend(judge_archive_files(repository.archive, segment_size=bounds.segment_size, encrypted=encrypted))
    if not repository.archive.timelines():
        expected = "WAL from the oldest kept backup on"
        found.append(finding("missing_wal", f"stanza {repository.stanza}", "the archive is empty", expected))
        timeline = bounds.timeline or 1
    else:
        timeline = bounds.timeline or production_timeline(repository, segment_size=bounds.segment_size)
        found.extend(judge_timelines(repository, timeline=timeline, segment_size=bounds.segment_size))
        found.extend(judge_continuity(repository, timeline=timeline, bounds=bounds))
    found.extend(judge_sets(repository))
    for label, text in sorted(repository.manifests.items()):
        if text is None:
            found.append(finding("bit_flip", f"{label}/backup.manifest", "cannot be decoded", "a readable manifest"))
            continue
        found.extend(judge_manifest(text, label=label, stanza=repository.stanza, listing=repository.listing))
    found.extend(judge_age(repository, timeline=timeline, bounds=bounds))
    return _once(found), timeline


def _once(found: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return *found* without a second finding of the same code about the same subject."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for entry in found:
        seen.setdefault((entry["code"], entry["subject"]), entry)
    return list(seen.values())


def judge_verify(findings: Iterable[Mapping[str, str]], known: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Turn what C(verify) found into findings, leaving out what listings already explained.

    Files of one backup with the same fault become one finding with their count.
    """
    explained = list(known)
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in findings:
        groups[(row["code"], _verify_subject(row["name"]))].append(row)
    found: list[dict[str, str]] = []
    for (code, subject), rows in groups.items():
        if code == "unreadable_info" or any(_covers(entry, code, subject) for entry in explained):
            continue
        names = ", ".join(sorted({row["name"] for row in rows})[:3])
        observed = f"{len(rows)} file(s): {names}: {rows[0]['text']}"
        found.append(finding(code, subject, observed, "content equal to its checksum"))
    return found


def only_older(findings: Iterable[Mapping[str, str]], newest: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the findings, with those that a restore of the backup *newest* never meets as warnings.

    These are faults of segments before its first one, whose number grows over all timelines, and of the log of other
    sets.
    """
    found = [dict(row) for row in findings]
    if not newest or not newest.get("wal_min"):
        return found
    for row in found:
        names = _SEGMENT.findall(row["subject"])
        before = bool(names) and max(name[8:] for name in names) < newest["wal_min"][8:]
        other_set = row["code"] in _OF_ONE_SET and row["subject"] != newest["label"]
        if row["severity"] == "error" and (before or other_set):
            row["severity"] = "warning"
    return found


def _verify_subject(name: str) -> str:
    """Return the WAL name or the backup label of a file that C(verify) names."""
    wal = re.search(r"(?:^|/)([0-9A-F]{24})", name)
    return wal.group(1) if wal else name.split("/", 1)[0]


def _covers(entry: Mapping[str, str], code: str, subject: str) -> bool:
    """Tell whether a finding from listings already explains a fault that C(verify) saw at *subject*."""
    same_set = entry["subject"].split("/", 1)[0] == subject
    if entry["code"] in ("missing_bundle", "truncated_bundle", "missing_file", "truncated_file") and same_set:
        return True
    return same_set and (entry["code"] == code or entry["code"] in ("duplicate_wal", "truncated_wal"))
