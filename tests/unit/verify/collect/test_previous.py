# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run that today is compared with: the newest of an earlier day that looked at everything by itself."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.verify_report.sample import write_chain
from verify.collect.previous import BASELINE, SUBJECT, collect
from verify.engine.evidence import Evidence

NOW = datetime.datetime(2026, 11, 26, 9, 30, tzinfo=datetime.UTC)
WHOLE, LATER = "20261124T093000Z", "20261125T093000Z"


def run(base: Path, name: str, *hosts: str, closed: bool = True, **header: Any) -> None:
    """Write the results of a run that found one broken rule on each of these hosts."""
    rows = [
        {"kind": "host", "subject": host, "status": "pass", "says": "-", "observed": {"rules": 9, "failed": ["sshd"]}}
        for host in hosts
    ]
    told = {"event": "control", "control": "INFRA-08", "item": "INFRA-08", "status": "pass", "rows": rows}
    (base / name).mkdir(parents=True)
    last = [{"event": "close", "exit": 0}] if closed else []
    write_chain(base / name / "results.jsonl", [{"event": "run", "id": name, **header}, told, *last])


def found(base: Path) -> Any:
    evidence = Evidence()
    collect(base, evidence, now=NOW.timestamp)
    fact = evidence.get(SUBJECT, BASELINE)
    assert fact is not None
    return json.loads(evidence.body(fact)) if fact.error is None else fact.error


@pytest.mark.parametrize(
    "header",
    [
        {"selection": {"hosts": ["app1"]}},
        {"selection": {"limit": "app1"}},
        {"replay_of": "20261120T093000Z"},
        {"evidence_of": "20261120T093000Z"},
        {"closed": False},
    ],
)
def test_a_run_that_cannot_stand_for_its_day_is_passed_over(tmp_path: Path, header: dict[str, Any]) -> None:
    run(tmp_path, WHOLE, "app1", "app2", selection={}, replay_of="", evidence_of="")
    run(tmp_path, LATER, "app1", **header)
    assert found(tmp_path)["run"] == WHOLE
    assert set(found(tmp_path)["hosts"]) == {"app1", "app2"}


def test_the_newest_whole_run_counts_and_none_of_today(tmp_path: Path) -> None:
    for name in (WHOLE, LATER, "20261126T063000Z"):
        run(tmp_path, name, "app1")
    assert found(tmp_path)["run"] == LATER


def test_without_a_whole_run_it_is_unknown(tmp_path: Path) -> None:
    run(tmp_path, LATER, "app1", selection={"hosts": ["app1"]})
    assert "No whole run of an earlier day" in found(tmp_path)
