# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An activation in earnest: what nobody measured is never a green figure, and what somebody did counts."""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_summary import summary_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_view import view_of
from tests.unit.plugins.plugin_utils._good_drill import assembled, at, state

UNKNOWN = {"started": "", "source": "", "run": "", "archived_until": at(3), "archive_timeout_s": 10}
KNOWN = {**UNKNOWN, "started": at(5), "source": "dr_activate_outage_started"}
LATER = {"last_ack": at(20.1), "first_ack": at(20.2), "seconds": 0.1}


def activated(outage: dict[str, Any]) -> dict[str, Any]:
    """Return the journal of an activation: surveyed from 9 s on, declared at 11.5 s, served again at 20 s."""
    found = state(scenario="activation")
    found["header"]["scenario"]["expect"] = {"outcome": "activated"}
    for step in ("assess", "steady", "canary", "detect"):
        del found["results"][step]
    for step in ("fault", "detect"):
        del found["entered"][step], found["left"][step]
    found["entered"]["survey"], found["left"]["survey"] = at(9), at(11.5)
    found["results"]["survey"] = {"outage": outage}
    found["results"]["listen"] = {"run": "x-a"}
    found["results"]["first_write"]["gap"] = LATER
    found["results"]["verify"]["ledger"].update(lost=0, rpo_s=0.0)
    return found


def test_a_canary_that_began_after_the_loss_knows_neither_loss_nor_recovery_time() -> None:
    record = assembled(activated(UNKNOWN))
    assert record["achieved"] == {"rto_s": None, "rpo_s": None, "lost_rows": None, "in_doubt_rows": None}
    assert record["verdict"] == "pass_with_conditions", record["verdict_reasons"]
    said = " ".join(record["verdict_reasons"])
    assert "The recovery time was not measured" in said
    assert f"stored at {at(3)}, and a segment is closed at least every 10 s" in said
    told = " ".join(summary_of(record))
    assert "Recovery time: not measured" in told
    assert "Recovery point: not measured" in told
    tiles = {tile["label"]: tile for tile in view_of(record, record_sha256="x")["tiles"]}
    for label in ("Recovery time (RTO)", "Recovery point (RPO)", "Acknowledged writes lost"):
        assert (tiles[label]["value"], tiles[label]["pill"]) == (None, None)


def test_the_recovery_time_counts_from_the_outage_and_its_phases_account_for_it() -> None:
    record = assembled(activated(KNOWN))
    assert record["achieved"]["rto_s"] == 15.0
    took = {phase["name"]: phase["seconds"] for phase in record["phases"]}
    assert (took["detect"], took["decide"]) == (4.0, 3.0)
    assert abs(record["phase_sum_difference_s"]) <= 0.5
    assert "late" not in " ".join(record["verdict_reasons"])


def test_an_outage_longer_than_the_target_fails() -> None:
    found = activated({**KNOWN, "started": at(-3600)})
    record = assembled(found)
    assert record["verdict"] == "fail"
    assert record["verdict_reasons"] == ["The recovery time is 3620.0 s; the target is 60.0 s."]


def test_who_wrote_before_tells_what_was_lost() -> None:
    found = activated({**KNOWN, "run": "standing"})
    found["results"]["verify"]["ledger_before"] = {**found["results"]["verify"]["ledger"], "lost": 7, "rpo_s": 2.5}
    record = assembled(found)
    assert (record["achieved"]["lost_rows"], record["achieved"]["rpo_s"]) == (7, 2.5)
    assert record["ledger"]["run"] == "standing"
    assert record["verdict"] != "fail", record["verdict_reasons"]


def test_what_is_missing_of_the_time_after_the_return_fails() -> None:
    found = activated(KNOWN)
    found["results"]["verify"]["ledger"]["lost"] = 2
    assert assembled(found)["verdict_reasons"] == [
        "2 writes are missing that were acknowledged after the return of service."
    ]


def test_without_a_canary_the_service_is_back_and_nothing_is_claimed() -> None:
    found = activated(KNOWN)
    del found["results"]["first_write"], found["results"]["listen"], found["results"]["verify"]["ledger"]
    record = assembled(found)
    assert record["verdict"] == "pass_with_conditions", record["verdict_reasons"]
    assert record["achieved"]["rto_s"] is None
    assert record["ledger"] is None
