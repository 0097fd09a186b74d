# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every report page of this collection shares: templates that escape, places to break, a content security policy.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import clean

__all__ = ["page_environment", "policy", "shown", "soft"]

_WORDS = re.compile(r"\s+|\S+")
_JOINTS = re.compile(r"[^-_/.:=,]*[-_/.:=,]|[^-_/.:=,]+")
_PIECE = 32
_BREAK = Markup("<wbr>")


def page_environment(*folders: Path, missing: Markup, whole: str = "drill.json") -> Environment:
    """Return the environment of a page's templates: all is escaped, what is hidden in a text is made visible.

    ``missing`` is written for nothing, ``whole`` names the file that holds a text of which the page shows a part.
    """

    def finalize(value: Any) -> Any:
        return shown(value, missing=missing, whole=whole)

    environment = Environment(
        loader=FileSystemLoader([str(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["soft"] = _softener(finalize)
    return environment


def _softener(finalize: Callable[[Any], Any]) -> Callable[..., Any]:
    def filtered(value: Any, length: int = 32) -> Any:
        return soft(finalize(value), length)

    return filtered


def shown(value: Any, *, missing: Markup, whole: str = "drill.json") -> Any:
    """Return what a page shows for a value: markup of ours as it is, ``missing`` for nothing, all else made visible."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return missing
    return clean(value, whole=whole)


def soft(text: Any, length: int = 32) -> Any:
    """Return a text with places where a word longer than ``length`` may break, so that no table grows past its page."""
    if isinstance(text, Markup):
        return text
    pieces = (escape(piece) for word in _WORDS.findall(text) for piece in _breakable(word, length))
    return Markup("").join(pieces)


def _breakable(word: str, length: int) -> list[Any]:
    """Cut a long word after its own joints, and any piece that is still too long after so many characters."""
    if len(word) <= length:
        return [word]
    pieces: list[Any] = []
    for joint in _JOINTS.findall(word):
        for start in range(0, len(joint), _PIECE):
            pieces += [joint[start : start + _PIECE], _BREAK]
    return pieces[:-1]


def policy(style: str, *scripts: str) -> str:
    """Return the content security policy of a page: nothing but this very style sheet and these very scripts."""
    allowed = f"; script-src {' '.join(_hash(script) for script in scripts)}" if scripts else ""
    return f"default-src 'none'; style-src {_hash(style)}{allowed}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
