# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record types are made of: shapes of values, fields with a sentence each, and the schema they make together.

One table a type is the only truth: the JSON Schema, the page for people and the typed views come from it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    *("AMOUNT", "CAUSE_STATE", "COUNT", "DAY", "FLAG", "INSTANT", "LEVEL", "LINES", "MAP", "NAME", "NAMES"),
    "OPEN_INSTANT",
    *(
        "RATIO",
        "SECONDS",
        "SEVERITIES",
        "TEXT",
        "Field",
        "RecordType",
        "Shape",
        "in_words",
        "listed",
        "maybe",
        "one_of",
        "part",
        "rows",
    ),
]

SEVERITIES = ("critical", "high", "medium", "low")
Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
NAME: Shape = {"type": "string", "minLength": 1, "pattern": r"\S"}
INSTANT: Shape = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$",
    "description": "an instant in UTC such as 2026-11-23T21:15:00.000Z",
    "instant": True,
}
DAY: Shape = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$", "description": "a day such as 2026-11-23"}
SECONDS: Shape = {"type": "number", "minimum": 0}
AMOUNT: Shape = {"type": "number"}
RATIO: Shape = {"type": "number", "minimum": 0, "maximum": 1}
COUNT: Shape = {"type": "integer", "minimum": 0}
LEVEL: Shape = {"type": "integer", "minimum": 1, "maximum": 5}
FLAG: Shape = {"type": "boolean"}
MAP: Shape = {"type": "object"}


def maybe(shape: Mapping[str, Any]) -> Shape:
    """Return the shape, or ``null`` for what was not measured or has not happened."""
    return {"anyOf": [dict(shape), {"type": "null"}]}


def listed(shape: Mapping[str, Any]) -> Shape:
    """Return a list of a shape."""
    return {"type": "array", "items": dict(shape)}


def one_of(*words: str) -> Shape:
    """Return one word of some."""
    return {"enum": list(words)}


CAUSE_STATE: Shape = one_of("unknown", "suspected", "known", "fixed")


def in_words(schema: Mapping[str, Any]) -> str:
    """Return in a word or two what a value looks like."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if options:
        return f"{in_words(options[0])}, or null"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("instant"):
        return "instant"
    if schema.get("type") == "array":
        inner = in_words(schema["items"])
        return "list" if inner == "mapping" else f"list of {inner}"
    if schema.get("description"):
        return str(schema["description"])
    words = {"string": "text", "object": "mapping", "boolean": "yes or no", "integer": "whole number"}
    return words.get(str(schema.get("type")), str(schema.get("type")))


OPEN_INSTANT = maybe(INSTANT)
NAMES = listed(NAME)
LINES = listed(NAME)


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record: its shape, what it says, and whether a record must have it."""

    name: str
    shape: Mapping[str, Any]
    says: str
    required: bool


def _field(name: str, shape: Mapping[str, Any], says: str) -> Field:
    return Field(name.rstrip("*"), shape, says, name.endswith("*"))


def part(*rows_of_keys: tuple[str, Mapping[str, Any], str], more: bool = False) -> Shape:
    """Return an object of keys ``(name, shape, says)``; a star ends the name of one that must be there.

    Keys that are not listed are refused, unless ``more`` lets them through.
    """
    fields = [_field(*row) for row in rows_of_keys]
    return {
        "type": "object",
        "properties": {field.name: {**field.shape, "title": field.says} for field in fields},
        "required": [field.name for field in fields if field.required],
        **({} if more else {"additionalProperties": False}),
    }


def rows(*rows_of_keys: tuple[str, Mapping[str, Any], str], more: bool = False, least: int = 0) -> Shape:
    """Return a list of objects as `part` describes them, with at least so many entries."""
    return {"type": "array", "minItems": least, "items": part(*rows_of_keys, more=more)}


# What every record says, and what a playbook adds to the records that it leaves.
COMMON = (
    ("id*", NAME, "its name, unique among the records of its type and environment"),
    ("environment*", NAME, "the environment that it is about"),
    ("at*", INSTANT, "when this was said"),
    ("by*", NAME, "who says it: a person, a team or a system"),
    ("notes", TEXT, "anything else, for people"),
    ("links", NAMES, "where more can be read"),
)
ADDED = (
    ("schema", NAME, "the schema of a record that a playbook left"),
    ("type", NAME, "the type, as the folder says it"),
    ("operator", maybe(TEXT), "the account that ran the playbook"),
    ("collection_version", maybe(TEXT), "the version of this collection that left the record"),
    ("previous", maybe(MAP), "the record before it in its chain"),
)


@dataclass(frozen=True)
class RecordType:
    """A type of record: its name, what it is, its own keys, and an example without the common ones."""

    name: str
    says: str
    keys: tuple[tuple[str, Mapping[str, Any], str], ...]
    example: Mapping[str, Any]

    @property
    def fields(self) -> list[Field]:
        """Return the type's own keys."""
        return [_field(*row) for row in self.keys]

    @property
    def schema(self) -> Shape:
        """Return the JSON Schema of a record of this type."""
        return part(*COMMON, *self.keys, *ADDED)
