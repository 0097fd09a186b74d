# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody compared is said and stays beside the new data; nothing of an old primary is overwritten unsaid."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._drill_world import SOURCE, World, server
from tests.unit.roles._estate import Estate

ENDED: dict[str, Any] = {"run": False, "state": "in production"}
GIVEN: dict[str, Any] = {"dr_primary": "db1", "dr_target": "db2", "dr_salvage_tables": ["ledger"]}
TO_A_POINT = {"__dr_scenario": {"strategy": "point_in_time"}}

pytestmark = [pytest.mark.slow, pytest.mark.played]


def deviations(folder: Path) -> list[str]:
    """Return the texts of the deviations in the journal."""
    lines = next(folder.glob("reports/test/drills/*/journal.jsonl")).read_text(encoding="utf-8").splitlines()
    return [entry["text"] for entry in map(json.loads, lines) if entry.get("kind") == "deviation"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, "all tables, which the recovery left behind"),
        (
            {"__dr_salvaged": {"uncovered": ["table public.clicks", "database reports"]}},
            "table public.clicks, database reports",
        ),
    ],
    ids=["nothing salvaged", "salvaged in part"],
)
def test_what_was_not_compared_is_on_record_and_kept(tmp_path: Path, more: dict[str, Any], named: str) -> None:
    estate = Estate(tmp_path, db1=ENDED)
    assert estate.run("steps/salvage.yml", step="salvage", **GIVEN, **TO_A_POINT, **more) == 0, estate.said[-3000:]
    (told,) = deviations(tmp_path)
    assert named in told
    assert estate.result["kept_aside"].startswith("data.2")
    assert estate.result["kept_aside"] in told


def test_a_loss_that_is_accepted_is_on_record(tmp_path: Path) -> None:
    estate = Estate(tmp_path, db1=ENDED)
    code = estate.run("steps/salvage.yml", step="salvage", **GIVEN, **TO_A_POINT, dr_salvage_accept_loss=True)
    assert code == 0, estate.said[-3000:]
    assert "as dr_salvage_accept_loss allows" in deviations(tmp_path)[0]
    assert estate.result["kept_aside"] == ""


@pytest.mark.parametrize(
    ("old", "more"),
    [
        ({"run": False, "state": "shut down in recovery"}, {}),
        (ENDED, {"__dr_salvaged": {"uncovered": []}}),
    ],
    ids=["a standby", "all compared"],
)
def test_what_holds_nothing_of_its_own_is_not_kept(tmp_path: Path, old: dict[str, Any], more: dict[str, Any]) -> None:
    estate = Estate(tmp_path, db1=old)
    assert estate.run("steps/salvage.yml", step="salvage", **GIVEN, **TO_A_POINT, **more) == 0, estate.said[-3000:]
    assert deviations(tmp_path) == []
    assert estate.result["kept_aside"] == ""


@pytest.mark.parametrize("running", [False, True])
def test_the_old_data_moves_once_and_never_from_under_a_server(tmp_path: Path, running: bool) -> None:
    estate = Estate(tmp_path, db1={**ENDED, "run": running})
    data, aside = tmp_path / "db1" / "data", tmp_path / "db1" / "aside"
    (data / "old").touch()
    code = estate.run("keep_aside.yml", step="rejoin", **GIVEN, __dr_aside="aside", __dr_result={})
    if running:
        assert code == 2
        assert "PostgreSQL runs on db1" in estate.said
        assert (data / "old").exists()
        return
    assert (aside / "old").exists()
    if os.getuid():
        return  # only root can give the new directory to its account
    assert code == 0, estate.said[-3000:]
    (data / "new").touch()
    estate.world["hosts"]["db1"]["run"] = True
    assert estate.run("keep_aside.yml", step="rejoin", **GIVEN, __dr_aside="aside", __dr_result={}) == 0
    assert (data / "new").exists()
    assert not (aside / "new").exists()


NO_ROOM = {"failed": True, "msg": "/srv has 1 MiB free and a copy needs 9; set scratch_dir.", "uncopied": True}


@pytest.mark.parametrize("accepted", [False, True])
def test_a_copy_without_room_is_kept_aside_or_accepted(tmp_path: Path, accepted: bool) -> None:
    world = World(tmp_path)
    world.interrupted_at("salvage", promote={"first_write": "x"})
    world.set(
        db1={**server("down"), "state": "in production"}, db2=server("writable", timeline=SOURCE + 1), room=NO_ROOM
    )
    said = world.run("salvage", dr_salvage_accept_loss=accepted, dr_salvage_scratch_dir="/srv")
    (told,) = world.notes("deviation")
    assert "there is no copy to read them from - /srv has 1 MiB free" in told, said[-3000:]
    assert ("is kept as" in told) != accepted
    (export,) = world.called("postgresql_salvage", "db1")
    assert export["scratch_dir"] == "/srv"
    assert (
        len([call for call in world.called("builtin_file") if "salvage" in call["path"] or "keys" in call["path"]]) == 3
    )


def test_another_failure_of_the_salvage_stops_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.interrupted_at("salvage", promote={"first_write": "x"})
    broken = {"failed": True, "msg": "the copy does not start"}
    world.set(
        db1={**server("down"), "state": "in production"}, db2=server("writable", timeline=SOURCE + 1), room=broken
    )
    said = world.run("salvage", dr_salvage_accept_loss=True)
    assert "the copy does not start" in said
    assert "was not compared" not in " ".join(world.notes("deviation")), said[-3000:]
