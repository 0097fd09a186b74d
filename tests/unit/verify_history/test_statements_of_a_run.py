# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements mean for a whole run: one that nobody asks for ends it red, and what rests on them is told apart."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.verify_history.conftest import NOW, item_of, nothing, row
from verify.engine.attestations import INDEX, SUBJECT, attestation
from verify.engine.catalogue import Catalogue
from verify.engine.control import Control, registered
from verify.engine.coverage import coverage
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.engine.judge import ControlResult, Row
from verify.engine.pack import Finished
from verify.engine.results import Results
from verify.engine.session import Run, import_checks
from verify.engine.words import EvidenceClass, Status


def control(item: str, part: str = "", *, attested: bool = False) -> Control:
    return Control(item, part, "host", None, nothing, (), "m", attested)


@pytest.fixture
def evidence() -> Evidence:
    """Evidence of one statement, about TEAM-01."""
    stated = {"id": "A-1", "item": "TEAM-01", "subject": "", "file": "a.yml", "rejected": ""}
    found = Evidence()
    about = {"subject": SUBJECT, "name": INDEX, "source": "attestations", "command": "attestations"}
    found.record(json.dumps({"statements": [stated]}), collected=NOW, **about)
    return found


RAN_OUT = [{"rule": "sshd-x11", "hosts": [], "state": "expired"}]


@pytest.mark.parametrize(
    ("item", "limit", "over", "code", "idles"),
    [
        ("TEAM-01", "", [], 11, ["A-1"]),
        ("TEAM-01", "web1", [], 0, []),
        # An exception from the baseline that ran out is one too, where the baseline was judged.
        ("INFRA-08", "web1", RAN_OUT, 11, []),
        ("TEAM-01", "web1", RAN_OUT, 0, []),
    ],
)
def test_an_exception_that_proves_nothing_ends_a_run_red(
    *,
    tmp_path: Path,
    environment: Environment,
    catalogue: Catalogue,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    item: str,
    limit: str,
    over: list[dict[str, Any]],
    code: int,
    idles: list[str],
) -> None:
    """A run that was narrowed did not look at everything, so there it is no mistake."""
    written: list[dict[str, str]] = []
    monkeypatch.setattr(Finished, "write", lambda self, *_rest: written.append(self.idle) or [])
    run = Run.__new__(Run)
    green = ControlResult(control(item), item_of(item), (row("pass"),))
    known: dict[str, Any] = {
        "options": SimpleNamespace(selection=SimpleNamespace(as_record=dict), limit=limit),
        **{"results": [green], "waivers": (), "matrix": [SimpleNamespace(control=green.control)], "_expected": 1},
        **{"environment": environment, "catalogue": catalogue, "_estate": Estate(environment, evidence, now=NOW)},
        **{
            "folder": tmp_path,
            "header": {"left_out": over, "catalogue": {"items": 1, "gap": 0}},
            "past": None,
            "_kept": None,
        },
        **{"_log": Results(tmp_path / "results.jsonl"), "_ledger": SimpleNamespace(close=lambda: None)},
    }
    for name, value in known.items():
        setattr(run, name, value)
    assert run.finish(0, others_failed=False) == code
    assert [list(idle) for idle in written] == [idles]


def reached(check: Any) -> set[Any]:
    """Return every function of the suite that a check can come to, by the names in its code."""
    found: set[Any] = set()
    left = [check]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            named = [one.__globals__.get(name) for name in one.__code__.co_names]
            left += [each for each in named if inspect.isfunction(each) and each.__module__.startswith("verify.")]
    return found


def test_a_control_says_so_when_it_rests_on_statements() -> None:
    import_checks()
    controls = [one for one in registered() if one.module.startswith("verify.checks.")]
    asking = {one.id for one in controls if attestation in reached(one.check)}
    assert asking == {one.id for one in controls if one.attested}
    assert asking == {"SECURITY-02.disks"}


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([row("pass")], "machine"),
        ([row("fail"), row("pass")], "machine"),
        ([row("pass"), row("pass", klass=EvidenceClass.ATTESTED)], "attested"),
        ([row("pass", klass=EvidenceClass.ATTESTED), row("pass", klass=EvidenceClass.DECLARED)], "declared"),
        ([row("not_applicable", klass=EvidenceClass.DECLARED)], "declared"),
        # A failure that no fact shows is the inventory's own word.
        ([row("fail", klass=None)], "declared"),
        ([row("unknown"), row("stale"), row("manual_due")], "undecided"),
        ([row("unknown", klass=EvidenceClass.DECLARED), row("pass")], "machine"),
        ([row("waived", original=Status.FAIL)], "machine"),
        ([row("waived", original=Status.UNKNOWN)], "undecided"),
    ],
)
def test_an_item_counts_by_the_weakest_evidence_of_its_verdict(rows: list[Row], counted: str) -> None:
    """Whatever its method in the catalogue says, and whether its evidence came by one control or by several."""
    none = {"items": 3, "machine": 0, "attested": 0, "declared": 0, "undecided": 1, "gap": 1}
    expected = {**none, "machine": 1} | ({} if counted == "undecided" else {"undecided": 0})
    expected[counted] = {"undecided": 1, "machine": 2}.get(counted, 1)
    assert coverage(3, 1, [("INFRA-03", [row("pass")]), ("TEAM-01", rows)]) == expected
    assert coverage(3, 1, [("INFRA-03", [row("pass")]), *(("TEAM-01", [one]) for one in rows)]) == expected
