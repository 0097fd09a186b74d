# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit report as HTML: one file, or an index with pages beside it when one file would be too large.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _report_page as shared
from verify.report.data import ReportData
from verify.report.text import clean, counted, thin
from verify.report.view import view_of

__all__ = ["MOST_BYTES", "pages"]

MOST_BYTES = 5_000_000
"""Above this size the report is an index with a page for each section and for so many subjects."""

_HERE = Path(__file__).with_name("templates")
_SHARED = Path(shared.__file__).with_name("templates")
_NOT_STATED = Markup('<span class="none">not stated</span>')
_SUBJECTS = 500
# Texts of targets hold no quotes once they are escaped, so that only markup of ours is found.
_ID, _LINK = re.compile(rb' id="([^"]+)"'), re.compile(rb'href="#([^"]+)"')
_LEGEND = (("pass", "pass"), ("fail", "fail"), ("unknown", "unknown, stale or manual due"), ("waived", "waived"))


def pages(data: ReportData, *, most: int = MOST_BYTES) -> dict[str, bytes]:
    """Return the files of the report by their path in the pack; ``audit.html`` alone where that is small enough."""
    view = view_of(data)
    whole = _render("audit.html.j2", view, split=0)
    if len(whole) <= most:
        return {"audit.html": whole}
    return _split(view)


def _split(view: dict[str, Any]) -> dict[str, bytes]:
    """Return an index, a page for each section and pages of so many subjects."""
    found: dict[str, bytes] = {}
    for section in view["sections"]:
        more = {"section": section, "kind": None, "title": f"Section {section['name']}"}
        found[f"audit/{section['name']}.html"] = _render("piece.html.j2", view, split=0, **more)
    for kind in view["subjects"]:
        kind["pages"] = []
        for place, start in enumerate(range(0, len(kind["subjects"]), _SUBJECTS), start=1):
            some = kind["subjects"][start : start + _SUBJECTS]
            page, title = f"subjects-{kind['kind']}-{place}", f"{some[0]['name']} to {some[-1]['name']}"
            kind["pages"].append((page, title))
            for one in some:
                one["page"] = page
            part = {**kind, "subjects": some, "count": counted(len(some), kind["kind"]), "green": ""}
            more = {"section": None, "kind": part, "title": title}
            found[f"audit/{page}.html"] = _render("piece.html.j2", view, split=0, **more)
    index = _render("audit.html.j2", view, split=len(found))
    return {"audit.html": index, **{name: _relinked(page) for name, page in found.items()}}


def _relinked(page: bytes) -> bytes:
    """Return a page whose links to what it does not hold lead to the first page, which holds a place for everything."""
    own = set(_ID.findall(page))
    return _LINK.sub(
        lambda match: match.group(0) if match.group(1) in own else b'href="../audit.html#%s"' % match[1], page
    )


def _render(template: str, view: dict[str, Any], *, split: int, **more: Any) -> bytes:
    style, script = _style(view), (_HERE / "audit.js").read_text(encoding="utf-8")
    page = _environment().get_template(template)
    roles = sorted({entry["item"].owner for section in view["sections"] for entry in section["entries"]})
    text = page.render(
        view=view,
        split=split,
        style=Markup(style),  # noqa: S704 - our own style sheet
        script=Markup(script),  # noqa: S704 - our own script
        policy=shared.policy(style, script),
        roles=roles,
        legend=_LEGEND,
        **more,
    )
    return text.encode("utf-8")


@functools.cache
def _environment() -> Environment:
    environment = shared.page_environment(_HERE, _SHARED, missing=_NOT_STATED, whole="results.jsonl")
    environment.filters.update(thin=thin, counted=counted)
    environment.filters["verbatim"] = _verbatim
    return environment


def _verbatim(text: str) -> Markup:
    """Return lines as they are, each with what is hidden in it made visible."""
    return Markup("\n").join(escape(clean(line)) for line in text.split("\n"))


def _style(view: dict[str, Any]) -> str:
    """Return the style sheet; printed pages name the run, where its id is plain, and say when it is cut short."""
    style = (_SHARED / "base.css").read_text(encoding="utf-8") + (_HERE / "audit.css").read_text(encoding="utf-8")
    name = f"{view['environment']} {view['id']}"
    plain = name if re.fullmatch(r"[A-Za-z0-9._ -]{1,80}", name) else "audit report"
    return style.replace("RUN-ID", plain).replace("BANNER", "" if view["complete"] else "INCOMPLETE RUN")
