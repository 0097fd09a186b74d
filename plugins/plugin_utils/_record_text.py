# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the text of records so that nothing is lost: no key twice, no guessed type, no reference that unfolds.

YAML turns ``2026-11-20T10:00`` into a local time and keeps the last of two equal keys in silence; here instants stay
text, and both are refused.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["DRAFT", "MOST_BYTES", "entries_of", "read_text"]

DRAFT = ".draft.yml"
"""How the name of a draft ends: a record that a person has yet to complete, and that counts for nothing until then."""

MOST_BYTES = 32 * 1024 * 1024
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML as people write records: timestamps stay text, anchors and double keys are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.constructor.ConstructorError(None, None, "an alias (*name) is not allowed in a record", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _value in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            said = f"the key {twice[0]!r} is there twice"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_text(path: Path) -> str:
    """Return a file as UTF-8 text; `OpsError` when it cannot be read, is too large, or is no text."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise OpsError(f"{path} has {size} bytes, more than the {MOST_BYTES} of a record; split it.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise OpsError(f"{path} cannot be read: {exc}.") from exc


def entries_of(path: Path, text: str) -> list[dict[str, Any]]:
    """Return the records in a file: one mapping, or a list of them.

    Raises `OpsError` naming the file and what is wrong, also for an empty file, a key that stands twice, or an alias.
    """
    try:
        loaded = _json(text) if path.suffix == ".json" else yaml.load(text, Loader=_Loader)  # noqa: S506 - safe loader
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        words = " ".join(str(exc).split())[:300]
        raise OpsError(f"{path} cannot be read: {words}; mend the file.") from exc
    rows = loaded if isinstance(loaded, list) else [loaded]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise OpsError(f"{path} holds no record: it has to be a mapping, or a list of mappings.")
    return rows


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number")
