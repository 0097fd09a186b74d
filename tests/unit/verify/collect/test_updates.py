# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when an update waits is proved by earlier runs, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.collect import updates
from verify.engine.evidence import Evidence
from verify.engine.store import KeptEvidence

RUNS = ("20261122T080000Z", "20261123T080000Z", "20261124T080000Z", "20261125T080000Z")
SIGNED = "Sun, 22 Nov 2026 02:00:00 UTC"
KEY = "openssl:amd64"


def line(candidate: str, installed: str = "1", suite: str = "stable-security") -> str:
    return f"openssl/{suite} {candidate} amd64 [upgradable from: {installed}]\n"


def run(base: Path, name: str, waiting: str = "", *, installed: str = "1", signed: str = SIGNED) -> Any:
    """Make a run that saw this of its host, and return what it was told by the runs before it."""
    folder = base / name
    at = parse_iso(f"{name[:4]}-{name[4:6]}-{name[6:8]}T08:00:00Z").timestamp()
    about: dict[str, Any] = {"subject": "app1", "source": "app1", "collected": at, "command": "", "rc": 0}
    with KeptEvidence(folder) as evidence:
        evidence.record(waiting, name="updates", **about)
        known = "".join(f"ii \t{one}\t{installed}\tamd64\t{one}\n" for one in ("dpkg", "openssl"))
        evidence.record(known, name="packages", **about)
        head = "/lists/x_InRelease:"
        evidence.record(f"{head}Suite: stable-security\n{head}Date: {signed}\n", name="apt_archives", **about)
        return told(base, folder, evidence, at)


def told(base: Path, folder: Path, evidence: Evidence, at: float) -> Any:
    updates.collect(base, folder, evidence, hosts=["app1"], now=lambda: at)
    fact = evidence.get("ledger", "updates")
    assert fact is not None
    return json.loads(evidence.body(fact))["hosts"].get("app1") if fact.error is None else fact.error


def test_the_first_run_knows_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, RUNS[0], line("2")) is None


def test_an_index_without_the_update_bounds_its_age(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0])
    found = {"run": RUNS[0], "seen": None, "absent": "2026-11-22T02:00:00.000Z"}
    assert run(tmp_path, RUNS[1], line("2")) == {KEY: found}


def test_what_waits_keeps_the_day_on_which_it_was_first_seen(tmp_path: Path) -> None:
    for name, waiting in zip(RUNS[:3], ("", line("2"), line("2")), strict=True):
        run(tmp_path, name, waiting)
    found = run(tmp_path, RUNS[3], line("2"))[KEY]
    assert (found["seen"], found["absent"]) == ("2026-11-23T08:00:00.000Z", "2026-11-22T02:00:00.000Z")


def test_a_newer_version_does_not_make_the_waiting_younger(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0], line("2"))
    found = run(tmp_path, RUNS[1], line("3"))[KEY]
    assert (found["seen"], found["absent"]) == ("2026-11-22T08:00:00.000Z", None)


def test_after_an_upgrade_the_next_update_is_a_new_one(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0], line("2"))
    found = run(tmp_path, RUNS[1], line("3", installed="2"), installed="2")[KEY]
    assert (found["seen"], found["absent"]) == (None, "2026-11-22T02:00:00.000Z")


def test_a_package_that_was_not_there_or_was_taken_back_proves_nothing(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0], installed="2")
    assert run(tmp_path, RUNS[1], line("2"))[KEY]["absent"] is None
    assert run(tmp_path, RUNS[2], line("9").replace("openssl", "curl"))["curl:amd64"]["absent"] is None


def test_an_archive_that_was_not_asked_proves_nothing(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0])
    assert run(tmp_path, RUNS[1], line("2", suite="backports,stable-security"))[KEY]["absent"] is None


def test_a_run_that_did_not_reach_the_host_is_passed_over(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0])
    with KeptEvidence(tmp_path / RUNS[1]) as evidence:
        evidence.missing("No route.", subject="app1", name="updates", source="app1", collected=0.0, command="")
    assert run(tmp_path, RUNS[2], line("2"))[KEY]["run"] == RUNS[0]


def test_an_earlier_run_that_was_edited_is_no_evidence(tmp_path: Path) -> None:
    run(tmp_path, RUNS[0])
    blobs = tmp_path / RUNS[0] / "evidence" / "blobs.jsonl"
    blobs.write_text(blobs.read_text().replace("dpkg", "dpkh"))
    assert "An earlier run cannot be read" in run(tmp_path, RUNS[1], line("2"))
