# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is told as it is: absent, stopped, running, answering or not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _datadir
from ansible_collections.ccobservatory.ops.plugins.modules import postgresql_controldata

Run = Callable[..., dict[str, Any]]
PID_FILE = "3184\n/data\n1795471319\n5433\n/var/run/postgresql\n*\n  1966905         4\nready   \n"
PRIMARY = {
    "in_recovery": False,
    "version": "15.18",
    "current_lsn": "0/2400060",
    "wal_name": "000000030000000000000024",
    "archiver": {"last_archived_wal": "000000030000000000000023", "last_archived_age_s": 4.1, "failed_count": 0},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("global", "pg_wal"):
        (tmp_path / name).mkdir()
    (tmp_path / "global" / "pg_control").write_bytes(struct.pack("=Q", 1))
    (tmp_path / "pg_wal" / "000000020000000000000023").touch()
    return tmp_path


class Host:
    """Answers for pg_controldata and psql."""

    def __init__(self, control: tuple[int, str, str], told: Any = None) -> None:
        self.control = control
        self.told = told
        self.calls: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str, str]:
        self.calls.append(command)
        if command[0].endswith("pg_controldata"):
            return self.control
        if self.told is None:
            return 2, "", "could not connect"
        return 0, self.told if isinstance(self.told, str) else json.dumps(self.told), ""


@pytest.fixture
def ask(
    data: Path, account: str, run_module: Run, recorded: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[dict[str, Any], Host]]:
    def look(
        *, running: bool = False, told: Any = None, control: Any = None, **more: Any
    ) -> tuple[dict[str, Any], Host]:
        monkeypatch.setattr(_datadir, "server_processes", lambda *_path, **_run: [3184] if running else [])
        if running:
            (data / "postmaster.pid").write_text(PID_FILE)
        host = Host(control or (0, recorded("pgbackrest/controldata.txt"), ""), told)
        arguments = {"data_dir": str(data), "user": account, **more}
        return run_module(postgresql_controldata, arguments, run=host), host

    return look


def test_a_stopped_cluster_is_told_from_its_files(ask: Any) -> None:
    facts, host = ask()
    assert (facts["present"], facts["running"], facts["accepting"], facts["in_recovery"]) == (True, False, False, None)
    assert facts["system_identifier"] == "7711481165364725715"
    assert (facts["timeline"], facts["wal_timeline"]) == (2, 2)
    assert facts["checkpoint_time"].endswith("Z")
    assert (facts["segment_size"], facts["checksums"]) == (2**20, True)
    assert (facts["min_recovery_lsn"], facts["min_recovery_timeline"]) == ("0/0", 0)
    assert len(host.calls) == 1


def test_what_would_start_as_a_standby_is_told(ask: Any, data: Path) -> None:
    assert ask()[0]["standby_signal"] is False
    (data / "standby.signal").touch()
    assert ask()[0]["standby_signal"] is True


def test_a_primary_tells_its_new_timeline_before_the_control_file_does(ask: Any) -> None:
    facts, host = ask(running=True, told=PRIMARY)
    assert (facts["accepting"], facts["in_recovery"], facts["current_lsn"]) == (True, False, "0/2400060")
    assert (facts["timeline"], facts["wal_timeline"]) == (2, 3)
    assert facts["archiver"]["failed_count"] == 0
    query = host.calls[-1]
    assert query[query.index("-p") + 1] == "5433"
    assert query[query.index("-h") + 1] == "/var/run/postgresql"
    assert "wal_name" not in facts


def test_a_named_port_is_asked(ask: Any) -> None:
    _facts, host = ask(running=True, told=PRIMARY, port=6000)
    assert host.calls[-1][host.calls[-1].index("-p") + 1] == "6000"


def test_a_standby_tells_how_far_it_has_replayed(ask: Any) -> None:
    facts, _host = ask(running=True, told={**PRIMARY, "in_recovery": True, "wal_name": None})
    assert (facts["in_recovery"], facts["wal_timeline"]) == (True, 2)


@pytest.mark.parametrize("told", [None, "not JSON", "3"])
def test_a_server_that_does_not_answer_is_running_all_the_same(told: Any, ask: Any) -> None:
    facts, _host = ask(running=True, told=told)
    assert (facts["running"], facts["accepting"], facts["in_recovery"]) == (True, False, None)
    assert facts["state"] == "in production"


@pytest.mark.parametrize("text", ["", "3184\n/data\n"])
def test_a_pid_file_being_written_is_no_failure(text: str, ask: Any, data: Path) -> None:
    ask(running=True)
    (data / "postmaster.pid").write_text(text)
    assert postgresql_controldata.server(lambda _command: (0, "{}", ""), {"data_dir": str(data)}) is None


def test_a_directory_without_a_cluster_is_no_failure(tmp_path: Path, ask: Any, data: Path) -> None:
    (data / "global" / "pg_control").unlink()
    facts, host = ask()
    assert (facts["present"], facts["running"], host.calls) == (False, False, [])


@pytest.mark.parametrize(
    ("control", "message"),
    [
        ((1, "", "pg_controldata: error: could not open file"), "cannot read"),
        ((0, "pg_control version number: 1300\n", ""), "programs of the cluster's version"),
        ((0, "Time of latest checkpoint: gestern\n", ""), "programs of the cluster's version"),
    ],
)
def test_an_unreadable_control_file_is_told(control: tuple[int, str, str], message: str, ask: Any) -> None:
    facts, _host = ask(control=control)
    assert facts["failed"] is True
    assert message in facts["msg"]
