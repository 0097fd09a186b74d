# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of TEAM have to see."""

from __future__ import annotations

import copy
from typing import Any

from _world import DAY, HOUR, World, breaker
from golden_drills import DRILL
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
    also="TEAM-01.commands TEAM-03",
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


def unsigned(world: World, record: str, **keys: Any) -> None:
    """Let nobody have signed a record of skills."""
    alter(world, "skills", record, **keys)

    def change(body: Any) -> None:
        (row,) = [one for one in body["records"] if one["record"]["id"] == record]
        row.update({"class": "declared", "signed_by": ""})

    world.change("records", "skills", change)


@breaker("TEAM-03", "that a second person restored stands in a record that nobody signed")
def nobody_vouches(world: World) -> None:
    unsigned(world, "SK-restore-1")


@breaker("TEAM-03", "a record that nobody signed names a drill that the person did not sign either")
def not_among_those_who_drilled(world: World) -> None:
    unsigned(world, "SK-restore-1", run=DRILL)


def older_drill(world: World, **keys: Any) -> None:
    """Put a drill on a copy before the newest one, led by somebody else, and leave no record of skills."""

    def change(body: Any) -> None:
        (newest,) = [pack for pack in body["packs"] if pack["name"] == DRILL]
        older = copy.deepcopy({**newest, "name": "20261119T090000Z-site_lost_repository"})
        older["record"]["ended"] = older["record"]["ended"].replace("2026-11-20", "2026-11-19")
        older["record"]["mode"] = "copy"
        for person in older["signed"]:
            person.update(name="somebody", **keys)
        body["packs"].append(older)

    world.change("runs", "packs", change)
    drop(world, "skills", unless=lambda row: row["procedure"] != "dr_drill")


@breaker("TEAM-03", "one person alone has led drills, and a stand-in an older one")
def stand_in_leads(world: World) -> None:
    older_drill(world, stand_in=True)


@breaker("TEAM-03", "the signature of the one who led an older drill does not hold")
def leader_did_not_sign(world: World) -> None:
    older_drill(world, fault="There is no signature at people/notify.json.signed.sig.")


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
