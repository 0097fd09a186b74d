# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded journal of a drill that went well, for tests to spoil, and the record that is made of one."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_record as record_room
from tests.unit.plugins.plugin_utils._protected import protected

BASE = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=datetime.UTC)
TARGETS = {"rto_s": 60.0, "rpo_s": 30.0, "bound_s": 7200.0, "failback_gap_s": 30.0}
ONE_WRITER: dict[str, Any] = {"two_writers_seen": 0, "samples": 80, "hosts": {"db1": 40, "db2": 40}, "overlaps": []}
ARCHIVE = {"timeline": 1, "newest_wal": "000000010000000000000004", "newest_wal_lsn": "0/4000000"}
STEPS = ("assess", "fault", "detect", "decide", "fence", "restore", "promote", "redirect", "first_write", "verify")


def at(seconds: float) -> str:
    """Return an instant of the test's clock."""
    return iso_ms(BASE + datetime.timedelta(seconds=seconds))


def state(**changed: Any) -> dict[str, Any]:
    """Return the folded journal of a drill that went well: gap from 10 s to 20 s."""
    ladder = {"name": "rows", "command": "x", "expected": "0", "observed": "0", "seconds": 1, "result": "verified"}
    results = {
        "assess": {"steady_state": [], "clock_offsets_s": {"db1": 0.0}, "security": protected("db1")},
        "prove_backups": {"backup": {"label": "20261123-190000F", "size_bytes": 1000}, "cipher": "aes-256-cbc"},
        "canary": {"run": "x-a", "archive": {"timeout_s": 10.0, "push_s": 0.4}},
        "detect": {"detected": at(11)},
        "decide": {"declared": at(11.2)},
        "fence": {"fencing": [{"proof": name, "proved": True} for name in ("power", "repository", "address")]},
        "restore": {
            "restore": {"ended": at(15), "seconds": 2.0, "label": "20261123-190000F"},
            "continuity": {**ARCHIVE, "findings": []},
        },
        "promote": {
            **{"replay_end": at(16), "first_write": at(17), "timeline_after": 2, "lsn": "0/5000000"},
            **{"fork_timeline": 1, "fork_lsn": "0/4800000"},
        },
        "first_write": {"first_ack": at(20), "gap": {"last_ack": at(10), "first_ack": at(20), "seconds": 10.0}},
        "verify": {
            "ledger": {
                "lost": 3,
                "acked": 500,
                "wrong": 0,
                "ghosts": 0,
                "holes": 0,
                "lost_window_s": 2.0,
                "rpo_s": 2.1,
                "in_doubt": {},
            },
            "checks": [ladder],
            "security": protected("db2"),
        },
        "prove_return": {"checks": [{"name": "rung", "expected": "0", "observed": "exit 0 0", "result": "verified"}]},
        "steady": {"steady_state": [{"name": "primary", "expected": "db1", "observed": "db1", "result": "verified"}]},
    }
    times = (
        *(("fault", 9.5), ("detect", 10.2), ("decide", 11.5), ("fence", 12), ("restore", 13), ("promote", 15)),
        *(("redirect", 17.5), ("first_write", 18), ("verify", 20.3), ("coordinate", 25)),
    )
    entered = {name: at(when) for name, when in times}
    left = {one[0]: at(then[1]) for one, then in itertools.pairwise(times)}
    steps = [
        {"id": name, "title": name, "status": "done", "seconds": 1.0, "deadline_s": 60, "ended": at(30), "error": None,
         "result": results.get(name, {})}
        for name in STEPS
    ]  # fmt: skip
    whole = {
        "drill_id": "20261123T200000Z-x", "environment": "lab", "scenario": "x", "mode": "live", "started": at(0),
        "ended": at(40),
        "header": {
            "canary": "client1", "target": "db2",
            "scenario": {"strategy": "restore", "expect": {"outcome": "recovered", "lost_rows": "archive_interval"}},
        },
        "results": results, "entered": entered, "left": left, "steps": steps, "interruptions": [], "deviations": [],
        "rollback": [], "hold": [],
    }  # fmt: skip
    whole.update(changed)
    return whole


def assembled(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the record of a journal."""
    more = {"observer": ONE_WRITER, **more}
    return record_room.assemble(found, targets=TARGETS, versions={}, controller={}, history=[], **more)
