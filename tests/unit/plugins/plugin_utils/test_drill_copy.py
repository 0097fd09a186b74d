# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill of an isolated copy is worth: it measures a restore, and no loss."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_record as record_room
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_summary import summary_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_view import view_of
from tests.unit.plugins.plugin_utils._good_drill import ONE_WRITER, TARGETS, assembled, state

DAY_S = 86400.0


def copied(expect: dict[str, Any] | None = None, **result: Any) -> dict[str, Any]:
    """Return the folded journal of a copy that went well: 2 s of restore and 1 s of recovery for 1000 bytes, of 5 s."""
    found = state(mode="copy")
    outcome = {
        **{"result": "verified", "seconds": 5.0, "recover_s": 1.0, "data_age_s": 80000.0, "checks": []},
        **{"removed": {"expected": "gone", "observed": "gone", "result": "verified"}},
        **{"restore": {"seconds": 2.0}, "backup": {"label": "F", "size_bytes": 1000}},
        **result,
    }
    found["results"] = {name: found["results"][name] for name in ("assess", "prove_backups")} | {"copy": outcome}
    found["entered"] = found["left"] = {}
    found["steps"] = [{**found["steps"][0], "id": "copy", "title": "copy", "result": outcome}]
    found["header"]["scenario"]["expect"] = expect or {"outcome": "recovered", "lost_rows": "archive_interval"}
    return found


def record(found: dict[str, Any], *, bytes_wanted: int = 0) -> dict[str, Any]:
    """Return the record of a copy whose backup may be a day old."""
    return record_room.assemble(
        found,
        targets={**TARGETS, "backup_age_s": DAY_S},
        versions={},
        controller={},
        history=[],
        observer=ONE_WRITER,
        database_bytes=bytes_wanted,
    )


def test_the_age_of_a_backup_is_no_recovery_point() -> None:
    found = record(copied())
    assert (found["verdict"], found["achieved"]["rpo_s"], found["achieved"]["backup_age_s"]) == ("pass", None, 80000.0)
    assert found["verdict_reasons"] == [
        "The copy was restored in 5.0 s and verified; loss not measured, as a copy takes nothing away."
    ]
    (line,) = [line for line in summary_of(found) if line.startswith("Recovery point")]
    assert line == (
        "Recovery point: not measured by a copy (target 30 s), loss not measured; age of the restored backup: 80000 s "
        "(at most 86400 s)"
    )
    (tile,) = [one for one in view_of(found, record_sha256="x")["tiles"] if one["label"] == "Recovery point (RPO)"]
    assert tile["value"] is None and tile["pill"] is None
    assert tile["detail"] == "not measured by a copy, target 30 s"


def test_a_backup_that_is_older_than_the_environment_allows_fails_the_copy() -> None:
    found = record(copied(data_age_s=90000.0))
    assert found["verdict"] == "fail"
    assert found["verdict_reasons"] == ["The age of the restored backup is 90000.0 s; the target is 86400.0 s."]


def test_a_copy_of_a_scenario_that_has_to_be_refused_claims_no_refusal() -> None:
    found = record(copied({"outcome": "refused", "finding": "missing_wal", "lost_rows": 0}))
    assert found["verdict_reasons"][0].startswith("The copy was restored in 5.0 s")


def test_a_copy_forecasts_the_restore_of_the_real_size() -> None:
    found = record(copied(), bytes_wanted=1_000_000)["forecast"]
    assert (found["fixed_s"], found["replay_s"], found["forecast_s"]) == (2.0, 1.0, 3002.0)
    assert found["restore_bytes_per_s"] == 500
    assert any("of a copy alone" in text for text in found["assumes"])
    assert not any("as long as in this drill" in text for text in found["assumes"])


def test_a_copy_whose_forecast_is_past_the_bound_fails() -> None:
    found = record(copied(), bytes_wanted=10_000_000)
    assert found["verdict"] == "fail"
    assert found["verdict_reasons"] == ["Forecast for 10000000 bytes: 30002.0 s, beyond the bound of 7200.0 s."]


@pytest.mark.parametrize("missing", [{"restore": {}}, {"backup": {}}, {"seconds": None}])
def test_a_copy_that_was_not_timed_has_no_forecast(missing: dict[str, Any]) -> None:
    assert record(copied(**missing))["forecast"] is None


def test_an_outcome_that_nobody_knows_still_ends_in_a_report() -> None:
    """A journal that was begun before the scenario was checked."""
    found = state()
    found["header"]["scenario"]["expect"]["outcome"] = "recoverd"
    told = assembled(found)
    assert told["verdict"] == "fail"
    assert told["verdict_reasons"] == ["The scenario expects the outcome 'recoverd', which nobody knows how to judge."]
