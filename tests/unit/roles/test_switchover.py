# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned switch, begun at every state that a kill can leave, and failing where it can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles._estate import ROLE, Estate

WRITING: dict[str, Any] = {"run": True}
STANDBY: dict[str, Any] = {"run": True, "standby": True}
ENDED: dict[str, Any] = {"run": False, "state": "shut down"}
ENDED_STANDBY: dict[str, Any] = {"run": False, "standby": True, "state": "shut down in recovery"}
CRASHED: dict[str, Any] = {"run": False, "state": "in production"}
HELD: dict[str, Any] = {"held": True}
SWITCHED = (["db1"], {("db1", False)})
AS_BEFORE = (["db2"], {("db2", False)})

pytestmark = [pytest.mark.slow, pytest.mark.played]


def switch(estate: Estate) -> int:
    """Switch from db2 to db1, as a return does."""
    return estate.run("switchover.yml", step="failback", __dr_from="db2", __dr_to="db1")


@pytest.mark.parametrize(
    ("primary", "standby", "held", "began_at"),
    [
        (WRITING, STANDBY, False, "hold"),
        (WRITING, ENDED_STANDBY, True, "wake"),
        (ENDED, STANDBY, True, "promote"),
        (ENDED, ENDED_STANDBY, True, "promote"),
        # It starts: it answers at the second look, or while its promotion waits for it.
        (ENDED, {**STANDBY, "silent": 1}, True, "promote"),
        (ENDED, {**STANDBY, "silent": True}, True, "promote"),
        (WRITING, {**STANDBY, "silent": 1}, False, "hold"),
        (ENDED, ENDED, True, "promote"),
        (ENDED, WRITING, True, "poolers"),
        (CRASHED, WRITING, True, "poolers"),
        (STANDBY, WRITING, False, "poolers"),
    ],
)
def test_whatever_a_kill_left_the_switch_goes_on(
    tmp_path: Path, primary: dict[str, Any], standby: dict[str, Any], held: bool, began_at: str
) -> None:
    estate = Estate(tmp_path, db2=primary, db1=standby, lb1={"held": held}, lb2={"held": held})
    code = switch(estate)
    assert code == 0, estate.said[-3000:]
    assert (estate.writers(), estate.poolers()) == SWITCHED
    assert estate.result["began_at"] == began_at
    # Only a primary that was stopped in order proves that its standby has all of it.
    expected = {"lsn": None, "before": None} if began_at == "poolers" else {"lsn": "0/3000148", "before": 1}
    assert estate.world["asked"] == expected


def test_a_second_run_counts_the_gap_from_when_clients_were_held(tmp_path: Path) -> None:
    estate = Estate(tmp_path, db2=WRITING, db1={**STANDBY, "fails": {"postgresql_promote": "promoted"}})
    assert switch(estate) == 2
    (journal,) = tmp_path.glob("reports/test/drills/*/journal.jsonl")
    since = journal.read_text().split('"held":"')[1]
    estate.world["hosts"]["db1"]["fails"] = {}
    assert switch(estate) == 0, estate.said[-3000:]
    assert estate.world["since"] == since.partition('"')[0]
    assert (estate.writers(), estate.poolers()) == SWITCHED


NO_WAY = "from there no switch can be carried out"
SILENT = "and does not answer, so nobody can tell whether it takes writes"


@pytest.mark.parametrize(
    ("primary", "standby", "sentence"),
    [
        (WRITING, WRITING, NO_WAY),
        (STANDBY, STANDBY, NO_WAY),
        ({**WRITING, "silent": True}, STANDBY, SILENT),
        (WRITING, {**STANDBY, "silent": True}, "db2 and its standby db1 are writing, silent: from there no switch"),
        (STANDBY, {**STANDBY, "silent": True}, "are standby, silent: from there no switch"),
    ],
)
def test_what_is_not_clear_is_refused_untouched(
    tmp_path: Path, primary: dict[str, Any], standby: dict[str, Any], sentence: str
) -> None:
    estate = Estate(tmp_path, db2=primary, db1=standby)
    before = {name: estate.world["hosts"][name]["run"] for name in ("db1", "db2")}
    assert switch(estate) == 2
    assert sentence in estate.said
    assert {name: estate.world["hosts"][name]["run"] for name in ("db1", "db2")} == before
    assert {how for host, _name, how in estate.world["log"] if host.startswith("lb")} <= {"resume"}


def test_every_row_of_the_table_can_come_up() -> None:
    """A primary that is silent is refused before the table is asked; its standby may be in any state."""
    loaded = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))["__dr_switch_table"]
    assert set(loaded) == {"writing", "stopped", "standby"}
    assert {frozenset(row) for row in loaded.values()} == {frozenset({"writing", "stopped", "standby", "silent"})}


@pytest.mark.parametrize(
    "fails",
    [{"db1": {"postgresql_promote": "in vain"}}, {"db2": {"postgresql_stop": "busy"}}, {"lb2": {"pause": "dumb"}}],
)
def test_a_switch_that_fails_before_the_promotion_is_taken_back(tmp_path: Path, fails: dict[str, Any]) -> None:
    hosts: dict[str, dict[str, Any]] = {"db2": dict(WRITING), "db1": dict(STANDBY), "lb1": {}, "lb2": {}}
    for name, how in fails.items():
        hosts[name]["fails"] = how
    estate = Estate(tmp_path, **hosts)
    assert switch(estate) == 2
    assert "othing was switched" in estate.said
    assert (estate.writers(), estate.poolers()) == AS_BEFORE
    assert estate.world["hosts"]["db1"] == {**hosts["db1"], "state": estate.world["hosts"]["db1"]["state"]}
    for host in estate.world["hosts"].values():
        host["fails"] = {}
    assert switch(estate) == 0, estate.said[-3000:]
    assert (estate.writers(), estate.poolers()) == SWITCHED


def test_a_standby_that_was_promoted_after_all_keeps_the_primary_stopped(tmp_path: Path) -> None:
    """The promotion said that it failed, and had come through: two writers would be worse than none."""
    estate = Estate(tmp_path, db2=WRITING, db1={**STANDBY, "fails": {"postgresql_promote": "promoted"}})
    assert switch(estate) == 2
    assert "db2 stays stopped and clients stay held" in estate.said
    assert "was not promoted" in estate.said
    assert estate.writers() == []
    assert estate.poolers() == {("db2", True)}


def test_a_standby_without_its_sign_is_not_started_beside_a_primary(tmp_path: Path) -> None:
    estate = Estate(tmp_path, db2=WRITING, db1=ENDED, lb1=HELD, lb2=HELD)
    assert switch(estate) == 2
    assert "no standby.signal" in estate.said
    assert (estate.writers(), estate.poolers()) == AS_BEFORE
