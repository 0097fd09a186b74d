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
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.engine.header import coverage
from verify.engine.judge import ControlResult
from verify.engine.pack import Finished
from verify.engine.results import Results
from verify.engine.session import Run, import_checks


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


@pytest.mark.parametrize(("limit", "code"), [("", 11), ("web1", 0)])
def test_an_unused_statement_ends_a_whole_run_red(
    *,
    tmp_path: Path,
    environment: Environment,
    catalogue: Catalogue,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    code: int,
) -> None:
    """A run that was narrowed did not look at everything, so there it is no mistake."""
    written: list[dict[str, str]] = []
    monkeypatch.setattr(Finished, "write", lambda self, *_rest: written.append(self.idle) or [])
    run = Run.__new__(Run)
    green = ControlResult(control("TEAM-01"), item_of("TEAM-01"), (row("pass"),))
    known: dict[str, Any] = {
        "options": SimpleNamespace(selection=SimpleNamespace(as_record=dict), limit=limit),
        **{"results": [green], "waivers": (), "matrix": [SimpleNamespace(control=green.control)], "_expected": 1},
        **{"environment": environment, "catalogue": catalogue, "_estate": Estate(environment, evidence, now=NOW)},
        **{"folder": tmp_path, "header": {}, "past": None, "_kept": None},
        **{"_log": Results(tmp_path / "results.jsonl"), "_ledger": SimpleNamespace(close=lambda: None)},
    }
    for name, value in known.items():
        setattr(run, name, value)
    assert run.finish(0, others_failed=False) == code
    assert [list(idle) for idle in written] == [["A-1"] if code else []]


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


def test_an_item_is_attested_when_a_control_rests_on_statements(catalogue: Catalogue) -> None:
    """The method of the catalogue says who is asked, not what a control rests on: TEAM-01 is an interview here."""
    machine = [control("INFRA-02"), control("TEAM-01")]
    assert coverage(catalogue, machine) == {"items": 3, "asserted": 2, "attested": 0, "gap": 1}
    stated = control("INFRA-02", "disks", attested=True)
    assert coverage(catalogue, [stated, *machine]) == {"items": 3, "asserted": 1, "attested": 1, "gap": 1}
