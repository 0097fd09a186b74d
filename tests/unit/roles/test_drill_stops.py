# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each stop condition that a scenario may name ends a drill before what it guards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles._drill_world import ABSENT, ROLE, SOURCE, World, server

GAP = {"severity": "error", "code": "missing_wal", "subject": "000000040000000000000006"}
PROMOTED = {"promote": {"first_write": "x", "timeline_after": SOURCE + 1}}
RECOVERED = {"db1": server("down"), "db2": server("writable", timeline=SOURCE + 1)}
STILL = {"acked": 5, "errors_since": {"requests": 0}}


@dataclass(frozen=True)
class Case:
    """A drill in ``step`` whose world brings the condition about: what is said, and what is not called any more."""

    step: str
    until: str
    world: dict[str, Any]
    told: str
    guarded: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    "fence_unproved": Case("fence", "promote", {"proved": False}, "is not proved off", ("postgresql_promote",)),
    "archive_gap": Case(
        "restore", "promote", {"audit": [GAP]}, "missing_wal", ("pgbackrest_restore", "postgresql_promote")
    ),
    "old_primary_writes": Case(
        *("heal", "failback", {**RECOVERED, "db1": server("writable")}, "takes writes although it was fenced"),
        ("postgresql_stop",),
    ),
    "service_unstable": Case(
        *("watch", "failback", {**RECOVERED, "canary": STILL}, "The recovery site is not stable: 0 writes"),
        ("postgresql_stop",),
    ),
    "step_deadline": Case(
        *("restore", "promote", {"hang": {"pgbackrest_restore db2": 60}}, "Timed out", ("postgresql_promote",)),
        {"__dr_step_bound": "5"},
    ),
    "host_lost": Case(
        *("restore", "promote", {"lose": {"wal_audit repo1": "repo1"}}, "repo1 stopped answering by ssh"),
        ("pgbackrest_restore", "postgresql_promote"),
    ),
}


@pytest.mark.slow
@pytest.mark.played
@pytest.mark.parametrize("name", CASES)
def test_a_stop_condition_ends_the_drill(tmp_path: Path, name: str) -> None:
    case, world = CASES[name], World(tmp_path)
    world.interrupted_at(case.step, **(PROMOTED if case.step in ("watch", "heal") else {}))
    world.set(**{"db1": server("down"), "db2": ABSENT, **case.world})
    said = world.run(case.until, dr_watch_seconds=0, **case.settings)
    assert case.told in said + json.dumps(world.entries), said[-3000:]
    assert [call for call in world["calls"] if call[0] in case.guarded] == []
    assert [entry["status"] for entry in world.entries if entry["event"] == "leave"][-1] == "failed"


def test_every_stop_condition_is_shown_to_end_a_drill() -> None:
    """What ends a drill of a copy is a task of the restore test, which fails where the copy differs."""
    loaded = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert set(loaded["__dr_stop_conditions"]) == {*CASES, "copy_differs"}
    tasks = yaml.safe_load((ROLE.parent / "restore_test" / "tasks" / "record.yml").read_text(encoding="utf-8"))
    (last,) = [task for task in tasks if task["name"] == "Fail where the copy differs"]
    assert last["ansible.builtin.assert"]["that"] == "__restore_test_result == 'verified'"
