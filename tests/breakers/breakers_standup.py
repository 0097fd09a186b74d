# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of STANDUP have to see."""

from __future__ import annotations

import json
from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, NOW, World, breaker, catalogue
from golden_people import BRIEF, BRIEF_AGO, SUPPLIER
from golden_records import MACHINES, add, alter, at, drop

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso


def figures(world: World, **changes: float | None) -> None:
    """Change figures of the brief; None takes one out."""

    def change(body: Any) -> None:
        (row,) = body["records"]
        known = {**row["record"]["figures"], **changes}
        row["record"]["figures"] = {name: value for name, value in known.items() if value is not None}

    world.change(MACHINES, "brief", change)


def told(world: World, incident: str) -> None:
    """Let the brief list an open incident, with its cause state and the time that its bound left."""
    rows = json.loads(world.body("records", "incident"))["records"]
    (row,) = [one["record"] for one in rows if one["record"]["id"] == incident]
    cause = {"id": incident, "cause_state": row["cause_state"]}
    alter(world, "brief", BRIEF, MACHINES, incidents=[incident], causes=[cause])
    began = parse_iso(row.get("detected") or row["impact_start"]).timestamp()
    bound = catalogue()["DELIVER-05"].bounds[f"{row['priority']}_s"]
    figures(world, **{f"{incident}_left_s": began + bound - (NOW - BRIEF_AGO)})


def remeasured(world: World, figure: str, query: str) -> None:
    """Let the brief state a figure as the metrics have it: their mean."""
    rows = json.loads(world.body("prometheus", f"query:{query}"))["result"]
    figures(world, **{figure: sum(float(row["value"][1]) for row in rows) / len(rows)})


@breaker("STANDUP-01", "today's stand-up has begun and has no brief", also=others("brief", "STANDUP-01"))
def no_brief(world: World) -> None:
    drop(world, "brief", MACHINES)


@breaker(
    "STANDUP-01", "the brief was there ten minutes after nine of the day before", also=others("brief", "STANDUP-01")
)
def late_brief(world: World) -> None:
    late = NOW - (DAY - 40 * MINUTE)
    alter(world, "brief", BRIEF, MACHINES, day="2026-11-24", produced=at(NOW - late))


@breaker("STANDUP-01", "the brief is of another kind", also=others("brief", "STANDUP-01"))
def another_brief(world: World) -> None:
    world.change(MACHINES, "brief", lambda body: body["records"][0]["record"].update(kind="weekly"))


@breaker("STANDUP-01", "the brief says that all exporters answer, and one does not")
def wrong_count(world: World) -> None:
    figures(world, targets_up=21.0)


@breaker("STANDUP-01", "Prometheus knows no target, and the brief says that none answers")
def nothing_counted(world: World) -> None:
    world.change("prometheus", "query:up", lambda body: body.update(result=[]))
    figures(world, targets_up=0.0)


@breaker("STANDUP-01", "the brief's use of processors is 3 % off")
def wrong_use(world: World) -> None:
    figures(world, cpu_used_ratio=0.5744)


@breaker("STANDUP-01", "the brief leaves the use of memory out")
def no_memory(world: World) -> None:
    figures(world, memory_used_ratio=None)


@breaker("STANDUP-01", "the brief is three hours old, so its figures cannot be compared")
def old_brief(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, produced=at(3 * HOUR))


@breaker("STANDUP-02", "the brief leaves out a deployment of today")
def deployment_left_out(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, deployments=["CHG-P0"])


@breaker("STANDUP-02", "the brief leaves out a window of today")
def window_left_out(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, windows=["WIN-1"])


@breaker("STANDUP-02", "the brief leaves out a window that began before it and is open still")
def open_window_left_out(world: World) -> None:
    about = {"title": "A line is measured", "kind": "maintenance", "services": [], "hosts": ["mon1"], "changes": []}
    add(world, "window", {"id": "WIN-9", "at": at(DAY), "start": at(HOUR), "end": at(-HOUR), **about})


@breaker("STANDUP-02", "the brief leaves out a change that began before it and is not done")
def running_change_left_out(world: World) -> None:
    (row,) = [
        one["record"]
        for one in json.loads(world.body("records", "change"))["records"]
        if one["record"]["id"] == "CHG-P0"
    ]
    times = {"planned_start": at(HOUR), "planned_end": at(-HOUR), "started": at(HOUR), "state": "implementing"}
    window = {"id": "WIN-9", "at": at(DAY), "title": "A line is measured", "kind": "maintenance", "services": []}
    window |= {"start": at(HOUR), "end": at(-HOUR), "hosts": ["db2"], "changes": ["CHG-L0"]}
    add(world, "window", window)
    add(world, "change", {**row, **times, "id": "CHG-L0", "window": "WIN-9"})
    alter(world, "brief", BRIEF, MACHINES, windows=["WIN-1", "WIN-2", "WIN-9"])


def open_incident(world: World) -> None:
    """Put an incident in that began an hour ago and is worked on."""
    row = {
        "id": "INC-51",
        "at": at(HOUR),
        "title": "Writes are slow",
        "priority": "medium",
        "kind": "application",
        "services": [],
        "impact_start": at(HOUR),
        "detected": at(HOUR),
        "acknowledged": at(55 * MINUTE),
        "acknowledged_by": "on call A",
        "owner": "team web",
        "next_action": "Look at the slow queries.",
        "cause_state": "suspected",
    }
    add(world, "incident", row)


def told_incident(world: World) -> None:
    """Open an incident that the brief tells of."""
    open_incident(world)
    told(world, "INC-51")


@breaker("STANDUP-03", "an open incident is not in the brief")
def incident_left_out(world: World) -> None:
    told_incident(world)
    alter(world, "brief", BRIEF, MACHINES, incidents=[])


@breaker("STANDUP-03", "the brief does not say how much time an open incident has left")
def no_time_left(world: World) -> None:
    told_incident(world)
    figures(world, **{"INC-51_left_s": None})


@breaker("STANDUP-03", "the brief gives an open incident two minutes more than its bound leaves")
def too_much_time_left(world: World) -> None:
    told_incident(world)
    figures(world, **{"INC-51_left_s": 24 * HOUR - 40 * MINUTE + 2 * MINUTE})


@breaker("STANDUP-03", "the brief says nothing of the cause of an open incident")
def cause_left_out(world: World) -> None:
    told_incident(world)
    alter(world, "brief", BRIEF, MACHINES, causes=[])


@breaker("STANDUP-03", "the brief says of a cause that it is mended, and it is suspected only")
def cause_made_up(world: World) -> None:
    told_incident(world)
    alter(world, "brief", BRIEF, MACHINES, causes=[{"id": "INC-51", "cause_state": "fixed"}])


@breaker("STANDUP-03", "an open incident does not say how far its cause is understood")
def no_cause(world: World) -> None:
    told_incident(world)
    alter(world, "incident", "INC-51", cause_state=...)


@breaker("STANDUP-04", "blocked work is not in the brief")
def blocked_left_out(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, blocked=[])


@breaker("STANDUP-04", "the brief does not say what blocked work waits for")
def dependency_left_out(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, waits=[])


@breaker("STANDUP-04", "the brief lets blocked work wait for somebody else than the register does")
def another_dependency(world: World) -> None:
    waits = [{"id": "BL-4", "depends_on": "finance", "since": at(6 * DAY)}]
    alter(world, "brief", BRIEF, MACHINES, waits=waits)


@breaker("STANDUP-04", "the brief lets blocked work wait since yesterday only")
def another_day(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, waits=[{"id": "BL-4", "depends_on": SUPPLIER, "since": at(DAY)}])


@breaker("STANDUP-04", "blocked work does not say on whom it waits")
def nobody_to_wait_for(world: World) -> None:
    alter(world, "blocked_item", "BL-4", depends_on="unknown")


@breaker("STANDUP-04", "nobody keeps a register of blocked work")
def no_register(world: World) -> None:
    drop(world, "blocked_item")
