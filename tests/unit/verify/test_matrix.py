# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix is what was asked for, all of it; a name that nothing answers to is refused, never left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify import expect
from verify.engine.catalogue import Catalogue, Item, Remedy
from verify.engine.control import Control
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.engine.judge import finding_id, judge
from verify.engine.matrix import Line, Selection, expected, lines


def item(item_id: str, *, severity: str = "high", owner: str = "operations") -> Item:
    return Item(
        id=item_id,
        section=item_id.partition("-")[0],
        title="t",
        objective="o",
        severity=severity,
        frequency="daily",
        owner=owner,
        method="test",
        sources=("host",),
        remedy=Remedy("do it"),
        freshness_s=3600.0,
    )


def check(host: Any) -> Iterator[Any]:
    yield expect(host.read("count", int) > 0, "it counts")


CATALOGUE = Catalogue([item("INFRA-02"), item("INFRA-03"), item("OUTAGE-01")])
CONTROLS = [
    Control("INFRA-02", "", "host", None, check, (), "a"),
    Control("INFRA-03", "", "estate", None, check, (), "a"),
]
WORLD = Environment(
    name="test",
    inventory="inventories/test/hosts.yml",
    inventory_digest="0" * 64,
    hosts={name: Declared("host", name, {}) for name in ("db1", "db2")},
    groups={"all": ["db1", "db2"]},
    variables={},
)


def matrix(**selection: tuple[str, ...]) -> list[Line]:
    return lines(CONTROLS, CATALOGUE, WORLD, Selection(**selection))


def test_everything_is_expected_and_a_gap_has_no_cell() -> None:
    assert expected(matrix()) == 3


def test_a_finding_narrows_to_its_cell() -> None:
    (line,) = matrix(findings=(finding_id("INFRA-02", "host", "db2"),))
    assert [one.name for one in line.subjects] == ["db2"]


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({}, {"INFRA-02": ["db1", "db2"], "INFRA-03": ["test"], "SECURITY-04": ["db1", "db2"], "TEAM-01": ["test"]}),
        ({"sections": ("INFRA",)}, {"INFRA-02": ["db1", "db2"], "INFRA-03": ["test"]}),
        ({"owners": ("security",)}, {"SECURITY-04": ["db1", "db2"]}),
        ({"severities": ("critical", "low")}, {"SECURITY-04": ["db1", "db2"], "TEAM-01": ["test"]}),
        ({"hosts": ("db2",)}, {"INFRA-02": ["db2"], "SECURITY-04": ["db2"]}),
        ({"severities": ("high",), "hosts": ("db1",)}, {"INFRA-02": ["db1"]}),
    ],
    ids=["nothing", "--section", "--owner", "--severity", "--host", "two of them"],
)
def test_a_selection_leaves_its_own_and_nothing_else(
    selection: dict[str, tuple[str, ...]], left: dict[str, list[str]]
) -> None:
    known = Catalogue(
        [
            *(item("INFRA-02"), item("INFRA-03")),
            *(item("SECURITY-04", severity="critical", owner="security"), item("TEAM-01", severity="low")),
        ]
    )
    kinds = {"INFRA-02": "host", "INFRA-03": "estate", "SECURITY-04": "host", "TEAM-01": "estate"}
    controls = [Control(name, "", kind, None, check, (), "a") for name, kind in kinds.items()]
    found = lines(controls, known, WORLD, Selection(**selection))
    assert {line.control.id: [one.name for one in line.subjects] for line in found} == left
    assert expected(found) == sum(len(names) for names in left.values())


def test_a_cell_without_a_subject_is_tested_again_by_the_name_that_its_row_has() -> None:
    controls = [*CONTROLS, Control("INFRA-02", "db", "host", "databases", check, (), "a")]
    (row,) = judge(controls[-1], item("INFRA-02"), Estate(WORLD, Evidence(), now=0.0)).rows
    finding = finding_id(controls[-1].id, row.kind, row.subject)
    (line,) = lines(controls, CATALOGUE, WORLD, Selection(findings=(finding,)))
    assert (line.control.id, line.subjects, line.cells) == (controls[-1].id, (), 1)
    with pytest.raises(OpsError, match="no cell of this selection"):
        lines(controls, CATALOGUE, WORLD, Selection(findings=(finding,), hosts=("db1",)))
    with pytest.raises(OpsError, match="no cell of this selection"):
        lines(controls, CATALOGUE, WORLD, Selection(findings=(finding_id("INFRA-02", "estate", "test"),)))


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        ({"findings": (finding_id("INFRA-02", "host", "db2"), "F-0123456789")}, "--only F-0123456789: no cell"),
        ({"findings": (finding_id("INFRA-02", "host", "gone"),)}, "no cell of this selection"),
        ({"items": ("INFRA-02", "OUTAGE-01")}, "--item OUTAGE-01: no control proves it"),
        ({"items": ("INFRA-2",)}, "there is none of that name"),
        ({"hosts": ("db3",)}, "there is none of that name"),
        ({"hosts": ("db1",), "items": ("INFRA-03",)}, "leaves nothing to decide"),
    ],
)
def test_a_name_that_nothing_answers_to_is_refused(selection: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(OpsError, match=told):
        matrix(**selection)
