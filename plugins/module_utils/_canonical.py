# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One spelling for each JSON value, so that equal records have equal hashes.

Rules: keys sorted by code point, no blanks, UTF-8 without escapes beyond those JSON demands, a number with a whole
value written without a fraction, no NaN and no infinity, keys are text. Reading a canonical text and writing it again
gives the same bytes.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["canonical_json", "digest", "plain", "sha256_bytes", "sha256_file"]

_DEEPEST = 64


def plain(value: Any, *, _where: str = "", _depth: int = 0) -> Any:
    """Return a copy made of plain dict, list, str, int, float, bool and None only.

    Raises `OpsError` naming the place of a value that JSON cannot carry, of a key that is not text, or of nesting
    deeper than 64 levels.
    """
    if _depth > _DEEPEST:
        raise OpsError(f"The value at {_where or 'the top'} is nested deeper than {_DEEPEST} levels.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _number(float(value), _where)
    if isinstance(value, Mapping):
        return {_key(k, _where): plain(v, _where=f"{_where}.{k}", _depth=_depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, _where=f"{_where}[{i}]", _depth=_depth + 1) for i, v in enumerate(value)]
    raise OpsError(f"The value at {_where or 'the top'} is a {type(value).__name__}; a record holds JSON values only.")


def canonical_json(value: Any) -> bytes:
    """Return the canonical UTF-8 text of a JSON value, without a newline at its end."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A lone surrogate (a byte from a host that is not UTF-8) becomes its JSON escape, which reads back as the same.
    return text.encode("utf-8", "backslashreplace")


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical text of a JSON value."""
    return sha256_bytes(canonical_json(value))


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 (hex) of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in pieces; OSError when it cannot be read."""
    total = hashlib.sha256()
    with path.open("rb") as handle:
        for piece in iter(lambda: handle.read(1 << 20), b""):
            total.update(piece)
    return total.hexdigest()


def _number(value: float, where: str) -> int | float:
    if math.isnan(value) or math.isinf(value):
        raise OpsError(f"The number at {where or 'the top'} is {value}; a record holds finite numbers only.")
    return int(value) if value.is_integer() else value


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise OpsError(f"The key {key!r} at {where or 'the top'} is not text; quote it.")
    return str.__str__(key)
