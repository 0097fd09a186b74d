# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record of each type has to hold, as JSON Schema (2020-12), and the check against it.

A part that was not measured is ``null`` or absent, never a zero. Unknown parts are kept: a record may say more.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

try:
    import jsonschema

    HAS_JSONSCHEMA = True
except ImportError:
    HAS_JSONSCHEMA = False

__all__ = ["DRILL_LIKE", "SCHEMAS", "TYPES", "schema_name", "validate"]

TYPES = ("backup", "restore", "restore_test", "drill", "activation", "failback")
DRILL_LIKE = ("drill", "activation", "failback")
_SHOWN = 3


def schema_name(record_type: str) -> str:
    """Return the name that a record of this type carries in ``schema``."""
    return f"ccobservatory.ops/{record_type}/1"


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _list(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(schema)}


_TEXT: dict[str, Any] = {"type": "string"}
_NAME: dict[str, Any] = {"type": "string", "minLength": 1}
_INSTANT: dict[str, Any] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$",
    "description": "an instant in UTC such as 2026-11-23T21:15:00.000Z",
}
_SECONDS: dict[str, Any] = {"type": "number", "minimum": 0}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_DIGEST: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{40,128}$", "description": "a digest in hex"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_RESULT: dict[str, Any] = {"enum": ["verified", "differs", "could_not_run"]}
_VALUE: dict[str, Any] = {"type": ["string", "number", "boolean", "null", "array", "object"]}

_CHECK = _object(
    {"name": _NAME, "command": _maybe(_TEXT), "expected": _VALUE, "observed": _VALUE, "result": _RESULT},
    *("name", "expected", "observed", "result"),
)
_SPAN = _object(
    {"name": _NAME, "started": _maybe(_INSTANT), "ended": _maybe(_INSTANT), "seconds": _maybe(_SECONDS)},
    *("name", "seconds"),
)
_BACKUP = _object(
    {
        "label": _NAME,
        "type": _NAME,
        "source": _maybe(_TEXT),
        "age_s": _maybe(_SECONDS),
        "digest": _maybe(_TEXT),
        "size_bytes": _maybe(_COUNT),
        "repo_size_bytes": _maybe(_COUNT),
    },
    "label",
)
_PERSON = _object(
    {
        "role": _NAME,
        "name": _maybe(_TEXT),
        "signed_at": _maybe(_INSTANT),
        "fingerprint": _maybe(_TEXT),
        "stand_in": _FLAG,
    },
    "role",
)
_STEP = _object(
    {
        "id": _NAME,
        "status": {"enum": ["pending", "running", "interrupted", "done", "failed", "skipped"]},
        "started": _maybe(_INSTANT),
        "ended": _maybe(_INSTANT),
        "seconds": _maybe(_SECONDS),
        "deadline_s": _maybe(_SECONDS),
        "attempts": _COUNT,
        "digest": _maybe(_DIGEST),
    },
    *("id", "status"),
)
_PHASE = _object(
    {
        "name": {"enum": ["detect", "decide", "fence", "restore", "replay", "promote", "redirect", "first_write"]},
        "started": _maybe(_INSTANT),
        "ended": _maybe(_INSTANT),
        "seconds": _maybe(_SECONDS),
    },
    *("name", "seconds"),
)
_LEDGER = _object({key: _maybe(_COUNT) for key in ("sent", "acked", "in_db", "lost", "wrong", "ghosts", "holes")})
_PROOF = _object({"proof": _NAME, "host": _TEXT, "proved": _FLAG}, "proof", "proved")

_BASE = {"schema": _NAME, "type": {"enum": list(TYPES)}, "id": _NAME, "environment": _NAME}

_PROCEDURE = _object(
    {
        **_BASE,
        "asset": _NAME,
        "backup": _BACKUP,
        "phases": _list(_SPAN),
        "checks": _list(_CHECK),
        "result": _RESULT,
        "host": _NAME,
        "started": _INSTANT,
        "ended": _INSTANT,
        "operator": _maybe(_TEXT),
        "collection_version": _maybe(_TEXT),
    },
    *("schema", "type", "id", "environment", "asset", "backup", "checks", "result", "host", "started", "ended"),
)

_DRILL = _object(
    {
        "schema": _NAME,
        "id": _NAME,
        "environment": _NAME,
        "mode": {"enum": ["live", "copy"]},
        "scenario": _object({"name": _NAME}, "name"),
        "versions": _object({}),
        "started": _INSTANT,
        "declared": _maybe(_INSTANT),
        "ended": _maybe(_INSTANT),
        "people": _list(_PERSON),
        "targets": _object({"rto_s": _maybe(_SECONDS), "rpo_s": _maybe(_SECONDS)}, "rto_s", "rpo_s"),
        "achieved": _object(
            {
                "rto_s": _maybe(_SECONDS),
                "rpo_s": _maybe(_SECONDS),
                "lost_rows": _maybe(_COUNT),
                "in_doubt_rows": _maybe(_COUNT),
            },
            *("rto_s", "rpo_s", "lost_rows", "in_doubt_rows"),
        ),
        "steps": _list(_STEP),
        "phases": _list(_PHASE),
        "client_gap": _maybe(_object({"seconds": _maybe(_SECONDS)}, "seconds")),
        "ledger": _maybe(_LEDGER),
        "integrity": _list(_CHECK),
        "backup": _maybe(_BACKUP),
        "fencing": _list(_PROOF),
        "interruptions": _list(_object({"at": _maybe(_INSTANT)}, "at")),
        "deviations": _list(_object({"text": _maybe(_TEXT)}, "text")),
        "verdict": {"enum": ["pass", "pass_with_conditions", "fail", "aborted"]},
        "verdict_reasons": _list(_TEXT),
        "sign_off": _list(_PERSON),
    },
    *("schema", "id", "environment", "mode", "scenario", "versions", "started", "targets", "achieved", "steps"),
    *("verdict", "verdict_reasons"),
)

_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}

SCHEMAS: dict[str, dict[str, Any]] = {
    record_type: {
        **_DIALECT,
        "title": f"Record of type {record_type}",
        **(_DRILL if record_type in DRILL_LIKE else _PROCEDURE),
    }
    for record_type in TYPES
}


def validate(record: Mapping[str, Any], record_type: str) -> None:
    """Check a record against the schema of its type.

    Raises `OpsError` naming the first places that are wrong, or the missing library.
    """
    if record_type not in SCHEMAS:
        raise OpsError(f"There is no record type {record_type!r}; use one of {', '.join(TYPES)}.")
    if not HAS_JSONSCHEMA:
        raise OpsError("The Python library jsonschema is missing on the controller; install requirements.txt.")
    validator = jsonschema.Draft202012Validator(SCHEMAS[record_type])
    errors = sorted(validator.iter_errors(dict(record)), key=lambda error: [str(part) for part in error.absolute_path])
    if errors:
        shown = "; ".join(_sentence(error) for error in errors[:_SHOWN])
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise OpsError(f"The record of type {record_type} does not fit its schema: {shown}{more}.")


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the record"
    described = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    told = f"{str(error.instance)[:60]!r} is not {described}" if described else error.message[:160]
    return f"{place}: {told}"
