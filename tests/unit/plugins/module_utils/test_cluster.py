# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a data directory and what a server's log tells, as PostgreSQL 15 writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

CONTROL = """\
pg_control version number:            1300
Database system identifier:           7711481347181173196
Database cluster state:               shut down
Latest checkpoint location:           0/27000028
Latest checkpoint's TimeLineID:       3
Min recovery ending loc's timeline:   0
Time of latest checkpoint:            Mon 23 Nov 2026 10:04:44 PM UTC
"""

LOG = """\
2026-11-23 21:42:00.386 UTC [1] LOG:  starting point-in-time recovery to WAL location (LSN) "0/17000050"
2026-11-23 21:42:00.413 UTC [1] LOG:  restored log file "00000001000000000000000D" from archive
2026-11-23 21:42:00.453 UTC [1] LOG:  redo starts at 0/D000028
2026-11-23 21:42:00.513 UTC [1] LOG:  restored log file "00000001000000000000000E" from archive
2026-11-23 21:42:00.576 UTC [1] LOG:  consistent recovery state reached at 0/D000100
2026-11-23 21:42:00.581 UTC [9] FATAL:  the database system is starting up
2026-11-23 21:42:02.330 UTC [1] LOG:  recovery stopping after WAL location (LSN) "0/17000050"
2026-11-23 21:42:02.339 UTC [1] LOG:  redo done at 0/17000050 system usage: CPU: user: 0.40 s
2026-11-23 21:42:02.339 UTC [1] LOG:  last completed transaction was at log time 2026-11-23 21:41:50.284703+00
2026-11-23 21:42:02.357 UTC [1] LOG:  selected new timeline ID: 4
2026-11-23 21:42:02.450 UTC [1] LOG:  database system is ready to accept connections
"""


def test_control_facts_are_read() -> None:
    facts = _cluster.control_facts(lambda *_a, **_k: (0, CONTROL, ""), "/bin", "/data")
    assert facts == {
        "state": "shut down",
        "system_identifier": "7711481347181173196",
        "timeline": 3,
        "checkpoint_lsn": "0/27000028",
        "min_recovery_timeline": 0,
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, "", "could not open file"), "holds no readable cluster .could not open file."),
        ((0, "nothing: here", ""), "printed no"),
        ((0, CONTROL.replace("       3", "       x"), ""), "printed no"),
    ],
)
def test_without_control_facts_there_is_a_sentence(answer: tuple[int, str, str], words: str) -> None:
    with pytest.raises(OpsError, match=words):
        _cluster.control_facts(lambda *_a, **_k: answer, "/bin", "/data")


def test_a_stale_pid_file_counts_as_no_server(tmp_path: Path) -> None:
    assert _cluster.postmaster_pid(str(tmp_path)) is None
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n/data\n1\n5432\n/run\n*\n7\nready   \n")
    assert _cluster.postmaster_pid(str(tmp_path)) is None, "this process is no server"
    assert _cluster.postmaster_status(str(tmp_path)) == "ready"
    (tmp_path / "postmaster.pid").write_text("nonsense\n")
    assert _cluster.postmaster_pid(str(tmp_path)) is None
    assert _cluster.postmaster_status(str(tmp_path)) == ""


def test_history_is_read_oldest_first(tmp_path: Path) -> None:
    (tmp_path / "pg_wal").mkdir()
    text = "1\t0/7000060\tno recovery target specified\n\n# a remark\n2\t0/A0000A0\tbefore 2026-11-23 21:00:00+00\n"
    (tmp_path / "pg_wal" / "00000003.history").write_text(text)
    assert _cluster.history(str(tmp_path), 3) == [
        {"timeline": 1, "lsn": "0/7000060", "reason": "no recovery target specified"},
        {"timeline": 2, "lsn": "0/A0000A0", "reason": "before 2026-11-23 21:00:00+00"},
    ]
    assert _cluster.history(str(tmp_path), 1) == []


def test_the_log_tells_the_recovery_from_now_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('2026-11-23 20:00:00.000 UTC [1] LOG:  restored log file "old" from archive\n')
    log = _cluster.RecoveryLog(str(path))
    with path.open("a") as file:
        file.write(LOG)
    assert log.recovery() == {
        "segments_restored": 2,
        "replay_start": "2026-11-23T21:42:00.453Z",
        "consistent": "2026-11-23T21:42:00.576Z",
        "stopped": 'recovery stopping after WAL location (LSN) "0/17000050"',
        "replay_end": "2026-11-23T21:42:02.339Z",
        "last_transaction": "2026-11-23 21:41:50.284703+00",
        "timeline_chosen": "2026-11-23T21:42:02.357Z",
        "ready": "2026-11-23T21:42:02.450Z",
    }
    assert log.last_fatal() is None, "a refused session ends no server"


def test_the_last_severe_line_is_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("")
    log = _cluster.RecoveryLog(str(path))
    reason = "recovery ended before configured recovery target was reached"
    path.write_text(f"x UTC [1] FATAL:  {reason}\nx UTC [2] FATAL:  the database system is shutting down\n")
    assert log.last_fatal() == reason


def test_a_log_in_another_zone_gives_no_instants(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = _cluster.RecoveryLog(str(path))
    path.write_text("2026-11-23 22:42:02.339 CET [1] LOG:  redo done at 0/17000050\n")
    assert log.recovery()["replay_end"] is None
    assert _cluster.RecoveryLog(None).recovery() == {}, "a log that says nothing counts nothing"


def test_processes_are_seen() -> None:
    assert _cluster.process_state(os.getpid()) in ("R", "S", "D")
    assert _cluster.process_state(2**22 + 1) == ""
    assert _cluster.process_titles(2**22 + 1) == []
