# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types of what people do: incidents, acknowledgements, postmortems, reviews.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    CAUSE_STATE,
    DAY,
    FLAG,
    INSTANT,
    LEVEL,
    LINES,
    MAP,
    NAME,
    NAMES,
    OPEN_INSTANT,
    SEVERITIES,
    TEXT,
    RecordType,
    maybe,
    one_of,
    rows,
)

__all__ = ["PEOPLE"]

ACTIONS = rows(
    ("text*", NAME, "what is to be done"),
    ("owner*", NAME, "who does it"),
    ("due*", INSTANT, "until when"),
    ("ticket*", NAME, "where it is followed"),
    ("done", OPEN_INSTANT, "when it was done"),
)
_TIMELINE = rows(
    ("at*", INSTANT, "when"),
    ("text*", NAME, "what happened or was done"),
    ("by", TEXT, "who or what did it"),
    ("source*", NAME, "how this time is known: a message, an alert, a log, a memory"),
)

INCIDENT = RecordType(
    "incident",
    "An interruption or degradation of a service, from its beginning to its end.",
    (
        ("title*", NAME, "what happened, in one line"),
        ("priority*", one_of(*SEVERITIES), "how bad it is"),
        ("kind*", one_of("infrastructure", "application", "security", "data", "third_party"), "what failed"),
        ("disaster", FLAG, "whether it needed the plan for disasters; its sealed record has to be there then"),
        ("services", NAMES, "services that clients missed"),
        ("hosts", NAMES, "hosts that were part of it"),
        ("impact_start*", INSTANT, "when clients began to feel it"),
        ("detected", OPEN_INSTANT, "when somebody or something noticed"),
        ("acknowledged", OPEN_INSTANT, "when a person took it"),
        ("acknowledged_by", maybe(TEXT), "who took it"),
        ("restored", OPEN_INSTANT, "when clients felt it no more; empty while it lasts"),
        ("closed", OPEN_INSTANT, "when its work was done; empty while it is open"),
        ("owner", maybe(TEXT), "who has it now"),
        ("next_action", maybe(TEXT), "what is done next"),
        ("cause_state", CAUSE_STATE, "how far the cause is understood"),
        ("cause", maybe(TEXT), "the cause"),
        ("alerts", NAMES, "names of the alerts that belong to it"),
        ("change", maybe(TEXT), "id of the change that caused it"),
        ("deployment", maybe(TEXT), "id of the deployment that caused it"),
        ("commander", maybe(TEXT), "who led the response"),
        ("lessons", LINES, "what was learnt"),
        (
            "escalations",
            rows(
                ("level*", LEVEL, "1 healing, 2 on call, 3 senior and lead, 4 manager and vendor, 5 executives"),
                ("to*", NAME, "who was called"),
                ("at*", INSTANT, "when"),
                ("acknowledged", OPEN_INSTANT, "when they answered"),
            ),
            "who was called, and when",
        ),
        ("timeline", _TIMELINE, "what happened in order"),
    ),
    {
        "title": "Writes refused on the primary",
        "priority": "critical",
        "kind": "infrastructure",
        "services": ["ledger"],
        "impact_start": "2026-11-20T08:11:00Z",
        "detected": "2026-11-20T08:11:40Z",
        "acknowledged": "2026-11-20T08:14:05Z",
        "acknowledged_by": "on call",
        "restored": "2026-11-20T08:43:30Z",
        "closed": "2026-11-20T16:00:00Z",
        "cause_state": "fixed",
        "cause": "The archive's disk was full.",
        "alerts": ["ArchiveStalled"],
        "lessons": ["The archive's disk needs an alert of its own."],
    },
)

ACKNOWLEDGEMENT = RecordType(
    "alert_acknowledgement",
    "A person's answer to an alert. A silence is no answer: it also swallows the next page.",
    (
        ("alert*", NAME, "name of the alert"),
        ("labels", MAP, "labels that tell which one, where a name is not enough"),
        ("severity", one_of(*SEVERITIES, "warning", "none"), "the alert's severity"),
        ("fired*", INSTANT, "when the alert began to fire"),
        ("delivered", OPEN_INSTANT, "when the page reached the person"),
        ("acknowledged", OPEN_INSTANT, "when the person answered; empty when nobody did"),
        ("acknowledged_by", maybe(TEXT), "who answered"),
        ("resolved", OPEN_INSTANT, "when the alert ended"),
        ("explanation", TEXT, "why it fired, in a sentence"),
        ("incident", maybe(TEXT), "id of the incident it became"),
    ),
    {
        "alert": "ArchiveStalled",
        "labels": {"host": "db1"},
        "severity": "critical",
        "fired": "2026-11-20T08:11:40Z",
        "delivered": "2026-11-20T08:11:52Z",
        "acknowledged": "2026-11-20T08:14:05Z",
        "acknowledged_by": "on call",
        "incident": "INC-42",
    },
)

POSTMORTEM = RecordType(
    "postmortem",
    "What was learnt from an incident, and what is done so that it does not come again.",
    (
        ("incident*", NAME, "id of the incident"),
        ("title*", NAME, "what it is about"),
        ("impact", TEXT, "what clients felt"),
        ("root_cause*", NAME, "why it happened"),
        ("lessons*", {**LINES, "minItems": 1}, "what was learnt"),
        ("actions*", ACTIONS, "what is done about it; each has an owner, a date and a ticket"),
        ("timeline", _TIMELINE, "what happened in order"),
        ("reviewed_by", NAMES, "who read and agreed"),
    ),
    {
        "incident": "INC-42",
        "title": "Writes refused on the primary",
        "root_cause": "The archive's disk filled while nobody watched it.",
        "lessons": ["A stopped archive stops the database hours later."],
        "actions": [
            {
                "text": "Alert at 80 % of the archive's disk",
                "owner": "platform",
                "due": "2026-12-01T17:00:00Z",
                "ticket": "OPS-118",
            }
        ],
    },
)

REVIEW = RecordType(
    "review",
    "A periodical review with its reviewer and findings.",
    (
        (
            "kind*",
            one_of("security", "compliance", "capacity", "access", "cost", "incident", "change", "architecture"),
            "what was reviewed",
        ),
        ("period_start*", INSTANT, "beginning of the time under review"),
        ("period_end*", INSTANT, "its end"),
        ("reviewer*", NAME, "who reviewed"),
        ("outcome*", one_of("accepted", "actions"), "whether something is to be done"),
        (
            "findings",
            rows(
                ("text*", NAME, "what was found"),
                ("owner*", NAME, "who mends it"),
                ("due*", INSTANT, "until when"),
                ("ticket", TEXT, "where it is followed"),
                ("done", OPEN_INSTANT, "when it was mended"),
            ),
            "what was found",
        ),
    ),
    {
        "kind": "security",
        "period_start": "2026-10-01T00:00:00Z",
        "period_end": "2026-11-01T00:00:00Z",
        "reviewer": "security lead",
        "outcome": "accepted",
    },
)

OVERNIGHT = RecordType(
    "overnight_review",
    "The look in the morning at what happened since the last one.",
    (
        ("day*", DAY, "the working day"),
        ("period_start*", INSTANT, "since when"),
        ("period_end*", INSTANT, "until when"),
        ("reviewer*", NAME, "who looked"),
        (
            "alerts",
            rows(
                ("alert*", NAME, "name of the alert"),
                ("fired*", INSTANT, "when it began to fire"),
                ("explanation", TEXT, "why"),
                ("incident", maybe(TEXT), "id of the incident it became"),
            ),
            "alerts of the night and why they fired",
        ),
        ("open_points", LINES, "what is left to do"),
    ),
    {
        "day": "2026-11-20",
        "period_start": "2026-11-19T07:30:00Z",
        "period_end": "2026-11-20T07:30:00Z",
        "reviewer": "operations",
        "alerts": [{"alert": "DiskFullSoon", "fired": "2026-11-20T02:10:00Z", "explanation": "Log rotation hung."}],
    },
)

PEOPLE = (INCIDENT, ACKNOWLEDGEMENT, POSTMORTEM, REVIEW, OVERNIGHT)
