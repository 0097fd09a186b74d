# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told and sign: a disaster is never called a drill, and a copy claims nothing about the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles.test_receivers_used import ROLE, ROOT, out, rendered

pytestmark = pytest.mark.slow

GIVEN: dict[str, Any] = {
    "ops_environment": "prod",
    "dr_primary_site": "site_a",
    "dr_recovery_site": "site_b",
    "dr_activate_reason": "fire",
    "__dr_journal": {"drill_id": "ID", "results": {}},
    "__dr_scenario": {"title": "Site lost"},
    "__dr_lost_hosts": ["db1", "lb1"],
}


@pytest.mark.parametrize(
    ("given", "begins", "ends"),
    [
        (
            {"__dr_kind": "activation", "__dr_live": True},
            r"prod: this is no drill. The recovery site site_b is being activated \(ID\): fire\. .*starts db1, lb1",
            r"service is back at site_b and verified; the business resumes normal work\.$",
        ),
        (
            {"__dr_kind": "failback", "__dr_live": True},
            r"the planned return to site_a \(ID\) is about to begin",
            r"the service works at site_a again; the return ID has ended",
        ),
        (
            {"__dr_live": True},
            r"drill ID \(Site lost\) is about to begin; hosts concerned: db1, lb1\.$",
            r"drill ID: service is back at site_b and verified; the drill goes on",
        ),
        (
            {"__dr_live": False},
            r"drill ID \(Site lost\) is about to begin on an isolated copy; the service is not touched",
            r"drill ID: the isolated copy was restored and verified; the service was not touched",
        ),
    ],
    ids=["activation", "return", "drill", "copy"],
)
def test_words_follow_what_is_going_on(tmp_path: Path, given: dict[str, Any], begins: str, ends: str) -> None:
    facts = {"ansible.builtin.set_fact": {**GIVEN, **given}}
    begun, ended = rendered(tmp_path, [facts, out("[__dr_begin_words, __dr_end_words]")])
    assert re.search(begins, begun), begun
    assert re.search(ends, ended), ended
    assert "__dr_kind" not in given or "drill ID" not in begun + ended


def test_the_operators_page_names_every_fault_that_a_scenario_makes() -> None:
    made: set[str] = set()
    for path in (ROLE / "files" / "scenarios").glob("*.yml"):
        faults = yaml.safe_load(path.read_text(encoding="utf-8"))["faults"]
        made |= {row["name"] for row in faults if "sql" not in row}
    text = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    told = text.partition("## The commands of a live drill")[2].partition("\n## ")[0]
    assert made == set(re.findall(r"^\| `([a-z-]+)` \|", told, re.MULTILINE))
