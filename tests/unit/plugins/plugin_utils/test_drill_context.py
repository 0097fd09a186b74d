# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record names the plan, who watched, who was told, the milestones, the mean time to restore and the next test."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import render
from tests.unit.plugins.plugin_utils._protected import protected
from tests.unit.plugins.plugin_utils.test_drill_record import TARGETS, assembled, at, record_room, state

CHAT = {"channel": "webhook", "name": "chat", "recipients": "executives", "outcome": "accepted", "answer": "HTTP 204"}


def test_what_the_inventory_declares_of_the_plan_is_kept_and_the_rest_is_not_invented() -> None:
    found = state()
    assert assembled(found)["plan"] == {
        **dict.fromkeys(("name", "version", "approved", "approved_by", "announced")),
        **{key: [] for key in ("systems", "exclusions", "dependencies", "assumptions")},
    }
    found["header"]["plan"] = {"name": "P", "version": 3, "announced": False, "systems": [{"name": "s"}]}
    told = assembled(found)["plan"]
    assert (told["name"], told["version"], told["announced"], told["systems"]) == ("P", 3, False, [{"name": "s"}])


def test_people_and_machines_that_watched_are_named() -> None:
    found = state()
    found["header"]["observers"] = [
        {"name": "A. Auditor", "role": "internal audit"},
        {"name": "watch1", "role": "asks both databases from outside", "machine": True},
    ]
    found["results"]["verify"]["ledger"]["sent"] = 510
    told = [(row["kind"], row["name"], row["looks"]) for row in assembled(found)["observers"]]
    assert told == [
        *(("person", "A. Auditor", None), ("machine", "watch1", None)),
        *(("machine", "db1", 40), ("machine", "db2", 40), ("machine", "client1", 510)),
    ]
    assert [row["name"] for row in assembled(found, observer=None)["observers"]] == ["A. Auditor", "watch1", "client1"]


def test_messages_stand_in_the_order_in_which_they_were_sent() -> None:
    found = state()
    found["results"]["coordinate"] = {"messages": [{**CHAT, "at": at(26)}]}
    found["results"]["notify"] = {"messages": [{**CHAT, "at": at(2)}, "webhook of a record from before"]}
    record = assembled(found)
    assert [(row["step"], row["at"]) for row in record["notifications"]] == [("notify", at(2)), ("coordinate", at(26))]
    reached = [row["name"] for row in record["milestones"]]
    assert "stakeholders told that service is back" in reached
    assert [row["at"] for row in record["milestones"]] == sorted(row["at"] for row in record["milestones"])


def test_milestones_count_from_the_declaration_and_leave_out_what_was_not_reached() -> None:
    found = state()
    known = {row["name"]: row["after_s"] for row in assembled(found)["milestones"]}
    assert known["disaster declared"] == 0
    assert known["drill began"] == -11.2
    assert known["first write acknowledged to a client"] == 8.8
    assert "plan approved" not in known
    assert "return to the primary site ended" not in known


def test_the_mean_time_to_restore_is_over_those_that_know_theirs() -> None:
    earlier: list[dict[str, Any]] = [{"restored_s": 10.8}, {"restored_s": None}, {}]
    record = record_room.assemble(state(), targets=TARGETS, versions={}, controller={}, history=earlier)
    assert record["time_to_restore"] == {"restored_s": 8.8, "mean_s": 9.8, "drills": 2}
    found = state()
    del found["results"]["first_write"]
    assert assembled(found)["time_to_restore"] == {"restored_s": None, "mean_s": None, "drills": 0}


def test_the_next_drill_is_due_so_many_days_after_the_end() -> None:
    assert assembled(state(), interval_days=30)["next_due"] == "2026-12-23T20:00:40.000Z"


def test_who_ran_it_and_how_long_the_approver_had_are_kept() -> None:
    found = state()
    person = {"role": "approver", "name": "a", "step": "approve", "asked_at": at(1), "signed_at": at(3)}
    found["results"]["approve"] = {"person": {**person, "deadline_s": 900.0, "statement": "yes", "stand_in": False}}
    record = assembled(found, operator="ops")
    assert record["operator"] == "ops"
    assert (record["approval"]["asked_at"], record["approval"]["deadline_s"]) == (at(1), 900.0)


@pytest.mark.parametrize(
    ("after", "severity", "reason"),
    [
        ({"services": {"rc": 3, "stdout": "active\ninactive"}}, "high", "Recovery site, services that guard"),
        ({"firewall": None}, "low", "is not known for: firewall of the host."),
    ],
)
def test_a_site_that_is_not_proved_to_be_as_safe_never_passes_without_condition(
    after: dict[str, Any], severity: str, reason: str
) -> None:
    found = state()
    found["results"]["verify"]["security"] = protected("db2", **after)
    record = assembled(found)
    assert record["verdict"] == "pass_with_conditions"
    (finding,) = record["findings"]
    assert finding["severity"] == severity
    assert reason in finding["text"]
    assert len(record["corrective_actions"]) == (severity == "high")


def test_a_site_that_nobody_asked_is_a_condition_except_in_a_copy() -> None:
    found = state()
    del found["results"]["verify"]["security"]
    record = assembled(found)
    assert record["security"] is None
    assert record["verdict_reasons"] == ["How the recovery site is protected was not read."]
    found["mode"] = "copy"
    assert not any("protected" in row["text"] for row in assembled(found)["findings"])


def test_the_schema_and_the_report_take_what_is_put_together() -> None:
    found = state()
    found["header"]["observers"] = [{"name": "A. Auditor", "role": "internal audit"}]
    found["results"]["notify"] = {"messages": [{**CHAT, "at": at(2), "text": "It begins."}]}
    record = assembled(found, operator="ops")
    validate(record, "drill")
    page = render(record).decode("utf-8")
    assert "A. Auditor" in page and "It begins." in page and "superusers of the database" in page
