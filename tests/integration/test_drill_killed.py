# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill is killed with SIGKILL, at every step boundary and at random instants, and started again each time.

A kill takes the whole tree of processes, as a controller that dies, or the main process alone, whose worker goes on
with its task until the next run meets it. However often it is killed, the same command ends with one writable primary,
never had two, and the record says how often it was interrupted. OPS_KILL_SEED chooses the random instants; the seed of
a run is in its output. OPS_PROOFS=all kills twenty times at random too, at each boundary in both ways, and within the
switch back.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import _drills
import _killing
import pytest
import yaml
from _watching import MOST_BLIND_S

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

SCENARIO = "site_lost_repository"
RANDOM_KILLS = int(os.environ.get("OPS_RANDOM_KILLS", "20"))
KILLERS = (_killing.kill_tree, _killing.kill_main)
FIRST = (0, 1) if os.environ.get("OPS_PROOFS") == "all" else (0,)
SHORTEST_WAIT_S = 4.0
LONGEST_WAIT_S = 12.0
LEAST_ANSWERS = 20
# The steps in which a drill that goes its whole way promotes: the recovery site, and at its end the primary site again.
SWITCHES = ["promote", "failback"]
GOOD = {"pass", "pass_with_conditions"}


def _steps() -> list[str]:
    """Return the ids of the steps of a live drill, in order."""
    loaded = yaml.safe_load((_drills.ROOT / "roles/dr/vars/main.yml").read_text(encoding="utf-8"))
    return [step["id"] for step in loaded["__dr_steps"]]


def _lines(cwd: Path) -> list[str]:
    """Return the events of all journals below ``cwd``, in order."""
    return [entry["event"] for folder in _drills.drills(cwd) for entry in _drills.entries(folder)]


def _watched(observer: _drills.Observer, cwd: Path) -> list[str]:
    """Insist that there were never two writers, and that somebody looked, at each promotion too; return their steps."""
    assert observer.two_writers() == []
    assert min(observer.population().values()) > LEAST_ANSWERS, "the observer hardly saw anything"
    watched = []
    for folder in _drills.drills(cwd):
        blind = observer.blind(_drills.record(folder))
        assert max(blind.values(), default=0.0) <= MOST_BLIND_S, f"nobody looked for some seconds: {blind}"
        watched += list(dict.fromkeys(step for step, _host in blind))
    return watched


@pytest.mark.parametrize("first", FIRST)
def test_killed_at_every_step_boundary(first: int, tmp_path: Path) -> None:
    """One drill, killed as it enters each of its steps, in both ways by turns, still ends well."""
    killed = []
    with _drills.Observer() as observer:
        for turn, step in enumerate(_steps(), start=first):
            killer = KILLERS[turn % 2]
            process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
            if _drills.kill_when_entered(process, step, cwd=tmp_path, killer=killer):
                killed.append(step)
        done = _drills.run(*_drills.live(SCENARIO), cwd=tmp_path)
    folders = _drills.drills(tmp_path)
    assert len(folders) == 1, "a killed drill was not taken up again"
    record = _drills.record(folders[0])
    assert _watched(observer, tmp_path) == SWITCHES
    assert _drills.writable() == ["db1"]
    assert len(killed) >= 25
    assert len(record["interruptions"]) == len(killed)
    assert record["verdict"] in GOOD, (record["verdict_reasons"], done.stdout[-3000:])
    assert (record["ledger"]["wrong"], record["ledger"]["ghosts"], record["ledger"]["holes"]) == (0, 0, 0)
    assert record["failback"]["lost"] == 0


@pytest.mark.thorough
def test_killed_at_random_instants(tmp_path: Path) -> None:
    """Drills are killed at random instants; each is started again until it ends by itself, with one writer."""
    seed = int(os.environ.get("OPS_KILL_SEED", str(time.time_ns() % 100_000)))
    chance = random.Random(seed)  # noqa: S311 - it chooses instants, not secrets
    print(f"OPS_KILL_SEED={seed}")
    kills = noticed = 0
    with _drills.Observer() as observer:
        while kills < RANDOM_KILLS:
            before = _lines(tmp_path)
            process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
            try:
                process.wait(timeout=SHORTEST_WAIT_S + chance.uniform(0, LONGEST_WAIT_S))
            except subprocess.TimeoutExpired:
                chance.choice(KILLERS)(process)
                kills += 1
                # A run that died before it opened the journal, or after it closed it, left nothing to interrupt.
                after = _lines(tmp_path)
                noticed += len(after) > len(before) and after[-1] != "close"
        _drills.run(*_drills.live(SCENARIO), cwd=tmp_path)
    assert _watched(observer, tmp_path) == SWITCHES * len(_drills.drills(tmp_path))
    assert _drills.writable() == ["db1"]
    records = [_drills.record(folder) for folder in _drills.drills(tmp_path)]
    assert noticed >= RANDOM_KILLS // 4, "hardly any kill hit a running drill"
    # A worker that outlives its killed run may take the drill up after the journal was looked at: that is a kill, too.
    assert noticed <= sum(len(record["interruptions"]) for record in records) <= kills
    assert {record["verdict"] for record in records} <= GOOD, [record["verdict_reasons"] for record in records]


@pytest.mark.thorough
@pytest.mark.parametrize("left", [[], ["db1"]], ids=["no-writer", "promoted"])
def test_killed_within_the_switch_back(tmp_path: Path, left: list[str]) -> None:
    """Killed when the primary of the recovery site has stopped, or when its successor writes, the switch still ends."""
    process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
    with _drills.Observer() as observer:
        assert _drills.kill_when(
            process,
            lambda: _drills.entered("failback", cwd=tmp_path) and observer.writers() == left,
            f"come to the writers {left} in its return",
        )
        done = _drills.run(*_drills.live(SCENARIO), cwd=tmp_path)
    assert _watched(observer, tmp_path) == SWITCHES
    assert _drills.writable() == ["db1"], done.stdout[-3000:]
    (folder,) = _drills.drills(tmp_path)
    record = _drills.record(folder)
    assert [row["step"] for row in record["interruptions"]] == ["failback"]
    assert record["failback"]["lost"] == 0
    assert (record["ledger"]["wrong"], record["ledger"]["ghosts"], record["ledger"]["holes"]) == (0, 0, 0)


@pytest.mark.thorough
def test_taken_back_within_the_switch_back_who_wrote_last_writes_again(tmp_path: Path) -> None:
    """Killed when the primary of the recovery site has stopped and taken back, it writes again until the return."""
    process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
    with _drills.Observer() as observer:
        assert _drills.kill_when(
            process,
            lambda: _drills.entered("failback", cwd=tmp_path) and observer.writers() == [],
            "come to no writer in its return",
        )
        done = _drills.run("-e", "dr_drill_abort=true", cwd=tmp_path)
        # A promotion that was under way on the host may have come through: then the old primary is the one writer.
        (holder,) = _drills.writable()
        told = [entry["text"] for entry in _drills.entries(_drills.drills(tmp_path)[-1]) if entry.get("kind") == "hold"]
        assert told and told[-1].startswith(holder), done.stdout[-3000:]
        if holder == "db2":
            back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
            done = _drills.run(*back, cwd=tmp_path, playbook="playbooks/dr_failback.yml")
            assert done.returncode == 0, done.stdout[-3000:]
    _watched(observer, tmp_path)
    assert _drills.writable() == ["db1"]


@pytest.mark.thorough
def test_taken_back_before_the_promotion(tmp_path: Path) -> None:
    """Taken back before the promotion, from another directory, the old primary writes again and nothing is lost."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
    with _drills.Observer() as observer:
        assert _drills.kill_when_entered(process, "restore", cwd=tmp_path)
        done = _drills.run("-e", "dr_drill_abort=true", cwd=tmp_path, started_in=elsewhere)
    assert _watched(observer, tmp_path) == []
    assert list(elsewhere.iterdir()) == []
    assert len(_drills.drills(tmp_path)) == 1
    assert _drills.writable() == ["db1"], done.stdout[-3000:]
    record = _drills.record(_drills.drills(tmp_path)[-1])
    assert record["verdict"] == "fail"
    assert record["ledger"]["lost"] == 0


@pytest.mark.thorough
def test_taken_back_after_the_promotion_it_holds_and_returns(tmp_path: Path) -> None:
    """Taken back after the promotion, the recovery site stays the primary until the return in earnest."""
    process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
    with _drills.Observer() as observer:
        assert _drills.kill_when_entered(process, "verify", cwd=tmp_path)
        _drills.run("-e", "dr_drill_abort=true", cwd=tmp_path)
        assert _drills.writable() == ["db2"]
        back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
        done = _drills.run(*back, cwd=tmp_path, playbook="playbooks/dr_failback.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    assert _watched(observer, tmp_path) == SWITCHES
    assert _drills.writable() == ["db1"]
