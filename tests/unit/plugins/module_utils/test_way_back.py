# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of a drill: what was promoted stays, whether it runs or not, and silence is neither yes nor no."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.filter.way_back import way_back

SOURCE = 4
EMPTY: dict[str, Any] = {"present": False, "running": False, "accepting": False, "in_recovery": None}
STEPS = ("assess", "arrange", "canary", "fault", "fence", "restore", "promote", "redirect", "rejoin", "failback")


def journal(step: str, *results: str, **more: Any) -> dict[str, Any]:
    """Return the state of a drill that has entered all steps up to one, and has the results of some."""
    entered = {name: "2026-11-23T20:00:00.000Z" for name in STEPS[: STEPS.index(step) + 1]}
    found = {"assess": {"timeline": SOURCE}, **{name: {"to": "db1"} for name in results}}
    return {"entered": entered, "results": found, "retreat": None, **more}


def cluster(said: str, *, wal: int | None = SOURCE, timeline: int = SOURCE) -> dict[str, Any]:
    """Return the facts of a server that is ``writable``, a ``standby``, ``silent`` or ``down``."""
    answers = said in ("writable", "standby")
    return {
        "present": True,
        "running": said != "down",
        "accepting": answers,
        "in_recovery": said == "standby" if answers else None,
        "timeline": timeline,
        "wal_timeline": wal,
    }


def decided(state: dict[str, Any], target: dict[str, Any], primary: dict[str, Any] | None = None) -> dict[str, Any]:
    return way_back(state, target, primary, live=True, target_name="db2", primary_name="db1")


@pytest.mark.parametrize("said", ["writable", "silent", "standby", "down"])
def test_a_copy_never_touches_the_environment(said: str) -> None:
    copied = journal("failback", "promote", retreat={"way": "hold", "ended": None})
    assert way_back(copied, cluster(said), live=False, target_name="db2", primary_name="db1")["way"] == "none"


@pytest.mark.parametrize("said", ["writable", "silent", "standby", "down"])
def test_what_was_not_arranged_is_not_undone(said: str) -> None:
    assert decided(journal("assess"), cluster(said))["way"] == "none"


@pytest.mark.parametrize("said", ["writable", "silent", "standby", "down"])
@pytest.mark.parametrize("wal", [None, SOURCE, SOURCE + 1])
def test_what_was_promoted_stays_whether_it_runs_or_not(said: str, wal: int | None) -> None:
    found = decided(journal("promote", "promote"), cluster(said, wal=wal))
    assert (found["way"], found["holder"], found["empty"]) == ("hold", "db2", False)
    assert ("is the one writable primary" in found["why"]) == (said == "writable")
    assert ("start PostgreSQL on db2" in found["why"]) == (said != "writable")


@pytest.mark.parametrize("said", ["silent", "standby", "down"])
def test_a_newer_timeline_proves_a_promotion_that_gave_no_result(said: str) -> None:
    assert decided(journal("promote"), cluster(said, wal=SOURCE + 1))["way"] == "hold"
    assert decided(journal("promote"), cluster(said, timeline=SOURCE + 1))["way"] == "hold"


def test_a_promotion_without_a_result_is_judged_by_what_the_server_says() -> None:
    known = ("writable", "silent", "standby", "down")
    ways = {said: decided(journal("promote"), cluster(said))["way"] for said in known}
    assert ways == {"writable": "hold", "silent": "silent", "standby": "rollback", "down": "rollback"}


def test_a_writer_that_the_drill_never_promoted_is_for_a_person() -> None:
    for target in (cluster("writable"), cluster("silent", wal=SOURCE + 1), cluster("standby", wal=SOURCE + 1)):
        found = decided(journal("restore"), target)
        assert found["way"] == "refuse"
        assert "db2 was made a primary although this drill never promoted it" in found["why"]


@pytest.mark.parametrize(
    ("step", "target", "empty"),
    [
        ("fence", EMPTY, True),
        ("fence", cluster("down"), True),
        ("fence", cluster("silent"), True),
        # What is not proved to be the drill's own is left alone.
        ("fence", cluster("down", timeline=SOURCE - 1, wal=None), False),
        ("fence", cluster("down", wal=SOURCE + 1), False),
        ("restore", cluster("down", timeline=SOURCE - 1, wal=None), True),
        ("restore", cluster("down", wal=SOURCE + 1), False),
        ("promote", cluster("down"), True),
    ],
)
def test_only_data_of_the_old_primary_are_removed(step: str, target: dict[str, Any], empty: bool) -> None:
    found = decided(journal(step), target)
    assert (found["way"], found["holder"], found["empty"]) == ("rollback", "db1", empty)
    assert ("stopped and empty" in found["why"]) == empty


def test_without_the_primary_s_timeline_nothing_is_removed() -> None:
    old = journal("fence")
    old["results"] = {}
    assert decided(old, cluster("down"))["empty"] is False
    assert decided(old, EMPTY)["empty"] is True


def test_a_rollback_that_meets_a_promoted_server_is_for_a_person() -> None:
    begun = journal("promote", retreat={"way": "rollback", "ended": None})
    assert decided(begun, cluster("down"))["way"] == "rollback"
    found = decided(begun, cluster("down", wal=SOURCE + 1))
    assert found["way"] == "refuse"
    assert "timeline 5, newer than 4 of db1" in found["why"]


@pytest.mark.parametrize(
    ("results", "target", "primary", "way", "holder"),
    [
        (("promote",), "writable", "standby", "hold", "db2"),
        (("promote",), "writable", "down", "hold", "db2"),
        (("promote",), "down", "writable", "hold", "db1"),
        (("promote",), "silent", "writable", "hold", "db1"),
        (("promote",), "down", "standby", "refuse", ""),
        (("promote",), "silent", "silent", "refuse", ""),
        (("promote",), "writable", "writable", "refuse", ""),
        (("promote", "failback"), "down", "writable", "hold", "db1"),
        (("promote", "failback"), "down", "down", "hold", "db1"),
        (("promote", "failback"), "writable", "writable", "refuse", ""),
    ],
)
def test_a_return_is_never_taken_for_a_rollback(
    results: tuple[str, ...], target: str, primary: str, way: str, holder: str
) -> None:
    newer = cluster(primary, wal=SOURCE + 2)
    found = decided(journal("failback", *results), cluster(target, wal=SOURCE + 1), newer)
    assert (found["way"], found["holder"], found["empty"]) == (way, holder, False)
