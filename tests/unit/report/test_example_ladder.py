# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integrity ladder of the example is one that a drill writes: the same checks, each with the same keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.filter.checks_of import checks_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_integrity import integrity

RUNGS = Path(__file__).resolve().parents[3] / "roles" / "integrity" / "vars" / "main.yml"
CONTINUITY = {"timeline": 7, "newest_wal": "000000070000000200000085", "newest_wal_lsn": "2/85000000", "findings": []}


def ladder() -> list[dict[str, Any]]:
    """Return the checks of a drill that restored from the repository, with the rungs of the role."""
    known = yaml.safe_load(RUNGS.read_text(encoding="utf-8"))
    items = [{**rung, "argv": ["true"]} for rung in known["__integrity_rungs"] + known["__integrity_archive_rungs"]]
    answered = {"rc": 0, "stdout_lines": [], "stderr_lines": [], "delta": "0:00:00.100000"}
    results = {
        "restore": {"continuity": CONTINUITY},
        "promote": {"fork_timeline": 7, "fork_lsn": "2/85A3F0C8"},
        "verify": {"checks": checks_of([{**answered, "item": item} for item in items]), "ledger": {"seconds": 2.1}},
    }
    return integrity(results, {"strategy": "restore"})


def test_the_example_has_what_a_drill_writes(record: dict[str, Any]) -> None:
    assert {row["name"]: set(row) for row in record["integrity"]} == {row["name"]: set(row) for row in ladder()}


def test_each_rung_of_the_role_tells_its_exit_code_and_the_digest_of_what_it_printed() -> None:
    told = [row for row in ladder() if row["command"] == "true"]
    assert len(told) == 6
    assert all({"rc", "digest"} <= set(row) for row in told)
