# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and platforms of the green world put on record: brief, sessions, skills, requests, exercises, rules."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, golden
from golden_delivery import FAILED, FIRST_S, RUNS, STEP
from golden_prometheus import TARGETS, USE
from golden_records import MACHINES, add, at
from golden_repositories import RUNBOOKS
from golden_work import IMAGE_DIGEST

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc

BRIEF_AGO = 20 * MINUTE
BRIEF = "BRIEF-2026-11-25"
PROBES, FILESYSTEM = 4, 0.44
SUPPLIER = "a line of the hosting provider"
ORCHESTRATOR_IMAGE = f"registry.example.org/batch@{IMAGE_DIGEST}"


def mean(place: int) -> float:
    """Return the mean use of all hosts: 0 processors, 1 memory."""
    return sum(float(use[place]) for use in USE.values()) / len(USE)


@golden
def brief(world: World) -> None:
    """The stand-up's brief of today, twenty minutes old, and the one thing that is blocked."""
    figures = {
        "targets_up": len(TARGETS),
        "probes_up": PROBES,
        "cpu_used_ratio": round(mean(0), 4),
        "memory_used_ratio": round(mean(1), 4),
        "filesystem_used_ratio": FILESYSTEM,
    }
    listed: dict[str, Any] = {"waits": [{"id": "BL-4", "depends_on": SUPPLIER, "since": at(6 * DAY)}]}
    listed |= {"deployments": ["CHG-0", "CHG-P0"], "windows": ["WIN-1", "WIN-2"], "incidents": [], "blocked": ["BL-4"]}
    about = {"kind": "standup", "day": "2026-11-25", "produced": at(BRIEF_AGO), "figures": figures, **listed}
    add(world, "brief", {"id": BRIEF, "at": at(BRIEF_AGO), **about}, subject=MACHINES)
    waits = {"blocked_since": at(6 * DAY), "depends_on": SUPPLIER, "owner": "platform A"}
    add(world, "blocked_item", {"id": "BL-4", "at": at(6 * DAY), "title": "A second line to site B", **waits})
    free = {"blocked_since": at(40 * DAY), "released": at(33 * DAY), "depends_on": "finance", "owner": "platform B"}
    add(world, "blocked_item", {"id": "BL-3", "at": at(40 * DAY), "title": "A larger disk", **free})


@golden
def team(world: World) -> None:
    """A session a month, two people for each critical procedure, and a month of answered requests."""
    for number, ago in enumerate((75 * DAY, 44 * DAY, 13 * DAY), start=1):
        about = {"title": f"What the drill taught us ({number})", "held": at(ago), "presenter": "platform A"}
        people = ["platform A", "platform B", "database A"]
        add(world, "knowledge_session", {"id": f"KS-{number}", "at": at(ago), **about, "attendees": people})
    for procedure in ("dr_drill", "restore"):
        for number, (person, ago) in enumerate((("platform B", 70 * DAY), ("database A", 30 * DAY)), start=1):
            done = {"procedure": procedure, "person": person, "performed": at(ago), "result": "done"}
            add(world, "skills", {"id": f"SK-{procedure}-{number}", "at": at(ago), **done}, signed_by=person)
    for number in range(1, 13):
        ago = number * 2.3 * DAY
        asked = {"title": f"Request {number}", "requester": "team web", "opened": at(ago)}
        answered = {"answered": at(ago - (10 + 7 * number) * MINUTE), "answered_by": "platform A"}
        add(world, "developer_request", {"id": f"REQ-{number}", "at": at(ago), **asked, **answered})


@golden
def reviews(world: World) -> None:
    """The monthly reviews of security and compliance, for three months; what they found is mended."""
    for number, ago in enumerate((66 * DAY, 36 * DAY, 5 * DAY), start=1):
        for kind in ("security", "compliance"):
            found = {
                "text": "A key without an owner",
                "owner": "platform A",
                "due": at(ago - 14 * DAY),
                "ticket": "OPS-9",
            }
            period = {"period_start": at(ago + 31 * DAY), "period_end": at(ago + DAY), "reviewer": "security A"}
            row = {"id": f"RV-{kind}-{number}", "at": at(ago), "kind": kind, **period, "outcome": "actions"}
            done = {"done": at(ago - 4 * DAY)}
            add(world, "review", {**row, "findings": [{**found, **done}]}, signed_by="security A")


@golden
def on_call(world: World) -> None:
    """Five weeks of shifts without a gap, and the vendor's contact."""
    shifts = [
        {"who": who, "from": at((14 - 7 * week) * DAY), "to": at((7 - 7 * week) * DAY), "level": level}
        for week in range(5)
        for level, who in ((2, f"on call {'AB'[week % 2]}"), (3, "platform A"), (4, "manager A"), (5, "executive A"))
    ]
    add(world, "roster", {"id": "ROSTER-1", "at": at(14 * DAY), "rotation": "primary", "shifts": shifts})
    contact = {"vendor": "the hosting provider", "service": "site A", "contact": "support.example.com"}
    add(world, "vendor_contact", {"id": "VENDOR-1", "at": at(40 * DAY), **contact, "confirmed": at(40 * DAY)})


@golden
def reviews_of_documents(world: World) -> None:
    """Each runbook was read again a month ago; its last commit is older than half a year."""
    for page in RUNBOOKS:
        about = {"document": page, "kind": "runbook", "reviewed": at(31 * DAY), "outcome": "confirmed"}
        add(world, "document_review", {"id": f"DOC-{page.rpartition('/')[2]}", "at": at(31 * DAY), **about})


@golden
def exercises(world: World) -> None:
    """What was tried on purpose: the path of alerts, rules that foretell, healing."""
    rows = [
        ("EX-PAGE", "alert_path", "page to the one on call", 12 * DAY, {"alert": "Watchdog"}),
        ("EX-CERT", "predictive_rule", "CertificateExpires", 40 * DAY, {"fault": "a certificate of 20 days"}),
        ("EX-DISK", "predictive_rule", "DiskFullSoon", 41 * DAY, {"fault": "a file that grows"}),
        ("EX-LAG", "predictive_rule", "ReplicationLag", 42 * DAY, {"fault": "a standby that stands still"}),
        ("EX-HEAL", "healing", "app_process_dies", 20 * DAY, {"fault": "the process was killed", "host": "app1"}),
    ]
    for name, what, called, ago, more in rows:
        about = {"what": what, "name": called, "started": at(ago), "ended": at(ago - HOUR), "result": "passed"}
        add(world, "exercise", {"id": name, "at": at(ago - HOUR), **about, **more}, subject=MACHINES)
    times = {"alert_fired": at(20 * DAY - 40), "started": at(20 * DAY - 45), "ended": at(20 * DAY - 70)}
    healed = {"rule": "restart_app", "symptom": "readiness failed", "host": "app1", "result": "healed"}
    row = {"id": "HEAL-1", "at": at(20 * DAY - 70), **healed, **times, "alert": "ServiceDown"}
    add(world, "healing", row, subject=MACHINES)


@golden
def platforms(world: World) -> None:
    """What the orchestrator and the host of the repositories say, as they were asked this morning."""
    about = {"source": "cluster-1", "read": at(9 * MINUTE)}
    nodes = [{"name": f"node{number}", "ready": True} for number in (1, 2, 3)]
    workload = {"name": "batch/report", "desired": 2, "ready": 2, "restarts_1h": 0, "images": [ORCHESTRATOR_IMAGE]}
    add(
        world,
        "workload_listing",
        {"id": "WL-1", "at": at(9 * MINUTE), **about, "nodes": nodes, "workloads": [workload]},
    )
    for name in ("infrastructure", "documentation"):
        rules = {"repository": name, "branch": "main", "protected": True, "required_approvals": 1, "force_push": False}
        about = {"id": f"RULES-{name}", "at": at(9 * MINUTE), "by": "code host", "bypass": []}
        add(world, "repository_rules", {**about, **rules})


@golden
def staging(world: World) -> None:
    """Each commit that was deployed in the last 45 days had been in staging three hours before."""
    for number in (one for one in range(RUNS, 0, -1) if one not in FAILED):
        ago = number * STEP - FIRST_S + 3 * HOUR
        if ago < 45 * DAY:
            row: dict[str, Any] = {
                "id": f"STG-{number}",
                "environment": "staging",
                "at": at(ago - 5 * MINUTE),
                "service": "web",
                "version": f"2.{200 - number}.0",
                "commit": f"{number:07x}",
                "started": at(ago),
                "ended": at(ago - 5 * MINUTE),
                "strategy": "rolling",
                "outcome": "ok",
                "manual_steps": 0,
            }
            add(world, "deployment", row, subject=MACHINES)


@golden
def nights(world: World) -> None:
    """A look at the night on each working day of three weeks, today's among them."""
    for back in range(21, -1, -1):
        ago = back * DAY + HOUR
        day = _utc.from_epoch(NOW - ago)
        if day.weekday() < 5:
            before = 3 * DAY if day.weekday() == 0 else DAY
            period = {"period_start": at(ago + before), "period_end": at(ago), "reviewer": "operations A"}
            row = {"id": f"NIGHT-{day:%Y-%m-%d}", "at": at(ago), "day": f"{day:%Y-%m-%d}", **period, "alerts": []}
            add(world, "overnight_review", row)
