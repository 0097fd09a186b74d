# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks at the reports sees what is wrong with a page, so that its silence says something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser._browser import HEIGHT, Browser, NoBrowserError
from tests.browser._looks import A4_PT, cut, outline, paper_sizes, picture_of, poor_text
from tests.browser._reading import in_view, tab_through

POLICY = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"


def shown(browser: Browser, path: Path, body: str) -> Browser:
    """Open a page with a body."""
    path.write_text(f"<!DOCTYPE html><html><head><meta charset='utf-8'></head>{body}</html>", encoding="utf-8")
    browser.open(path)
    return browser


@pytest.mark.parametrize(
    ("body", "poor"),
    [
        ("<p style='color: #767676'>4.54 on white</p>", 0),
        ("<p style='color: #777'>4.48 on white</p>", 1),
        ("<p style='color: #777; font-size: 24px'>large</p>", 0),
        ("<p style='color: #777; font-size: 19px; font-weight: 700'>large, as it is bold</p>", 0),
        (
            "<p style='background: #000; color: #fff'><span style='background: #fffe'>on nearly white</span></p>",
            1,
        ),
        ("<p style='color: #0007'>half transparent</p>", 1),
        ("<p style='opacity: .4'>half transparent with all that is in it</p>", 1),
        ("<p style='color: #777; display: none'>not shown</p><p>shown</p>", 0),
        ("<details><summary>fold</summary><p style='color: #777'>below it</p></details>", 1),
        ("<svg width='90' height='30'><rect width='90' height='30'/><text x='9' y='20'>on the bar</text></svg>", 1),
        (
            "<svg width='90' height='30'><text x='9' y='20'>before</text><rect y='25' width='90' height='5'/></svg>",
            0,
        ),
        ("<input placeholder='hint' style='background: #999'>", 1),
        ("<style>p::before { content: 'added'; color: #777 }</style><p>text</p>", 1),
    ],
)
def test_poor_text_is_found(browser: Browser, tmp_path: Path, body: str, poor: int) -> None:
    found = poor_text(shown(browser, tmp_path / "x.html", f"<body>{body}"))
    assert len(found) == poor, found


@pytest.mark.parametrize(
    ("body", "wide"),
    [
        ("<p>short</p>", False),
        ("<p style='width: 3000px'>wide</p>", True),
        ("<p style='position: absolute; left: -50px'>left of the page</p>", True),
        (
            "<p style='width: 90px; overflow: hidden; white-space: nowrap'>cut by its own edge, as it is long</p>",
            True,
        ),
        ("<pre style='max-height: 20px; overflow: auto'>one\ntwo\nthree</pre>", True),
    ],
)
def test_what_paper_would_cut_is_found(browser: Browser, tmp_path: Path, body: str, *, wide: bool) -> None:
    assert bool(cut(shown(browser, tmp_path / "x.html", f"<body>{body}"))) is wide


@pytest.mark.parametrize("body", ["<p style='color: red'>styled</p>", "<script>1</script>", "<img src='x.png'>"])
def test_a_violated_policy_is_heard(browser: Browser, tmp_path: Path, body: str) -> None:
    assert shown(browser, tmp_path / "x.html", f"{POLICY}<body>{body}").complaints


def test_a_script_that_fails_is_heard(browser: Browser, tmp_path: Path) -> None:
    assert shown(browser, tmp_path / "x.html", "<script>nothing.here()</script>").complaints


def test_the_headings_and_the_paper_of_a_print_are_read(browser: Browser, tmp_path: Path) -> None:
    page = "<style>@page { size: A4 } @media print { .gone { display: none } }</style>"
    body = "<body><h1>Top (one)</h1><h2>Zwölf · 12</h2><p>x</p><h2 class='gone'>Not on paper</h2>"
    sheet = shown(browser, tmp_path / "x.html", page + body).print()
    assert {"Top(one)", "Zwölf·12"} <= set(outline(sheet))
    assert "Notonpaper" not in outline(sheet)
    assert paper_sizes(sheet) == {A4_PT}


@pytest.mark.parametrize(
    ("body", "few"),
    [("<body>", True), ("<body style='background: #123'>", True), ("<body>" + "<p>text</p>" * 9, False)],
)
def test_a_picture_without_content_is_told_from_one_with_some(
    browser: Browser, tmp_path: Path, body: str, *, few: bool
) -> None:
    browser.look(width=500)
    shown(browser, tmp_path / "x.html", body).picture(tmp_path / "x.png")
    width, height, different = picture_of((tmp_path / "x.png").read_bytes())
    assert (width, height, different < 10) == (500, HEIGHT, few)


def test_what_the_tab_key_cannot_reach_or_show_is_found(browser: Browser, tmp_path: Path) -> None:
    style = "<style>.plain:focus-visible { outline: none } :focus-visible { outline: 2px solid }</style>"
    body = "<a href='#a'>a</a><a href='#b' tabindex='-1'>b</a><a href='#c' class='plain'>c</a><button>d</button>"
    missed, unseen = tab_through(shown(browser, tmp_path / "x.html", f"{style}<body>{body}"))
    assert [len(missed), len(unseen)] == [1, 1]
    assert "#b" in missed[0]
    assert "#c" in unseen[0]


def test_a_place_below_a_bar_is_not_in_view(browser: Browser, tmp_path: Path) -> None:
    head = "<p class='bar' style='position: sticky; top: 0; height: 90px; margin: 0'>bar</p>"
    body = f"<body style='margin: 0'>{head}<p id='far' style='margin-top: 3000px'>far</p><p style='height:3000px'>x</p>"
    shown(browser, tmp_path / "x.html", body)
    assert not in_view(browser, "far")
    browser.run("document.getElementById('far').scrollIntoView()")
    assert not in_view(browser, "far")
    browser.run("scrollBy(0, -90)")
    assert in_view(browser, "far")


def test_without_a_browser_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBrowserError, match=r"no Chromium on the PATH: run scripts/bootstrap\.sh"):
        Browser()
