# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page looks like to people: whether its text can be read, and whether it fits its screen or its paper.

Contrast is the ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio), at least 4.5, and 3 for large
text, which is 24 px, or bold and 18.66 px. It is computed from the colours that the browser resolved for each text:
its own over all backgrounds below it.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

from tests.browser._browser import Browser

A4_PRINTED_PX = 688
"""Width of an A4 page less the margins of both reports, 14 mm each, in CSS pixels (96 an inch)."""
A4_PT = (595, 842)

_HERE = Path(__file__).parent
_CONTRAST = (_HERE / "contrast.js").read_text(encoding="utf-8")
_WIDE = (_HERE / "cut.js").read_text(encoding="utf-8")
UNFOLD = "document.querySelectorAll('details').forEach((node) => { node.open = true; })"
_TITLE = re.compile(rb"/Title (\((?:\\.|[^\\)])*\)|<[0-9A-F]*>)", re.DOTALL)
_BOX = re.compile(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]")


def poor_text(browser: Browser) -> list[str]:
    """Open all folds and return each text whose contrast is too low, with its ratio and colours."""
    browser.run(UNFOLD)
    # Content far below the window is not laid out, so the window has to hold all of it.
    width, height = browser.run("[innerWidth, document.documentElement.scrollHeight + 4000]")
    browser.resize(width, height)
    browser.drawn()
    found: dict[str, Any] = browser.run(_CONTRAST)
    assert found["checked"] > 0
    return list(found["poor"])


def picture_of(png: bytes) -> tuple[int, int, int]:
    """Return width and height of a PNG, and how many of its lines differ; a window without content has a few."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, parts, size = 8, b"", (0, 0)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        size = struct.unpack(">II", body[:8]) if kind == b"IHDR" else size
        parts += body if kind == b"IDAT" else b""
        place += 12 + length
    points = zlib.decompress(parts)
    line = len(points) // size[1]
    return *size, len({points[start : start + line] for start in range(0, len(points), line)})


def cut(browser: Browser) -> list[str]:
    """Return what reaches beyond the page or is cut by the edge of its own box: no reader of paper can scroll."""
    return list(browser.run(_WIDE))


def outline(sheet: bytes) -> list[str]:
    """Return the headings of a PDF in the order of its objects, without blanks, which line breaks swallow."""
    found = []
    for title in _TITLE.findall(sheet):
        if title.startswith(b"<"):
            text = bytes.fromhex(title[1:-1].decode("ascii")).decode("utf-16")
        else:
            text = re.sub(rb"\\(.)", rb"\1", title[1:-1]).decode("latin-1")
        found.append("".join(text.split()))
    return found


def paper_sizes(sheet: bytes) -> set[tuple[int, int]]:
    """Return the sizes of the pages of a PDF, in points."""
    return {(round(float(width)), round(float(height))) for width, height in _BOX.findall(sheet)}
