# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against small services that refuse, fall silent or lie: what was committed is what it acknowledges."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Service(ThreadingTCPServer):
    """A service that keeps a ledger and follows a script: one word a request, `ok` after its end."""

    daemon_threads = True

    def __init__(self, ledger: dict[tuple[int, int], str], enough: threading.Event) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ledger = ledger
        self.script: list[str] = []
        self.wanted = 5
        self.enough = enough
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_word(self) -> str:
        with self.lock:
            return self.script.pop(0) if self.script else "ok"


class Handler(BaseHTTPRequestHandler):
    """Answers POST /ledger as the script says."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        entry = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        word = self.server.next_word()
        key = (entry["worker"], entry["n"])
        if word == "refuse":
            self._answer(503, {"committed": False, "reason": "gone"})
        elif word == "hang up":
            self.close_connection = True
        elif word == "commit and hang up":
            self.server.ledger[key] = entry["hash"]
            self.close_connection = True
        elif key in self.server.ledger:
            self._answer(409, {"committed": False, "stored": {"hash": self.server.ledger[key]}, "server": "db"})
        else:
            self.server.ledger[key] = entry["hash"]
            self._answer(201, {"committed": True, "server": "db"})
        if len(self.server.ledger) >= self.server.wanted and not self.server.script:
            self.server.enough.set()

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def services() -> Iterator[list[Service]]:
    """Two services over one ledger, without a script."""
    ledger: dict[tuple[int, int], str] = {}
    enough = threading.Event()
    made = [Service(ledger, enough), Service(ledger, enough)]
    threads = [threading.Thread(target=service.serve_forever, args=(0.05,)) for service in made]
    for thread in threads:
        thread.start()
    yield made
    for service, thread in zip(made, threads, strict=True):
        service.shutdown()
        thread.join()
        service.server_close()


def play(canary: ModuleType, services: Sequence[Any], journal: Path, workers: int = 1) -> list[dict[str, Any]]:
    """Run the client until the ledger is full enough; return the journal."""
    urls = ",".join(service.url for service in services)
    options = canary.arguments(
        ["--run", "r", "--endpoints", urls, "--journal", str(journal), "--rate", "200", "--workers", str(workers)]
    )
    stop = threading.Event()
    threads, opened = canary.start(options, stop)
    assert services[0].enough.wait(10)
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    opened.close()
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def acknowledged(lines: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
    return {(line["w"], line["n"]): line["h"] for line in lines if line["e"] == "A"}


@pytest.mark.parametrize(
    "script",
    [
        [],
        ["refuse"],
        ["ok", "refuse", "refuse", "refuse"],
        ["hang up"],
        ["ok", "commit and hang up", "ok"],
        ["commit and hang up", "commit and hang up", "refuse"],
    ],
    ids=" ".join,
)
def test_nothing_is_acknowledged_that_was_not_committed(
    canary: ModuleType, services: list[Service], tmp_path: Path, script: list[str]
) -> None:
    services[0].script.extend(script)
    lines = play(canary, services, tmp_path / "r.jsonl", workers=2)
    acked = acknowledged(lines)
    ledger = services[0].ledger
    assert acked
    assert {key: ledger.get(key) for key in acked} == acked
    assert set(ledger) <= {(line["w"], line["n"]) for line in lines if line["e"] == "S"}


def test_an_entry_that_was_committed_without_an_answer_is_acknowledged_later(
    canary: ModuleType, services: list[Service], tmp_path: Path
) -> None:
    services[0].script.append("commit and hang up")
    lines = [line for line in play(canary, services, tmp_path / "r.jsonl") if line["n"] == 1]
    assert [line["e"] for line in lines] == ["C", "S", "E", "C", "S", "A"]
    assert lines[4]["x"] == services[1].url


def test_the_next_endpoint_is_tried_at_once(canary: ModuleType, services: list[Service], tmp_path: Path) -> None:
    services[0].script.append("refuse")
    lines = play(canary, services, tmp_path / "r.jsonl")
    error = next(line for line in lines if line["e"] == "E")
    answer = next(line for line in lines if line["e"] == "A")
    assert answer["n"] == error["n"]
    assert (answer["t"] - error["t"]) / 1e9 < 0.5


@pytest.mark.parametrize("rests", [True, False])
def test_a_dead_endpoint_does_not_hide_when_the_other_returns(
    canary: ModuleType, services: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rests: bool
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = SimpleNamespace(url=f"http://127.0.0.1:{unused.getsockname()[1]}", enough=services[1].enough)
    if not rests:
        monkeypatch.setattr(canary, "REST_S", 0.0)
    services[1].script += ["refuse"] * 6
    lines = play(canary, [dead, services[1]], tmp_path / "r.jsonl")
    knocks = [line for line in lines if line["e"] == "E" and line["x"].startswith(dead.url)]
    assert len(knocks) == (1 if rests else 7)
    assert acknowledged(lines)


def test_a_key_that_holds_another_hash_is_reported_and_left_behind(
    canary: ModuleType, services: list[Service], tmp_path: Path
) -> None:
    services[0].ledger[(0, 1)] = "another"
    lines = play(canary, services, tmp_path / "r.jsonl")
    assert (0, 1) not in acknowledged(lines)
    assert (0, 2) in acknowledged(lines)
    assert "409 stored another" in next(line for line in lines if line["e"] == "E")["x"]


def test_a_second_start_continues_the_chain(canary: ModuleType, services: list[Service], tmp_path: Path) -> None:
    first = play(canary, services, tmp_path / "r.jsonl")
    for service in services:
        service.wanted = len(service.ledger) + 5
    services[0].enough.clear()
    lines = play(canary, services, tmp_path / "r.jsonl")
    acked = acknowledged(lines)
    assert len(acked) > len(acknowledged(first))
    assert sorted(n for _worker, n in acked) == list(range(1, len(acked) + 1))
    assert {key: services[0].ledger[key] for key in acked} == acked


def test_a_termination_signal_stops_it_cleanly(canary: ModuleType, services: list[Service], tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    command = [sys.executable, canary.__file__, "--run=r", f"--endpoints={services[0].url}", f"--journal={journal}"]
    with subprocess.Popen(command) as process:
        assert services[0].enough.wait(10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert acknowledged([json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()])


def test_bad_input_ends_with_two(canary: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, canary.__file__, "--run=r", "--endpoints=nowhere", f"--journal={tmp_path / 'r'}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "r").exists()
