# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record is put together from the journal, with what the records beside it remember."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.action import drill_record
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store
from tests.unit.plugins.plugin_utils._protected import protected


def journal(folder: Path) -> None:
    """Write the journal of an activation in which only the recovery site could be asked."""
    plan = [{"id": step, "title": step, "phase": "recovery", "deadline_s": 60} for step in ("decide", "verify")]
    header = {"primary": "db1", "target": "db2", "canary": "client1", "scenario": {"expect": {"outcome": "activated"}}}
    known = {"drill_id": folder.name, "environment": "test", "scenario": "activation", "mode": "live", "header": header}
    Store(folder, owner=Owner.of(os.getpid())).create(
        [
            {"event": "open", "plan": plan, **known},
            {"event": "enter", "step": "decide"},
            {"event": "leave", "step": "decide", "status": "done", "result": {"declared": "2026-11-20T09:00:00.000Z"}},
            {"event": "enter", "step": "verify"},
            {"event": "leave", "step": "verify", "status": "done", "result": {"security": protected("db2")}},
        ]
    )


def earlier(folder: Path, primary: str, at: str, restored_s: float) -> None:
    """Leave the record of an earlier drill."""
    security = {**protected(primary), "at": at}
    told = {
        **{"id": folder.name, "started": at, "verdict": "pass", "mode": "live", "scenario": {"name": "site_lost"}},
        **{"achieved": {"rto_s": 9.0}, "time_to_restore": {"restored_s": restored_s}},
        "steps": [{"id": "assess", "result": {"security": security}}],
    }
    folder.mkdir(parents=True)
    (folder / "drill.json").write_text(json.dumps(told), encoding="utf-8")


def record(folder: Path) -> dict[str, Any]:
    """Return what the task puts together."""
    args = {"dir": str(folder), "targets": {"rto_s": 7200, "rpo_s": 60}, "interval_days": 10}
    task = SimpleNamespace(args=args, check_mode=False, async_val=0, diff=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    plugin = drill_record.ActionModule(task, connection, SimpleNamespace(check_mode=False), None, None, None)
    result = plugin.run(task_vars={})
    assert not result.get("failed"), result
    found: dict[str, Any] = result["record"]
    return found


def test_after_a_disaster_the_newest_drill_of_that_primary_is_the_yardstick(tmp_path: Path) -> None:
    earlier(tmp_path / "20260801T090000Z-a", "db1", "2026-08-01T09:00:00.000Z", 10.0)
    earlier(tmp_path / "20260901T090000Z-b", "db1", "2026-09-01T09:00:00.000Z", 14.0)
    earlier(tmp_path / "20261001T090000Z-c", "db9", "2026-10-01T09:00:00.000Z", 12.0)
    (tmp_path / "20261002T090000Z-d").mkdir()
    (tmp_path / "20261002T090000Z-d" / "drill.json").write_text("cut sh", encoding="utf-8")
    journal(tmp_path / "20261120T090000Z-activation")
    found = record(tmp_path / "20261120T090000Z-activation")
    ends = {row["expected"].partition("(as a drill read it at ")[2] for row in found["security"]}
    assert ends == {"2026-09-01T09:00:00.000Z)", ""}
    assert {row["result"] for row in found["security"]} == {"verified"}
    assert found["time_to_restore"] == {"restored_s": None, "mean_s": 12.0, "drills": 3}
    assert [row["id"][-1] for row in found["history"]] == ["a", "b", "c"]


def test_without_an_earlier_drill_what_the_primary_had_is_unknown(tmp_path: Path) -> None:
    journal(tmp_path / "20261120T090000Z-activation")
    found = record(tmp_path / "20261120T090000Z-activation")
    assert [row["result"] for row in found["security"]].count("could_not_run") == 12
    assert found["operator"] in {os.environ.get("SUDO_USER"), getpass.getuser()}
    assert found["next_due"] > found["started"]
