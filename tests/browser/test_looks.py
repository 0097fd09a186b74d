# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both reports can be read by everybody, on a screen, in the dark and on paper, and keep to their own policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser._browser import HEIGHT, WIDTH, Browser
from tests.browser._looks import A4_PRINTED_PX, A4_PT, UNFOLD, cut, outline, paper_sizes, picture_of, poor_text
from tests.browser.conftest import DRILLS, RUNS

PICTURES = Path(__file__).resolve().parents[2] / ".cache" / "pictures"
PAGES = [*(f"audit {name}" for name in RUNS if name != "few"), *(f"drill {name}" for name in DRILLS)]
READERS = {"light": {}, "dark": {"dark": True}, "paper": {"paper": True, "width": A4_PRINTED_PX}}
# Both reports are made for screens from a telephone's to a wide one's.
WIDTHS = (390, 800, 1440)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, audits: dict[str, Path], drills: dict[str, Path]) -> Path:
    """Each report."""
    kind, name = request.param.split()
    return {"audit": audits, "drill": drills}[kind][name]


@pytest.mark.parametrize("reader", READERS)
def test_all_text_stands_out_from_its_background(browser: Browser, page: Path, reader: str) -> None:
    browser.look(**READERS[reader])
    browser.open(page)
    assert poor_text(browser) == []


def test_no_screen_has_to_be_scrolled_sideways(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(UNFOLD)
    for width in WIDTHS:
        browser.look(width=width)
        browser.drawn()
        assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("page", ["audit bad", "drill pass"], indirect=True)
def test_the_first_screen_is_kept_as_a_picture_and_is_not_blank(browser: Browser, page: Path) -> None:
    """People look at ``.cache/pictures``; this asks only that something is drawn there."""
    browser.look(width=WIDTH)
    browser.open(page)
    path = PICTURES / f"{page.parent.name.rstrip('0123456789')}-{page.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    browser.picture(path)
    width, height, different = picture_of(path.read_bytes())
    assert (width, height) == (WIDTH, HEIGHT)
    assert different > 200


def test_paper_cuts_nothing(browser: Browser, page: Path) -> None:
    browser.look(paper=True, width=A4_PRINTED_PX)
    browser.open(page)
    assert cut(browser) == []


@pytest.mark.parametrize("page", ["audit bad", "audit killed", "drill pass", "drill hostile"], indirect=True)
def test_every_section_is_printed_on_a4(browser: Browser, page: Path) -> None:
    browser.open(page)
    sections = browser.run("[...document.querySelectorAll('h2')].map((node) => node.textContent.replace(/\\s+/g, ''))")
    sheet = browser.print()
    assert len(sections) > 5
    assert [title for title in sections if title not in outline(sheet)] == []
    assert paper_sizes(sheet) == {A4_PT}


def test_the_browser_has_nothing_against_the_page(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(UNFOLD)
    browser.drawn()
    assert browser.complaints == []
