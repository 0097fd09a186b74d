# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TEAM: how the team works together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Span, response
from verify.engine.control import Said, control, expect, unknown
from verify.facts.documents import KNOWN_PROGRAMS, Document, documents, playbooks, reviewed
from verify.facts.records import everything
from verify.facts.registers import register
from verify.facts.runs import runs
from verify.facts.verdicts import judged, span


@control("TEAM-01")
def every_procedure_has_a_page(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the procedures that the environment declares: each has a page that gives the command of its playbook (or is
    the page that is declared for it), changed or confirmed within its period."""
    procedures = estate.declared("verify_procedures") or []
    pages = documents(estate)
    if not procedures:
        yield unknown("the environment declares no procedure; name them in verify_procedures", observed=len(pages))
    for row in procedures:
        mine = [page for page in pages if _is_about(page, row)]
        yield expect(mine, f"the procedure {row['name']} has a page", observed=[page.path for page in mine])
        if mine:
            yield _kept_up(estate, row["name"], mine, bounds.review_max_age_s)


def _is_about(page: Document, procedure: Any) -> bool:
    if procedure.get("document"):
        return bool(page.path == procedure["document"])
    runs = {PurePosixPath(one).name for command in page.commands for one in command.playbooks}
    return f"{procedure['name']}.yml" in runs


def _kept_up(estate: Any, name: str, pages: list[Document], period_s: float) -> Said:
    best = max(pages, key=lambda page: reviewed(estate, page, period_s)[1])
    when, due = reviewed(estate, best, period_s)
    return expect(
        estate.now <= due, f"the page of {name} ({best.path}) is within its period", observed=when, expected=due
    )


@control("TEAM-01", "commands")
def every_command_of_the_pages_exists(estate: Any) -> Iterator[Said]:
    """Take every command in the pages of the declared procedures: its program is one that is known, or a file of a
    repository, and each playbook that it runs is there."""
    procedures = estate.declared("verify_procedures") or []
    pages = [page for page in documents(estate) if any(_is_about(page, row) for row in procedures)]
    known = KNOWN_PROGRAMS | set(estate.declared("verify_commands") or [])
    files = {path for repository in estate.views("repository") for path in repository.files}
    names = set(playbooks(estate)) | {PurePosixPath(path).name for path in files if "/" not in path}
    commands = [(page, command) for page in pages for command in page.commands]
    yield expect(commands, "the pages of the procedures hold commands", observed=len(commands), expected="1 or more")
    missing = []
    for page, command in commands:
        if command.program not in known and command.program.removeprefix("./") not in files:
            missing.append(f"{page.path}: {command.program}")
        missing += [f"{page.path}: {one}" for one in command.playbooks if PurePosixPath(one).name not in names]
    yield expect(not missing, f"each of {len(commands)} commands of the pages exists", observed=missing, expected=[])


@control("TEAM-02")
def knowledge_is_shared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Count the sessions of the last month on record, each with the people who were there."""
    since = estate.now - bounds.window_s
    known = register(estate, "knowledge_session")
    held = [row for row in known if since <= row.held <= estate.now]
    yield expect(
        len(held) >= bounds.min_count,
        f"{bounds.min_count} session or more was held within {span(bounds.window_s)}",
        observed=[row.title for row in held],
        expected=bounds.min_count,
    )
    for row in held:
        people = {name.strip().lower() for name in row.attendees}
        yield expect(
            len(people) >= bounds.people_min_count,
            f"{bounds.people_min_count} people or more attended {row.title!r}",
            observed=len(people),
            expected=bounds.people_min_count,
        )


@control("TEAM-03")
def no_procedure_depends_on_one_person(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the critical procedures and count who carried each out: those whose signatures in sealed drills
    hold, and those of whom a record of skills says so. Stand-ins are nobody in an environment that is protected, and a
    record there counts only when it is signed, or names a sealed drill that the person signed."""
    critical = [row["name"] for row in estate.declared("verify_procedures") or [] if row.get("critical")]
    if not critical:
        yield unknown("the environment declares no critical procedure; mark them in verify_procedures")
        return
    people = _people(estate, estate.now - bounds.window_s)
    for procedure in critical:
        able = sorted(people[procedure])
        yield expect(
            len(able) >= bounds.people_min_count,
            f"{bounds.people_min_count} people carried out {procedure} within {span(bounds.window_s)}",
            observed=able,
            expected=bounds.people_min_count,
        )


def _people(estate: Any, since: float) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in everything(estate, "skills"):
        if row.result == "done" and since <= row.performed <= estate.now and _is_vouched_for(estate, row):
            found[row.procedure].add(_person(row.person))
    # The one who leads a drill carries it out; the one who approves it does not.
    for pack in runs(estate).packs:
        if pack.intact and pack.record and since <= (pack.ended or 0.0) <= estate.now:
            leads = (row for row in pack.signatures if row["role"] == "drill lead")
            procedure = {"activation": "dr_activate", "failback": "dr_failback"}.get(str(pack.scenario), "dr_drill")
            found[procedure] |= {_person(row["name"]) for row in leads if not row["stand_in"]}
    return found


def _is_vouched_for(estate: Any, row: Any) -> bool:
    """Return whether a record of skills rests on more than a line that anybody can write: its own signature, or the
    person's in the drill that it names. An environment that is not protected asks for neither."""
    if row.klass != "declared" or not estate.declared("ops_protected", True):
        return True
    named = [pack for pack in runs(estate).packs if pack.intact and pack.name == row.run]
    signed = [one for pack in named for one in pack.signatures if not one["stand_in"]]
    return any(_person(one["name"]) == _person(row.person) for one in signed)


def _person(name: str) -> str:
    """Return a name as it is compared: one person who is written in two ways is one."""
    return " ".join(name.casefold().split())


@control("TEAM-04")
def developers_are_not_kept_waiting(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the requests of the last month, and older ones that still wait, and the time until a person first answered
    each; one that nobody answered counts as waiting without end."""
    since = estate.now - bounds.window_s
    known = register(estate, "developer_request")
    spans = [Span(row.opened, row.answered, row.id) for row in known if row.opened >= since or row.answered is None]
    if not spans:
        yield unknown(f"none of the {len(known)} requests on record is of the last {span(bounds.window_s)}")
        return
    kpi = response(spans, now=estate.now, target_s=bounds.p95_max_s)
    yield judged(kpi, f"95 % of requests are answered within {span(bounds.p95_max_s)}")
