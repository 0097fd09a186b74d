# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PgBouncer's file is rewritten without touching the rest, and its console is asked and told."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _pgbouncer
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import PgUnavailable

FILE = """\
; Written once; from then on the procedures own it.
[databases]
ccobservatory = host=db1 port=5432 dbname=ccobservatory pool_size=5
"odd name" = dbname='x y' host='db1'
reports = dbname=reports
%include /etc/pgbouncer/more.ini

[users]
someone = pool_mode=session
"""


def test_targets_are_read() -> None:
    targets = _pgbouncer.read_targets(FILE)
    assert list(targets) == ["ccobservatory", "odd name", "reports"]
    assert targets["ccobservatory"] == {"host": "db1", "port": "5432", "dbname": "ccobservatory", "pool_size": "5"}
    assert targets["odd name"] == {"dbname": "x y", "host": "db1"}


def test_one_target_is_rewritten_and_the_rest_stays() -> None:
    wanted = FILE.replace("host=db1 port=5432", "host=db2 port=6000")
    assert _pgbouncer.rewrite_targets(FILE, ["ccobservatory"], "db2", 6000) == wanted


def test_all_targets_are_rewritten_where_none_is_named() -> None:
    targets = _pgbouncer.read_targets(_pgbouncer.rewrite_targets(FILE, [], "10.0.2.11", 5432))
    assert {(settings["host"], settings["port"]) for settings in targets.values()} == {("10.0.2.11", "5432")}
    assert targets["odd name"]["dbname"] == "x y"


def test_rewriting_twice_changes_nothing() -> None:
    once = _pgbouncer.rewrite_targets(FILE, [], "db2", 5432)
    assert _pgbouncer.rewrite_targets(once, [], "db2", 5432) == once


@pytest.mark.parametrize(
    ("text", "names", "host", "words"),
    [
        (FILE, ["nothing"], "db2", "has no database nothing; it has ccobservatory, odd name, reports"),
        ("[databases]\n", [], "db2", "has no database at all; it has none"),
        (FILE, [], "db2 user=postgres", "is no host name"),
        (FILE, [], "", "is no host name"),
    ],
)
def test_what_cannot_be_rewritten_is_refused(text: str, names: list[str], host: str, words: str) -> None:
    with pytest.raises(OpsError, match=words):
        _pgbouncer.rewrite_targets(text, names, host, 5432)


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "databases.ini"
    path.write_text("old")
    path.chmod(0o640)
    _pgbouncer.replace_file(str(path), "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OpsError, match="cannot be written"):
        _pgbouncer.replace_file(str(tmp_path / "no" / "file"), "x")


class FakeConnection:
    """A console with one database behind it."""

    state: dict[str, str] = {}
    said: list[str] = []
    busy = False

    def __init__(self, **_where: Any) -> None:
        if self.state.get("down"):
            raise PgUnavailable("Nobody answers.")

    def __enter__(self) -> FakeConnection:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def query(self, sql: str) -> list[list[str | None]]:
        FakeConnection.said.append(sql)
        if sql.startswith("PAUSE"):
            self.state["paused"] = "1"
            if self.busy:
                raise PgUnavailable("The server did not answer.")
        if sql.startswith("RESUME"):
            self.state["paused"] = "0"
        return []

    def records(self, sql: str) -> list[dict[str, str | None]]:
        if sql == "SHOW DATABASES":
            shown: dict[str, str | None] = {"name": "app", "host": "db1", "port": "5432", "disabled": "0"}
            return [{**shown, "paused": self.state["paused"], "current_connections": "2"}, {"name": "pgbouncer"}]
        if sql == "SHOW SERVERS":
            return [{"database": "app", "state": "active", "addr": "10.0.1.11", "port": "5432", "link": "x"}]
        return [{"database": "app", "cl_waiting": "3"}, {"database": "pgbouncer", "cl_waiting": "1"}]


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> _pgbouncer.Console:
    """Return a console on a fake connection."""
    FakeConnection.state, FakeConnection.said, FakeConnection.busy = {"paused": "0"}, [], False
    monkeypatch.setattr(_pgbouncer, "Connection", FakeConnection)
    return _pgbouncer.Console(socket_dir="/run", port=6432, user="postgres", os_user="postgres", timeout=1)


def test_the_console_tells(console: _pgbouncer.Console) -> None:
    expected = {"host": "db1", "port": 5432, "paused": False, "disabled": False, "connections": 2}
    assert console.databases() == {"app": expected}
    assert console.servers() == [{"database": "app", "state": "active", "addr": "10.0.1.11", "port": "5432"}]
    assert console.waiting_clients(["app"]) == 3


def test_a_pause_that_does_not_end_is_undone(console: _pgbouncer.Console) -> None:
    FakeConnection.busy = True
    with pytest.raises(OpsError, match=r"could not pause app within 0\.1 s"):
        console.pause("app", 0.1)
    assert FakeConnection.said == ['PAUSE "app"', 'RESUME "app"']
    assert FakeConnection.state["paused"] == "0"


def test_resume_leaves_a_running_database_alone(console: _pgbouncer.Console) -> None:
    assert console.resume("app") is False
    console.pause("app", 1)
    assert console.resume("app") is True


def test_drain_tells_how_many_are_left(console: _pgbouncer.Console) -> None:
    assert console.drain(["app"], lambda server: server["addr"] == "10.0.1.11", 1) == 0
    assert console.drain(["app"], lambda _server: False, 0.05) == 1


def test_a_pooler_that_is_down_says_so(console: _pgbouncer.Console) -> None:
    FakeConnection.state["down"] = "1"
    with pytest.raises(OpsError, match="Start pgbouncer on this host"):
        console.databases()
