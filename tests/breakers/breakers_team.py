# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of TEAM have to see."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, World, breaker
from golden_drills import DRILL, change_pack
from golden_records import alter, at, drop

BACKUP_PAGE = "runbooks/backup.md"


def page(world: World, path: str, old: str, new: str) -> None:
    """Replace a piece of a page's text."""

    def change(body: Any) -> None:
        (row,) = [one for one in body["documents"] if one["path"] == path]
        assert old in row["text"]
        row["text"] = row["text"].replace(old, new)

    world.change("repository:documentation", "documents", change)


@breaker("TEAM-01", "a procedure has no page")
def procedure_without_a_page(world: World) -> None:
    world.variables["verify_procedures"].append({"name": "rotate_keys", "critical": False})


@breaker("TEAM-01", "the page that is declared for a procedure does not exist")
def declared_page_is_missing(world: World) -> None:
    world.variables["verify_procedures"][0]["document"] = "runbooks/everything.md"


@breaker(
    "TEAM-01",
    "no procedure is declared at all",
    also={
        "TEAM-01.commands": "there are no pages to read commands in",
        "TEAM-03": "no procedure is marked as critical",
    },
)
def no_procedures(world: World) -> None:
    del world.variables["verify_procedures"]


@breaker(
    "TEAM-01.commands",
    "a page gives a playbook that does not exist",
)
def playbook_is_missing(world: World) -> None:
    page(
        world,
        BACKUP_PAGE,
        "$ ansible-playbook -i inventories/golden playbooks/backup.yml",
        "$ ansible-playbook bakup.yml",
    )


@breaker("TEAM-01.commands", "a page gives a program that nobody knows")
def program_is_missing(world: World) -> None:
    page(world, BACKUP_PAGE, "$ journalctl -u", "$ ./scripts/old-backup.sh -u")


@breaker("TEAM-02", "the last session was 32 days ago")
def no_session(world: World) -> None:
    alter(world, "knowledge_session", "KS-3", held=at(32 * DAY))


@breaker("TEAM-02", "one person alone attended the session, under two spellings")
def lonely_session(world: World) -> None:
    alter(world, "knowledge_session", "KS-3", attendees=["platform A", "Platform A "])


@breaker("TEAM-02", "nobody keeps a register of sessions")
def no_sessions(world: World) -> None:
    drop(world, "knowledge_session")


@breaker("TEAM-03", "one person alone has restored in half a year")
def one_person_restores(world: World) -> None:
    alter(world, "skills", "SK-restore-1", performed=at(181 * DAY))


@breaker("TEAM-03", "a person failed at the procedure")
def one_person_failed(world: World) -> None:
    alter(world, "skills", "SK-restore-2", result="failed")


@breaker(
    "TEAM-03",
    "only a stand-in has led the drill, and one person beside",
    also={
        "DR-11": "the lead did not sign what was written",
        **dict.fromkeys(("DR-02", "DR-03", "DR-08"), "the lead did not sign"),
    },
)
def stand_in_leads(world: World) -> None:
    def change(pack: dict[str, Any]) -> None:
        for person in pack["record"]["people"]:
            if person["role"] == "drill lead":
                person["stand_in"] = True

    change_pack(world, DRILL, change)
    drop(world, "skills", unless=lambda row: row["id"] != "SK-dr_drill-2")


@breaker("TEAM-04", "one request in ten waits for a day")
def slow_answers(world: World) -> None:
    for number in (1, 2):
        alter(world, "developer_request", f"REQ-{number}", answered=at(number * 2.3 * DAY - 24 * HOUR))


@breaker("TEAM-04", "a request was never answered")
def no_answer(world: World) -> None:
    alter(world, "developer_request", "REQ-5", answered=None)


@breaker("TEAM-04", "no request of this month is on record")
def no_requests(world: World) -> None:
    for number in range(1, 13):
        alter(world, "developer_request", f"REQ-{number}", opened=at(40 * DAY))
