# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans, costs, forecasts, drift and routine work of the green world."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, golden
from golden_prometheus import USE
from golden_records import MACHINES, add, at

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso

MONTH_START, MONTH_END = "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"
BUDGET = 1200.0
IMAGE = "registry.example.org/batch:4.2"
IMAGE_DIGEST = "sha256:" + "5e" * 32
POOLS = {"application": ("app1",), "database": ("db1", "db2")}
MENDED = {"id": "CVE-2026-40912", "severity": "critical", "package": "libssl3", "fixed_version": "3.0.17-1~deb12u3"}
"""A critical finding that db1 had for some hours, a month ago."""


@golden
def scans(world: World) -> None:
    """Scans of every host and image for 90 days; one critical finding came and was mended the same day."""
    for name, kind in (*((host, "host") for host in world.hosts), (IMAGE, "image")):
        days = [92, *range(90, -1, -3)] if name != "db1" else [92, *range(90, 31, -3), *range(31, -1, -1)]
        rows = [_scan(kind, name, back * DAY + 2.5 * HOUR, shows=name == "db1" and back == 31) for back in days]
        add(world, "vulnerability_scan", *rows)
    mended = {"host": "db1", "started": at(31 * DAY - 3 * HOUR), "ended": at(31 * DAY - 4 * HOUR), "result": "ok"}
    package = {"name": "libssl3", "from": "3.0.15-1~deb12u1", "to": "3.0.17-1~deb12u3", "source": "Debian-Security"}
    row = {"id": "PATCH-db1-urgent", "at": at(31 * DAY - 4 * HOUR), **mended, "packages": [package]}
    add(world, "patch", row, subject=MACHINES)


def _scan(kind: str, name: str, ago: float, *, shows: bool) -> dict[str, Any]:
    low = {"id": "CVE-2026-31337", "severity": "low", "package": "tar", "installed": "1.34+dfsg-1.2+deb12u1"}
    found = [{**low, "fixed_version": None, "published": "2026-02-02T00:00:00Z", "status": "affected"}]
    if shows:
        found.append({**MENDED, "installed": "3.0.15-1~deb12u1", "published": at(ago + 6 * HOUR), "status": "fixed"})
    return {
        "id": f"scan-{kind}-{name}-{round(ago / DAY)}",
        "at": at(ago),
        "by": "trivy",
        "scanner": {"name": "trivy", "version": "0.67.0", "database_built": at(ago + 4 * HOUR)},
        "target": {"kind": kind, "name": name, "digest": IMAGE_DIGEST if kind == "image" else None},
        "scanned": at(ago),
        "packages": 412,
        "findings": found,
    }


@golden
def costs(world: World) -> None:
    """The month's lines of the provider's export, a day each, near the budget; and what the provider has."""
    first = parse_iso(MONTH_START).timestamp()
    days = int((NOW - first) // DAY)
    daily = BUDGET / 30
    lines = [
        {
            "BilledCost": round(daily * share * 1.02, 4),
            "EffectiveCost": round(daily * share, 4),
            "BillingCurrency": "EUR",
            "ChargePeriodStart": at(NOW - first - day * DAY),
            "ChargePeriodEnd": at(NOW - first - (day + 1) * DAY),
            "ServiceName": service,
            "ResourceId": resource,
            "ChargeCategory": "Usage",
        }
        for day in range(days)
        for service, resource, share in (("Compute", "vm-17", 0.8), ("Storage", "vol-3", 0.2))
    ]
    add(world, "cost", {"id": "COST-2026-11", "at": at(3 * HOUR), "source": "provider export", "lines": lines})
    period = {"period_start": MONTH_START, "period_end": MONTH_END, "amount": BUDGET, "currency": "EUR"}
    add(world, "budget", {"id": "BUDGET-2026-11", "at": at(30 * DAY), "by": "finance", **period})
    used = {"attached": True, "last_used": at(HOUR), "currency": "EUR"}
    resources = [
        {"id": "vm-17", "kind": "instance", "monthly_cost": 960.0, **used},
        {"id": "vol-3", "kind": "volume", "monthly_cost": 240.0, "encrypted": True, **used},
    ]
    row = {"id": "RES-1", "at": at(3 * HOUR), "by": "provider", "source": "provider", "resources": resources}
    add(world, "resource_inventory", row)


@golden
def forecasts(world: World) -> None:
    """A forecast a day of each pool for a month; those of a month ago said what today would be."""
    for pool, hosts in POOLS.items():
        for place, resource in enumerate(("cpu", "memory")):
            now = sum(USE[host][place] for host in hosts) / len(hosts)
            rows = []
            for back in range(31, -1, -1):
                ago = back * DAY + 15 * HOUR
                points = [{"at": at(ago - ahead * DAY), "ratio": now + 0.005 * (ahead / 30)} for ahead in (1, 7, 30)]
                row = {
                    "id": f"FC-{pool}-{resource}-{back}",
                    "at": at(ago),
                    "by": "capacity report",
                    "pool": pool,
                    "resource": resource,
                    "made": at(ago),
                    "method": "linear over 30 days",
                    "horizon_s": 30 * DAY,
                    "limit_ratio": 0.9,
                    "predicted": points,
                }
                rows.append(row)
            add(world, "capacity_forecast", *rows, subject=MACHINES)


@golden
def drift(world: World) -> None:
    """A comparison of the estate with its code every morning, without a difference."""
    for back in range(7, -1, -1):
        ago = back * DAY + 3 * HOUR
        about = {"tool": "ansible check mode", "target": "estate", "checked": at(ago), "valid": True, "resources": 318}
        row = {"id": f"DRIFT-{back}", "at": at(ago), **about, "repositories": ["infrastructure"], "drifted": []}
        add(world, "drift_check", row, subject=MACHINES)


@golden
def routine(world: World) -> None:
    """The register of routine tasks, nearly all of them automated, and a month of executions."""
    names = ("backup", "restore test", "scan", "patch", "drift", "report", "rotate keys", "forecast", "scrub", "renew")
    executions: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        about = {"name": name, "period_s": DAY, "automated": True, "owner": "platform"}
        add(world, "routine_task", {"id": f"RT-{number}", "at": at(100 * DAY), **about, "playbook": "site.yml"})
        for back in range(0, 30, 3):
            ago = back * DAY + number * 10 * MINUTE + HOUR
            by_hand = number == 6 and back == 12
            run = {"task": f"RT-{number}", "started": at(ago), "ended": at(ago - 60), "automated": not by_hand}
            row = {"id": f"RX-{number}-{back}", "at": at(ago - 60), **run, "result": "ok"}
            if by_hand:
                row["person"] = "platform A"
            executions.append(row)
    add(world, "routine_execution", *executions, subject=MACHINES)
