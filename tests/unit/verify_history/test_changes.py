# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cell stands in the list that fits what it was and what it is, with its age; scope is told apart from repair."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.verify_history.conftest import item_of, nothing, row
from verify.engine.changes import Before, Finding, Key, Open, Snapshot, advance, compare, flapping_of, snapshot, turns
from verify.engine.control import Control
from verify.engine.judge import ControlResult, finding_id
from verify.engine.words import Status

DAY = 86_400.0
NOW = 1_764_150_000.0  # 2025-11-26T09:40:00Z
LISTS = ("new", "fixed", "still", "newly_unknown", "waived", "waiver_expired", "flapping", "scope_in", "scope_out")
Table = Mapping[str, Mapping[str, str]]
Take = Callable[..., Snapshot]


@pytest.fixture
def take(make: Any) -> Take:
    """Return a function that makes a snapshot of today's run, or of the one some days before it."""

    def taken(table: Table, *, days_ago: int = 0, **over: Any) -> Snapshot:
        header = {
            "id": f"run-{days_ago}",
            "environment": "test",
            "collected": f"2025-11-{26 - days_ago:02d}T09:40:00.000Z",
            "catalogue": {"digest": "c" * 64},
        }
        return snapshot({**header, **over}, make(table))

    return taken


def told(changes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the lists that hold something, in few words."""
    return {name: [f"{one['control']} {one['subject']}" for one in changes[name]] for name in LISTS if changes[name]}


def pair(take: Take, before: str, after: str) -> tuple[Snapshot, Snapshot]:
    return take({"INFRA-02": {"web1": before}}, days_ago=1), take({"INFRA-02": {"web1": after}})


# What a cell was, what it is, and the list where that stands.
TODAY = ("pass", "fail", "unknown", "stale", "waived", "manual_due")
MOVES = {
    "pass": ("", "new", "newly_unknown", "new", "waived", "new"),
    "fail": ("fixed", "still", "newly_unknown", "still", "waived", "still"),
    "unknown": ("fixed", "new", "still", "still", "waived", "still"),
    "stale": ("fixed", "new", "newly_unknown", "still", "waived", "still"),
    "waived": ("fixed", "new", "newly_unknown", "new", "", "new"),
    "manual_due": ("fixed", "new", "newly_unknown", "still", "waived", "still"),
}
CASES = [(was, now, name) for was, names in MOVES.items() for now, name in zip(TODAY, names, strict=True)]


@pytest.mark.parametrize(("was", "now", "name"), CASES)
def test_every_move_has_its_list(take: Take, was: str, now: str, name: str) -> None:
    past, today = pair(take, was, now)
    assert told(compare(today, Before(past), {})) == ({name: ["INFRA-02 web1"]} if name else {})


@pytest.mark.parametrize("quiet", ["pass", "not_applicable"])
def test_not_applicable_is_as_quiet_as_pass(take: Take, quiet: str) -> None:
    past, today = pair(take, quiet, "not_applicable")
    assert told(compare(today, Before(past), {})) == {}


def test_an_entry_tells_what_people_ask(take: Take) -> None:
    past, today = pair(take, "unknown", "fail")
    key = ("INFRA-02", "host", "web1")
    known = {key: Finding(key, Status.UNKNOWN, "no answer", NOW - 9 * DAY, NOW - 3 * DAY, NOW - DAY, NOW - DAY, "PUU")}
    changes = compare(today, Before(past), known)
    assert changes["new"] == [
        {
            "finding": finding_id(*key),
            "control": "INFRA-02",
            "item": "INFRA-02",
            "kind": "host",
            "subject": "web1",
            "status": "fail",
            "previous_status": "unknown",
            "says": "web1 is fail",
            "since": "2025-11-23T09:40:00.000Z",
            "age_s": 3 * DAY,
        }
    ]
    assert (changes["comparable"], changes["previous"], changes["reason"], changes["gap_s"]) == (True, "run-1", "", DAY)


def test_what_was_fixed_says_what_was_wrong(take: Take) -> None:
    past, today = pair(take, "fail", "pass")
    key = ("INFRA-02", "host", "web1")
    known = {key: Finding(key, Status.FAIL, "sshd allows passwords", NOW - DAY, NOW - DAY, NOW - DAY, NOW - DAY, "F")}
    (entry,) = compare(today, Before(past), known)["fixed"]
    assert (entry["status"], entry["previous_status"], entry["says"]) == ("pass", "fail", "sshd allows passwords")


def test_a_failure_that_ages_is_still_the_same(take: Take) -> None:
    past, today = pair(take, "fail", "fail")
    key = ("INFRA-02", "host", "web1")
    known = {key: Finding(key, Status.FAIL, "s", NOW - 40 * DAY, NOW - 40 * DAY, NOW - DAY, NOW - DAY, "F" * 20)}
    (entry,) = compare(today, Before(past), known)["still"]
    assert (entry["since"], entry["age_s"]) == ("2025-10-17T09:40:00.000Z", 40 * DAY)


@pytest.mark.parametrize(("was", "name"), [("waived", "waiver_expired"), ("fail", "still"), ("pass", "new")])
def test_a_waiver_that_expired_since_is_told_as_such(take: Take, was: str, name: str) -> None:
    past, today = pair(take, was, "fail")
    assert told(compare(today, Before(past), {}, expired={("INFRA-02", "host", "web1")})) == {name: ["INFRA-02 web1"]}


# Flapping


@pytest.mark.parametrize(
    ("history", "changed"),
    [
        ("", 0),
        ("P", 0),
        ("PPPP", 0),
        ("PF", 1),
        ("PFPFP", 4),
        ("FSMF", 0),
        ("PNP", 0),
        ("PUPU", 3),
        ("FUFU", 3),
        ("FWF", 2),
        ("PFPFPFPPPPPPPPPPPP", 0),
        ("FPPPPPPPPPF", 1),
    ],
)
def test_turns_are_counted_among_the_last_ten(history: str, changed: int) -> None:
    assert turns(history, 10) == changed


def flapping(take: Take, history: str, after: str) -> dict[str, Any]:
    past, today = pair(take, "pass" if history[-1] == "P" else "fail", after)
    key = ("INFRA-02", "host", "web1")
    known = {key: Finding(key, Status.PASS, "s", NOW, NOW, NOW, NOW, history)}
    return compare(today, Before(past), known)


def test_what_keeps_changing_flaps(take: Take) -> None:
    changes = flapping(take, "PPFP", "fail")
    assert told(changes) == {"new": ["INFRA-02 web1"], "flapping": ["INFRA-02 web1"]}
    (entry,) = changes["new"]
    assert (entry["flapping"], entry["turns"], entry["of"]) == (True, 3, 5)


def test_a_green_cell_flaps_too(take: Take) -> None:
    changes = flapping(take, "PFPFP", "pass")
    assert told(changes) == {"flapping": ["INFRA-02 web1"]}
    assert changes["flapping"][0]["status"] == "pass"


def test_two_changes_are_no_flapping(take: Take) -> None:
    changes = flapping(take, "PF", "pass")
    assert told(changes) == {"fixed": ["INFRA-02 web1"]}
    assert "flapping" not in changes["fixed"][0]


def test_how_much_flaps_can_be_set(take: Take) -> None:
    past, today = pair(take, "fail", "pass")
    key = ("INFRA-02", "host", "web1")
    known = {key: Finding(key, Status.FAIL, "s", NOW, NOW, NOW, NOW, "PF")}
    assert told(compare(today, Before(past), known, flapping=(2, 3)))["flapping"] == ["INFRA-02 web1"]


@pytest.mark.parametrize(("said", "taken"), [({}, (3, 10)), ({"verify_flapping": {"changes": 4, "of": 8}}, (4, 8))])
def test_the_environment_says_what_flaps(said: dict[str, Any], taken: tuple[int, int]) -> None:
    assert flapping_of(said) == taken


# Scope


def test_a_new_host_is_told_once_and_its_failures_are_new(take: Take) -> None:
    past = take({"INFRA-02": {"web1": "pass"}, "INFRA-03.disks": {"web1": "pass"}}, days_ago=1)
    today = take({"INFRA-02": {"web1": "pass", "web2": "fail"}, "INFRA-03.disks": {"web1": "pass", "web2": "pass"}})
    changes = compare(today, Before(past), {})
    assert told(changes) == {"new": ["INFRA-02 web2"], "scope_in": [" web2"]}
    assert changes["new"][0]["previous_status"] is None
    entry = changes["scope_in"][0]
    assert (entry["kind"], entry["subject"], entry["cells"], entry["open"]) == ("host", "web2", 2, 1)


def test_a_host_that_left_did_not_repair_anything(take: Take) -> None:
    past = take({"INFRA-02": {"web1": "pass", "web2": "fail"}, "INFRA-03.disks": {"web2": "pass"}}, days_ago=1)
    today = take({"INFRA-02": {"web1": "pass"}, "INFRA-03.disks": {"web1": "pass"}})
    changes = compare(today, Before(past), {})
    assert told(changes) == {"scope_out": [" web2"], "scope_in": ["INFRA-03.disks web1"]}
    assert (changes["scope_out"][0]["cells"], changes["scope_out"][0]["open"]) == (2, 1)


def test_a_control_that_came_is_told_once(take: Take) -> None:
    past = take({"INFRA-02": {"web1": "pass", "web2": "pass"}}, days_ago=1)
    today = take({"INFRA-02": {"web1": "pass", "web2": "pass"}, "INFRA-03.disks": {"web1": "pass", "web2": "unknown"}})
    changes = compare(today, Before(past), {})
    assert told(changes) == {"newly_unknown": ["INFRA-03.disks web2"], "scope_in": ["INFRA-03.disks "]}
    assert (changes["scope_in"][0]["cells"], changes["scope_in"][0]["open"]) == (2, 1)


# Comparable or not


def test_without_a_run_before_nothing_is_listed(take: Take) -> None:
    today = take({"INFRA-02": {"web1": "fail"}})
    changes = compare(today, Before(None, "there is no earlier run"), {})
    assert changes == {
        **{name: [] for name in LISTS},
        **{"comparable": False, "previous": None, "reason": "there is no earlier run", "gap_s": None, "terms": {}},
    }


def test_a_run_that_did_not_decide_everything_is_not_compared(take: Take) -> None:
    past, _today = pair(take, "pass", "pass")
    today = take({"INFRA-02": {"web1": "fail"}}, expected=2)
    changes = compare(today, Before(past), {})
    assert (changes["comparable"], changes["reason"]) == (False, "this run did not decide all that it had to")
    assert told(changes) == {}


@pytest.mark.parametrize(
    "over", [{"environment": "prod"}, {"selection": {"items": ["INFRA-02"]}}, {"catalogue": {"digest": "d"}}]
)
def test_what_is_not_equal_is_another_series(take: Take, over: dict[str, Any]) -> None:
    table = {"INFRA-02": {"web1": "pass"}}
    assert take(table).series == take(table, days_ago=1).series
    assert take(table).series != take(table, **over).series


def test_hosts_may_come_and_go_within_a_series(take: Take) -> None:
    assert take({"INFRA-02": {"web1": "pass"}}).series == take({"INFRA-02": {"web2": "pass"}}).series
    assert take({"INFRA-02": {"web1": "pass"}}).series != take({"INFRA-03.api": {"api": "pass"}}).series


# Properties

SUBJECTS = ("a", "b", "c")
RUNS = st.lists(st.dictionaries(st.sampled_from(SUBJECTS), st.sampled_from(Status)), min_size=2, max_size=6)


def run_of(number: int, cells: Mapping[str, Status]) -> Snapshot:
    control = Control("INFRA-02", "", "host", None, nothing, (), "m")
    rows = tuple(row(status, subject) for subject, status in cells.items())
    header = {
        "id": f"r{number}",
        "environment": "test",
        "collected": f"2025-11-{number + 1:02d}T00:00:00.000Z",
        "catalogue": {"digest": ""},
    }
    return snapshot(header, [ControlResult(control, item_of("INFRA-02"), rows)] if rows else [])


def follow(runs: list[Snapshot]) -> dict[Key, Finding]:
    known: dict[Key, Finding] = {}
    for before, now in itertools.pairwise([None, *runs]):
        assert now is not None
        for key in {*known, *now.open}:
            if now.judged(key):
                was_green = before is not None and before.judged(key) and key not in before.open
                known[key] = advance(known.get(key), key, now.open.get(key), now.at, was_green=was_green)
    return known


@given(RUNS)
def test_each_open_or_repaired_cell_stands_in_one_list_at_most(tables: list[dict[str, Status]]) -> None:
    runs = [run_of(number, cells) for number, cells in enumerate(tables)]
    now, past = runs[-1], runs[-2]
    changes = compare(now, Before(past), follow(runs[:-1]))
    listed = [one["subject"] for name in LISTS[:6] for one in changes[name]]
    assert len(listed) == len(set(listed))
    # Nothing that is bad is left out, except what was excused before and still is.
    bad = {key[2] for key, cell in now.open.items() if cell.status is not Status.WAIVED}
    assert bad <= set(listed)
    assert {one["subject"] for one in changes["fixed"]} & bad == set()


@given(RUNS)
def test_ages_never_run_ahead(tables: list[dict[str, Status]]) -> None:
    runs = [run_of(number, cells) for number, cells in enumerate(tables)]
    for one in follow(runs).values():
        assert one.first_seen <= one.since <= one.last_seen <= one.observed <= runs[-1].at
        assert len(one.history) <= 20
    known = follow(runs)
    for key, cell in runs[-1].open.items():
        assert (known[key].state, known[key].last_seen) == (cell.status, runs[-1].at)


def test_a_stretch_begins_anew_after_green() -> None:
    key = ("INFRA-02", "host", "a")
    found = None
    for at, cell in enumerate([Open(Status.FAIL, "x"), None, None, Open(Status.WAIVED, "y"), Open(Status.FAIL, "z")]):
        found = advance(found, key, cell, float(at), was_green=False)
    assert found == Finding(key, Status.FAIL, "z", 0.0, 3.0, 4.0, 4.0, "FPPWF")
