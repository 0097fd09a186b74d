# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rung of the integrity ladder has to answer to be verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.filter.checks_of import checks_of

ROLES = Path(__file__).resolve().parents[3] / "roles"
RUNGS = ROLES / "integrity" / "vars" / "main.yml"
# What is read of a database and what asks for it; the last rung reads a copy that has been stopped.
LADDER = {
    "heap and indexes agree": "pg_amcheck",
    "every row can be read": "pg_dump",
    "no page that was read failed its checksum": "checksum_failures",
    "the canary's table is there": "to_regclass",
    "every row of the canary continues the row before it": "__integrity_chain",
}
OFFLINE = {"every page has its checksum": "pg_checksums"}


def judged(answer: str, rc: int = 0, **wanted: Any) -> str:
    item = {"name": "n", "argv": ["true"], **wanted}
    (check,) = checks_of([{"item": item, "rc": rc, "stdout_lines": answer.splitlines(), "stderr_lines": []}])
    return str(check["result"])


@pytest.mark.parametrize("answer", ["10", "0 rows", "", "00"])
def test_a_figure_is_met_by_itself_alone(answer: str) -> None:
    assert judged(answer, expected="0") == "differs"


def test_what_is_expected_is_met_exactly_or_by_its_beginning() -> None:
    assert judged("0", expected="0") == "verified"
    assert judged("unbroken, 12 rows", begins="unbroken, ") == "verified"
    assert judged("1 of 12 rows: run a is unbroken, ", begins="unbroken, ") == "differs"
    assert judged("anything", expected="") == "verified"
    assert judged("0", rc=1, expected="0") == judged("", rc=2, expected="") == "differs"


def test_what_was_printed_is_identified_as_a_whole() -> None:
    """The observed end may be alike where what came before it differs."""
    results = [
        {"item": {"name": "n", "argv": ["true"], "expected": "0"}, "rc": 3, "stdout_lines": out, "stderr_lines": err}
        for out, err in ((["a", "0"], []), (["b", "0"], []), (["a", "0"], ["w"]), ([], []))
    ]
    checks = checks_of(results)
    assert {check["rc"] for check in checks} == {3}
    assert len({check["digest"] for check in checks}) == 4
    assert checks[0]["digest"] == hashlib.sha256(b"a\n0\n").hexdigest()


def test_the_counter_of_checksums_is_asked_after_the_pages_were_read() -> None:
    names = [rung["name"] for rung in yaml.safe_load(RUNGS.read_text(encoding="utf-8"))["__integrity_rungs"]]
    counter = names.index("no page that was read failed its checksum")
    assert counter > max(names.index("heap and indexes agree"), names.index("every row can be read"))


def test_the_ladder_has_all_its_rungs_and_each_asks_what_its_name_says() -> None:
    rungs = yaml.safe_load(RUNGS.read_text(encoding="utf-8"))["__integrity_rungs"]
    tasks = yaml.safe_load((ROLES / "restore_test" / "tasks" / "verify.yml").read_text(encoding="utf-8"))
    offline = [item for task in tasks if isinstance(task.get("loop"), list) for item in task["loop"] if "argv" in item]
    for known, found in ((LADDER, rungs), (OFFLINE, offline)):
        asked = {rung["name"]: str(rung["argv"]) for rung in found}
        assert [name for name, program in known.items() if program not in asked.get(name, "")] == []
