# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What framed the drill: its plan, its milestones, who watched, who was told, how the recovery site is protected. Pure.

One function a section of the report: record in, blocks out.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_recovery import NOT_IN_COPY
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_blocks import (
    Record,
    bullets,
    cell,
    code,
    facts,
    figure,
    note,
    part,
    parts,
    pill,
    result,
    seconds_cell,
    section,
    table,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import (
    clock,
    count,
    day,
    moment,
    number,
    plain_text,
)

__all__ = ["milestones", "observers", "plan", "security", "told"]

_LISTS = (
    ("exclusions", "Left out of the scope", "nothing is named"),
    ("dependencies", "It depends on", "nothing is named"),
    ("assumptions", "Assumed by the plan", "nothing is named"),
)
_NOT_STATED = "not stated in the inventory"


def plan(record: Record) -> dict[str, Any]:
    """The test plan as the inventory declares it, and how it was approved."""
    found, approval = part(record, "plan"), part(record, "approval")
    announced = found.get("announced")
    return section(
        "plan",
        "Test plan",
        facts(
            ("Plan", found.get("name") or _NOT_STATED),
            ("Version", code(found.get("version")) if found.get("version") else _NOT_STATED),
            ("Plan approved on", cell(day(found.get("approved")) or _NOT_STATED)),
            ("Plan approved by", found.get("approved_by") or _NOT_STATED),
            ("Announced before", _NOT_STATED if announced is None else cell(announced)),
            ("This test approved by", approval.get("approver")),
            ("Asked for", cell(moment(approval.get("asked_at")), "time")),
            ("Time to answer", seconds_cell(approval.get("deadline_s"))),
        ),
        table(
            ("System", "Criticality"),
            [(row.get("name") or row.get("text"), row.get("criticality")) for row in parts(found, "systems")],
            empty="Systems and their criticality: not stated in the inventory.",
        ),
        *(bullets(found.get(key) or [empty], title=title) for key, title, empty in _LISTS),
        lead="Declared in the inventory (dr_plan), not measured. The approval is the signature that stands below.",
    )


def milestones(record: Record) -> dict[str, Any]:
    """The instants that people ask for, and the mean time to restore."""
    mean = part(record, "time_to_restore")
    return section(
        "milestones",
        "Milestones and mean time to restore",
        table(
            ("Milestone", "At", "After the declaration"),
            [
                (row.get("name"), cell(moment(row.get("at")), "time"), seconds_cell(row.get("after_s")))
                for row in parts(record, "milestones")
            ],
        ),
        facts(
            ("From the declaration to the service", seconds_cell(mean.get("restored_s"))),
            ("Mean time to restore (MTTR)", seconds_cell(mean.get("mean_s"))),
            ("Drills and activations in the mean", figure(count(mean.get("drills") or None))),
            ("Next drill due", cell(day(record.get("next_due")))),
        ),
    )


def security(record: Record) -> dict[str, Any]:
    """The safeguards of the recovery site after the switch, against those of the primary site before it."""
    rows = parts(record, "security")
    copied = record.get("mode") == "copy" and not rows
    return section(
        "security",
        "Security of the recovery site",
        note(NOT_IN_COPY)
        if copied
        else table(
            ("Safeguard", "Read by", "Expected: as at the primary site", "Observed after the switch", "Result"),
            [
                (
                    row.get("name"),
                    code(row.get("command")),
                    row.get("expected"),
                    row.get("observed"),
                    pill("warn", "unknown") if row.get("result") == "could_not_run" else result(row.get("result")),
                )
                for row in rows
            ],
        ),
        lead=None
        if copied
        else "An alternate site has to protect what it takes over as the primary site did (NIST SP 800-53, CP-7). Both "
        "were read by the same commands, which change nothing. What could not be read is unknown, never a match.",
    )


def observers(record: Record) -> dict[str, Any]:
    """Who watched: people that were named before, machines, and how often these looked."""
    return section(
        "observers",
        "Observers",
        table(
            ("Observer", "", "Role", "Looks"),
            [_observer(row) for row in parts(record, "observers")],
            empty="Nobody was named as an observer, and no machine watched.",
        ),
        lead="People and outside machines are named in the inventory and in the approval that was signed; what they "
        "saw is theirs to tell. Machines that the drill itself set have counted their looks.",
    )


def _observer(row: Record) -> list[Any]:
    machine = row.get("kind") == "machine"
    looks = count(row.get("looks"))
    return [
        code(row.get("name")) if machine else row.get("name"),
        pill("mute", "machine") if machine else pill("ok", "person"),
        row.get("role"),
        figure(looks if looks or not machine else "not counted") if machine else figure("-"),
    ]


def told(record: Record) -> dict[str, Any]:
    """Each message to stakeholders: when, by which way, to which class of people, and what came of it."""
    rows = parts(record, "notifications")
    texts = list(dict.fromkeys(filter(None, (plain_text(row.get("text")) for row in rows))))
    return section(
        "told",
        "Messages to stakeholders",
        table(
            ("Sent at (UTC)", "Step", "Way", "Recipients", "Outcome", "Answer"),
            [
                (
                    cell(clock(row.get("at")), "time"),
                    code(row.get("step")),
                    f"{row.get('channel')} {row.get('name')}",
                    _recipients(row),
                    pill("ok", "accepted") if row.get("outcome") == "accepted" else pill("bad", "failed"),
                    row.get("answer"),
                )
                for row in rows
            ],
            empty="No message was sent: the inventory names no way (dr_notify_mail, dr_notify_webhooks), or no step "
            "that sends one was reached. Whom people told, they signed.",
        ),
        bullets(texts, title="What was said") if texts else None,
        lead="Accepted means that the mail server or the webhook took the message, not that somebody read it.",
    )


def _recipients(row: Record) -> str:
    known = plain_text(row.get("recipients")) or "class not stated"
    addresses = number(row.get("addresses"))
    return known if addresses is None else f"{known}, {addresses:.0f} addresses"
