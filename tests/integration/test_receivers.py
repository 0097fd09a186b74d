# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronous receivers that stop, die or freeze while clients write: commits go on within the watchdog's bound."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _lab import ROOT, lab, on, run_on, sql, until
from _synchronous import FILE, NAMES, RECEIVERS, SHOW, each, receiving, streaming
from _writers import Writers, writing

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

STRAY = """
SELECT count(*) FROM pg_file_settings
WHERE name = 'synchronous_standby_names' AND sourcefile LIKE '%/postgresql.auto.conf'
"""
DEFAULTS = yaml.safe_load((ROOT / "roles/wal_receiver/defaults/main.yml").read_text(encoding="utf-8"))
SILENCE_S = float(DEFAULTS["wal_receiver_watchdog_silence"])
# A look may come just before the silence is long enough, and the reload shows after another interval; the rest is
# what two cores that others use as well may add.
BOUND_S = SILENCE_S + 2 * float(DEFAULTS["wal_receiver_watchdog_interval"]) + 2.0
# How a receiver fails, and what brings it back; one that was killed is started again by systemd.
WAYS = {
    "stopped": (("systemctl", "stop"), ("systemctl", "start")),
    "frozen": (("systemctl", "kill", "--signal=STOP"), ("systemctl", "kill", "--signal=CONT")),
    "killed": (("systemctl", "kill", "--signal=KILL"), ("systemctl", "start")),
}


def said(since: float) -> list[str]:
    """Return what the watchdog has said since an instant in seconds."""
    lines = on("db1", "journalctl", "-t", "wal-receiver-watchdog", "-o", "json", f"--since=@{int(since)}", "--no-pager")
    rows = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return [str(row["MESSAGE"]) for row in rows if int(row["__REALTIME_TIMESTAMP"]) >= since * 1e6]


@pytest.fixture(scope="module", autouse=True)
def received() -> Iterator[None]:
    with receiving():
        yield


@pytest.fixture(autouse=True)
def both() -> Iterator[None]:
    """Leave both receivers streaming and commits waiting for one of them, whatever a test did."""
    yield
    lab("--quiet", "heal", "--all")
    for host in RECEIVERS:
        run_on(host, "systemctl", "kill", "--signal=CONT", "wal-receiver.service")
        on(host, "systemctl", "start", "wal-receiver.service")
    streaming(2)
    until(lambda: sql(SHOW) == NAMES)


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    with writing(tmp_path) as found:
        yield found


@pytest.mark.parametrize("way", WAYS)
def test_one_dead_receiver_holds_nobody(way: str, writers: Writers) -> None:
    """The other one answers: no commit waits for the watchdog, and the watchdog has nothing to do."""
    fail, back = WAYS[way]
    began, since = time.time(), time.time_ns()
    each(fail, RECEIVERS[0])
    time.sleep(BOUND_S)
    writers.go_on()
    assert sql(SHOW) == NAMES
    each(back, RECEIVERS[0])
    streaming(2)
    assert writers.gap_s(since) < SILENCE_S
    assert writers.errors(since) == 0
    assert said(began) == []


@pytest.mark.parametrize("way", ["stopped", "frozen"])
def test_without_a_receiver_commits_go_on_and_wait_again(way: str, writers: Writers) -> None:
    """The watchdog clears the setting within its bound, says so, and sets it again when one is back."""
    fail, back = WAYS[way]
    began, since = time.time(), time.time_ns()
    each(fail, *RECEIVERS)
    until(lambda: sql(SHOW) == "", 2 * BOUND_S)
    writers.go_on()
    assert writers.gap_s(since) <= BOUND_S
    # A reload that takes longer than a look is asked for again.
    assert set(said(began)) == {f"no receiver answers; commits go on without {NAMES}"}

    each(back, RECEIVERS[0])
    until(lambda: sql(SHOW) == NAMES)
    writers.go_on()
    assert writers.gap_s(since) <= BOUND_S
    assert writers.errors(since) == 0
    assert said(began)[-1] == f"a receiver streams again; commits wait for {NAMES}"
    # Where the procedures write it, and nowhere that would outvote them.
    assert on("db1", "cat", FILE) == f"synchronous_standby_names = '{NAMES}'\n"
    assert sql(STRAY) == "0"


def test_killed_receivers_come_back_by_themselves(writers: Writers) -> None:
    since = time.time_ns()
    each(WAYS["killed"][0], *RECEIVERS)
    streaming(2)
    until(lambda: sql(SHOW) == NAMES)
    writers.go_on()
    assert writers.gap_s(since) <= BOUND_S
    assert writers.errors(since) == 0


def test_a_host_that_freezes_with_its_receiver_holds_nobody(writers: Writers) -> None:
    """No connection is closed and nothing answers: only the silence tells. The repository's host itself goes on."""
    since = time.time_ns()
    each(WAYS["stopped"][0], "repo1")
    lab("--quiet", "fault", "host-freeze", "mon1")
    until(lambda: sql(SHOW) == "", 2 * BOUND_S)
    writers.go_on()
    assert writers.gap_s(since) <= BOUND_S
    lab("--quiet", "heal", "host-freeze", "mon1")
    until(lambda: sql(SHOW) == NAMES)
