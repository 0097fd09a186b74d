# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page answers what an auditor asks, leads where its links say, and needs neither script nor network."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.report.conftest import Page
from tests.unit.report.test_report import luminance
from tests.unit.verify_report.conftest import changed
from verify.engine.remedy import Remedy
from verify.engine.words import Status
from verify.report import ReportData, read_pack, render, write_all
from verify.report.names import anchor
from verify.report.page import pages as files_of
from verify.report.summary import answer
from verify.report.view import view_of

ROOT = Path(__file__).resolve().parents[3]
CSS = (ROOT / "verify" / "report" / "templates" / "audit.css").read_text(encoding="utf-8")
BASE = (ROOT / "plugins" / "plugin_utils" / "templates" / "base.css").read_text(encoding="utf-8")
KINDS = ["bad", "green", "killed", "hostile"]


def part(page: Page, anchor_id: str) -> str:
    """The text of a section of the page, found by the anchor of its heading."""
    text = re.split('<h2 id="|<footer', page.markup.partition(f'<h2 id="{anchor_id}"')[2])[0]
    return Page(f"<h2 {text}".encode()).text


# The first screen


def test_a_bad_day_cannot_be_signed(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    said = answer(runs["bad"])
    assert (said.sign, said.word, said.css) == (False, "Do not sign", "bad")
    head = pages["bad"].text.partition("Changes To do")[0]
    assert "Do not sign" in head
    assert said.why in head.replace("\u202f", "\u202f")
    assert "Who must act" in head
    assert "security" in head
    assert "newly unknown" in head
    assert "gave no answer within 10 s" in head


def test_a_green_day_can_be_signed(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    assert answer(runs["green"]).sign
    assert "You can sign" in pages["green"].text
    assert "Every cell has an answer." in pages["green"].text
    assert "Nothing is open." in pages["green"].text


def test_a_killed_run_is_marked_everywhere(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    page = pages["killed"]
    assert page.markup.count("<title>INCOMPLETE") == 1
    assert 'content: "INCOMPLETE RUN"' in page.markup
    headings = re.findall(r'<h2 id="[^"]+">.*?</h2>', page.markup)
    assert len(headings) == 10
    assert [heading for heading in headings if "incomplete run" not in heading] == []
    assert "INCOMPLETE" in page.text.rpartition("Run 2026")[0][-40:]
    never = (runs["killed"].expected or 0) - runs["killed"].decided
    assert f"{never} never judged" in page.text
    for name in ("bad", "green"):
        assert "incomplete" not in pages[name].text.lower()


@pytest.mark.parametrize(
    ("header", "close", "sign", "words"),
    [
        ({}, {}, True, "are decided and green"),
        ({}, None, False, "did not come to its end"),
        ({"selection": {"items": ["ACCESS-01"]}}, {}, False, "a selection only"),
        ({}, {"expected": 10_000}, False, "of 10000 expected cells"),
        ({}, {"exit": 12}, False, "exit code 12"),
        ({}, {"exit": 11}, False, "exit code 11"),
    ],
)
def test_green_cells_alone_do_not_sign_a_day(
    runs: dict[str, ReportData], header: dict[str, object], close: dict[str, int] | None, sign: bool, words: str
) -> None:
    data = changed(runs["green"], **header)
    ended = None if close is None else {**(data.close or {}), **close}
    said = answer(dataclasses.replace(data, close=ended))
    assert said.sign is sign
    assert words in said.why


def test_nothing_decided_is_never_green(runs: dict[str, ReportData]) -> None:
    data = dataclasses.replace(runs["green"], controls=(), close={"exit": 0, "expected": 0, "decided": 0})
    assert not answer(data).sign


# What an auditor asks


def test_what_was_in_scope_and_what_was_not_reached(pages: dict[str, Page]) -> None:
    scope = part(pages["bad"], "scope")
    for words in ("Hosts expected 8", "Hosts reached 7", "1 unreachable, 1 excluded", "CHG-2211", "unreachable"):
        assert words in scope
    assert "inventories/prod" in scope
    assert "The cells were fixed from the inventory before anything was collected" in scope


def test_a_commit_that_is_not_known_is_not_called_clean(runs: dict[str, ReportData]) -> None:
    page = Page(render(changed(runs["green"], commit="", dirty=False)))
    assert "commit not known" in part(page, "scope") and "clean" not in part(page, "scope")
    assert "The commit of the rules is not known" in part(page, "limits")
    assert "The commit of the rules" not in part(Page(render(runs["green"])), "limits")


def test_coverage_is_told_in_numbers(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    known = runs["bad"].coverage
    scope = part(pages["bad"], "scope")
    assert f"Items proved by machine {known['machine']} of {known['items']}" in scope
    told = "{attested} attested by people, {declared} declared, {undecided} undecided, {gap} without a control"
    assert told.format(**known) in scope
    assert "No system of record for announcements is connected." in part(pages["bad"], "limits")


@pytest.mark.parametrize(
    ("kex", "told"),
    [
        (
            {"sntrup761x25519-sha512@openssh.com": 3, "curve25519-sha256": 9},
            "3 hosts use the key exchange sntrup761x25",
        ),
        ({"sntrup761x25519-sha512": 1}, "1 host uses the key exchange sntrup761x25519-sha512, which"),
        ({"curve25519-sha256": 9, "none": 1}, ""),
    ],
)
def test_a_dear_key_exchange_is_said(runs: dict[str, ReportData], kex: dict[str, int], told: str) -> None:
    page = Page(render(changed(runs["green"], kex=kex)))
    limits = part(page, "limits")
    assert ("KexAlgorithms" in limits and "several times dearer" in limits) is bool(told)
    assert told in limits


def test_every_finding_has_a_place_and_tells_its_cell(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    ids = Counter(pages["bad"].ids)
    data = runs["bad"]
    assert data.findings
    assert [finding.id for finding in data.findings if ids[finding.id] != 1] == []
    text = pages["bad"].text
    assert [finding.row.subject for finding in data.findings if finding.row.subject not in text] == []


def test_a_failure_shows_what_was_seen_and_wanted_with_its_evidence(pages: dict[str, Page]) -> None:
    item = part(pages["bad"], "items").partition("ACCESS-01")[2].partition("ACCESS-02")[0]
    for words in ("claim that does not hold: sshd of [subject] refuses passwords", "Expected: no", "yes", "sshd -T"):
        assert words in item
    assert re.search(r"\b0 [0-9a-f]{12}\b", item), "exit code and digest"
    assert "sshd.setting.1 = 1" in item
    assert "lines 1 to 8 shown" in item


def test_a_pass_shows_its_evidence_too(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    item = part(pages["green"], "items").partition("ACCESS-01")[2].partition("ACCESS-02")[0]
    assert "pass 4 hosts" in item
    assert "sshd of [subject] refuses passwords" in item
    assert re.search(r"sshd -T on host: 4 facts, rc 0, collected 08:30:\d\d to 08:30:\d\d, at most \d+ s old", item)
    facts = [fact for fact in runs["green"].facts.values() if fact.name == "sshd"]
    assert str(facts[0].digest)[:12] in item
    subject = part(pages["green"], "subjects")
    assert facts[0].identity in subject, "the host key"
    assert f"{str(facts[0].digest)[:12]}" in subject


def test_which_host_passed_which_control_can_be_told(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    """Prove host X control Y on day Z: the subject lists what it passed."""
    place = pages["green"].markup.partition(f'id="{anchor("host", "fra-web-001")}"')[2].partition("</details>")[0]
    told = Page(place.encode()).text
    assert "ACCESS-01 to 03" in told
    passed = [control for control in runs["green"].controls if any(r.subject == "fra-web-001" for r in control.rows)]
    assert f"{len(passed)} pass" in told


def test_a_waiver_keeps_the_original_result_in_sight(pages: dict[str, Page]) -> None:
    told = part(pages["bad"], "exceptions")
    for words in ("W-2026-001", "valid", "until 2026-12-01 23:59:59.000 UTC", "approver r.osei", "requester m.keller"):
        assert words in told
    assert re.search(r"Excuses F-[0-9a-f]{10} on \S+, which is fail without it", told)
    assert "waived was fail W-2026-001" in part(pages["bad"], "items")


def test_an_attestation_that_has_run_out_says_so(pages: dict[str, Page]) -> None:
    told = part(pages["bad"], "exceptions")
    assert "A-2026-014 valid" in told
    assert "A-2026-009 expired" in told


@pytest.mark.parametrize(
    ("state", "until", "word", "css"),
    [
        ("in force", "2026-12-01T00:00:00.000Z", "in force", "ok"),
        ("expires within 14 days", "2026-12-01T00:00:00.000Z", "expires within 14 days", "warn"),
        ("expired, still needed", "2026-11-01T00:00:00.000Z", "expired, still needed", "bad"),
        ("in force", "2026-11-01T00:00:00.000Z", "expired", "bad"),
        ("rejected", "2026-12-01T00:00:00.000Z", "rejected", "bad"),
        ("", None, "expired", "bad"),
    ],
)
def test_the_state_of_an_exception(
    runs: dict[str, ReportData], state: str, until: str | None, word: str, css: str
) -> None:
    data = dataclasses.replace(runs["green"], waivers=[{"id": "W-1", "state": state, "expires": until}])
    [row] = view_of(data)["waivers"]
    assert (row["state"], row["css"]) == (word, css)


def test_what_changed_is_told_with_ages(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    told, changes = part(pages["bad"], "changes"), runs["bad"].changes or {}
    for name, words in (
        ("new", "new"),
        ("fixed", "fixed"),
        ("still", "still open"),
        ("newly_unknown", "newly unknown"),
    ):
        assert f"{len(changes[name])} {words}" in told
    assert "4 turns in 10 runs" in told
    assert re.search(r"\d+ d", told)


def test_a_run_that_was_not_compared_says_why(runs: dict[str, ReportData]) -> None:
    changes = {"comparable": False, "reason": "the catalogue was another one", "new": [{"finding": "F-1"}]}
    page = Page(render(dataclasses.replace(runs["bad"], changes=changes)))
    assert "Not compared The catalogue was another one." in page.text
    assert '#F-1"' not in page.markup


def test_owners_get_commands_that_look_first(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    tasks = {task["control"]: task for owner in view_of(runs["bad"])["owners"] for task in owner["tasks"]}
    look, act, again = [command["line"] for command in tasks["ACCESS-01"]["commands"]]
    hosts = [f.row.subject for f in runs["bad"].findings if f.control.control == "ACCESS-01" and f.row.status == "fail"]
    words = shlex.split(look)
    assert words[:4] == ["ansible-playbook", "-i", "inventories/prod", "playbooks/site.yml"]
    assert sorted(words[words.index("--limit") + 1].split(",")) == sorted(hosts)
    assert words[words.index("--tags") :] == ["--tags", "base", "--check", "--diff"]
    assert f"{act} --check --diff" == look
    assert again.startswith("pytest verify/ --env prod --")
    assert look in pages["bad"].text


def test_an_item_shows_the_look_of_its_remedy_or_why_there_is_none(runs: dict[str, ReportData]) -> None:
    data = runs["bad"]
    gap = next(item for item in data.items.values() if item.gap)
    ask = dataclasses.replace(gap, remedy=Remedy("Ask the vendor.", reason="Only the vendor can."))
    draft = dataclasses.replace(gap, remedy=Remedy("Write it down.", "record", variables={"record_kind": "incident"}))
    entries = {entry["item"].id: entry for section in view_of(data)["sections"] for entry in section["entries"]}
    command = "ansible-playbook -i inventories/prod playbooks/site.yml --tags base --check --diff"
    assert entries["ACCESS-01"]["look"] == command
    assert Page(render(data)).text.count(command) >= 1
    shown = Page(render(dataclasses.replace(data, items={**data.items, gap.id: draft}))).text
    assert "playbooks/record.yml -e record_kind=incident --check --diff" in shown
    shown = Page(render(dataclasses.replace(data, items={**data.items, gap.id: ask}))).text
    assert "Remedy: Ask the vendor. No playbook: Only the vendor can." in shown


def test_what_is_past_its_deadline_says_so(runs: dict[str, ReportData]) -> None:
    """A critical finding may stay open for a day, a medium one for thirty."""
    data = runs["bad"]
    tasks = {task["control"]: task for owner in view_of(data)["owners"] for task in owner["tasks"]}
    for task in tasks.values():
        due = [data.due(one) for one in data.open_findings if one.id in task["ids"]]
        assert task["late"] is (min(due) < data.moment)
    assert tasks["ACCESS-01"]["late"]
    relaxed = changed(data, deadlines_s={"critical": 400 * 86_400})
    tasks = {task["control"]: task for owner in view_of(relaxed)["owners"] for task in owner["tasks"]}
    assert not tasks["ACCESS-01"]["late"]


def test_a_lost_host_is_told_once(runs: dict[str, ReportData], pages: dict[str, Page]) -> None:
    [cause] = view_of(runs["bad"])["causes"]
    assert cause["count"] == "1 host"
    assert cause["number"] == runs["bad"].totals[Status.UNKNOWN]
    assert "-m ping" in cause["commands"][0]["line"]
    unfolded = re.findall(r'<details class="item open" id="([^"]+)"', pages["bad"].markup)
    failing = {f.control.item for f in runs["bad"].open_findings if f.row.status is Status.FAIL}
    assert set(unfolded) == failing


def test_the_page_says_how_it_is_verified_and_who_signs(pages: dict[str, Page]) -> None:
    assert "ssh-keygen -Y verify -f allowed_signers -I verify@prod" in part(pages["bad"], "verify")
    assert "sha256sum --check MANIFEST" in part(pages["bad"], "verify")
    for words in ("Reviewed by", "Decision", "accepted with conditions", "Signature"):
        assert words in part(pages["bad"], "signoff")


# The form of the page


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_leads_somewhere_and_no_name_is_given_twice(pages: dict[str, Page], kind: str) -> None:
    page = pages[kind]
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    links = [value for name, value in page.values if name == "href"]
    assert [link for link in links if not link.startswith("#") or link[1:] not in page.ids] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_allows_this_style_and_this_script_only(pages: dict[str, Page], kind: str) -> None:
    markup = pages[kind].markup
    policy = next(value for name, value in pages[kind].values if name == "content" and value.startswith("default-src"))
    for element in ("style", "script"):
        [body] = re.findall(rf"<{element}>(.*?)</{element}>", markup, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert pages[kind].attributes.isdisjoint({"style", "onclick", "onload", "onerror", "src", "srcset", "action"})
    for text in ("http://", "https://cdn", "@import", "url("):
        assert text not in markup.replace("attr(href url)", "")


def test_the_page_is_whole_without_a_script(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    """All is in the markup; the script only unhides the filter and never makes an element."""
    script = (ROOT / "verify" / "report" / "templates" / "audit.js").read_text(encoding="utf-8")
    for word in ("createElement", "innerHTML", "insertAdjacent", "fetch(", "XMLHttpRequest", "localStorage", "eval("):
        assert word not in script
    hidden = re.findall(r"<(\w+)[^>]* hidden[ >]", pages["bad"].markup)
    assert hidden == ["form"]
    assert all(item.id in pages["bad"].ids for item in runs["bad"].items.values())


def test_controls_of_the_page_have_names_and_headings_follow_one_another(pages: dict[str, Page]) -> None:
    markup = pages["bad"].markup
    fields = re.findall(r"<(?:input|select)\b[^>]*>", markup)
    assert len(fields) == 4
    assert [field for field in fields if "aria-label=" not in field] == []
    assert re.findall(r"<h(\d)", markup)[0] == "1"
    assert not re.search(r"<h[456]", markup)
    assert 'lang="en"' in markup
    assert [
        svg for svg in re.findall(r"<svg[^>]*>", markup) if 'role="img"' not in svg or "aria-label" not in svg
    ] == []


PAIRS = [
    *((ink, "paper") for ink in ("ink", "soft", "accent", "ok", "warn", "bad", "info")),
    *(("ink", ground) for ground in ("faint", "ok-tint", "warn-tint", "bad-tint", "info-tint", "field")),
    *(("soft", ground) for ground in ("faint", "mute-tint", "warn-tint")),
    *((name, f"{name}-tint") for name in ("ok", "warn", "bad", "info")),
    *(("prose", ground) for ground in ("ok-tint", "warn-tint", "bad-tint")),
    *((name, "faint") for name in ("accent", "bad", "warn")),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_stands_out_from_its_ground_in_both_themes(theme: str, ink: str, ground: str) -> None:
    """WCAG 2 AA wants 4.5 to 1 for text."""
    light, _media, dark = CSS.partition("@media screen and (prefers-color-scheme: dark)")
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", BASE + light)
    if theme == "dark":
        found += re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", dark)
    colours = dict(found)
    high, low = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_print_has_its_own_rules() -> None:
    printed = CSS.partition("@media print")[2]
    for rule in (
        "size: A4",
        "counter(page)",
        "target-counter(",
        "break-after: page",
        "details-content",
        ".item[hidden]",
    ):
        assert rule in printed


# From the pack alone, byte for byte


def test_the_same_pack_gives_the_same_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folders["bad"], tmp_path / "run")
    names = ("audit.html", "junit.xml", "oscal.json", "metrics.prom", "summary.txt")
    found = []
    for _turn in range(2):
        write_all(tmp_path / "run")
        found.append([(tmp_path / "run" / name).read_bytes() for name in names])
    assert found[0] == found[1]
    assert found[0][0] == render(read_pack(folders["bad"]))


def test_a_large_report_is_split_and_says_so(runs: dict[str, ReportData]) -> None:
    files = files_of(runs["bad"], most=50_000)
    assert len(files) > 10
    assert f"in full in {len(files) - 1} further pages" in Page(files["audit.html"]).text.replace("\u202f", " ")
    pages = {name: Page(content) for name, content in files.items()}
    for name, page in pages.items():
        for link in (value for key, value in page.values if key == "href"):
            path, _hash, place = link.partition("#")
            goal = name if not path else "audit.html" if path == "../audit.html" else path
            assert goal in pages, f"{name}: {link}"
            assert not place or place in pages[goal].ids, f"{name}: {link}"
    index = pages["audit.html"].ids
    assert [finding.id for finding in runs["bad"].findings if finding.id not in index] == []
    assert [item for item in runs["bad"].items if item not in index] == []
    assert [name for name, page in pages.items() if "script-src" not in page.markup] == []


def test_a_killed_run_is_marked_on_every_page(runs: dict[str, ReportData]) -> None:
    for content in files_of(runs["killed"], most=50_000).values():
        assert b"<title>INCOMPLETE" in content
        assert b"did not come to its end" in content


def test_a_run_without_any_result_yet_makes_a_page(folders: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folders["killed"], tmp_path / "run")
    for name in ("changes.json", "history.json", "waivers.json", "attestations.json"):
        (tmp_path / "run" / name).unlink()
    lines = (tmp_path / "run" / "results.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "run" / "results.jsonl").write_bytes(lines[0])
    write_all(tmp_path / "run")
    page = Page((tmp_path / "run" / "audit.html").read_bytes())
    assert "Incomplete" in page.text
    assert "Not compared" in page.text


def test_it_is_judged_again_from_where_it_was_written(runs: dict[str, ReportData]) -> None:
    elsewhere = changed(runs["green"], signed=True, folder="/srv/all our/prod/20261126T083000Z")
    assert "pytest verify/ --replay '/srv/all our/prod/20261126T083000Z'" in part(Page(render(elsewhere)), "verify")


def test_an_unsigned_pack_is_not_offered_for_judging_again(runs: dict[str, ReportData]) -> None:
    told = part(Page(render(changed(runs["green"], signed=False))), "verify")
    assert "pytest verify/ --replay" not in told
    assert "The evidence is not judged again (--replay): in a pack that nobody signed it could be anybody's." in told
