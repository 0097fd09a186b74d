# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types of the team: sessions, rosters, skills, vendors, routine work, requests, blocked work.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    FLAG,
    INSTANT,
    LEVEL,
    NAME,
    NAMES,
    OPEN_INSTANT,
    SECONDS,
    TEXT,
    RecordType,
    maybe,
    one_of,
    rows,
)

__all__ = ["TEAM"]

KNOWLEDGE = RecordType(
    "knowledge_session",
    "A session in which the team shared what some of it know.",
    (
        ("title*", NAME, "what it was about"),
        ("held*", INSTANT, "when it began"),
        ("duration_s", SECONDS, "how long, in seconds"),
        ("presenter*", NAME, "who told"),
        ("attendees*", {**NAMES, "minItems": 1}, "who was there"),
        ("material", TEXT, "where it can be read again"),
    ),
    {
        "title": "How a restore proves itself",
        "held": "2026-11-12T13:00:00Z",
        "duration_s": 3600,
        "presenter": "database lead",
        "attendees": ["platform", "operations"],
    },
)

ROSTER = RecordType(
    "roster",
    "Who is on call, and when.",
    (
        ("rotation*", NAME, "name of the rotation"),
        ("covers", NAMES, "services it answers for"),
        (
            "shifts*",
            rows(
                ("who*", NAME, "the person"),
                ("from*", INSTANT, "beginning"),
                ("to*", INSTANT, "end"),
                ("level*", LEVEL, "the level of escalation that the person answers"),
                least=1,
            ),
            "the shifts",
        ),
    ),
    {
        "rotation": "primary",
        "shifts": [{"who": "on call A", "from": "2026-11-23T08:00:00Z", "to": "2026-11-30T08:00:00Z", "level": 2}],
    },
)

SKILLS = RecordType(
    "skills",
    "A person performed a procedure. It counts once it is signed, or the person signed the drill that it names.",
    (
        ("procedure*", NAME, "the procedure, such as dr_drill"),
        ("person*", NAME, "who performed it"),
        ("performed*", INSTANT, "when"),
        ("result*", one_of("done", "failed"), "how it ended"),
        ("run", maybe(TEXT), "id of the run or drill"),
    ),
    {"procedure": "dr_drill", "person": "platform A", "performed": "2026-11-05T10:00:00Z", "result": "done"},
)

VENDOR = RecordType(
    "vendor_contact",
    "How a vendor's support is reached, and when that was last tried.",
    (
        ("vendor*", NAME, "the vendor"),
        ("service*", NAME, "what they are responsible for"),
        ("contact*", NAME, "telephone, address or page"),
        ("contract", TEXT, "number of the contract"),
        ("support_level", TEXT, "what was agreed"),
        ("confirmed*", INSTANT, "when the contact last answered"),
        ("valid_until", OPEN_INSTANT, "end of the contract"),
    ),
    {
        "vendor": "the hosting provider",
        "service": "site A",
        "contact": "support.example.com",
        "confirmed": "2026-10-02T09:00:00Z",
    },
)

ROUTINE = RecordType(
    "routine_task",
    "An entry in the register of work that comes again and again.",
    (
        ("name*", NAME, "the task"),
        ("period_s*", SECONDS, "how often, in seconds"),
        ("automated*", FLAG, "whether a machine starts and ends it"),
        ("playbook", maybe(TEXT), "the playbook that does it"),
        ("owner*", NAME, "who answers for it"),
        ("runbook", maybe(TEXT), "the page that describes it"),
    ),
    {"name": "Restore test", "period_s": 604800, "automated": True, "playbook": "restore-test.yml", "owner": "dba"},
)

EXECUTION = RecordType(
    "routine_execution",
    "One execution of a task of the register.",
    (
        ("task*", NAME, "id of the routine_task"),
        ("started*", INSTANT, "beginning"),
        ("ended", OPEN_INSTANT, "end"),
        ("automated*", FLAG, "whether no person had to act"),
        ("person", maybe(TEXT), "who acted"),
        ("result*", one_of("ok", "failed"), "how it ended"),
        ("run", maybe(TEXT), "id of the run"),
    ),
    {"task": "restore-test", "started": "2026-11-20T02:00:00Z", "automated": True, "result": "ok"},
)

REQUEST = RecordType(
    "developer_request",
    "A request of a developer to operations.",
    (
        ("title*", NAME, "what was asked"),
        ("requester*", NAME, "who asked"),
        ("kind", TEXT, "what kind of request"),
        ("opened*", INSTANT, "when"),
        ("answered", OPEN_INSTANT, "when a person first answered; empty when nobody did"),
        ("answered_by", maybe(TEXT), "who answered"),
        ("closed", OPEN_INSTANT, "when it was done"),
    ),
    {
        "title": "A staging database with last week's data",
        "requester": "team ledger",
        "opened": "2026-11-20T09:00:00Z",
        "answered": "2026-11-20T09:40:00Z",
    },
)

BLOCKED = RecordType(
    "blocked_item",
    "Work that waits for somebody or something.",
    (
        ("title*", NAME, "the work"),
        ("blocked_since*", INSTANT, "since when"),
        ("depends_on*", NAME, "what it waits for"),
        ("owner*", NAME, "who moves it"),
        ("released", OPEN_INSTANT, "when it could go on"),
    ),
    {
        "title": "Move the recovery site",
        "blocked_since": "2026-11-18T10:00:00Z",
        "depends_on": "a line of the hosting provider",
        "owner": "platform",
    },
)

TEAM = (KNOWLEDGE, ROSTER, SKILLS, VENDOR, ROUTINE, EXECUTION, REQUEST, BLOCKED)
