# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of backups, restores and drills have to hold, as JSON Schema.

A part that was not measured is ``null`` or absent, never a zero. Unknown parts are kept: such a record may say more.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    COUNT,
    FLAG,
    INSTANT,
    SECONDS,
    TEXT,
    listed,
    maybe,
)

__all__ = ["DRILL", "DRILL_LIKE", "PROCEDURE", "PROCEDURES", "RESTORE_TEST"]

PROCEDURES = ("backup", "restore", "restore_test", "drill", "activation", "failback")
DRILL_LIKE = ("drill", "activation", "failback")


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


_NAME: dict[str, Any] = {"type": "string", "minLength": 1}
_SIGNED_SECONDS: dict[str, Any] = {"type": "number", "description": "seconds, negative before the declaration"}
_DIGEST: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{40,128}$", "description": "a digest in hex"}
_RESULT: dict[str, Any] = {"enum": ["verified", "differs", "could_not_run"]}
_VALUE: dict[str, Any] = {"type": ["string", "number", "boolean", "null", "array", "object"]}

_CHECK = _object(
    {
        **{"name": _NAME, "command": maybe(TEXT), "expected": _VALUE, "observed": _VALUE, "result": _RESULT},
        **{"rc": {"type": ["integer", "null"]}, "digest": maybe(_DIGEST)},
    },
    *("name", "expected", "observed", "result"),
)
_SPAN = _object(
    {"name": _NAME, "started": maybe(INSTANT), "ended": maybe(INSTANT), "seconds": maybe(SECONDS)},
    *("name", "seconds"),
)
_BACKUP_DIGEST: dict[str, Any] = {
    **_DIGEST,
    "description": "a digest in hex: for pgBackRest the SHA-256 of backup.manifest, which names each file with its "
    "checksum; for restic the tree of the snapshot, a SHA-256 that all its content enters",
}
_BACKUP = _object(
    {
        "label": _NAME,
        "type": maybe(_NAME),
        "source": maybe(TEXT),
        "age_s": maybe(SECONDS),
        "digest": maybe(_BACKUP_DIGEST),
        "size_bytes": maybe(COUNT),
        "repo_size_bytes": maybe(COUNT),
    },
    "label",
)
# Whoever restored a backup has it in front of them: only what a repository does not tell may be null.
_TESTED_BACKUP = {
    "properties": {
        **_BACKUP["properties"],
        **{"source": _NAME, "age_s": SECONDS, "digest": _BACKUP_DIGEST, "size_bytes": COUNT},
    },
    "required": ["label", "source", "age_s", "digest", "size_bytes", "repo_size_bytes"],
}
_TIMED = {"properties": {"started": INSTANT, "ended": INSTANT}, "required": ["started", "ended"]}
# A procedure that could not run may not know which backup it would have been; its reason then says why.
_UNKNOWN_BACKUP = {**_BACKUP, "properties": {**_BACKUP["properties"], "label": maybe(_NAME)}}
_COULD_NOT_RUN = {"properties": {"result": {"const": "could_not_run"}}, "required": ["result"]}
_PERSON = _object(
    {
        "role": _NAME,
        "name": maybe(TEXT),
        "asked_at": maybe(INSTANT),
        "signed_at": maybe(INSTANT),
        "deadline_s": maybe(SECONDS),
        "fingerprint": maybe(TEXT),
        "comment": maybe(TEXT),
        "stand_in": FLAG,
    },
    "role",
)
_STEP = _object(
    {
        "id": _NAME,
        "status": {"enum": ["pending", "running", "interrupted", "done", "failed", "skipped"]},
        "started": maybe(INSTANT),
        "ended": maybe(INSTANT),
        "seconds": maybe(SECONDS),
        "deadline_s": maybe(SECONDS),
        "attempts": COUNT,
        "commands": listed(TEXT),
        "digest": maybe(_DIGEST),
    },
    *("id", "status"),
)
_PHASE = _object(
    {
        "name": {"enum": ["detect", "decide", "fence", "restore", "replay", "promote", "redirect", "first_write"]},
        "started": maybe(INSTANT),
        "ended": maybe(INSTANT),
        "offset_s": maybe(SECONDS),
        "seconds": maybe(SECONDS),
    },
    *("name", "seconds"),
)
_LEDGER = _object({key: maybe(COUNT) for key in ("sent", "acked", "in_db", "lost", "wrong", "ghosts", "holes")})
_PLAN = _object(
    {
        **{key: maybe(TEXT) for key in ("name", "version", "approved", "approved_by")},
        "announced": {"type": ["boolean", "null"]},
        "systems": listed(_object({"name": _NAME, "criticality": maybe(TEXT)}, "name")),
        **{key: listed(TEXT) for key in ("exclusions", "dependencies", "assumptions")},
    }
)
_OBSERVER = _object(
    {"kind": {"enum": ["person", "machine"]}, "name": maybe(TEXT), "role": maybe(TEXT), "looks": maybe(COUNT)},
    *("kind", "name", "role"),
)
_NOTIFICATION = _object(
    {
        "step": _NAME,
        "at": INSTANT,
        "channel": {"enum": ["webhook", "mail"]},
        "name": TEXT,
        "recipients": maybe(TEXT),
        "addresses": maybe(COUNT),
        "outcome": {"enum": ["accepted", "failed"]},
        "answer": TEXT,
        "text": TEXT,
    },
    *("step", "at", "channel", "name", "outcome"),
)
_MILESTONE = _object({"name": _NAME, "at": INSTANT, "after_s": maybe(_SIGNED_SECONDS)}, "name", "at")
_PROOF = _object({"proof": _NAME, "host": TEXT, "proved": FLAG}, "proof", "proved")

_BASE = {"schema": _NAME, "type": {"enum": list(PROCEDURES)}, "id": _NAME, "environment": _NAME}

_PROCEDURE = _object(
    {
        **_BASE,
        "asset": _NAME,
        "backup": _UNKNOWN_BACKUP,
        "phases": listed(_SPAN),
        "checks": listed(_CHECK),
        "result": _RESULT,
        "reason": maybe(TEXT),
        "host": _NAME,
        "started": INSTANT,
        "ended": INSTANT,
        "operator": maybe(TEXT),
        "collection_version": maybe(TEXT),
    },
    *("schema", "type", "id", "environment", "asset", "backup", "checks", "result", "host", "started", "ended"),
)
PROCEDURE: dict[str, Any] = {
    **_PROCEDURE,
    "if": _COULD_NOT_RUN,
    "then": {"required": ["reason"], "properties": {"reason": _NAME}},
    "else": {"properties": {"backup": _BACKUP}},
}
RESTORE_TEST: dict[str, Any] = {
    **PROCEDURE,
    "else": {
        "properties": {"backup": _TESTED_BACKUP, "phases": {"minItems": 1, "items": _TIMED}},
        "required": ["phases"],
    },
}

DRILL = _object(
    {
        "schema": _NAME,
        "id": _NAME,
        "environment": _NAME,
        "mode": {"enum": ["live", "copy"]},
        "scenario": _object({"name": _NAME}, "name"),
        "versions": _object({}),
        "started": INSTANT,
        "declared": maybe(INSTANT),
        "ended": maybe(INSTANT),
        "operator": maybe(TEXT),
        "people": listed(_PERSON),
        "plan": _PLAN,
        "observers": listed(_OBSERVER),
        "notifications": listed(_NOTIFICATION),
        "milestones": listed(_MILESTONE),
        "targets": _object(
            {"rto_s": maybe(SECONDS), "rpo_s": maybe(SECONDS), "backup_age_s": maybe(SECONDS)}, "rto_s", "rpo_s"
        ),
        "achieved": _object(
            {
                "rto_s": maybe(SECONDS),
                "rpo_s": maybe(SECONDS),
                "lost_rows": maybe(COUNT),
                "in_doubt_rows": maybe(COUNT),
                "backup_age_s": maybe(SECONDS),
            },
            *("rto_s", "rpo_s", "lost_rows", "in_doubt_rows"),
        ),
        "steps": listed(_STEP),
        "phases": listed(_PHASE),
        "client_gap": maybe(_object({"seconds": maybe(SECONDS), "sum_of_phases_s": maybe(SECONDS)}, "seconds")),
        "phase_sum_difference_s": {"type": ["number", "null"]},
        "ledger": maybe(_LEDGER),
        "integrity": listed(_CHECK),
        "security": {"type": ["array", "null"], "items": _CHECK},
        "time_to_restore": _object(
            {"restored_s": maybe(_SIGNED_SECONDS), "mean_s": maybe(_SIGNED_SECONDS), "drills": COUNT}
        ),
        "next_due": maybe(INSTANT),
        "archive": maybe(_object({key: maybe(SECONDS) for key in ("timeout_s", "push_s", "bound_s")})),
        "backup": maybe(_BACKUP),
        "fencing": listed(_PROOF),
        "interruptions": listed(_object({"at": maybe(INSTANT)}, "at")),
        "deviations": listed(_object({"text": maybe(TEXT)}, "text")),
        "verdict": {"enum": ["pass", "pass_with_conditions", "fail", "aborted"]},
        "verdict_reasons": listed(TEXT),
        "sign_off": listed(_PERSON),
    },
    *("schema", "id", "environment", "mode", "scenario", "versions", "started", "targets", "achieved", "steps"),
    *("verdict", "verdict_reasons"),
)
