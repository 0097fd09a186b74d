# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of STANDUP have to see."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from golden_people import BRIEF
from golden_records import MACHINES, add, alter, at, drop

LINES = ("STANDUP-01", "STANDUP-02", "STANDUP-03", "STANDUP-04")


def others(item: str) -> dict[str, str]:
    """Return the other lines of the stand-up: what is wrong with the whole brief is wrong for each of them."""
    return {line: "it is the same brief" for line in LINES if line != item}


def figures(world: World, **changes: float | None) -> None:
    """Change figures of the brief; None takes one out."""

    def change(body: Any) -> None:
        (row,) = body["records"]
        known = {**row["record"]["figures"], **changes}
        row["record"]["figures"] = {name: value for name, value in known.items() if value is not None}

    world.change(MACHINES, "brief", change)


@breaker("STANDUP-01", "today's stand-up has begun and has no brief", also=others("STANDUP-01"))
def no_brief(world: World) -> None:
    drop(world, "brief", MACHINES)


@breaker("STANDUP-01", "the brief was there ten minutes after nine of the day before", also=others("STANDUP-01"))
def late_brief(world: World) -> None:
    late = NOW - (DAY - 40 * MINUTE)
    alter(world, "brief", BRIEF, MACHINES, day="2026-11-24", produced=at(NOW - late))


@breaker("STANDUP-01", "the brief is of another kind", also=others("STANDUP-01"))
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


@breaker("STANDUP-03", "an open incident is not in the brief")
def incident_left_out(world: World) -> None:
    open_incident(world)
    figures(world, **{"INC-51_left_s": 82800.0})


@breaker("STANDUP-03", "the brief does not say how much time an open incident has left")
def no_time_left(world: World) -> None:
    open_incident(world)
    alter(world, "brief", BRIEF, MACHINES, incidents=["INC-51"])


@breaker("STANDUP-03", "an open incident does not say how far its cause is understood")
def no_cause(world: World) -> None:
    open_incident(world)
    alter(world, "incident", "INC-51", cause_state=...)
    alter(world, "brief", BRIEF, MACHINES, incidents=["INC-51"])
    figures(world, **{"INC-51_left_s": 82800.0})


@breaker("STANDUP-04", "blocked work is not in the brief")
def blocked_left_out(world: World) -> None:
    alter(world, "brief", BRIEF, MACHINES, blocked=[])


@breaker("STANDUP-04", "blocked work does not say on whom it waits")
def nobody_to_wait_for(world: World) -> None:
    alter(world, "blocked_item", "BL-4", depends_on="unknown")


@breaker("STANDUP-04", "nobody keeps a register of blocked work")
def no_register(world: World) -> None:
    drop(world, "blocked_item")
