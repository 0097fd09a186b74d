# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was not measured is said to be so: never a blank, never a zero."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import render

from .conftest import EXAMPLE, Page

EMPTY = {"id": "x", "environment": "staging", "verdict": "fail"}


def test_an_empty_record_has_neither_blanks_nor_zeros() -> None:
    page = Page(render(EMPTY))
    # Only the lines that a reviewer fills in are empty.
    told = page.markup.rpartition('id="review"')[0]
    assert told
    assert not re.search(r"<(td|dd|p|li|code)[^>]*>\s*</\1>", told)
    shown = page.text.rpartition("How to verify the seal")[0]
    assert shown.count("not measured") > 50
    assert not re.search(r"(?<![-\w.])0(\.0+)?( s| ms|%)?(?![-\w.])", shown)


def test_the_figures_on_top_are_not_guessed() -> None:
    text = Page(render(EMPTY)).text
    for label in ("Recovery time (RTO)", "Recovery point (RPO)", "Acknowledged writes lost", "Writes in doubt"):
        assert f"{label} not measured" in text


@pytest.mark.parametrize("key", sorted(EXAMPLE))
def test_each_part_can_be_missing(record: dict[str, Any], key: str) -> None:
    del record[key]
    page = Page(render(record))
    assert "</html>" in page.markup
    assert "None" not in page.text


def test_a_measured_zero_is_a_zero(record: dict[str, Any]) -> None:
    record["achieved"] = {"rto_s": 0, "rpo_s": 0, "lost_rows": 0, "in_doubt_rows": 0}
    text = Page(render(record)).text
    assert "Acknowledged writes lost 0 none lost" in text
    assert "Recovery point (RPO) 0 s inside the target" in text


def test_a_missed_target_is_said(record: dict[str, Any]) -> None:
    record["achieved"]["rto_s"] = 60.1
    assert "Recovery time (RTO) 60.1 s past the target" in Page(render(record)).text


@pytest.mark.parametrize(
    ("verdict", "words"), [("pass", "Passed"), ("fail", "Failed"), ("aborted", "Aborted"), ("dance", "No verdict")]
)
def test_the_verdict_is_in_words_and_not_in_colour_alone(record: dict[str, Any], verdict: str, words: str) -> None:
    record["verdict"] = verdict
    assert f"<strong>{words}</strong>" in Page(render(record)).markup


def test_an_isolated_copy_says_what_it_did_not_exercise(record: dict[str, Any]) -> None:
    record["mode"] = "copy"
    for key in ("fencing", "traffic", "phases"):
        record[key] = []
    for key in ("client_gap", "ledger", "failback"):
        record[key] = None
    page = Page(render(record))
    assert "Isolated copy: restored beside the live environment, which was not touched" in page.text
    for anchor in ("data", "fencing", "traffic", "failback"):
        assert "Not part of a drill on an isolated copy" in page.section(anchor)
    assert "Nothing was switched" in page.section("limits")


def test_a_step_that_failed_or_never_ran_is_seen(record: dict[str, Any]) -> None:
    record["steps"][12].update(status="failed", error="replay ended before the target")
    record["steps"][13].update(status="pending", started=None, ended=None, seconds=None, attempts=0)
    record["steps"][14].update(seconds=301)
    text = Page(render(record)).section("steps")
    assert "Error: replay ended before the target" in text
    assert "Redirect traffic to the recovery site ansible not measured not measured 5 min not reached" in text
    assert re.search(r"Wait for the first write acknowledged to a client canary \S+ 5 min 01 s 5 min late", text)


def test_a_proof_that_does_not_hold_is_not_proved(record: dict[str, Any]) -> None:
    record["fencing"][1]["proved"] = "yes"
    assert "not proved" in Page(render(record)).section("fencing")


def test_the_first_drill_has_nothing_to_compare_with(record: dict[str, Any]) -> None:
    record["history"] = []
    assert "first drill of the environment" in Page(render(record)).section("trend")
    record["seal"]["previous"] = None
    assert "none: this is the first" in Page(render(record)).section("seal")


def test_only_like_drills_are_compared_in_the_drawings(record: dict[str, Any]) -> None:
    record["history"] = [
        {**row, "scenario": "wal_gap" if place % 2 else row["scenario"], "mode": "live" if place % 3 else "copy"}
        for place, row in enumerate(record["history"])
    ]
    alike = [row for row in record["history"] if row["scenario"] != "wal_gap" and row["mode"] == "live"]
    page = Page(render(record))
    part = page.markup.partition('id="trend">')[2].partition("</section>")[0]
    measured = [row for row in alike if row["rto_s"] is not None]
    assert part.partition("trend-rpo-s")[0].count("<circle") == len(measured) + 1
    assert all(row["id"] in page.section("trend") for row in record["history"])


def test_what_poolers_and_the_ledger_tell_is_put_into_words(record: dict[str, Any]) -> None:
    target = {"ccobservatory": {"host": "db1", "port": 5432, "paused": False}}
    record["traffic"] = [{"host": "app3", "before": target, "after": {"x": 1}, "at": None}]
    record["ledger"]["lost_sample"] = [{"worker": 1, "n": 443, "acked": "2026-11-23T22:24:39.785Z"}, {"n": 1}]
    page = Page(render(record))
    assert 'ccobservatory → db1:5432 {"x": 1} not measured' in page.section("traffic")
    assert 'worker 1, write 443, acknowledged at 22:24:39.785 {"n": 1}' in page.section("data")
