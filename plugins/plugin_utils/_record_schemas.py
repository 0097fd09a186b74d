# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All record types, and the check of a record against the JSON Schema (2020-12) of its type.

A part that was not measured is ``null`` or absent, never a zero.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_delivery import DELIVERY
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_estate import ESTATE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_people import PEOPLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_perimeter import PERIMETER
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_platform import PLATFORM
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_procedures import (
    DRILL,
    DRILL_LIKE,
    PROCEDURE,
    PROCEDURES,
    RESTORE_TEST,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_team import TEAM

try:
    import jsonschema

    HAS_JSONSCHEMA = True
except ImportError:
    HAS_JSONSCHEMA = False

__all__ = [
    *("DRILL_LIKE", "PROCEDURES", "RECORD_TYPES", "SCHEMAS", "TYPES"),
    *("faults", "instants", "schema_name", "validate"),
]

RECORD_TYPES = {one.name: one for one in (*PEOPLE, *TEAM, *DELIVERY, *ESTATE, *PLATFORM, *PERIMETER)}
"""The types that are described key by key; those of backups, restores and drills stand in `PROCEDURES`."""

TYPES = (*PROCEDURES, *RECORD_TYPES)
_SHOWN = 3
_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def schema_name(record_type: str) -> str:
    """Return the name that a record of this type carries in ``schema``."""
    return f"ccobservatory.ops/{record_type}/1"


def _schema(record_type: str) -> dict[str, Any]:
    if record_type in RECORD_TYPES:
        return RECORD_TYPES[record_type].schema
    if record_type == "restore_test":
        return RESTORE_TEST
    return DRILL if record_type in DRILL_LIKE else PROCEDURE


SCHEMAS: dict[str, dict[str, Any]] = {
    record_type: {**_DIALECT, "title": f"Record of type {record_type}", **_schema(record_type)} for record_type in TYPES
}
_VALIDATORS: dict[str, Any] = {}


def faults(record: Mapping[str, Any], record_type: str) -> list[str]:
    """Return what is wrong with a record by the schema of its type, place by place, and instants of no calendar.

    Raises `OpsError` for an unknown type, or when the library is missing.
    """
    if record_type not in SCHEMAS:
        raise OpsError(f"There is no record type {record_type!r}{_nearest(record_type, TYPES)}.")
    if not HAS_JSONSCHEMA:
        raise OpsError("The Python library jsonschema is missing on the controller; install requirements.txt.")
    if record_type not in _VALIDATORS:
        _VALIDATORS[record_type] = jsonschema.Draft202012Validator(SCHEMAS[record_type])
    found = _VALIDATORS[record_type].iter_errors(dict(record))
    errors = sorted(found, key=lambda error: [str(part) for part in error.absolute_path])
    return list(dict.fromkeys(_sentence(error) for error in errors)) or list(_impossible(record, record_type))


def validate(record: Mapping[str, Any], record_type: str) -> None:
    """Check a record against the schema of its type, and that each instant in it is one of the calendar.

    Raises `OpsError` naming the first places that are wrong, or the missing library.
    """
    told = faults(record, record_type)
    if told:
        more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        raise OpsError(f"The record of type {record_type} does not fit its schema: {'; '.join(told[:_SHOWN])}{more}.")


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the record"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {}))
        foreign = [str(key) for key in error.instance if key not in known]
        return "; ".join(f"{place} has a key {key!r} that it may not have{_nearest(key, known)}" for key in foreign)
    if error.instance is None or error.instance == "":
        return f"{place} is empty; write {_wanted(error.schema)}"
    described = _description(error.schema)
    told = f"{str(error.instance)[:60]!r} is not {described}" if described else error.message[:160]
    return f"{place}: {told}"


def _wanted(schema: Any) -> str:
    """Return what an empty key asks for, with the words that it may have."""
    title = schema.get("title") if isinstance(schema, Mapping) else None
    if not title:
        return "it, or take its line away"
    return f"{title} ({', '.join(map(str, schema['enum']))})" if "enum" in schema else str(title)


def _description(schema: Any) -> str | None:
    """Return what a value should have been; of a value that may also be null, what it should have been otherwise."""
    if not isinstance(schema, Mapping):
        return None
    options = [schema, *schema.get("anyOf", ())]
    return next((str(one["description"]) for one in options if "description" in one), None)


def _nearest(word: str, known: Any) -> str:
    """Return which known word was probably meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; use one of {', '.join(sorted(known))}"


def instants(value: Any, schema: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and text of each instant in a value, as its schema says."""
    if schema.get("instant") and isinstance(value, str):
        yield place, value
    for option in schema.get("anyOf", ()):
        yield from instants(value, option, place)
    if isinstance(value, Mapping):
        for key, inner in schema.get("properties", {}).items():
            yield from instants(value.get(key), inner, f"{place}.{key}" if place else key)
    if isinstance(value, list) and "items" in schema:
        for number, row in enumerate(value):
            yield from instants(row, schema["items"], f"{place}.{number}")


def _impossible(record: Mapping[str, Any], record_type: str) -> Iterator[str]:
    for place, text in instants(record, SCHEMAS[record_type]):
        try:
            parse_iso(text)
        except OpsError as exc:
            yield f"{place}: {exc.message.rstrip('.')}"
