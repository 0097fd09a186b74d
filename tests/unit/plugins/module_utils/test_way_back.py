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
    assert ways == {"writable": "hold", "silent": "stop", "standby": "rollback", "down": "rollback"}


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


@pytest.mark.parametrize(
    ("target", "primary", "stopped"),
    [
        ("down", "standby", ["db1"]),
        ("down", "silent", ["db1"]),
        ("silent", "down", ["db2"]),
        ("standby", "standby", ["db2", "db1"]),
        ("silent", "silent", ["db2", "db1"]),
    ],
)
def test_where_nobody_writes_in_a_return_all_are_stopped_and_judged(
    target: str, primary: str, stopped: list[str]
) -> None:
    found = decided(journal("failback", "promote"), cluster(target, wal=SOURCE + 1), cluster(primary, wal=SOURCE + 1))
    assert (found["way"], found["stop"], found["start"]) == ("stop", stopped, False)
    assert f"PostgreSQL on {' and '.join(stopped)} does not end: stop it" in found["why"]


# What a switch that was killed leaves at rest: (data of db2, data of db1).
LEFT = {"state": "shut down", "standby_signal": False}
FOLLOWED = {"state": "shut down in recovery", "standby_signal": True}
PROMOTED = {"state": "in production", "standby_signal": False}


@pytest.mark.parametrize(
    ("target", "primary", "wal", "holder"),
    [
        (LEFT, FOLLOWED, SOURCE + 1, "db2"),
        ({**LEFT, "state": "in production"}, FOLLOWED, SOURCE + 1, "db2"),
        # The first segment of the new timeline is there before the sign goes: such a server has not opened.
        (LEFT, {**FOLLOWED, "state": "in archive recovery"}, SOURCE + 2, "db2"),
        (LEFT, PROMOTED, SOURCE + 2, "db1"),
    ],
)
def test_who_wrote_last_is_started_again(target: Any, primary: Any, wal: int, holder: str) -> None:
    rest = {**cluster("down", wal=SOURCE + 1), **target}
    found = decided(journal("failback", "promote"), rest, {**cluster("down", wal=wal), **primary})
    assert (found["way"], found["holder"], found["start"], found["empty"]) == ("hold", holder, True, False)
    assert f"{holder} w" in found["why"]


@pytest.mark.parametrize(
    ("target", "primary", "wal"),
    [
        (FOLLOWED, FOLLOWED, SOURCE + 1),
        (LEFT, LEFT, SOURCE + 1),
        # Promoted while the other one had not ended in order: it may lack writes.
        ({**LEFT, "state": "in production"}, PROMOTED, SOURCE + 2),
    ],
)
def test_where_the_data_do_not_tell_who_wrote_last_nobody_is_started(target: Any, primary: Any, wal: int) -> None:
    rest = {**cluster("down", wal=SOURCE + 1), **target}
    found = decided(journal("failback", "promote"), rest, {**cluster("down", wal=wal), **primary})
    assert (found["way"], found["start"], found["stop"]) == ("refuse", False, [])
    assert f"db2 is {target['state']} on timeline 5 and db1 is {primary['state']} on timeline {wal}" in found["why"]


LOST: dict[str, Any] = {"unreachable": True, "msg": "no route to host"}


@pytest.mark.parametrize("step", ["arrange", "fault", "restore"])
def test_a_lost_host_that_was_never_told_to_promote_keeps_nobody_down(step: str) -> None:
    found = decided(journal(step), LOST)
    assert (found["way"], found["holder"], found["empty"]) == ("rollback", "db1", False)
    assert "db2 does not answer" in found["why"]


def test_a_lost_host_that_was_told_to_promote_is_not_guessed() -> None:
    found = decided(journal("promote"), LOST)
    assert (found["way"], found["holder"]) == ("refuse", "")
    assert decided(journal("redirect", "promote"), LOST)["way"] == "hold"


@pytest.mark.parametrize(
    ("target", "primary"), [(LOST, cluster("down")), (cluster("down"), LOST), (LOST, cluster("standby"))]
)
def test_within_the_return_nobody_is_started_beside_a_lost_host(
    target: dict[str, Any], primary: dict[str, Any]
) -> None:
    found = decided(journal("failback", "promote"), target, primary)
    assert (found["way"], found["start"], found["stop"]) == ("refuse", False, [])


def test_that_clients_were_held_is_no_promotion() -> None:
    """The note of the switch stands in the results before anybody was promoted."""
    state = journal("failback", "promote")
    state["results"]["failback"] = {"held": "2026-11-23T20:00:00.000Z"}
    assert decided(state, cluster("writable"), cluster("standby"))["holder"] == "db2"
