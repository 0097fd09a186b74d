# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's faults in people's records promise: all of them at once, each control tells of its own by its words.

On the lab they are made in one morning, so none may hide another; here that is proved without a lab. And the table of
breakers keeps what each place noted.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import _breaker_table
import _morning_records
import _world
import pytest
from _breaker_table import Row

Cells = dict[tuple[str, str], str]


def red(world: _world.World) -> Cells:
    """Return the cells that are not green, with what they say; the estate is called as the lab's."""
    found = [(result.control.id, row) for result in _world.results(world) for row in result.rows]
    names = {"golden": _morning_records.ESTATE}
    return {(control, names.get(row.subject, row.subject)): row.says for control, row in found if not row.green}


@pytest.fixture(scope="module")
def broken() -> Cells:
    """Every register is taken away that the lab takes away, and one host is not scanned."""
    world = _world.fresh()
    for record_type in _morning_records.REGISTERS:
        for source in ("records", "runs"):
            world.change(source, record_type, lambda body: body.update(records=[], files=0))

    def unscanned(body: Any) -> None:
        body["records"] = [
            row for row in body["records"] if row["record"]["target"]["name"] != _morning_records.UNSCANNED
        ]

    world.change("records", "vulnerability_scan", unscanned)
    return red(world)


@pytest.mark.parametrize("name", [*_morning_records.REGISTERS, "scans"])
def test_each_control_tells_of_its_own_fault(broken: Cells, name: str) -> None:
    promised = _morning_records.REGISTERS.get(name, _morning_records.SCANS)
    assert promised
    assert {cell: words for cell, words in promised.items() if words not in broken.get(cell, "green")} == {}


def test_a_register_is_taken_away_and_brought_back(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "stand-in.json").write_text("[]", encoding="utf-8")
    make, undo = _morning_records.take_away(tmp_path, "review")
    undo()
    make()
    assert [path.name for path in tmp_path.iterdir()] == [".review"]
    undo()
    assert (tmp_path / "review" / "stand-in.json").exists()
    make()
    (tmp_path / "review").mkdir()  # written anew meanwhile
    undo()
    assert [path.name for path in tmp_path.iterdir()] == ["review"]


def test_the_scans_of_one_host_are_taken_out_and_brought_back(tmp_path: Path) -> None:
    path = tmp_path / "vulnerability_scan" / "stand-in.json"
    path.parent.mkdir()
    text = json.dumps([{"target": {"name": name}} for name in ("lb1", "db1")])
    path.write_text(text, encoding="utf-8")
    make, undo = _morning_records.leave_unscanned(tmp_path, "lb1")
    undo()
    make()
    assert json.loads(path.read_text(encoding="utf-8")) == [{"target": {"name": "db1"}}]
    undo()
    undo()
    assert [one.read_text(encoding="utf-8") for one in path.parent.iterdir()] == [text]


# The table


def noted(*arguments: Any) -> SimpleNamespace:
    kept: list[tuple[str, str]] = []
    _breaker_table.note(lambda name, value: kept.append((name, value)), *arguments)
    return SimpleNamespace(when="call", user_properties=kept)


def test_a_run_of_some_breakers_leaves_the_table_as_it_is(tmp_path: Path) -> None:
    table = _breaker_table.keep([Row("A-01", "a", "payload", "nothing"), Row("A-01", "b", "lab", "nothing")], tmp_path)
    before = table.read_bytes()
    part = _breaker_table.keep([Row("A-01", "a", "payload", "B-02")], tmp_path, whole=False)
    assert part != table
    assert (part.read_text(encoding="utf-8").count("A-01"), table.read_bytes()) == (1, before)
    every = [Row(one.control, one.fault, "payload", "nothing") for one in _world.breakers()]
    assert [_breaker_table.all_payloads(rows) for rows in (every, every[1:], [])] == [True, False, False]


def test_the_table_holds_what_both_places_noted(tmp_path: Path) -> None:
    reports = [noted("B-01", "a fault", "payload", ["Z-09", "C-01"]), noted("A-01", "x", "lab", [])]
    assert _breaker_table.rows_of(reports) == [
        Row("A-01", "x", "lab", "nothing"),
        Row("B-01", "a fault", "payload", "C-01, Z-09"),
    ]
    _breaker_table.keep([Row("A-01", "gone", "payload", "nothing")], tmp_path)
    _breaker_table.keep([Row("A-01", "on a host", "lab", "nothing")], tmp_path)
    table = _breaker_table.keep([Row("A-01", "in a body", "payload", "B-02")], tmp_path).read_text(encoding="utf-8")
    assert [line.split() for line in table.splitlines()] == [
        ["control", "breaker", "made", "in", "what", "else", "turned", "red"],
        ["A-01", "in", "a", "body", "payload", "B-02"],
        ["A-01", "on", "a", "host", "lab", "nothing"],
    ]
