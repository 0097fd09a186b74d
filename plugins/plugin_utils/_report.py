# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill report as one HTML file: no scripts, nothing loaded from elsewhere, the same record gives the same bytes.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_view import view_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_page import page_environment, policy

__all__ = ["record_bytes", "render"]

_TEMPLATES = Path(__file__).with_name("templates")
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
    page = _environment().get_template("drill.html.j2").render(view=view, style=safe_style, policy=policy(style))
    return page.encode("utf-8")


@functools.cache
def _environment() -> Environment:
    return page_environment(_TEMPLATES, missing=_NOT_MEASURED)


def _style(record: Mapping[str, Any]) -> str:
    """Return the style sheet; the foot of printed pages names the drill where its id is a plain name."""
    style = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("base.css", "drill.css"))
    name = str(record.get("id"))
    return style.replace("DRILL-ID", name if re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name) else "drill report")
