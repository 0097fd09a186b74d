# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario with a mistake is refused with the plan, and the plan says only what the role enforces and takes back."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.filter.scenario_mistakes import scenario_mistakes
from tests.unit.roles._estate import ROLE
from tests.unit.roles.test_disaster_recovery import CONFIRMED, procedure

SCENARIOS = ROLE / "files" / "scenarios"
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
CONDITIONS, FAULTS = list(VARS["__dr_stop_conditions"]), list(VARS["__dr_known_faults"])
GOOD = yaml.safe_load((SCENARIOS / "site_lost_repository.yml").read_text(encoding="utf-8"))


def mistakes(folder: Path, text: str) -> str:
    path = folder / "own.yml"
    path.write_text(text, encoding="utf-8")
    return "; ".join(scenario_mistakes(str(path), CONDITIONS, FAULTS))


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yml")), ids=lambda path: path.stem)
def test_the_scenarios_of_the_role_have_none(path: Path) -> None:
    assert scenario_mistakes(str(path), CONDITIONS, FAULTS) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"toplogy": "repository"}, "a key toplogy that nobody reads: was topology meant?"),
        ({"rollback": ["x"]}, "rollback is ['x']: use one of always"),
        (
            {"faults": [{"nmae": "site-kill", "target": "x"}]},
            "fault 1 has a key nmae that nobody reads: was name meant?",
        ),
        (
            {"faults": [{"name": "site-kil", "target": "x"}]},
            "fault 1 is site-kil, which no command makes: was site-kill",
        ),
        ({"faults": [{"name": "site-kill"}]}, "fault 1 needs a target"),
        ({"faults": [{"name": "a b", "target": "x", "sql": "DROP TABLE x"}]}, "fault 1 needs a name of letters"),
        ({"faults": []}, "faults must be a list with one fault or more"),
        ({"faults": ["site-kill"]}, "fault 1 must have a name and a target"),
        ({"expect": {"outcom": "recovered", "lost_rows": 0}}, "expect has a key outcom that nobody reads: was outcome"),
        ({"expect": {"outcome": "recoverd", "lost_rows": 0}}, "expect.outcome is recoverd: was recovered meant?"),
        ({"expect": {"outcome": "activated", "lost_rows": 0}}, "expect.outcome is activated"),
        ({"expect": {"lost_row": 0}}, "expect.lost_rows is missing: say 0, or archive_interval"),
        ({"expect": {"lost_rows": 5}}, "expect.lost_rows is 5"),
        ({"expect": {"lost_rows": False}}, "expect.lost_rows is False"),
        ({"expect": {"outcome": "refused", "lost_rows": 0}}, "expect.finding is missing"),
        ({"expect": []}, "expect must have the keys outcome, lost_rows"),
        ({"strategy": "promot"}, "strategy is promot: was promote meant?"),
        ({"stop_condition": "When I say so."}, "stop_condition must be a list of names, of fence_unproved"),
        (
            {"stop_condition": ["fence_unproven"]},
            "names fence_unproven, which nobody evaluates: was fence_unproved meant?",
        ),
        ({"blast_radius": "all"}, "blast_radius must be a list of sentences"),
        ({"returns_early": "maybe"}, "returns_early must be true or false"),
    ],
)
def test_a_mistake_is_named_with_its_mend(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    assert told in mistakes(tmp_path, yaml.safe_dump({**copy.deepcopy(GOOD), **change}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", "it holds no keys with values"),
        ("", "it holds no keys with values"),
        ("a: [b\n", "it cannot be read as YAML"),
        ("title: x\n", "threat is missing; hypothesis is missing"),
    ],
)
def test_what_is_no_scenario_at_all_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert told in mistakes(tmp_path, text)


def planned(cwd: Path, *arguments: str, **change: Any) -> tuple[int, str]:
    """Return what the plan of a scenario with changes says."""
    (cwd / "own").mkdir()
    (cwd / "own" / "own.yml").write_text(yaml.safe_dump({**copy.deepcopy(GOOD), **change}), encoding="utf-8")
    own = {"dr_scenarios_dir": str(cwd / "own"), "dr_drill_scenario": "own"}
    return procedure(cwd, "drill", "--check", "-e", json.dumps(own), *arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"expect": {"outcome": "recoverd", "lost_rows": 0}},
            "cannot be drilled: expect.outcome is recoverd: was recovered",
        ),
        (
            {"faults": [{"name": "site-kill", "target": "site_c"}]},
            "the fault site-kill needs a group of the inventory as its target, and site_c is none.",
        ),
        ({"faults": [{"name": "host-kill", "target": "{{ dr_primry }}"}]}, "cannot be filled in for this inventory"),
    ],
)
def test_the_plan_refuses_it(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    code, said = planned(tmp_path, **change)
    assert code == 2
    assert told in said, said[-2000:]


@pytest.mark.slow
def test_a_live_plan_says_what_stops_it_and_what_is_taken_back(tmp_path: Path) -> None:
    faults = [{"name": "own-fault", "target": "x"}, {"name": "host-kill", "target": "{{ dr_primary }}"}]
    code, said = planned(tmp_path, *CONFIRMED, "-e", '{"dr_fault_names": ["own-fault"]}', faults=faults)
    assert code == 0, said[-2000:]
    assert "Stop condition: Promotion is refused unless power, repository credential and address" in said
    assert "Way back: Undo with dr_heal_command: host-kill of db1, own-fault of x. Power db1 on. Where nothing" in said
    assert "copy" not in said.partition("Stop condition:")[2]


@pytest.mark.slow
def test_a_copy_says_its_own(tmp_path: Path) -> None:
    code, said = planned(tmp_path)
    assert code == 0, said[-2000:]
    told = said.partition("Stop condition:")[2]
    assert "The plan ends when the copy is not what was backed up." in told
    assert "Way back: The copy on db2 is stopped and removed, also when it failed." in told
    assert "Promotion" not in told and "Power" not in told
