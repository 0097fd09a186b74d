# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each scenario, as a live drill on the lab: what the clients saw, what was lost, who could write, what it says."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import _drills
import pytest
from _lab import sql
from _watching import MOST_BLIND_S

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

ARCHIVE_INTERVAL_S = 10
GOOD = {"pass", "pass_with_conditions"}
# Nothing may be lost here, and most of what a drill does takes part. The others run with OPS_PROOFS=all; the loss of
# the site with the repository alone is what the killed drill and the activation go through.
RECOVERED = ("site_lost_receivers",)
if os.environ.get("OPS_PROOFS") == "all":
    RECOVERED += ("database_host_lost", "dropped_table", "newest_backup_corrupt", "site_lost_one_receiver")
    RECOVERED += ("site_lost_repository", "site_lost_standby_async", "site_lost_standby_sync", "site_partition")
    RECOVERED += ("zombie_primary",)
CHAIN_RUNG = "every row of the canary continues the row before it"
APART = {"the copy archives nothing", "no route leads out of the copy's network"}
READABLE_SAFEGUARDS = 11
PROOFS = {"power", "repository", "address"}
NOTHING_LOST = {"dropped_table", "site_lost_one_receiver", "site_lost_receivers", "site_lost_standby_sync"}


def _drill(scenario: str, cwd: Path) -> tuple[dict[str, Any], Path, _drills.Observer, str]:
    with _drills.Observer() as observer:
        done = _drills.run(*_drills.live(scenario), cwd=cwd)
    folders = _drills.drills(cwd)
    assert folders, done.stdout[-3000:] + done.stderr[-1000:]
    assert (folders[-1] / "drill.json").is_file(), done.stdout[-3000:]
    return _drills.record(folders[-1]), folders[-1], observer, done.stdout


@pytest.mark.parametrize("scenario", RECOVERED)
def test_the_scenario_is_recovered(scenario: str, tmp_path: Path) -> None:
    """The drill passes on what was measured, and never were there two writers."""
    record, folder, observer, output = _drill(scenario, tmp_path)
    assert record["verdict"] in GOOD, (record["verdict_reasons"], output[-2500:])
    assert observer.two_writers() == []
    assert min(observer.population().values()) > 20, "the observer hardly saw anything"
    blind = observer.blind(record)
    assert set(blind) == {("promote", "db2"), ("failback", "db1"), ("failback", "db2")}
    assert max(blind.values()) <= MOST_BLIND_S, blind
    assert _drills.writable() == ["db1"]

    ledger = record["ledger"]
    assert abs(record["phase_sum_difference_s"]) <= 0.5
    assert [phase["name"] for phase in record["phases"]][-1] == "first_write"
    assert ledger["acked"] > 100
    assert (ledger["wrong"], ledger["ghosts"], ledger["holes"]) == (0, 0, 0)
    assert record["archive"]["timeout_s"] == ARCHIVE_INTERVAL_S
    if scenario in NOTHING_LOST:
        assert ledger["lost"] == 0
    elif ledger["lost"]:
        assert record["achieved"]["rpo_s"] <= record["archive"]["bound_s"] <= ARCHIVE_INTERVAL_S + 5
        assert _lost_but_salvaged(record, folder) == []
    assert [step["id"] for step in record["steps"] if not step["commands"]] == []
    assert CHAIN_RUNG in {row["name"] for row in record["integrity"] if row["result"] == "verified"}
    if scenario == "newest_backup_corrupt":
        (restored,) = [step["result"] for step in record["steps"] if step["id"] == "restore"]
        assert restored["fallback"] is True, restored["restore"]
        told = [row["text"] for row in record["deviations"] if "more write-ahead log has to be replayed" in row["text"]]
        assert len(told) == 1, record["deviations"]
        assert f"falling back to {restored['restore']['label']}" in told[0]
    returned = {"return"} if scenario == "zombie_primary" else set()
    assert {proof["proof"] for proof in record["fencing"] if proof["proved"]} == PROOFS | returned
    assert record["failback"]["lost"] == 0
    assert record["failback"]["client_errors"] == 0
    # Both sites of the lab are provisioned by the same roles: no safeguard may differ, and most can be read.
    safeguards = {row["name"]: row["result"] for row in record["security"]}
    assert "differs" not in safeguards.values(), record["security"]
    assert list(safeguards.values()).count("verified") >= READABLE_SAFEGUARDS, record["security"]
    assert {row["name"] for row in record["observers"] if row["looks"]} == {"db1", "db2", "client1"}
    assert all(row["asked_at"] <= row["signed_at"] for row in record["people"])
    done = _drills.verified(folder)
    assert done.returncode == 0, done.stdout + done.stderr


def _lost_but_salvaged(record: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the lost writes on record that the rows salvaged from the old disk lack; the file is the one recorded."""
    ledger, path = record["ledger"], folder / "evidence" / "salvage.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == ledger["salvaged"] >= ledger["lost"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ledger["salvage_sha256"]
    assert "evidence/salvage.jsonl" in {row["path"] for row in record["evidence"]}
    held = {tuple(row["row"][key] for key in ("run", "worker", "n")) for row in rows if row["table"] == "public.ledger"}
    return [one for one in ledger["lost_sample"] if (ledger["run"], one["worker"], one["n"]) not in held]


def test_a_fence_that_is_not_proved_promotes_nobody(tmp_path: Path) -> None:
    """The switch of the power says yes and does nothing: two of three proofs are none, and the old primary goes on."""
    dead_switch = ("-e", json.dumps({"fence_power_off": ["true"], "dr_power_timeout": 15}))
    with _drills.Observer() as observer:
        done = _drills.run(*_drills.live("site_partition"), *dead_switch, cwd=tmp_path)
    assert done.returncode != 0
    record = _drills.record(_drills.drills(tmp_path)[-1])
    steps = {step["id"]: step for step in record["steps"]}
    assert steps["fence"]["status"] == "failed"
    assert "db1 is not proved off" in steps["fence"]["error"]
    assert {steps[name]["status"] for name in ("restore", "promote", "redirect")} == {"pending"}
    assert record["verdict"] == "fail"
    assert record["fencing"] == []
    assert record["ledger"]["lost"] == 0
    assert observer.two_writers() == []
    assert not any(answer for _stamp, answer in observer.samples["db2"]), "the recovery site took writes"
    assert _drills.writable() == ["db1"]


@pytest.mark.thorough
def test_a_gap_is_refused(tmp_path: Path) -> None:
    """Where a segment is missing nothing is promoted, the old primary comes back, and nothing is lost."""
    record, _folder, observer, output = _drill("wal_gap", tmp_path)
    assert record["verdict"] in GOOD, (record["verdict_reasons"], output[-2500:])
    steps = {step["id"]: step for step in record["steps"]}
    assert "missing_wal" in steps["restore"]["error"]
    assert steps["promote"]["status"] == "pending"
    assert record["ledger"]["lost"] == 0
    assert observer.two_writers() == []
    assert _drills.writable() == ["db1"]


def test_a_copy_is_proved_beside_the_live_environment(tmp_path: Path) -> None:
    """A copy beside the live environment restores and proves, and no client notices."""
    started = datetime.datetime.now(tz=datetime.UTC)
    server = sql("SELECT pg_postmaster_start_time()")
    with _drills.Observer() as observer:
        done = _drills.run(cwd=tmp_path)
    record = _drills.record(_drills.drills(tmp_path)[-1])
    assert done.returncode == 0, done.stdout[-3000:]
    assert record["mode"] == "copy"
    assert record["verdict"] in GOOD
    assert record["achieved"]["rpo_s"] is None and record["achieved"]["backup_age_s"] >= 0
    assert record["forecast"]["verdict"] == "inside" and record["forecast"]["replay_s"] > 0
    assert "Recovery point: not measured by a copy" in done.stdout
    assert {row["result"] for row in record["integrity"]} == {"verified"}
    assert {row["name"] for row in record["integrity"]} > APART
    assert [(row["name"], row["result"]) for row in record["cleanup"]] == [("copy", "verified")], record["cleanup"]
    assert observer.samples["db1"], "nobody watched the primary"
    assert all(answer for _stamp, answer in observer.samples["db1"]), "the primary was disturbed"
    assert sql("SELECT pg_postmaster_start_time()") == server, "the primary was started again"
    assert record["started"] >= f"{started:%Y-%m-%dT%H:%M:%S}"


def test_check_mode_touches_nothing(tmp_path: Path) -> None:
    """``--check`` tells the plan and leaves neither a file nor a trace on a host."""
    done = _drills.run(*_drills.live("site_lost_repository"), "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Check mode: nothing was touched." in done.stdout
    assert "changed=0" in done.stdout and "changed=1" not in done.stdout
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if tmp_path / "inventories" not in path.parents] == []
    assert _drills.writable() == ["db1"]
