# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row a cell, whatever a check says or stumbles over; nothing that proves nothing is green."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify import control, expect, manual_due, not_applicable, unknown
from verify.engine.catalogue import Item, Remedy
from verify.engine.control import Control, Registry, registered
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, NoEvidence
from verify.engine.judge import finding_id, judge
from verify.engine.words import EvidenceClass, Status, exit_code, worst

NOW = 1_700_000_000.0


def item(**over: Any) -> Item:
    base: dict[str, Any] = {
        "id": "INFRA-02",
        "section": "INFRA",
        "title": "t",
        "objective": "o",
        "severity": "high",
        "frequency": "daily",
        "owner": "operations",
        "method": "test",
        "sources": ("host",),
        "remedy": Remedy("do it"),
        "freshness_s": 3600.0,
        "bounds": {"max_count": 3},
    }
    return Item(**{**base, **over})


def estate(
    *, hosts: tuple[str, ...] = ("db1", "db2"), variables: dict[str, Any] | None = None, age: float = 10
) -> Estate:
    evidence = Evidence()
    for host in hosts:
        evidence.record("3\n", subject=host, name="count", source="host", collected=NOW - age, command="count")
    environment = Environment(
        name="test",
        inventory="inventories/test/hosts.yml",
        inventory_digest="0" * 64,
        hosts={host: Declared("host", host, {}) for host in hosts},
        groups={"all": list(hosts), "postgresql": ["db1"]},
        variables=variables or {},
    )
    return Estate(environment, evidence, now=NOW)


def one(
    check: Callable[..., Any], *, kind: str = "host", group: str | None = None, wants: tuple[str, ...] = ()
) -> Control:
    return Control("INFRA-02", "", kind, group, check, wants, __name__)


def reads(said: Any) -> Callable[..., Iterator[Any]]:
    """Return a check that reads the fact and then says something."""

    def check(host: Any) -> Iterator[Any]:
        host.read("count", int)
        yield from said

    return check


HELD, BROKEN = expect(True, "it holds"), expect(False, "it is small", observed=9, expected=3)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([HELD], Status.PASS),
        ([HELD, BROKEN], Status.FAIL),
        ([BROKEN, unknown("no idea")], Status.FAIL),
        ([HELD, unknown("no idea")], Status.UNKNOWN),
        ([HELD, not_applicable("no disks here")], Status.PASS),
        ([not_applicable("no disks here")], Status.NOT_APPLICABLE),
        ([HELD, manual_due("nobody signed")], Status.MANUAL_DUE),
        ([unknown("a"), manual_due("b")], Status.UNKNOWN),
        ([], Status.UNKNOWN),
    ],
)
def test_what_a_check_says_makes_the_status(said: list[Any], status: Status) -> None:
    result = judge(one(reads(said)), item(), estate())
    assert [row.status for row in result.rows] == [status, status]
    assert result.status is status
    assert [row.subject for row in result.rows] == ["db1", "db2"]


def test_a_failure_says_the_first_of_all_and_counts_them() -> None:
    row = judge(one(reads([HELD, BROKEN, BROKEN])), item(), estate()).rows[0]
    assert (row.says, row.observed, row.expected, row.checked, row.failed_count) == ("it is small", 9, 3, 3, 2)
    assert row.evidence == ("db1/count",)
    assert row.collected == NOW - 10
    assert row.klass is EvidenceClass.MACHINE


def test_a_claim_without_evidence_proves_nothing() -> None:
    def check(host: Any) -> Iterator[Any]:
        yield HELD

    assert {row.status for row in judge(one(check), item(), estate()).rows} == {Status.UNKNOWN}


@pytest.mark.parametrize(("age", "status"), [(3599, Status.PASS), (3601, Status.STALE), (-301, Status.STALE)])
def test_evidence_has_an_age(age: float, status: Status) -> None:
    assert judge(one(reads([HELD])), item(), estate(age=age)).rows[0].status is status


def test_what_was_not_collected_is_unknown_and_the_other_hosts_go_on() -> None:
    world = estate()
    world.evidence.missing(
        "db1 did not answer within 10 s.", subject="db1", name="count", source="host", collected=NOW, command="count"
    )
    first, second = judge(one(reads([HELD])), item(), world).rows
    assert (first.status, first.says) == (Status.UNKNOWN, "db1 did not answer within 10 s.")
    assert second.status is Status.PASS


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("x"), TypeError("x"), ZeroDivisionError("x"), AttributeError("x"), NoEvidence("x")),
        RecursionError("x"),
    ],
)
def test_a_check_that_stumbles_is_unknown(error: Exception) -> None:
    def check(host: Any) -> Iterator[Any]:
        host.read("count", int)
        yield HELD
        raise error

    assert judge(one(check), item(), estate()).rows[0].status is Status.UNKNOWN


def test_malformed_evidence_is_unknown_and_says_whose() -> None:
    world = estate(hosts=("db1",))
    world.evidence.record("three", subject="db1", name="count", source="host", collected=NOW, command="count")
    row = judge(one(reads([HELD])), item(), world).rows[0]
    assert row.status is Status.UNKNOWN
    assert "db1" in row.says


def test_nesting_without_end_is_unknown_and_the_other_hosts_go_on() -> None:
    def check(host: Any) -> Iterator[Any]:
        host.read("count", json.loads)
        yield HELD

    world = estate()
    bomb = "[" * 200_000
    world.evidence.record(bomb, subject="db1", name="count", source="host", collected=NOW, command="count")
    first, second = judge(one(check), item(), world).rows
    assert (first.status, second.status) == (Status.UNKNOWN, Status.PASS)
    assert "db1" in first.says


def test_an_instant_that_is_no_number_is_not_fresh() -> None:
    world = estate(hosts=("db1",))
    world.evidence.record("3", subject="db1", name="count", source="host", collected=math.nan, command="count")
    assert judge(one(reads([HELD])), item(), world).rows[0].status is Status.STALE


def test_a_check_that_goes_on_without_its_only_evidence_proves_nothing() -> None:
    def check(host: Any) -> Iterator[Any]:
        with contextlib.suppress(NoEvidence):
            host.read("count", int)
        yield HELD

    world = estate(hosts=("db1",))
    world.evidence.missing("no answer", subject="db1", name="count", source="host", collected=NOW, command="count")
    assert judge(one(check), item(), world).rows[0].status is Status.UNKNOWN


def test_not_applicable_by_declaration_alone_says_that_nothing_else_stands_behind_it() -> None:
    def check(host: Any) -> Iterator[Any]:
        yield not_applicable(f"{host.name} is declared as not critical")

    (row,) = judge(one(check), item(), estate(hosts=("db1",))).rows
    assert (row.status, row.klass) == (Status.NOT_APPLICABLE, EvidenceClass.DECLARED)


@pytest.mark.parametrize("always", [lambda: False, (one for one in ()), iter(())])
def test_a_claim_that_cannot_fail_is_refused(always: Any) -> None:
    with pytest.raises(TypeError, match="always true"):
        expect(always, "it holds")


def test_nobody_to_judge_is_unknown_unless_declared() -> None:
    check = one(reads([HELD]), kind="service")
    (row,) = judge(check, item(), estate()).rows
    assert (row.status, row.kind) == (Status.UNKNOWN, "estate")
    declared = estate(variables={"verify_empty": {"service": "a batch estate offers none"}})
    (row,) = judge(check, item(), declared).rows
    assert row.status is Status.NOT_APPLICABLE
    assert "a batch estate offers none" in row.says


def test_a_group_narrows_hosts_and_a_renamed_one_is_unknown() -> None:
    assert [row.subject for row in judge(one(reads([HELD]), group="postgresql"), item(), estate()).rows] == ["db1"]
    assert judge(one(reads([HELD]), group="postgres"), item(), estate()).status is Status.UNKNOWN


def test_bounds_come_from_the_item_and_the_environment() -> None:
    def check(host: Any, bounds: Any) -> Iterator[Any]:
        count = host.read("count", int)
        yield expect(count <= bounds.max_count, "few", observed=count, expected=bounds.max_count)

    asks = one(check, wants=("bounds",))
    assert judge(asks, item(), estate()).status is Status.PASS
    strict = estate(variables={"verify_bounds": {"INFRA-02": {"max_count": 2}}})
    assert judge(asks, item(), strict).status is Status.FAIL


@given(st.lists(st.sampled_from([HELD, BROKEN, unknown("u"), manual_due("m"), not_applicable("n")]), max_size=6))
def test_any_words_give_one_row_and_green_only_when_nothing_is_open(said: list[Any]) -> None:
    (row,) = judge(one(reads(said)), item(), estate(hosts=("db1",))).rows
    open_words = [
        word for word in said if word is BROKEN or getattr(word, "status", None) in (Status.UNKNOWN, Status.MANUAL_DUE)
    ]
    assert row.green == (bool(said) and not open_words)


@given(st.lists(st.sampled_from(list(Status))))
def test_exit_codes_rank(statuses: list[Status]) -> None:
    code = exit_code(statuses)
    assert (code == 0) == (
        bool(statuses) and all(s in (Status.PASS, Status.WAIVED, Status.NOT_APPLICABLE) for s in statuses)
    )
    assert (code == 1) == (Status.FAIL in statuses)
    assert worst(statuses) is (worst(list(reversed(statuses))))


def test_a_control_is_declared_by_its_parameters() -> None:
    with pytest.raises(ValueError, match="first parameter"):
        control("INFRA-02")(lambda machine: iter(()))
    with pytest.raises(ValueError, match="not the id"):
        control("INFRA-2")
    registry = Registry()
    registry.add(Control("INFRA-02", "", "host", None, reads([]), (), "a"))
    with pytest.raises(ValueError, match="claimed twice"):
        registry.add(Control("INFRA-02", "", "host", None, reads([]), (), "b"))
    assert "INFRA-2" not in {one.item for one in registered()}


def test_findings_have_names_that_last() -> None:
    assert finding_id("INFRA-02", "host", "db1") == finding_id("INFRA-02", "host", "db1")
    names = {finding_id(c, k, s) for c in ("A-01", "A-02") for k in ("host", "pool") for s in ("x", "y")}
    assert len(names) == 8
