# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a pack, the small rules of names, figures and strips, and the drawings on the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.report.conftest import Page
from verify.engine.catalogue import load
from verify.engine.evidence import Fact
from verify.report import names, read_pack, write_all
from verify.report.data import ReportData, item_row
from verify.report.drawings import kpi_view, strip
from verify.report.text import age, counted, excerpt, sentence, value
from verify.report.view import view_of

# A pack that is not whole


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def spoil(path: Path) -> None:
    path.write_bytes(b"{nonsense\n" + path.read_bytes())


def change_status(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"status":"pass"', b'"status":"fine"', 1))


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("run.json", Path.unlink, "run.json"),
        ("catalogue.json", Path.unlink, "catalogue.json"),
        ("results.jsonl", Path.unlink, "results.jsonl"),
        ("run.json", cut, "run.json"),
        ("results.jsonl", spoil, "line 1"),
        ("results.jsonl", change_status, "is not a result"),
        ("evidence/index.jsonl", spoil, "index.jsonl: line 1"),
        ("changes.json", cut, "changes.json"),
    ],
)
def test_a_pack_that_is_not_whole_is_refused_with_the_file(
    folders: dict[str, Path], tmp_path: Path, name: str, harm: Callable[[Path], None], words: str
) -> None:
    shutil.copytree(folders["bad"], tmp_path / "run")
    harm(tmp_path / "run" / name)
    with pytest.raises(OpsError, match=re.escape(words)):
        write_all(tmp_path / "run")
    assert not (tmp_path / "run" / "audit.html").exists()


@pytest.mark.parametrize("name", ["results.jsonl", "evidence/index.jsonl", "evidence/blobs.jsonl"])
def test_a_last_line_that_a_crash_cut_short_is_left_out(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    shutil.copytree(folders["bad"], tmp_path / "run")
    cut(tmp_path / "run" / name)
    data = read_pack(tmp_path / "run")
    assert data.complete is (name != "results.jsonl")
    assert data.torn is (name == "results.jsonl")
    write_all(tmp_path / "run")


def test_only_bodies_that_findings_use_are_kept_in_memory(folders: dict[str, Path]) -> None:
    data = read_pack(folders["bad"])
    used = {data.facts[key].digest for finding in data.findings for key in finding.row.evidence}
    assert set(data.bodies) == used - {None}
    assert read_pack(folders["green"]).bodies == {}


def test_the_catalogue_survives_its_json() -> None:
    from verify.report.data import _item

    for item in load():
        assert _item(item_row(item)) == item


# Names


@pytest.mark.parametrize(
    ("given_names", "told"),
    [
        (["web3", "web1", "web2", "web10"], ["web1 to web3", "web10"]),
        (["web1", "web2"], ["web1", "web2"]),
        (["a-007", "a-008", "a-009", "a-010"], ["a-007 to a-010"]),
        (["w1.a", "w2.a", "w3.a", "w1.b"], ["w1.a to w3.a", "w1.b"]),
        (["lb", "db"], ["db", "lb"]),
        ([], []),
    ],
)
def test_ranges(given_names: list[str], told: list[str]) -> None:
    assert sorted(names.ranges(given_names)) == sorted(told)


# Put together from parts: from a regular expression the same names take several times as long to make.
NAMES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from([*"abc", *(f"{one}{other}" for one in "abc" for other in "abc")]),
    st.sampled_from(["", "-"]),
    st.text("0123456789", min_size=1, max_size=3),
    st.sampled_from(["", "x", "y"]),
)


@given(st.sets(NAMES, max_size=40))
def test_ranges_lose_and_invent_no_name(given_names: set[str]) -> None:
    """Reading the ranges back gives the names, whatever digits they are written with."""
    back: set[str] = set()
    for told in names.ranges(given_names):
        first, _to, last = told.partition(" to ")
        if not last:
            back.add(first)
            continue
        before, digits, after = re.fullmatch(r"(.*?)(\d+)(\D*)", first).groups()  # type: ignore[union-attr]
        ends = re.fullmatch(r"(.*?)(\d+)(\D*)", last)
        assert ends is not None
        assert (ends.group(1), ends.group(3)) == (before, after)
        for number in range(int(digits), int(ends.group(2)) + 1):
            back.add(f"{before}{number:0{len(digits)}d}{after}")
    assert back == given_names


@pytest.mark.parametrize(
    ("says", "subject", "told"),
    [
        ("sshd of web1 refuses passwords", "web1", "sshd of [subject] refuses passwords"),
        ("web10 and web1 are up", "web1", "web10 and [subject] are up"),
        ("db1-replica follows db1", "db1", "db1-replica follows [subject]"),
        ("web1", "web1", "[subject]"),
        ("all is well", "web1", "all is well"),
        ("all is well", "", "all is well"),
        ("aab1 b1", "b1", "aab1 [subject]"),
    ],
)
def test_claims_of_many_subjects_are_one(says: str, subject: str, told: str) -> None:
    assert names.claim(says, subject) == told


def test_controls_are_told_section_by_section() -> None:
    told = names.control_ranges(["INFRA-01", "INFRA-02", "INFRA-03", "MONITORING-03.retention", "INFRA-07"])
    assert told == ["INFRA-01 to 03", "INFRA-07", "MONITORING-03.retention"]


# Figures and strips


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0"), (66.4, "66 s"), (300, "5 min"), (86_400, "24 h"), (172_800, "2 d"), (2_900_000, "34 d")],
)
def test_ages(seconds: float, told: str) -> None:
    assert age(seconds) == told


def test_words() -> None:
    assert counted(1, "repository") == "1 repository"
    assert counted(12_000, "repository") == "12\u202f000 repositories"
    assert sentence("there is none") == "There is none."
    assert sentence("Is it?") == "Is it?"
    assert [value(one) for one in (None, True, 0.1 + 0.2, 3, "x", [1])] == ["", "yes", "0.3", "3", "x", "[1]"]
    assert "more characters" in value(["y" * 900])


def fact(body: str, **more: Any) -> Fact:
    size = len(body.encode())
    about = {"subject": "h", "name": "n", "source": "host", "collected": 0.0, "command": "c", "digest": "d"}
    return Fact(**{**about, "size": size, "kept": size, **more})


def test_an_excerpt_shows_where_the_observed_value_stands() -> None:
    body = "\n".join(f"line {number}" for number in range(1, 40)) + "\nPermitRootLogin yes\nend\n"
    text, note = excerpt(body, fact(body), "PermitRootLogin yes")
    assert text.split("\n")[2] == "PermitRootLogin yes"
    assert "41 lines" in note
    assert "lines 38 to 41 shown" in note


def test_an_excerpt_says_what_was_not_kept() -> None:
    _text, note = excerpt("ab\n", fact("ab\n", size=9000), None)
    assert "3 of 9\u202f000 bytes were kept" in note
    text, note = excerpt("x" * 5000, fact("x" * 5000), None)
    assert len(text) == 600
    assert "cut after 600 characters" in note


def test_a_strip_has_a_place_for_each_day_and_leaves_the_others_empty() -> None:
    drawn = str(strip([["2026-11-26", "pass"], ["2026-11-25", "pass"], ["2026-11-23", "fail"]], "2026-11-26"))
    assert '<path class="d-pass" d="M88 0h2v9h-2z"/>' in drawn
    assert '<path class="d-fail" d="M86 0h1v9h-1z"/>' in drawn
    assert "3 of 90 days: 2 pass, 1 fail" in drawn
    assert "d-unknown" in str(strip([["2026-11-26", '"><script>']], "2026-11-26"))


@pytest.mark.parametrize(
    ("points", "words", "met", "target"),
    [
        ([["2026-11-26", 50, 60]], {"better": "lower"}, True, "at most 60 s"),
        ([["2026-11-26", 70, 60]], {"better": "lower"}, False, "at most 60 s"),
        ([["2026-11-26", 70, 60]], {"better": "higher"}, True, "at least 60 s"),
        ([["2026-11-26", 70, 60]], {}, None, "60 s"),
        ([["2026-11-26", 70, None]], {"better": "lower", "target": 60}, False, "at most 60 s"),
        ([["2026-11-26", None, 60]], {"better": "lower"}, None, "at most 60 s"),
        ([["2026-11-26", 70, None]], {"better": "lower"}, None, ""),
    ],
)
def test_a_figure_meets_its_target_or_cannot_say(
    points: list[list[Any]], words: dict[str, Any], met: bool | None, target: str
) -> None:
    told = kpi_view("mttr_s", points, words, 0)
    assert (told["met"], told["target"]) == (met, target)
    assert told["measured"] is (points[0][1] is not None)


def test_a_gap_in_a_figure_breaks_the_line() -> None:
    points = [[f"2026-11-{day:02d}", None if day == 15 else 10.0 + day, None] for day in range(10, 21)]
    drawn = str(kpi_view("mttr_s", points, {}, 0)["svg"])
    assert drawn.count('class="trend"') == 2
    assert "10 of 11 days measured" in drawn


# The drawings on the page


@pytest.mark.parametrize("kind", ["bad", "green"])
def test_each_judged_item_has_the_strip_of_its_own_90_days(
    pages: dict[str, Page], runs: dict[str, ReportData], kind: str
) -> None:
    data, markup = runs[kind], pages[kind].markup
    judged = {control.item for control in data.controls}
    own = [entry for entry in re.findall(r"<summary>.*?</summary>", markup, re.DOTALL) if 'class="strip"' in entry]
    found = {re.findall(r'<span class="id">([^<]+)</span>', entry)[0]: entry for entry in own}
    assert judged <= set(found) and len(found) == len(own)
    for item in judged:
        assert str(strip(data.strips[item], str(data.run["started"])[:10])) in found[item]
        assert "of 90 days: " in found[item]


def test_each_figure_that_was_measured_is_drawn_with_its_target(
    pages: dict[str, Page], runs: dict[str, ReportData]
) -> None:
    place = re.split(r'<h2 id="(?!figures)', pages["bad"].markup.partition('<h2 id="figures"')[2])[0]
    drawn = re.findall(r'<figure class="kpi">.*?</figure>', place, re.DOTALL)
    views = [one for one in view_of(runs["bad"])["kpis"] if one["measured"]]
    assert len(runs["bad"].kpis) == len(views) == len(drawn)
    for figure, one in zip(drawn, views, strict=True):
        assert 'class="trend"' in figure and str(one["svg"]) in figure
        assert one["title"] in figure and one["value"] in figure and one["target"] in figure
