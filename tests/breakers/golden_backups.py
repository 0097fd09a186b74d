# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of the green world: database and files every night and every evening, all of them checked."""

from __future__ import annotations

import hashlib
from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, golden
from golden_prometheus import GRID
from golden_records import MACHINES, add, at

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc

DAYS = 35
TIMES = (NOW // DAY * DAY + 1 * HOUR, NOW // DAY * DAY - DAY + 17.25 * HOUR)
"""When the newest nightly and the newest evening backup began; older ones did a whole number of days before."""

FILES = {"files-lb1": "lb1", "files-db1": "db1", "files-db2": "db2", "files-mon1": "mon1"}


def starts() -> list[float]:
    """Return when each backup began, the oldest first."""
    return sorted(start - back * DAY for start in TIMES for back in range(DAYS))


def _label(start: float, kind: str, full: str) -> str:
    stamp = _utc.from_epoch(start).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}F" if kind == "full" else f"{full}_{stamp}I"


@golden
def database(world: World) -> None:
    """What pgBackRest knows: a full backup a week, incremental ones between; and the audits that were recorded."""
    rows: list[dict[str, Any]] = []
    full = ""
    for number, start in enumerate(starts()):
        kind = "full" if number % 14 == 0 else "incr"
        label = _label(start, kind, full)
        full = label if kind == "full" else full
        rows.append(_backup(label, kind, full, start, start + 9 * MINUTE))
    info = {
        "archive": [
            {"database": {"id": 1, "repo-key": 1}, "id": "15-1", "max": "0" * 15 + "FFFFFFFFF", "min": "0" * 24}
        ],
        "backup": rows,
        "cipher": "aes-256-cbc",
        "db": [{"id": 1, "repo-key": 1, "system-id": 7712418600661634105, "version": "15"}],
        "name": "main",
        "repo": [{"cipher": "aes-256-cbc", "key": 1, "status": {"code": 0, "message": "ok"}}],
        "status": {"code": 0, "lock": {"backup": {"held": False}}, "message": "ok"},
    }
    world.set("repo1", "pgbackrest_info", [info])
    add(world, "backup", *(_record(row) for row in rows), subject=MACHINES)
    add(world, "restore_test", *(_test(rows[-1 - 14 * week], week) for week in range(5)), subject=MACHINES)


def _backup(label: str, kind: str, full: str, start: float, stop: float) -> dict[str, Any]:
    return {
        "annotation": None,
        "archive": {"start": "000000010000000000000002", "stop": "000000010000000000000004"},
        "backrest": {"format": 5, "version": "2.45"},
        "database": {"id": 1, "repo-key": 1},
        "error": False,
        "info": {"delta": 81095537, "repository": {"delta": 3794080, "size": 3794080}, "size": 81095537},
        "label": label,
        "lsn": {"start": "0/2000028", "stop": "0/4000088"},
        "prior": None if kind == "full" else full,
        "reference": None if kind == "full" else [full],
        "timestamp": {"start": int(start), "stop": int(stop)},
        "type": kind,
    }


def _proof(kind: str, name: str, asset: str, label: str, ended: float, checks: list[str]) -> dict[str, Any]:
    return {
        "schema": f"ccobservatory.ops/{kind}/1",
        "type": kind,
        "id": name,
        "environment": "golden",
        "asset": asset,
        "backup": {
            **{"label": label, "type": "incr", "source": "repo1", "age_s": 1800.0},
            **{
                "digest": hashlib.sha256(label.encode()).hexdigest(),
                "size_bytes": 81095537,
                "repo_size_bytes": 3794080,
            },
        },
        "checks": [
            {"name": one, "expected": "no finding", "observed": "no finding", "result": "verified"} for one in checks
        ],
        "result": "verified",
        "host": "repo1",
        "started": at(NOW - ended + 12 * MINUTE),
        "ended": at(NOW - ended),
        "phases": [
            {
                "name": kind,
                "started": at(NOW - ended + 12 * MINUTE),
                "ended": at(NOW - ended + 3 * MINUTE),
                "seconds": 540.0,
            },
            {"name": "audit", "started": at(NOW - ended + 3 * MINUTE), "ended": at(NOW - ended), "seconds": 180.0},
        ],
    }


def _record(row: dict[str, Any]) -> dict[str, Any]:
    checked = row["timestamp"]["stop"] + 3 * MINUTE
    return _proof("backup", f"B-{row['label']}", "database-main", row["label"], checked, ["repository audit"])


def _test(row: dict[str, Any], week: int) -> dict[str, Any]:
    ended = row["timestamp"]["stop"] + 50 * MINUTE
    name = f"RT-database-{week}"
    return _proof("restore_test", name, "database-main", row["label"], ended, ["rows", "checksums"])


@golden
def files(world: World) -> None:
    """What restic knows of each host's files, the daily proof that it was checked, and the weekly restore tests."""
    end = GRID
    daily = {"query": "", "start": end - 30 * int(DAY), "end": end, "step": int(DAY)}
    hourly = {"query": "", "start": end - 7 * int(DAY), "end": end, "step": int(HOUR)}
    proofs, checked = [], []
    for asset, host in FILES.items():
        world.set(host, "file_backup_snapshots", _snapshots(host))
        done = [[end - back * DAY, repr(TIMES[0] - back * DAY + 6 * MINUTE)] for back in range(30, -1, -1)]
        proofs.append({"metric": {"host": host, "instance": f"{host}:9100", "job": "node"}, "values": done})
        ends = [start + 6 * MINUTE for start in starts() if start > end - 7 * DAY]
        hours = [[int(success // HOUR * HOUR + HOUR), repr(success)] for success in ends]
        checked.append({"metric": proofs[-1]["metric"], "values": hours})
        name = _snapshots(host)["snapshots"][-5]["short_id"]
        test = _proof("restore_test", f"RT-{asset}", asset, name, NOW - 2 * DAY, ["files", "checksums"])
        add(world, "restore_test", test, subject=MACHINES)
    world.set("prometheus", "query:file_backup_success_daily", {**daily, "result": proofs})
    world.set("prometheus", "query:file_backup_success_hourly", {**hourly, "result": checked})
    done = [[end - back * DAY, repr(TIMES[0] - back * DAY + 9 * MINUTE)] for back in range(30, -1, -1)]
    metric = {"host": "repo1", "instance": "repo1:9100", "job": "node", "stanza": "main", "type": "any"}
    series = [{"metric": metric, "values": done}]
    world.set("prometheus", "query:backup_completed_daily", {**daily, "result": series})


def _snapshots(host: str) -> dict[str, Any]:
    rows = []
    for start in starts():
        name = hashlib.sha256(f"{host} {start}".encode()).hexdigest()
        rows.append(
            {
                "excludes": ["/etc/.git", "/etc/mtab"],
                "hostname": host,
                "id": name,
                "short_id": name[:8],
                "paths": ["/etc", "/usr/local/lib/ccobservatory"],
                "time": _utc.iso_ms(_utc.from_epoch(start)),
                "tree": name[::-1],
                "username": "root",
            }
        )
    about = {"host": host, "repository": f"sftp:fb_{host}@203.0.113.41:/restic"}
    return {**about, "snapshots": rows, "sources": ["/etc", "/usr/local/lib/ccobservatory"]}
