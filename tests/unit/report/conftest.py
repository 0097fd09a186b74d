# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example record, and a reader of the page that collects what a browser would see."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import render

EXAMPLE = json.loads((Path(__file__).parent / "example_drill.json").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """Elements, attributes and text of a report."""

    def __init__(self, markup: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.markup = markup.decode("utf-8")
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []
        self.feed(self.markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self._open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            self.values.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open and self._open.pop() != tag:
                pass
        if tag in ("td", "th", "p", "li", "dd", "dt", "h2", "tr", "text", "div"):
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self._text.append(data)

    @property
    def text(self) -> str:
        """All that is shown, with single blanks."""
        return " ".join("".join(self._text).split())

    def part(self, anchor: str) -> Page:
        """One section as a page of its own."""
        part = self.markup.partition(f'id="{anchor}">')[2].partition("</section>")[0]
        return Page(f"<section>{part}</section>".encode())

    def section(self, anchor: str) -> str:
        """The text of one section."""
        return self.part(anchor).text


@pytest.fixture
def record() -> dict[str, Any]:
    """A copy of the example, to be changed."""
    return copy.deepcopy(EXAMPLE)


@pytest.fixture
def page() -> Page:
    """The report of the example."""
    return Page(render(EXAMPLE))
