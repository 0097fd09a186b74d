# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipelines, deployments, changes and windows of the green world, over half a year."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, World, golden
from golden_records import MACHINES, add, at

STEP = 2.3 * DAY
"""How far runs and deployments are apart; none begins on the hour."""

RUNS = 80
FIRST_S = STEP - 14 * HOUR
FAILED = (25, 48)
ROLLED_BACK = 61
OLDER_S, NEWER_S = 520.0, 430.0
"""How long a run and a deployment took before and in this quarter."""


def took(ago: float) -> float:
    """Return how long a run took that began so many seconds ago."""
    return NEWER_S if ago < 90 * DAY else OLDER_S


@golden
def pipelines(world: World) -> None:
    """Both pipelines as they are, and half a year of their runs; a few failed, at different stages."""
    for name, deploys in (("service", True), ("infrastructure", False)):
        stages = ["build", "test", "scan", *(["deploy"] if deploys else [])]
        about = {"pipeline": name, "enabled": True, "default_branch": "main", "deploys": deploys, "stages": stages}
        row = {"id": f"PL-{name}", **about, "administrators": ["platform A"], "definition": ".ci.yml 4be1f0c"}
        add(world, "pipeline", row)
        runs = [_run(name, number, deploys, failed=number in FAILED) for number in range(RUNS, 0, -1)]
        add(world, "pipeline_run", *runs)


def _run(name: str, number: int, deploys: bool, *, failed: bool) -> dict[str, Any]:
    ago = number * STEP - (FIRST_S if name == "service" else FIRST_S - 3 * HOUR)
    seconds = took(ago)
    end = "failure" if failed else "success"
    stages: list[dict[str, Any]] = [
        {"name": "build", "kind": "build", "conclusion": "success", "seconds": seconds * 0.3},
        {
            **{"name": "test", "kind": "test", "conclusion": end, "seconds": seconds * 0.4},
            **{"tests_total": 412, "tests_failed": int(failed)},
        },
        {"name": "scan", "kind": "security_scan", "conclusion": "skipped" if failed else "success", "seconds": 20.0},
    ]
    if deploys:
        stages.append({"name": "deploy", "kind": "deploy", "conclusion": "skipped" if failed else "success"})
    return {
        "id": f"run-{name}-{number}",
        "at": at(ago - seconds),
        "pipeline": name,
        "branch": "main",
        "commit": f"{number:07x}",
        "started": at(ago),
        "ended": at(ago - seconds),
        "queued_s": 4.0,
        "attempt": 1,
        "conclusion": end,
        "trigger": "push",
        "stages": stages,
        "log": f"https://ci.example.org/{name}/{number}",
    }


@golden
def deployments(world: World) -> None:
    """A deployment for each good run of the service, with its change and window; one was rolled back in the summer."""
    done, changes = [], []
    for number in (one for one in range(RUNS, 0, -1) if one not in FAILED):
        ago = number * STEP - FIRST_S - 20 * MINUTE
        seconds = took(ago) / 2
        done.append(_deployment(number, ago, seconds, back=number == ROLLED_BACK))
        if ago < 45 * DAY:
            changes.append(_change(number, ago, seconds))
    add(world, "deployment", *done, subject=MACHINES)
    logs = {f"{one['log']}/deploy.log": 48_112 for one in done}
    world.set(MACHINES, "logs", {"folder": "/srv/ops/logs", "files": logs})
    add(world, "change", *changes)


def _deployment(number: int, ago: float, seconds: float, *, back: bool) -> dict[str, Any]:
    return {
        "id": f"DEP-{number}",
        "at": at(ago - seconds),
        "by": "pipeline service",
        "service": "web",
        "version": f"2.{200 - number}.0",
        "previous_version": f"2.{199 - number}.0",
        "commit": f"{number:07x}",
        "started": at(ago),
        "ended": at(ago - seconds),
        "strategy": "rolling",
        "outcome": "rolled_back" if back else "ok",
        "manual_steps": 0,
        "rollback_target": f"2.{199 - number}.0",
        "change": f"CHG-{number}",
        "pipeline_run": f"run-service-{number}",
        "checks": [{"name": "readiness", "result": "ok"}, {"name": "canary", "result": "ok"}],
        "log": f"runs/DEP-{number}",
        "failed_requests": 0,
    }


def _change(number: int, ago: float, seconds: float) -> dict[str, Any]:
    return {
        "id": f"CHG-{number}",
        "at": at(ago - seconds - HOUR),
        "title": f"web 2.{200 - number}.0",
        "kind": "standard",
        "state": "done",
        "submitted": at(ago + 3 * DAY),
        "planned_start": at(ago + 5 * MINUTE),
        "planned_end": at(ago - HOUR),
        "requester": "team web",
        "template": "web release",
        "approvals": [{"by": "release lead", "role": "release", "at": at(ago + 2 * DAY)}],
        "started": at(ago),
        "ended": at(ago - seconds),
        "services": ["web"],
        "hosts": ["app1"],
        "risks": [{"text": "A query is slow.", "mitigation": "It was tried on a copy of production."}],
        "rollback": "The version before is deployed again.",
    }


@golden
def tomorrow(world: World) -> None:
    """What is planned for the next day: a deployment and patches, each in a window of its own, and a freeze later."""
    rows = [
        ("WIN-1", "Deployment of web", "deployment", -5 * HOUR, -6 * HOUR, ["web"], ["app1"], ["CHG-0"]),
        ("WIN-2", "Patches of the standby", "maintenance", -12 * HOUR, -14 * HOUR, [], ["db2"], ["CHG-P0"]),
        ("WIN-3", "End of the year", "freeze", -25 * DAY, -37 * DAY, [], [], []),
        ("WIN-0", "Patches of last week", "maintenance", 4 * DAY, 4 * DAY - 2 * HOUR, [], ["db2"], ["CHG-P1"]),
    ]
    for name, title, kind, start, end, service, host, changes in rows:
        row: dict[str, Any] = {"id": name, "title": title, "kind": kind, "start": at(start), "end": at(end)}
        add(world, "window", {**row, "services": service, "hosts": host, "changes": changes})
    coming = _change(0, -5 * HOUR - 5 * MINUTE, NEWER_S)
    for key in ("started", "ended"):
        del coming[key]
    times = {"planned_start": at(-5 * HOUR), "planned_end": at(-6 * HOUR), "at": at(DAY)}
    add(world, "change", {**coming, **times, "submitted": at(3 * DAY), "state": "approved", "window": "WIN-1"})
    approvals = [{"by": "release lead", "role": "release", "at": at(2 * DAY)}]
    patching = {"title": "Patches of db2", "services": [], "hosts": ["db2"], "approvals": approvals}
    times = {
        "planned_start": at(-12 * HOUR),
        "planned_end": at(-14 * HOUR),
        "submitted": at(4 * DAY),
        "at": at(2 * DAY),
    }
    row = {**coming, **patching, **times, "id": "CHG-P0", "state": "approved", "window": "WIN-2"}
    add(world, "change", {**row, "submitted": at(4 * DAY)})


@golden
def patches(world: World) -> None:
    """Last week's patch run of every host, with the change that covers it; each brought what was due."""
    window = {"planned_start": at(4 * DAY), "planned_end": at(4 * DAY - 2 * HOUR)}
    done = {"started": at(4 * DAY - 5 * MINUTE), "ended": at(4 * DAY - HOUR), "at": at(4 * DAY - 1.5 * HOUR)}
    about = {"id": "CHG-P1", "title": "Patches of the week", "state": "done", "window": "WIN-0", "services": []}
    approvals = [{"by": "release lead", "role": "release", "at": at(5 * DAY)}]
    row = {**_change(0, 4 * DAY, HOUR), **about, **window, **done, "submitted": at(7 * DAY), "approvals": approvals}
    add(world, "change", {**row, "hosts": list(world.hosts)})
    times = {"planned_start": "2026-11-20T08:30:00Z", "planned_end": "2026-11-20T10:30:00Z"}
    times |= {"started": "2026-11-20T09:00:00Z", "ended": "2026-11-20T09:30:00Z", "at": "2026-11-20T10:00:00Z"}
    drill = {"id": "CHG-D1", "title": "Recovery drill", "services": ["web"], "hosts": ["db1"], "window": None}
    add(world, "change", {**row, **times, **drill, "submitted": at(12 * DAY)})
    for place, host in enumerate(world.hosts):
        start = 4 * DAY - (6 + 8 * place) * MINUTE
        run = {
            "host": host,
            "campaign": "2026-47",
            "started": at(start),
            "ended": at(start - 4 * MINUTE),
            "result": "ok",
        }
        package = {"name": "libssl3", "from": "3.0.15-1~deb12u1", "to": "3.0.17-1~deb12u3", "source": "Debian-Security"}
        row = {"id": f"PATCH-{host}", "at": at(start - 4 * MINUTE), **run, "result": "ok"}
        add(world, "patch", {**row, "packages": [package], "rebooted": False}, subject=MACHINES)
