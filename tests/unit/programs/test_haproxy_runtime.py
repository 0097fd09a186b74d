# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was set in HAProxy at run time is what its files say afterwards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

Answers = Callable[[dict[str, str]], str]


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    """Serve a runtime socket with given answers; returns its path."""
    listeners: list[socket.socket] = []

    def serve(told: dict[str, str]) -> str:
        path = str(tmp_path / "admin.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen()
        listeners.append(listener)

        def loop() -> None:
            while True:
                try:
                    connection, _peer = listener.accept()
                except OSError:
                    return
                with connection:
                    command = connection.recv(4096).decode().strip()
                    connection.sendall(told.get(command, "Unknown command\n").encode())

        threading.Thread(target=loop, daemon=True).start()
        return path

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_states_and_maps_are_kept(
    runtime: ModuleType, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools, state = tmp_path / "pools.map", tmp_path / "server-state"
    pools.write_text("active app\n")
    path = answers(
        {
            "show servers state": "1\n# be_id be_name\n100 app 1 app1 10.0.0.1 2 0 40 100\n",
            "show map": f"# id (file) description\n-1 ({pools}) pattern loaded from file '{pools}' used by map\n",
            f"show map {pools}": "0x55d0 active green app\n0x55d8 spare blue\n\n",
        }
    )
    monkeypatch.setattr(runtime, "STATE", state)
    monkeypatch.setattr(runtime, "ask", lambda command, ask=runtime.ask: ask(command, path))
    runtime.keep()
    assert "10.0.0.1 2 0 40 100" in state.read_text()
    assert pools.read_text() == "active green app\nspare blue\n"


def test_a_map_without_a_file_is_left_alone(runtime: ModuleType) -> None:
    assert runtime.map_paths("# id (file) description\n-1 (pools) pattern\n3 (/etc/x.map) pattern\n\n") == [
        Path("/etc/x.map")
    ]


def test_a_file_keeps_its_mode_and_is_not_rewritten_for_nothing(runtime: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "x.map"
    path.write_text("a b\n")
    path.chmod(0o640)
    before = path.stat().st_ino
    assert runtime.replace(path, "a b\n") is False
    assert path.stat().st_ino == before
    assert runtime.replace(path, "a c\n") is True
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("a c\n", 0o640)


def test_a_balancer_that_does_not_run_has_nothing_to_keep(
    runtime: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ask", lambda command, ask=runtime.ask: ask(command, str(tmp_path / "none")))
    monkeypatch.setattr(runtime.sys, "argv", ["haproxy_runtime.py", "keep"])
    assert runtime.main() == 0
    monkeypatch.setattr(runtime.sys, "argv", ["haproxy_runtime.py", "ask", "show stat"])
    assert runtime.main() == 1


def test_another_command_line_is_refused(
    runtime: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtime.sys, "argv", ["haproxy_runtime.py"])
    assert runtime.main() == 1
    assert "usage" in capsys.readouterr().err
