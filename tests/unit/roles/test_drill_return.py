# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a return: the other copy goes only when the returned primary is proved, and no wait is without an end."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.roles._drill_world import ROLE, SOURCE, World, server

pytestmark = [pytest.mark.slow, pytest.mark.played]

PROMOTED = {"promote": {"first_write": "x", "timeline_after": SOURCE + 1}, "failback": {"to": "db1"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.set(db1=server("writable", timeline=SOURCE + 2), db2=server("down", timeline=SOURCE + 1))
    return made


def left_behind(world: World) -> dict[str, str]:
    """Return what the step posture read back of the recovery site."""
    (left,) = [entry for entry in world.entries if entry["event"] == "leave" and entry["step"] == "posture"]
    return dict(left["result"]["target"])


@pytest.mark.parametrize("steps", ["__dr_steps", "__dr_failback_steps"])
def test_the_returned_primary_is_proved_before_the_other_copy_goes(steps: str) -> None:
    known = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))[steps]
    ids = [step if isinstance(step, str) else step["id"] for step in known]
    assert ids[ids.index("failback") :][:4] == ["failback", "prove_return", "posture", "steady"]


def test_a_returned_primary_that_lacks_writes_leaves_the_other_copy(world: World) -> None:
    world.interrupted_at("prove_return", **PROMOTED)
    world.set(lost_rows=3)
    said = world.run("posture")
    assert "lacks 3 acknowledged writes" in said, said[-3000:]
    assert world["db2"]["present"] is True
    assert (world["db1"]["in_recovery"], world["two"]) == (False, [])
    assert "stays the primary" in world.notes("hold")[-1]


def test_a_proved_primary_lets_the_recovery_site_be_emptied(world: World) -> None:
    world.interrupted_at("prove_return", **PROMOTED)
    said = world.run("posture")
    assert world["db2"]["present"] is False, said[-3000:]
    kept = [entry["result"] for entry in world.entries if entry["event"] == "leave" and entry["step"] == "prove_return"]
    assert kept[0]["ledger"] == {"lost": 0}
    assert len(kept[0]["checks"]) > 3
    ready = "db2: stopped, no cluster, ready for a restore"
    assert left_behind(world) == {"expected": ready, "observed": ready, "result": "verified"}


@pytest.mark.parametrize("opened", [False, True], ids=["a standby", "a second primary"])
def test_what_the_recovery_site_is_left_as_is_read_back(world: World, opened: bool) -> None:
    posture = {"receivers": [], "names": "", "standby": True}
    world.interrupted_at(
        "posture", **PROMOTED, arrange={"backup": {"label": "F"}, "backups": ["F"], "posture": posture}
    )
    # The stand-in of a restore leaves no signal of a standby: a server that runs already is one only where it says so.
    world.set(db2=server("down", timeline=SOURCE), follows=not opened)
    said = world.run("posture")
    told = left_behind(world)
    assert told["expected"] == "db2: runs as a standby", said[-3000:]
    assert told["observed"] == ("db2: takes writes, or does not answer" if opened else told["expected"])
    assert told["result"] == ("differs" if opened else "verified")


def test_a_boot_that_does_not_end_ends_the_step(world: World) -> None:
    world.interrupted_at("heal", promote=PROMOTED["promote"])
    world.set(db1=server("down"), db2=server("writable", timeline=SOURCE + 1), booted="starting")
    said = world.run("heal")
    assert "db1 answers, but its boot did not end within 300 s (starting)" in said, said[-3000:]


def test_a_restore_has_an_end(world: World) -> None:
    world.interrupted_at("restore")
    world.set(db1=server("down"), db2=server("down"))
    world.run("restore", dr_restore_timeout=77)
    assert [call["timeout"] for call in world.called("pgbackrest_restore", "db2")] == [77]
