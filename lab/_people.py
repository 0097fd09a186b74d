# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that stand in for what people of a real environment write down: reviews, sessions, rosters, requests.

Nobody works in the lab, so every record says that it is a stand-in, in ``by`` and in ``notes``. They are dated relative
to now and written again by each `lab records`. What a machine measures is never made up here: no metric, no
deployment, no patch, no comparison with the code. The run of a pipeline among them is one that really ran
(`_repositories`), and the scans are what each host's apt says (`_scan`). Planned work, money and expectations are in
`_people_work`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import _people_work as work
from ._estate import Estate
from ._inventory import TEMPLATES
from ._people_work import A, B, C, text

ENVIRONMENT = "lab"
BY = "stand-in of the lab"
NOTES = "Written by the lab's command records; no person said this."
FILE = "stand-in.json"
PAGES = TEMPLATES.parent / "documentation"
DAY_S, WORKING_DAYS = 86400, range(5)

Moment = datetime.datetime
Row = dict[str, Any]


def directory(estate: Estate) -> Path:
    """Return where the records of people lie."""
    return estate.state / "records"


def left_by_playbooks(estate: Estate) -> tuple[Path, Path]:
    """Return where playbooks leave records and sealed drills of the lab; nothing is there before the first run."""
    return estate.root / "records", estate.root / "reports" / ENVIRONMENT / "drills"


def back(now: Moment, days: float, hour: int | None = None) -> Moment:
    """Return the instant some days before now, at an hour of its day (UTC) when one is given."""
    then = now - datetime.timedelta(days=days)
    return then if hour is None else then.replace(hour=hour, minute=0, second=0)


def working_days(now: Moment, days: int) -> list[Moment]:
    """Return the working days that have begun among the last ones, the oldest first, each at its midnight (UTC)."""
    found = [back(now, age, 0) for age in range(days, -1, -1)]
    return [day for day in found if day.weekday() in WORKING_DAYS]


def overnight_reviews(now: Moment) -> list[Row]:
    """Return a look at each night of the last eight days; the one of today when its hour has come."""
    rows = []
    for day in working_days(now, 8):
        at = day.replace(hour=7, minute=30)
        if at <= now:
            begin = at - datetime.timedelta(days=3 if day.weekday() == 0 else 1)
            rows.append(
                {
                    "id": f"night-{day:%Y-%m-%d}",
                    "at": text(at),
                    "day": f"{day:%Y-%m-%d}",
                    "period_start": text(begin),
                    "period_end": text(at),
                    "reviewer": A,
                    "alerts": [],
                }
            )
    return rows


def incidents(now: Moment) -> list[Row]:
    """Return one closed incident."""
    start = back(now, 9, 10)

    def later(minutes: int) -> str:
        return text(start + datetime.timedelta(minutes=minutes))

    return [
        {
            "id": "INC-1",
            "at": later(300),
            "title": "One application host did not answer",
            "priority": "medium",
            "kind": "infrastructure",
            "services": ["web"],
            "hosts": ["app1"],
            "impact_start": text(start),
            "detected": later(1),
            "acknowledged": later(6),
            "acknowledged_by": A,
            "restored": later(31),
            "closed": later(300),
            "owner": A,
            "cause_state": "fixed",
            "cause": "The host was stopped on purpose.",
            "lessons": ["The balancer took the host out by itself; nobody had to."],
        }
    ]


def postmortems(now: Moment) -> list[Row]:
    """Return what was learnt from the incident."""
    action = {"text": "Stop a host in each exercise", "owner": B, "due": text(now + datetime.timedelta(days=20))}
    return [
        {
            "id": "PM-1",
            "at": text(back(now, 8, 15)),
            "incident": "INC-1",
            "title": "One application host did not answer",
            "root_cause": "The host was stopped on purpose.",
            "lessons": ["The balancer took the host out by itself; nobody had to."],
            "actions": [{**action, "ticket": "LAB-1"}],
            "reviewed_by": [B],
        }
    ]


def reviews(now: Moment) -> list[Row]:
    """Return the monthly reviews, of the four weeks that ended three days ago."""
    end = back(now, 3, 0)
    return [
        {
            "id": f"review-{kind}",
            "at": text(back(now, 2, 14)),
            "kind": kind,
            "period_start": text(end - datetime.timedelta(days=28)),
            "period_end": text(end),
            "reviewer": B,
            "outcome": "accepted",
        }
        for kind in ("security", "compliance", "capacity", "access")
    ]


def sessions(now: Moment) -> list[Row]:
    """Return one session of this month."""
    held = back(now, 12, 13)
    about = {"title": "What a drill's report says", "duration_s": 3600, "presenter": A, "attendees": [A, B, C]}
    return [{"id": "session-1", "at": text(held), "held": text(held), **about}]


def rosters(now: Moment) -> list[Row]:
    """Return five weeks of shifts without a gap, the last one among them, on call and above."""
    start = back(now, now.weekday() + 7, 8)
    shifts = []
    for week in range(5):
        begin = start + datetime.timedelta(weeks=week)
        end = begin + datetime.timedelta(weeks=1)
        people = (A, B) if week % 2 else (B, A)
        for level, who in ((2, people[0]), (3, people[1]), (4, C), (5, C)):
            shifts.append({"who": who, "from": text(begin), "to": text(end), "level": level})
    return [{"id": "roster-primary", "at": text(start), "rotation": "primary", "shifts": shifts}]


def skills(now: Moment) -> list[Row]:
    """Return two stand-ins for each procedure that must not hang on one person."""
    return [
        {
            "id": f"{procedure}-{who[-1]}",
            "at": text(back(now, days, 12)),
            "procedure": procedure,
            "person": who,
            "performed": text(back(now, days, 11)),
            "result": "done",
        }
        for procedure in ("dr_drill", "restore", "backup")
        for days, who in ((20, A), (45, B))
    ]


def vendors(now: Moment) -> list[Row]:
    """Return the contact of the one supplier."""
    confirmed = text(back(now, 25, 9))
    about = {"vendor": "the machine's owner", "service": "every host", "contact": "the person at the keyboard"}
    return [{"id": "vendor-1", "at": confirmed, "confirmed": confirmed, **about}]


def routine(now: Moment) -> list[Row]:
    """Return the register of routine work: what timers do, and what a person does."""
    tasks = [
        ("backup", "Database backup", DAY_S, True, "backup"),
        ("file-backup", "Backup of files", DAY_S, True, None),
        ("restore-test", "Restore test", 7 * DAY_S, False, "restore_test"),
        ("drill", "Recovery drill", 90 * DAY_S, False, "dr_drill"),
    ]
    rows: list[Row] = []
    for task, name, period, automated, playbook in tasks:
        row: Row = {"id": task, "at": text(back(now, 60)), "name": name, "period_s": period, "automated": automated}
        rows.append({**row, "playbook": playbook, "owner": A})
    return rows


def requests(now: Moment) -> list[Row]:
    """Return requests of developers and how soon they were answered."""
    rows = []
    for number, (days, minutes) in enumerate(((4, 35), (11, 70), (19, 20), (26, 95)), start=1):
        opened = back(now, days, 9)
        answered = opened + datetime.timedelta(minutes=minutes)
        title = f"Request {number}: a copy of the ledger to test with"
        row: Row = {"id": f"REQ-{number}", "at": text(answered), "title": title, "requester": C}
        rows.append({**row, "opened": text(opened), "answered": text(answered), "answered_by": A})
    return rows


def blocked(now: Moment) -> list[Row]:
    """Return one thing that waits."""
    since = text(work.blocked_since(now))
    about = {"title": "A second machine", "depends_on": work.BLOCKED_ON, "owner": A}
    return [{"id": "blocked-1", "at": since, "blocked_since": since, **about}]


def windows(now: Moment) -> list[Row]:
    """Return the maintenance window of the next night."""
    start = back(now, -1, 20)
    end = text(start + datetime.timedelta(hours=2))
    about = {"title": "Maintenance of the lab", "kind": "maintenance"}
    return [{"id": f"window-{start:%Y%m%d}", "at": text(now), "start": text(start), "end": end, **about}]


def document_reviews(now: Moment) -> list[Row]:
    """Return that each runbook was read."""
    names = [page.relative_to(PAGES).as_posix() for page in sorted((PAGES / "runbooks").glob("*.md"))]
    at = text(back(now, 15, 10))
    common = {"at": at, "kind": "runbook", "reviewed": at, "outcome": "confirmed"}
    return [{"id": name.replace("/", "-"), "document": name, **common} for name in names]


TABLE: Mapping[str, Callable[[Moment], list[Row]]] = {
    "overnight_review": overnight_reviews,
    "incident": incidents,
    "postmortem": postmortems,
    "review": reviews,
    "knowledge_session": sessions,
    "roster": rosters,
    "skills": skills,
    "vendor_contact": vendors,
    "routine_task": routine,
    "developer_request": requests,
    "blocked_item": blocked,
    "window": windows,
    "document_review": document_reviews,
    "change": work.changes,
    "security_alert": work.security_alerts,
    "capacity_forecast": work.forecasts,
    "budget": work.budgets,
    "cost": work.costs,
    "resource_inventory": work.resources,
    "brief": work.briefs,
}


def write(estate: Estate, now: Moment, more: Mapping[str, Sequence[Row]] | None = None) -> list[Path]:
    """Write all stand-in records anew and return the files; what anybody else put there stays.

    ``more`` holds rows by type that come from elsewhere, such as the run of a pipeline; they keep their own ``by``.
    """
    for folder in left_by_playbooks(estate):
        folder.mkdir(parents=True, exist_ok=True)
    now = now.replace(microsecond=0)
    whole: dict[str, list[Row]] = {kind: make(now) for kind, make in TABLE.items()}
    for kind, rows in (more or {}).items():
        whole.setdefault(kind, []).extend(rows)
    written = []
    for kind, rows in whole.items():
        path = directory(estate) / kind / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        full = [{"environment": ENVIRONMENT, "by": BY, "notes": NOTES, **row} for row in rows]
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
        written.append(path)
    return written


def remove(estate: Estate) -> None:
    """Remove the stand-in records, so that the morning can be seen without any; the directory stays."""
    for path in directory(estate).glob(f"*/{FILE}"):
        path.unlink()
