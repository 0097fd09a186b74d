# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill report as one HTML file: no scripts, nothing loaded from elsewhere, the same record gives the same bytes.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_view import view_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import clean

__all__ = ["record_bytes", "render"]

_TEMPLATES = Path(__file__).with_name("templates")
_WORDS = re.compile(r"\s+|\S+")
_JOINTS = re.compile(r"[^-_/.:=,]*[-_/.:=,]|[^-_/.:=,]+")
_PIECE = 32
_BREAK = Markup("<wbr>")
_NOT_MEASURED = Markup('<span class="none">not measured</span>')


def record_bytes(record: Mapping[str, Any]) -> bytes:
    """Return drill.json: the canonical text of the record and a newline."""
    return canonical_json(record) + b"\n"


def render(record: Mapping[str, Any]) -> bytes:
    """Return drill.html for a record.

    Every text is escaped, what is hidden in it is made visible, and what the record lacks is written as "not measured".
    """
    view = view_of(record, record_sha256=sha256_bytes(record_bytes(record)))
    style = _style(record)
    safe_style = Markup(style)  # noqa: S704 - our own style sheet
    page = _environment().get_template("drill.html.j2").render(view=view, style=safe_style, policy=_policy(style))
    return page.encode("utf-8")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(_TEMPLATES)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["soft"] = _soft
    return environment


def _shown(value: Any) -> Any:
    """What the template writes for a value: markup of ours as it is, nothing as "not measured", all else made "
    "visible."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return _NOT_MEASURED
    return clean(value)


def _soft(value: Any, length: int = 32) -> Any:
    """Return a text with places where a word longer than ``length`` may break, so that no table grows past its page."""
    shown = _shown(value)
    if isinstance(shown, Markup):
        return shown
    pieces = (escape(piece) for word in _WORDS.findall(shown) for piece in _breakable(word, length))
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


def _style(record: Mapping[str, Any]) -> str:
    """Return the style sheet; the foot of printed pages names the drill where its id is a plain name."""
    style = (_TEMPLATES / "drill.css").read_text(encoding="utf-8")
    name = str(record.get("id"))
    return style.replace("DRILL-ID", name if re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name) else "drill report")


def _policy(style: str) -> str:
    """Return the content security policy: nothing but this very style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
