# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of a failover: what they change, what they prove, and what they refuse, in check mode and without."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster, _pgbouncer
from ansible_collections.ccobservatory.ops.plugins.modules import (
    canary_ledger,
    fence_address,
    fence_power,
    ledger_compare,
    pgbackrest_access,
    pgbouncer_target,
    postgresql_stop,
    service_probe,
)

Answer = tuple[int, str, str]
RunModule = Callable[..., dict[str, Any]]


def nothing(command: Sequence[str]) -> Answer:
    raise AssertionError(f"no command was expected, but {command}")


class Switch:
    """A power control: a status command and a switch that works, or does not."""

    def __init__(self, state: str = "running", works: bool = True) -> None:
        self.state, self.works, self.calls = state, works, 0

    def __call__(self, command: Sequence[str]) -> Answer:
        if command[0] == "status":
            return 0, self.state, ""
        self.calls += 1
        if self.works:
            self.state = {"off": "exited", "on": "running"}[command[0]]
        return 0, "done", ""


POWER = {"host": "db1", "status_command": ["status"], "off_command": ["off"], "on_command": ["on"], "timeout": 0.3}


def test_power_is_switched_once_and_proved(run_module: RunModule) -> None:
    switch = Switch()
    planned = run_module(fence_power, POWER, run=switch, check=True)
    assert (planned["changed"], planned["proof"]["proved"], switch.calls) == (True, False, 0)
    done = run_module(fence_power, POWER, run=switch)
    assert (done["changed"], done["proof"]["proved"], done["proof"]["observed"]) == (True, True, "exited")
    again = run_module(fence_power, POWER, run=switch)
    assert (again["changed"], again["proof"]["proved"], switch.calls) == (False, True, 1)
    back = run_module(fence_power, {**POWER, "state": "on"}, run=switch)
    assert (back["changed"], back["diff"]) == (True, {"before": "off", "after": "on"})


@pytest.mark.parametrize("name", ["status_command", "off_command"])
def test_power_without_its_commands_is_refused_before_anything(run_module: RunModule, name: str) -> None:
    refused = run_module(fence_power, {**POWER, name: []}, run=nothing)
    assert refused["failed"] is True
    assert f"there is no {name}" in refused["msg"]


def test_a_switch_that_lies_is_no_proof(run_module: RunModule) -> None:
    refused = run_module(fence_power, POWER, run=Switch(works=False))
    assert refused["proof"]["proved"] is False
    assert "is not proved off after 0.3 s: the status is on" in refused["msg"]


def test_a_status_that_fails_is_no_proof_of_off(run_module: RunModule) -> None:
    refused = run_module(fence_power, POWER, run=lambda _command: (1, "off", "no route to the controller"))
    assert "the status is unknown" in refused["msg"]


@pytest.mark.parametrize(("hangs", "told"), [("status", "no answer in 0.3 s"), ("off", "that it did not end")])
def test_a_power_command_that_hangs_is_ended_and_proves_nothing(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, hangs: str, told: str
) -> None:
    monkeypatch.setattr(fence_power, "LEAST_S", 0.3)
    commands = {"status_command": ["echo", "running"], "off_command": ["true"]}
    commands[f"{hangs}_command"] = ["sh", "-c", "sleep 30"]
    began = time.monotonic()
    refused = run_module(fence_power, {**POWER, **commands})
    assert time.monotonic() - began < 10
    assert told in refused["msg"]
    assert refused["proof"]["proved"] is False


def test_an_address_that_answers_fails_the_fence(run_module: RunModule) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = {"host": "db1", "address": "127.0.0.1", "port": listener.getsockname()[1], "tries": 2}
        refused = run_module(fence_address, where, run=nothing)
    assert "db1 still answers at 127.0.0.1" in refused["msg"]
    assert refused["proof"]["proved"] is False
    given = run_module(fence_address, where, run=nothing)
    assert (given["proof"]["proved"], len(given["attempts"])) == (True, 2)
    assert given["proof"]["observed"] == "refused by the host, nothing listens"


@pytest.mark.parametrize("reason", ["no answer in 0.5 s", "no route to host", "network is unreachable"])
def test_a_host_that_is_cut_off_has_refused_nobody(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(fence_address, "try_connect", lambda *_where: reason)
    found = run_module(fence_address, {"host": "db1", "addresses": ["10.0.1.11"], "tries": 1}, run=nothing)
    assert found["proof"]["observed"] == f"unreachable from here ({reason})"


class Pooler:
    """The console of a PgBouncer that reads its file on reload."""

    path = Path()
    paused = False
    shown: dict[str, dict[str, str]] = {}
    servers_open: list[dict[str, Any]] = []
    said: list[str] = []

    def __init__(self, **_where: Any) -> None:
        self.shown = self.shown or _pgbouncer.read_targets(self.path.read_text())

    def say(self, command: str) -> None:
        Pooler.said.append(command)
        if command == "RELOAD":
            Pooler.shown = _pgbouncer.read_targets(self.path.read_text())
        if command.startswith("KILL"):
            Pooler.servers_open, Pooler.paused = [], True

    def databases(self) -> dict[str, dict[str, Any]]:
        common = {"paused": self.paused, "disabled": False, "connections": 0}
        return {name: {"host": s["host"], "port": int(s["port"]), **common} for name, s in Pooler.shown.items()}

    def servers(self) -> list[dict[str, Any]]:
        return self.servers_open

    def waiting_clients(self, _names: Any) -> int:
        return 0

    def pause(self, _name: str, _timeout: float) -> float:
        Pooler.paused = True
        return 0.0

    def resume(self, _name: str) -> bool:
        was, Pooler.paused = Pooler.paused, False
        return was

    def drain(self, _names: Any, keep: Callable[[dict[str, Any]], bool], _timeout: float) -> int:
        return sum(not keep(server) for server in self.servers_open)


@pytest.fixture
def pooler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return arguments of a pooler whose file names db1."""
    path = tmp_path / "databases.ini"
    path.write_text("[databases]\napp = host=db1 port=5432 dbname=app\n")
    Pooler.path, Pooler.paused, Pooler.servers_open, Pooler.said = path, False, [], []
    Pooler.shown = _pgbouncer.read_targets(path.read_text())
    monkeypatch.setattr(_pgbouncer, "Console", Pooler)
    monkeypatch.setattr(fence_address, "Console", Pooler)
    return {"file": str(path)}


def test_a_switch_is_planned_done_and_then_nothing(run_module: RunModule, pooler: dict[str, Any]) -> None:
    switch = {**pooler, "action": "switch", "host": "db2"}
    planned = run_module(pgbouncer_target, switch, run=nothing, check=True)
    assert (planned["changed"], Pooler.said) == (True, [])
    assert "host=db2" in planned["diff"]["after"]
    done = run_module(pgbouncer_target, switch, run=nothing)
    assert (done["changed"], done["after"]["app"]["host"], done["cut"]) == (True, "db2", 0)
    again = run_module(pgbouncer_target, switch, run=nothing)
    assert (again["changed"], again["diff"]["before"]) == (False, again["diff"]["after"])


def test_connections_to_a_dead_server_are_cut(run_module: RunModule, pooler: dict[str, Any]) -> None:
    Pooler.servers_open = [{"database": "app", "addr": "10.0.1.11", "port": "5432"}]
    done = run_module(pgbouncer_target, {**pooler, "action": "switch", "host": "db2"}, run=nothing)
    assert (done["cut"], Pooler.said[-1], Pooler.paused) == (1, 'KILL "app"', False)


def test_connections_stay_where_cutting_is_not_wanted(run_module: RunModule, pooler: dict[str, Any]) -> None:
    Pooler.servers_open = [{"database": "app", "addr": "10.0.1.11", "port": "5432"}]
    arguments = {**pooler, "action": "switch", "host": "db2", "kill_stuck": False}
    assert "1 connections to the former server" in run_module(pgbouncer_target, arguments, run=nothing)["msg"]


def test_a_switch_ends_a_pause_unless_told(run_module: RunModule, pooler: dict[str, Any]) -> None:
    assert run_module(pgbouncer_target, {**pooler, "action": "pause"}, run=nothing)["changed"] is True
    assert run_module(pgbouncer_target, {**pooler, "action": "pause"}, run=nothing)["changed"] is False
    switch = {**pooler, "action": "switch", "host": "db2"}
    assert run_module(pgbouncer_target, {**switch, "resume": False}, run=nothing)["after"]["app"]["paused"] is True
    resumed = run_module(pgbouncer_target, switch, run=nothing)
    assert (resumed["changed"], resumed["after"]["app"]["paused"]) == (True, False)
    assert run_module(pgbouncer_target, {**pooler, "action": "resume"}, run=nothing)["changed"] is False


def test_a_pooler_that_ignores_its_file_is_found_out(run_module: RunModule, pooler: dict[str, Any]) -> None:
    Pooler.path.rename(Pooler.path.with_name("other.ini"))
    Path(pooler["file"]).write_text("[databases]\napp = host=db1 port=5432\n")
    Pooler.path = Pooler.path.with_name("other.ini")
    refused = run_module(pgbouncer_target, {**pooler, "action": "switch", "host": "db2"}, run=nothing)
    assert "does not show app as switched to db2:5432" in refused["msg"]


def test_a_pooler_that_names_the_host_fails_the_fence(run_module: RunModule, pooler: dict[str, Any]) -> None:
    where = {**pooler, "host": "db1", "address": "127.0.0.1", "port": 5432, "tries": 1, "pgbouncer": True}
    refused = run_module(fence_address, where, run=nothing)
    assert "PgBouncer here still names db1 in its file for app, its target of app" in refused["msg"]


DOWN = "Database cluster state: {}\nDatabase system identifier: 7\nLatest checkpoint location: 0/27000028\n"
DOWN += "Latest checkpoint's TimeLineID: 1\nMin recovery ending loc's timeline: 0\n"


class Database:
    """A server that ends when its unit is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: str = "shut down", *, running: bool = True) -> None:
        self.state, self.running, self.stops = state, running, 0
        monkeypatch.setattr(_cluster, "postmaster_pid", lambda _path: 1 if self.running else None)
        monkeypatch.setattr(_cluster, "process_titles", lambda _pid: ["walsender db2"])

    def __call__(self, command: Sequence[str]) -> Answer:
        if command[0] == "systemctl":
            self.stops += 1
            self.running = self.state == "stuck"
            return 0, "", ""
        return 0, DOWN.format(self.state), ""


def test_a_stop_proves_where_the_log_ended(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Database(monkeypatch)
    assert (run_module(postgresql_stop, {}, run=server, check=True)["changed"], server.stops) == (True, 0)
    done = run_module(postgresql_stop, {}, run=server)
    assert (done["changed"], done["was_primary"], done["shutdown_checkpoint_lsn"]) == (True, True, "0/27000028")
    again = run_module(postgresql_stop, {}, run=server)
    assert (again["changed"], again["shutdown_checkpoint_lsn"], server.stops) == (False, "0/27000028", 1)


@pytest.mark.parametrize(
    ("state", "running", "words"),
    [
        ("in production", False, "was not shut down cleanly, its state is 'in production'"),
        ("stuck", True, "has not ended after 0.1 s; it still has: walsender db2"),
    ],
)
def test_an_end_without_proof_fails(
    run_module: RunModule, monkeypatch: pytest.MonkeyPatch, state: str, running: bool, words: str
) -> None:
    refused = run_module(postgresql_stop, {"timeout": 0.1}, run=Database(monkeypatch, state, running=running))
    assert words in refused["msg"]


class Repository:
    """A TLS server that tells what it accepts each time it has read its configuration."""

    def __init__(self, folder: Path, *, obeys: bool = True) -> None:
        self.folder, self.obeys = folder, obeys
        (folder / "conf.d").mkdir()
        (folder / "pgbackrest.conf").write_text("[global]\ntls-server-auth=repo1=main\n")
        self.load()

    def load(self) -> None:
        texts = [path.read_text() for path in [self.folder / "pgbackrest.conf", *self.folder.glob("conf.d/*.conf")]]
        lines = [line for text in texts for line in text.splitlines() if line.startswith("tls")]
        if not self.obeys:
            lines = ["tls-server-auth=db1=main"]
        with (self.folder / "log").open("a") as file:
            file.write("server command begin 2.45: " + " ".join(f"--{line}" for line in lines) + "\n")

    def __call__(self, command: Sequence[str]) -> Answer:
        if command[1] == "reload":
            self.load()
        return 0, "4711\n", ""

    def arguments(self, state: str) -> dict[str, Any]:
        group = self.folder.group()
        where = {"config_dir": str(self.folder), "server_log": str(self.folder / "log"), "group": group}
        return {"host": "db1", "state": state, "address": "192.0.2.1", "timeout": 0.2, **where}


def test_an_access_is_granted_and_revoked_with_proof(run_module: RunModule, tmp_path: Path) -> None:
    server = Repository(tmp_path)
    for state in ("granted", "revoked"):
        planned = run_module(pgbackrest_access, server.arguments(state), run=server, check=True)
        done = run_module(pgbackrest_access, server.arguments(state), run=server)
        again = run_module(pgbackrest_access, server.arguments(state), run=server)
        assert [planned["changed"], done["changed"], again["changed"]] == [True, True, False]
        assert done["proof"]["proved"] is again["proof"]["proved"] is True
        assert (tmp_path / "conf.d" / "access-db1.conf").exists() is (state == "granted")
    assert "the server accepts repo1=main; 0 sessions, 0 ended" in done["proof"]["observed"]


def test_a_server_that_does_not_obey_is_no_proof(run_module: RunModule, tmp_path: Path) -> None:
    server = Repository(tmp_path, obeys=False)
    refused = run_module(pgbackrest_access, server.arguments("revoked"), run=server)
    assert refused["proof"]["proved"] is False
    assert "is not proved revoked" in refused["msg"]


def test_an_access_is_proved_after_its_log_was_rotated(run_module: RunModule, tmp_path: Path) -> None:
    """A log that was emptied tells no options any more; the server tells them again, and no session is ended."""
    server = Repository(tmp_path)
    run_module(pgbackrest_access, server.arguments("granted"), run=server)
    (tmp_path / "log").write_text("")
    assert "proof" not in run_module(pgbackrest_access, server.arguments("granted"), run=server, check=True)
    done = run_module(pgbackrest_access, server.arguments("granted"), run=server)
    assert (done["changed"], done["proof"]["proved"], done["sessions_ended"]) == (False, True, 0)


def test_an_access_granted_elsewhere_is_not_revoked_by_half(run_module: RunModule, tmp_path: Path) -> None:
    server = Repository(tmp_path)
    (tmp_path / "pgbackrest.conf").write_text("[global]\ntls-server-auth=db1=main\n")
    refused = run_module(pgbackrest_access, server.arguments("revoked"), run=server)
    assert "also lets it use main; move the line to" in refused["msg"]


def test_a_host_that_nobody_can_find_keeps_its_access(run_module: RunModule, tmp_path: Path) -> None:
    """Its sessions could not be ended: nothing is begun, and the sentence names what can be given."""
    server = Repository(tmp_path)
    run_module(pgbackrest_access, server.arguments("granted"), run=server)
    arguments = {**server.arguments("revoked"), "address": "db1.invalid"}
    refused = run_module(pgbackrest_access, arguments, run=server)
    assert "No address of db1 is known here" in refused["msg"]
    assert (tmp_path / "conf.d" / "access-db1.conf").exists()


def test_a_server_that_does_not_run_proves_nothing(run_module: RunModule, tmp_path: Path) -> None:
    arguments = Repository(tmp_path).arguments("revoked")
    assert "does not run" in run_module(pgbackrest_access, arguments, run=lambda _command: (0, "0\n", ""))["msg"]


class Unit:
    """A canary's unit."""

    def __init__(self) -> None:
        self.active, self.calls = False, []

    def __call__(self, command: Sequence[str]) -> Answer:
        if command[1] == "is-active":
            return (0 if self.active else 3), "", ""
        self.calls.append(command[1])
        self.active = command[1] == "start"
        return 0, "", ""


@pytest.fixture
def canary(tmp_path: Path) -> dict[str, Any]:
    """Return the arguments of a run with a journal of three writes."""
    journal = tmp_path / "r.jsonl"
    events = [{"t": 1_795_460_000_000_000_000 + n, "e": e, "w": 0, "n": n, "h": "x"} for n in range(3) for e in "SA"]
    journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    start = {"endpoints": ["https://lb1", "https://lb2"], "ca_file": "/etc/ca.crt"}
    return {"run": "r", "journal": str(journal), "config_dir": str(tmp_path / "conf"), **start}


def test_a_run_starts_once_and_stops_once(run_module: RunModule, canary: dict[str, Any], tmp_path: Path) -> None:
    unit = Unit()
    start, stop = {**canary, "state": "started"}, {**canary, "state": "stopped"}
    assert run_module(canary_ledger, start, run=unit, check=True)["changed"] is True
    assert unit.calls == []
    assert [run_module(canary_ledger, start, run=unit)["changed"] for _turn in range(2)] == [True, False]
    assert "CANARY_ENDPOINTS=https://lb1,https://lb2\n" in (tmp_path / "conf" / "r.env").read_text()
    other = run_module(canary_ledger, {**start, "rate": 7}, run=unit)
    assert "is going with other settings" in other["msg"]
    assert [run_module(canary_ledger, stop, run=unit)["changed"] for _turn in range(2)] == [True, False]
    assert unit.calls == ["start", "stop"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run": "../x"}, "is no name of a run"),
        ({"endpoints": []}, "A run needs endpoints"),
        ({"endpoints": ["https://lb1 --evil"]}, "holds a space"),
        ({"wait_acked": 9, "timeout": 0.1}, "Only 3 of 9 writes were acknowledged"),
        ({"since": "yesterday"}, "is not an instant"),
    ],
)
def test_a_run_that_cannot_be_is_refused(
    run_module: RunModule, canary: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    refused = run_module(canary_ledger, {**canary, "state": "started", **change}, run=Unit())
    assert words in refused["msg"]


def test_status_and_export_of_a_run(run_module: RunModule, canary: dict[str, Any], tmp_path: Path) -> None:
    status = run_module(canary_ledger, {**canary, "wait_silent_s": 0.1, "wait_acked": 3}, run=Unit())
    assert (status["acked"], status["sent"], status["errors"], status["running"]) == (3, 3, 0, False)
    assert status["last_ack"] == "2026-11-23T18:53:20.000Z"
    assert status["detected"] > status["last_ack"]
    export = {**canary, "state": "exported", "export": str(tmp_path / "r.gz")}
    assert [run_module(canary_ledger, export, run=Unit())["changed"] for _turn in range(2)] == [True, False]
    assert gzip.decompress((tmp_path / "r.gz").read_bytes()) == Path(canary["journal"]).read_bytes()


def test_kept_evidence_is_compared_without_a_database(
    run_module: RunModule, canary: dict[str, Any], tmp_path: Path
) -> None:
    rows = tmp_path / "rows.gz"
    rows.write_bytes(gzip.compress(b"0\t0\tx\t\n0\t1\tx\t\n"))
    given = {"run": "r", "journal": canary["journal"], "rows_file": str(rows)}
    found = run_module(ledger_compare, given, run=nothing)
    assert (found["changed"], found["comparison"]["lost"], found["comparison"]["in_db"]) == (False, 1, 2)
    refused = run_module(ledger_compare, {**given, "max_lost": 0}, run=nothing)
    assert "1 acknowledged writes of r are lost, allowed are 0" in refused["msg"]
    assert refused["comparison"]["lost"] == 1
    rows.write_bytes(gzip.compress(b"0 0 x\n"))
    assert "Line 1 of the rows is not" in run_module(ledger_compare, given, run=nothing)["msg"]


def test_probes_without_a_sense_are_refused(run_module: RunModule) -> None:
    for arguments in ({"urls": []}, {"urls": ["https://lb1"], "consecutive": 0}):
        assert "A probe needs" in run_module(service_probe, arguments, run=nothing)["msg"]
    late = {"urls": ["http://127.0.0.1:1/"], "timeout": 0.2, "interval": 0.05}
    refused = run_module(service_probe, late, run=nothing)
    assert "The service is not up after 0.2 s" in refused["msg"]
    down = run_module(service_probe, {**late, "expect": "down"}, run=nothing)
    assert (down["decided"], down["changed"]) == (True, False)
