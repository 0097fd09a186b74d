# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A promotion waits for what it must, unblocks what hangs, and believes nothing but a timeline and a committed row."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster, _promotion
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import PgUnavailable

CONTROL = "Database cluster state: x\nDatabase system identifier: 7\nLatest checkpoint location: 0/1\n"
CONTROL += "Latest checkpoint's TimeLineID: 1\nMin recovery ending loc's timeline: 0\n"


class Server:
    """A server in recovery that is promoted when it is told, unless a receiver hangs."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.alive, self.recovering, self.timeline = True, True, 1
        self.replayed = ["0/100", "0/200", "0/300"]
        self.paused_after = 0
        self.promote_answer, self.receiver, self.hangs = "t", None, False
        self.names, self.hung_commit, self.stored = "", False, "1"
        self.asked: list[str] = []
        self.started: list[str] = []
        self.kills: list[str] = []

    def promote(self) -> None:
        self.recovering, self.timeline = False, 2
        (self.data_dir / "pg_wal" / "00000002.history").write_text("1\t0/300\tno recovery target specified\n")

    def __call__(self, command: Sequence[str], **_more: Any) -> tuple[int, str, str]:
        if command[0] == "systemctl" and "start" in command:
            self.started.append(command[-1])
            self.alive = True
            if self.paused_after < 0:
                self.alive = False
        return 0, CONTROL if "pg_controldata" in command[0] else "", ""


class Session:
    """A session on that server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.notices: list[str] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def close(self) -> None:
        """Nothing is open."""

    def settimeout(self, _seconds: float) -> None:
        """Nothing takes long."""

    def forget_notices(self) -> None:
        """Nothing was said."""

    def leave_running(self, sql: str) -> None:
        self.server.asked.append(sql)

    def query(self, sql: str) -> list[list[str | None]]:
        server = self.server
        server.asked.append(sql)
        if "pg_get_wal_replay_pause_state" in sql:
            if not server.recovering:
                return [["f", None, None]]
            position = server.replayed.pop(0) if len(server.replayed) > 1 else server.replayed[0]
            return [["t", "paused" if len(server.replayed) == server.paused_after else "not paused", position]]
        if sql.startswith("INSERT") and server.hung_commit:
            raise PgUnavailable("The server did not answer in 1.5 s.")
        return []

    def value(self, sql: str) -> str | None:
        server = self.server
        server.asked.append(sql)
        if "pg_promote" in sql:
            if server.promote_answer == "t" and not server.hangs:
                server.promote()
            return server.promote_answer
        answers = {"walreceiver": server.receiver, "walfile_name": str(server.timeline), "count(*)": server.stored}
        answers |= {"synchronous_standby_names": server.names, "flush_lsn": "0/400", "receive_lsn": "0/300"}
        return next(answer for part, answer in answers.items() if part in sql)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server that runs in recovery."""
    (tmp_path / "pg_wal").mkdir()
    made = Server(tmp_path)
    monkeypatch.setattr(_cluster, "postmaster_pid", lambda _path: os.getpid() if made.alive else None)
    monkeypatch.setattr(_cluster, "postmaster_status", lambda _path: "ready" if made.alive else "")
    monkeypatch.setattr(_cluster, "process_titles", lambda _pid: ["startup waiting for 000000010000000000000003"])
    monkeypatch.setattr(_promotion, "Connection", lambda **_where: Session(made))
    monkeypatch.setattr(_promotion, "LIVENESS_S", 0.0)
    return made


def promotion(server: Server, **changes: Any) -> _promotion.Promotion:
    params = {
        "data_dir": str(server.data_dir),
        "bin_dir": "/usr/lib/postgresql/15/bin",
        "log_file": None,
        "port": 5432,
        "socket_dir": "/run",
        "start_unit": None,
        "wait_for": "standby",
        "replay_lsn": None,
        "timeline_before": None,
        "timeout": 0.5,
        "promote_timeout": 1.0,
        "stall_s": 0.1,
        "write_timeout": 1.0,
    }
    return _promotion.Promotion({**params, **changes}, server)


def test_a_standby_is_promoted_and_proved(server: Server) -> None:
    result = promotion(server).perform()
    assert (result["changed"], result["timeline_before"], result["timeline_after"]) == (True, 1, 2)
    assert result["accepting"] <= result["replay_end"] <= result["promoted"] <= result["first_write"]
    assert (result["fork_timeline"], result["fork_lsn"], result["lsn"]) == (1, "0/300", "0/400")
    assert server.asked[-1] == "CHECKPOINT"


def test_a_primary_stays_as_it_is(server: Server) -> None:
    server.promote()
    result = promotion(server, timeline_before=1).perform()
    assert (result["changed"], result["promoted"], result["timeline_after"]) == (False, None, 2)
    assert not [sql for sql in server.asked if "pg_promote" in sql]


def test_the_replay_must_pass_the_position(server: Server) -> None:
    assert promotion(server, replay_lsn="0/280").perform()["changed"] is True
    assert server.replayed == ["0/300"]


def test_a_position_that_is_only_met_is_not_passed(server: Server) -> None:
    with pytest.raises(
        OpsError, match=r"did not reach log position 0/300 within 0\.5 s, it stands at 0/300\. Its proc"
    ):
        promotion(server, replay_lsn="0/300").perform()
    assert server.recovering


def test_a_recovery_target_is_a_pause(server: Server) -> None:
    server.paused_after = 1
    assert promotion(server, wait_for="recovery_target").perform()["changed"] is True


def test_a_target_that_is_not_reached_promotes_nothing(server: Server) -> None:
    with pytest.raises(OpsError, match=r"did not reach its recovery target .* startup waiting for"):
        promotion(server, wait_for="recovery_target").perform()
    assert server.recovering


def test_a_stopped_server_is_started_when_it_is_a_recovered_one(server: Server) -> None:
    server.alive = False
    with pytest.raises(OpsError, match="start it, or name its unit"):
        promotion(server).perform()
    with pytest.raises(OpsError, match="would open an old primary of timeline 1 for writes"):
        promotion(server, start_unit="pg").perform()
    assert server.started == []
    (server.data_dir / "standby.signal").touch()
    assert promotion(server, start_unit="pg").plan() == {"changed": True, "would": ["start", "promote"]}
    assert server.started == []
    result = promotion(server, start_unit="pg").perform()
    assert (result["changed"], server.started) == (True, ["pg"])


def test_a_server_that_ends_is_told_at_once(server: Server) -> None:
    server.alive, server.paused_after = False, -1
    (server.data_dir / "recovery.signal").touch()
    with pytest.raises(OpsError, match="ended during recovery: its log says nothing"):
        promotion(server, start_unit="pg", timeout=60).perform()


def test_a_start_without_a_recovery_is_no_promotion(server: Server) -> None:
    server.alive, server.recovering = False, False
    (server.data_dir / "recovery.signal").touch()
    with pytest.raises(OpsError, match="timeline 1, which is not higher than 1: this was a start, not a promotion"):
        promotion(server, start_unit="pg").perform()


def test_pg_promote_that_returns_false_is_an_error(server: Server) -> None:
    server.promote_answer = "f"
    with pytest.raises(OpsError, match="pg_promote returned false"):
        promotion(server).perform()


def test_a_hanging_receiver_is_ended(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.hangs, server.receiver = True, "4711"

    def kill(pid: int, means: signal.Signals) -> None:
        server.kills.append(f"{pid} {signal.Signals(means).name}")
        if means is signal.SIGKILL:
            server.promote()

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(_cluster, "process_state", lambda _pid: "S")
    result = promotion(server).perform()
    assert server.kills == ["4711 SIGTERM", "4711 SIGCONT", "4711 SIGKILL", "4711 SIGCONT"]
    assert [entry["signal"] for entry in result["unblocked"]] == ["SIGTERM", "SIGKILL"]


def test_a_stopped_receiver_reads_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.receiver = "4711"
    monkeypatch.setattr(os, "kill", lambda _pid, means: server.kills.append(signal.Signals(means).name))
    monkeypatch.setattr(_cluster, "process_state", lambda _pid: "T")
    promotion(server).perform()
    assert server.kills == ["SIGCONT"]


def test_a_promotion_that_never_ends_is_told(server: Server) -> None:
    server.hangs = True
    with pytest.raises(OpsError, match=r"was not promoted within 0\.3 s"):
        promotion(server, promote_timeout=0.3).perform()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"hung_commit": True, "names": "ANY 1 (rx)"},
            r"Commits wait for ANY 1 \(rx\): clear synchronous_standby_names",
        ),
        ({"hung_commit": True}, "did not commit a write: The server did not answer"),
        ({"stored": "0"}, "is not there in another session"),
    ],
)
def test_no_committed_row_is_no_promotion(server: Server, changes: dict[str, Any], words: str) -> None:
    for name, value in changes.items():
        setattr(server, name, value)
    with pytest.raises(OpsError, match=words):
        promotion(server).perform()
