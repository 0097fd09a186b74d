# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drafts of people's records: written from the schema of a type, completed by a person, checked and then filed.

A draft is kept from being taken for a record twice: by the end of its name, and by ``draft: true`` inside. Nothing here
overwrites a file.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import COMMON, in_words
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import (
    PROCEDURES,
    RECORD_TYPES,
    faults,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import DRAFT, entries_of, read_text
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import belongs, read_records

__all__ = ["Filed", "draft_path", "draft_text", "file_record", "filed", "write_new"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_WIDTH = 110
_COMMON = tuple(row[0].rstrip("*") for row in COMMON)


@dataclass(frozen=True, slots=True)
class Filed:
    """What filing a record comes to: its path, its text, and the draft whose place it takes, where there is one."""

    path: Path
    text: str
    draft: Path | None


def draft_path(records_dir: Path, kind: str, *, name: str, moment: datetime.datetime) -> Path:
    """Return where the draft of a record of a type lies: under the name, or under the day in UTC.

    A day that has a record already gets a number behind it. Raises `OpsError` for a type that people do not write, a
    name that is no name of a file, or one that is taken by a record.
    """
    if kind in PROCEDURES:
        raise OpsError(f"A record of type {kind} is left by the playbook that does it; nobody writes one.")
    if kind not in RECORD_TYPES:
        raise OpsError(f"record_kind is {kind!r}; use one of {', '.join(RECORD_TYPES)}.")
    if not records_dir.is_dir():
        raise OpsError(f"There is no directory of records at {records_dir}; make it, or correct verify_records_dir.")
    if name and not _NAME.fullmatch(name):
        raise OpsError(f"record_name is {name!r}; use letters, digits, dots, dashes and underscores.")
    folder, day = records_dir / kind, f"{moment:%Y-%m-%d}"
    if name and (folder / f"{name}.yml").exists():
        raise OpsError(f"{folder / name}.yml is a record already; give the draft another record_name.")
    stem, number = name or day, 1
    while (folder / f"{stem}.yml").exists():
        number += 1
        stem = f"{day}-{number}"
    return folder / f"{stem}{DRAFT}"


def draft_text(kind: str, *, environment: str, moment: datetime.datetime, command: str) -> str:
    """Return the draft of a record as YAML: every key that has to be there, empty, with what it means.

    Keys that may be left out stand behind a ``#``. ``command`` is what files it.
    """
    one = RECORD_TYPES[kind]
    properties, required = one.schema["properties"], one.schema["required"]
    own = [field.name for field in one.fields]
    known = {"id": f"{kind}-{_utc.compact(moment)}", "environment": environment}
    head = [
        f"Draft of a record of type {kind}. {one.says}",
        "It counts for nothing until it is filed. Write a value behind each key, an instant in UTC such as "
        f"{_utc.iso_ms(moment)}; take the # away from what else you know. Left empty, `at` becomes the instant of "
        "filing. Then:",
    ]
    lines = [f"## {line}" for text in head for line in textwrap.wrap(text, _WIDTH)]
    lines += [f"##   {command} --check --diff", f"##   {command}", "", "draft: true"]
    for name in [*_COMMON[:4], *(key for key in own if key in required)]:
        lines += ["", *_key(name, properties[name], known.get(name))]
    left = [key for key in (*own, *_COMMON[4:]) if key not in required]
    lines += ["", "## What may be left out."]
    for name in left:
        lines += ["", *_behind(_key(name, properties[name]))]
    return "\n".join(lines) + "\n"


def _key(name: str, schema: Mapping[str, Any], value: str | None = None) -> Iterator[str]:
    """Yield the lines of a key: what it means, the key, and what is inside it."""
    yield from (f"## {line}" for line in textwrap.wrap(_meaning(schema), _WIDTH))
    yield from _empty(name, schema, value)


def _meaning(schema: Mapping[str, Any]) -> str:
    return f"{schema.get('title', '')} ({in_words(schema).replace('`', '')})"


def _empty(name: str, schema: Mapping[str, Any], value: str | None = None) -> Iterator[str]:
    """Yield a key without a value, or with the value that is known."""
    inner = schema["items"] if schema.get("type") == "array" else schema
    if "properties" in inner:
        yield f"{name}:"
        first = "  - " if inner is not schema else "  "
        for number, line in enumerate(_inside(inner)):
            yield f"{first if number == 0 else ' ' * len(first)}{line}"
    elif inner is not schema:
        yield from (f"{name}:", "  -")
    else:
        yield f"{name}: {yaml.safe_dump(value, width=_WIDTH).splitlines()[0]}" if value else f"{name}:"


def _inside(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a part, those that have to be there first, because the first line cannot be a comment."""
    required = schema["required"]
    for name, inner in schema["properties"].items():
        if name in required:
            first, *rest = _empty(name, inner)
            yield first if rest else f"{first}  # {_meaning(inner)}"
            yield from rest
    for name, inner in schema["properties"].items():
        if name not in required:
            yield from _behind(_key(name, inner))


def _behind(lines: Iterator[str]) -> Iterator[str]:
    return (line if line.startswith("#") else f"#{line}" for line in lines)


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet: complete or absent, never over another one.

    Raises `OpsError` when somebody else made it meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        path.hardlink_to(fresh)
    except FileExistsError as exc:
        raise OpsError(f"{path} is there already, and nothing was written; look at it first.") from exc
    finally:
        fresh.unlink(missing_ok=True)


def filed(path: Path, *, records_dir: Path, environments: Sequence[str], moment: datetime.datetime) -> Filed:
    """Check a record that a person completed, a draft or a record that was edited, and return what filing it comes to.

    Raises `OpsError` with a sentence for each mistake, in its details one by one.
    """
    kind = _kind(path, records_dir)
    is_draft = path.name.endswith(DRAFT)
    rows = entries_of(path, read_text(path))
    told: list[str] = []
    records = []
    for number, row in enumerate(rows, start=1):
        record = _completed(plain(row), moment) if is_draft else plain(row)
        where = f"record {number}, " if len(rows) > 1 else ""
        told += [f"{where}{says}" for says in _mistakes(record, kind, environments)]
        records.append(record)
    told = told or _taken(records, path, kind, records_dir, environments)
    if told:
        sentences = " ".join(f"{says.rstrip('.')}." for says in told)
        raise OpsError(f"{path} is no record of type {kind} yet. {sentences}", mistakes=told)
    if not is_draft:
        return Filed(path, path.read_text(encoding="utf-8"), None)
    target = path.with_name(path.name.removesuffix(DRAFT) + ".yml")
    return Filed(target, _text(records), path)


def file_record(one: Filed) -> None:
    """Write a record that was checked in the place of its draft; a record that lies there already is not touched."""
    if one.draft is None:
        return
    # A run that was cut off between the two steps left both: the same text again completes it.
    if not (one.path.is_file() and one.path.read_text(encoding="utf-8") == one.text):
        write_new(one.path, one.text)
    one.draft.unlink()


def _kind(path: Path, records_dir: Path) -> str:
    """Return the type of a record by the folder that it lies in."""
    if not path.is_file():
        raise OpsError(f"There is no file {path}; give record_file the draft, or the record, that is meant.")
    try:
        parts = path.resolve().relative_to(records_dir.resolve()).parts
    except ValueError as exc:
        raise OpsError(f"{path} does not lie below {records_dir}; records are filed there only.") from exc
    if len(parts) < 2 or parts[0] not in RECORD_TYPES or path.suffix not in (".yml", ".yaml", ".json"):
        raise OpsError(f"{path} is no record that people write: those are YAML or JSON files in the folder of a type.")
    return parts[0]


def _completed(record: dict[str, Any], moment: datetime.datetime) -> dict[str, Any]:
    """Return a draft as the record it is meant to be: without its mark, with the instant of filing."""
    record.pop("draft", None)
    if record.get("at") is None:
        record["at"] = _utc.iso_ms(moment)
    return record


def _mistakes(record: dict[str, Any], kind: str, environments: Sequence[str]) -> list[str]:
    told = faults(record, kind)
    if told:
        return told
    try:
        belongs(record, kind, environments)
    except OpsError as exc:
        return [exc.message]
    return []


def _taken(
    records: list[dict[str, Any]], path: Path, kind: str, records_dir: Path, environments: Sequence[str]
) -> list[str]:
    """Return a sentence for each id that another file of the type has already."""
    found = read_records(records_dir, environments=environments).found[kind]
    mine = path.resolve()
    target = mine.with_name(path.name.removesuffix(DRAFT) + ".yml")
    taken = {
        (one.record["environment"], one.record["id"]): one.file
        for one in found
        if (records_dir / one.file).resolve() not in (mine, target)
    }
    keys = [(record["environment"], record["id"]) for record in records]
    # Within the file, every record but the first of an id has to change.
    twice = [key for number, key in enumerate(keys) if key in keys[:number]]
    return [
        *(f"the id {key[1]!r} is taken by {taken[key]}; give it another one" for key in keys if key in taken),
        *(f"the id {key[1]!r} stands twice in the file; give each record its own" for key in twice),
    ]


def _text(records: list[dict[str, Any]]) -> str:
    # Through JSON, because equal parts would become aliases.
    content = json.loads(json.dumps(records[0] if len(records) == 1 else records))
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=_WIDTH)
