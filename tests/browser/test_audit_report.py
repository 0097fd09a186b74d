# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit report in a real browser: filter, address, links, keyboard, and all of it without JavaScript."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser._browser import Browser
from tests.browser._reading import (
    ENTER,
    ESCAPE,
    SPACE,
    TAB,
    choose,
    focused,
    in_view,
    tab_through,
    texts,
    type_key,
    type_text,
)
from verify.engine.judge import finding_id
from verify.engine.words import Status
from verify.report.data import ReportData

KINDS = ("task", "item", "subject")
HASH = "decodeURIComponent(location.hash)"


@pytest.fixture
def page(browser: Browser, audits: dict[str, Path]) -> Path:
    """The report of a bad day, opened."""
    browser.open(audits["bad"])
    return audits["bad"]


@pytest.mark.usefixtures("page")
def test_a_search_shows_what_holds_its_words_and_counts_it(browser: Browser) -> None:
    whole = {kind: len(texts(browser, kind)) for kind in KINDS}
    choose(browser, "q", "fra-web")
    left = {kind: texts(browser, kind) for kind in KINDS}
    assert all(0 < len(left[kind]) < whole[kind] for kind in KINDS)
    assert all("fra-web" in text for kind in KINDS for text in left[kind])
    told = ", ".join(f"{len(left[kind])} of {whole[kind]} {kind}s" for kind in KINDS)
    assert browser.run("document.getElementById('said').textContent") == told
    browser.run("document.getElementById('filter').reset()")
    browser.drawn()
    assert {kind: len(texts(browser, kind)) for kind in KINDS} == whole
    assert browser.run("document.getElementById('said').textContent") == ""


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [("status", "open", "s"), ("status", "unknown", "s"), ("owner", "platform", "o"), ("severity", "critical", "v")],
)
@pytest.mark.usefixtures("page")
def test_each_choice_leaves_only_its_own(browser: Browser, name: str, value: str, attribute: str) -> None:
    choose(browser, name, value)
    kept = f"node => !node.hidden && !node.dataset.{attribute}.split(' ').includes('{value}')"
    lost = f"node => node.hidden && node.dataset.{attribute}.split(' ').includes('{value}')"
    items = "[...document.querySelectorAll('.item')]"
    assert texts(browser, "item")
    assert browser.run(f"{items}.filter({kept}).length") == 0
    assert browser.run(f"{items}.filter({lost}).length") == 0


@pytest.mark.usefixtures("page")
def test_the_filter_is_in_the_address(browser: Browser) -> None:
    choose(browser, "q", "fra-web 001")
    choose(browser, "status", "open")
    assert browser.run("location.hash") == "#?q=fra-web+001&status=open"


def test_the_address_sets_the_filter(browser: Browser, page: Path) -> None:
    browser.open(page, "#?q=fra-web-001&status=open")
    assert browser.run("document.getElementById('filter').elements.namedItem('status').value") == "open"
    assert texts(browser, "subject")
    assert all("fra-web-001" in text for text in texts(browser, "subject"))
    # An address says everything: what it does not name is not filtered by any more.
    browser.run("location.hash = '#?q=ams'")
    browser.drawn()
    assert browser.run("document.getElementById('filter').elements.namedItem('status').value") == ""
    assert any("ams-web-002" in text for text in texts(browser, "subject"))


def test_the_link_of_an_open_result_shows_it(browser: Browser, page: Path, runs: dict[str, ReportData]) -> None:
    # One in three, over all of the page.
    findings = [one.id for one in runs["bad"].open_findings][::3]
    assert len(findings) > 12
    browser.open(page, f"#{findings[0]}")
    hidden = [] if in_view(browser, findings[0]) else findings[:1]
    for finding in findings[1:]:
        browser.run(f"location.hash = '{finding}'")
        browser.drawn()
        hidden += [] if in_view(browser, finding) else [finding]
    assert hidden == []


def test_the_link_of_a_pass_shows_it(browser: Browser, page: Path, runs: dict[str, ReportData]) -> None:
    control = next(one for one in runs["bad"].controls if 0 < sum(r.status is Status.PASS for r in one.rows) <= 100)
    row = next(row for row in control.rows if row.status is Status.PASS)
    passed = finding_id(control.control, row.kind, row.subject)
    browser.open(page, f"#{passed}")
    assert in_view(browser, passed)


@pytest.mark.parametrize("name", ["bad", "killed"])
def test_a_link_is_not_covered_by_what_sticks_to_the_window(
    browser: Browser, audits: dict[str, Path], runs: dict[str, ReportData], name: str
) -> None:
    finding = runs[name].open_findings[-1].id
    for width in (1440, 900):
        browser.look(width=width)
        browser.open(audits[name], f"#{finding}")
        assert in_view(browser, finding)


@pytest.mark.usefixtures("page")
def test_a_link_is_followed_though_the_filter_hides_its_place(browser: Browser, runs: dict[str, ReportData]) -> None:
    finding = runs["bad"].open_findings[0]
    choose(browser, "q", "no such text anywhere")
    assert not in_view(browser, finding.id)
    browser.run(f"location.hash = '{finding.id}'")
    browser.drawn()
    assert in_view(browser, finding.id)
    assert browser.run("location.hash") == f"#{finding.id}?q=no+such+text+anywhere"


@pytest.mark.parametrize("fragment", ["#%", "#%E0%A4%A", "#?q=%", "#nowhere", "#?status=nonsense", "#?"])
def test_an_address_that_was_cut_does_no_harm(browser: Browser, page: Path, fragment: str) -> None:
    browser.open(page, fragment)
    choose(browser, "q", "fra-web")
    assert texts(browser, "item")
    assert browser.complaints == []


def test_tab_reaches_every_control_in_order_and_shows_where_it_is(browser: Browser, audits: dict[str, Path]) -> None:
    browser.open(audits["few"])
    assert tab_through(browser) == ([], [])


@pytest.mark.usefixtures("page")
def test_the_report_is_searched_and_unfolded_by_keyboard_alone(browser: Browser) -> None:
    whole = len(texts(browser, "item"))
    browser.press("/", text="/")
    assert focused(browser, "name") == "q"
    assert focused(browser, "value") == ""
    type_text(browser, "fra-web/")
    assert focused(browser, "value") == "fra-web/"
    type_key(browser, ESCAPE)
    browser.drawn()
    assert focused(browser, "value") == ""
    type_key(browser, TAB)
    assert focused(browser, "name") == "status"
    type_text(browser, "open")
    assert focused(browser, "value") == "open"
    assert 0 < len(texts(browser, "item")) < whole
    type_key(browser, TAB, times=3)
    assert focused(browser, "textContent") == "Clear"
    type_key(browser, ENTER)
    browser.drawn()
    assert len(texts(browser, "item")) == whole
    type_key(browser, TAB)
    type_key(browser, SPACE)
    assert browser.run("[...document.querySelectorAll('details')].every(node => node.open)")
    assert focused(browser, "ariaPressed") == "true"


@pytest.mark.usefixtures("page")
def test_enter_opens_a_fold_and_closes_it(browser: Browser) -> None:
    browser.run("document.querySelector('.item:not([open]) > summary').focus()")
    for opened in (True, False):
        type_key(browser, ENTER)
        assert focused(browser, "parentElement.open") is opened


@pytest.mark.usefixtures("page")
def test_the_first_stop_leads_past_the_head(browser: Browser) -> None:
    type_key(browser, TAB)
    assert focused(browser, "className") == "skip"
    assert focused(browser, "getBoundingClientRect().left") >= 0
    type_key(browser, ENTER)
    browser.drawn()
    assert in_view(browser, "act")


@pytest.mark.parametrize("fragment", ["", "#?q=%3Cscript%3Edocument.title%3D'owned'%3C/script%3E", "#<img src=x>"])
def test_hostile_text_stays_text(browser: Browser, audits: dict[str, Path], fragment: str) -> None:
    browser.open(audits["hostile"], fragment)
    browser.run("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    browser.drawn()
    assert browser.run("document.title").startswith("Do not sign")
    assert browser.run("[...document.querySelectorAll('script, img, iframe, b script')].length") == 1
    assert any("<script>document.title='owned'</script>" in text for text in texts(browser, "says"))
    assert browser.complaints == []


# Without JavaScript


def test_without_javascript_nothing_is_hidden(
    browser: Browser, audits: dict[str, Path], runs: dict[str, ReportData]
) -> None:
    browser.look(scripts=False)
    browser.open(audits["bad"], "#?status=fail")
    assert browser.run("[...document.querySelectorAll('[hidden]')].map(node => node.id)") == ["filter"]
    items, subjects = texts(browser, "item"), texts(browser, "subject")
    assert [item for item in runs["bad"].items if not any(item in text for text in items)] == []
    names = {row.subject for control in runs["bad"].controls for row in control.rows}
    assert [name for name in sorted(names) if not any(name in text for text in subjects)] == []


def test_without_javascript_a_fold_opens_and_a_link_shows_its_result(
    browser: Browser, audits: dict[str, Path], runs: dict[str, ReportData]
) -> None:
    browser.look(scripts=False)
    for finding in runs["bad"].open_findings[::9]:
        browser.open(audits["bad"], f"#{finding.id}")
        assert in_view(browser, finding.id)
    browser.run("document.querySelector('.item:not([open]) > summary').focus()")
    type_key(browser, ENTER)
    assert focused(browser, "parentElement.open")


# On paper


def test_paper_shows_what_the_filter_hides_on_the_screen(browser: Browser, page: Path) -> None:
    browser.look(paper=True)
    whole = {kind: texts(browser, kind) for kind in (*KINDS, "group", "finding")}
    assert all(whole.values())
    choose(browser, "q", "no such text anywhere")
    assert {kind: texts(browser, kind) for kind in whole} == whole
