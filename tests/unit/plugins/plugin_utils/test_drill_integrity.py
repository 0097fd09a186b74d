# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore to the end that stopped early is no recovery, however whole its data looks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.plugin_utils._good_drill import assembled, state

NAME = "the log was replayed to the end of the archive"
GAP = {"code": "missing_wal", "severity": "error", "subject": "000000010000000000000003"}


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in assembled(found)["integrity"] if row["name"] == NAME]


def test_a_recovery_that_read_all_of_the_archive_says_so() -> None:
    assert [row["result"] for row in rows(state())] == ["verified"]


@pytest.mark.parametrize("outcome", ["recovered", "activated"])
def test_a_recovery_that_stopped_before_a_segment_fails_in_plain_words(outcome: str) -> None:
    found = state()
    found["header"]["scenario"]["expect"]["outcome"] = outcome
    found["results"]["promote"]["fork_lsn"] = "0/3FFFF40"
    record = assembled(found)
    assert record["verdict"] == "fail"
    assert any(
        "recovery ended at 0/3FFFF40 although the archive reaches beyond 0/4000000" in text
        for text in record["verdict_reasons"]
    )


def test_a_recovery_whose_archive_nobody_audited_is_not_called_whole() -> None:
    found = state()
    del found["results"]["restore"]["continuity"]
    assert [row["result"] for row in rows(found)] == ["differs"]


@pytest.mark.parametrize("case", ["standby", "target", "accepted gap", "not promoted"])
def test_who_does_not_recover_to_the_end_is_not_asked(case: str) -> None:
    found = state()
    if case == "accepted gap":
        found["results"]["restore"]["continuity"]["findings"] = [GAP]
    elif case == "not promoted":
        del found["results"]["promote"]
    else:
        found["header"]["scenario"]["strategy"] = {"standby": "promote", "target": "point_in_time"}[case]
    assert rows(found) == []


@pytest.mark.parametrize(
    ("step", "key", "name"),
    [("heal", "old_primary", "old primary, on its return"), ("posture", "target", "recovery site")],
)
@pytest.mark.parametrize("read", ["verified", "differs"])
def test_what_is_left_is_what_was_read_back(step: str, key: str, name: str, read: str) -> None:
    found = state()
    found["results"][step] = {key: {"expected": "stopped", "observed": "x", "result": read}}
    record = assembled(found)
    assert record["cleanup"] == [{"name": name, "expected": "stopped", "observed": "x", "result": read}]
    assert record["verdict"] == ("pass" if read == "verified" else "fail"), record["verdict_reasons"]


@pytest.mark.parametrize("read", ["verified", "differs", None])
def test_a_copy_shows_that_it_was_removed(read: str | None) -> None:
    found, left = state(mode="copy"), {"expected": "gone", "observed": "x", "result": read}
    copied = {"result": "verified", "seconds": 9.0, "data_age_s": 60, **({"removed": left} if read else {})}
    found["results"]["copy"] = copied
    found["steps"].append({**found["steps"][0], "id": "copy", "result": copied})
    record = assembled(found)
    assert [row["name"] for row in record["cleanup"]] == (["copy"] if read else [])
    assert (record["verdict"] == "fail") is (read != "verified"), record["verdict_reasons"]
    assert read or record["verdict_reasons"] == ["Nobody saw whether the copy was removed."]
