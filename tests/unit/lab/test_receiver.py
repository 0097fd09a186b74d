# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of alerts in the lab: keeps what it gets, refuses what it does not know, and forgets the oldest."""

from __future__ import annotations

import datetime
import http.client
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import _alert_receiver, _receiver

NOW = datetime.datetime(2026, 11, 25, 8, 30, tzinfo=datetime.UTC)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve on a free port of the loopback and return it."""
    handler = type("Kept", (_alert_receiver.Handler,), {"directory": tmp_path, "log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/people", b'{"status": "firing"}', 200),
        ("/deadman", b"{}", 200),
        ("/nobody", b"{}", 404),
        ("/../people", b"{}", 404),
        ("/people", b"firing", 400),
        ("/people", b"\xff", 400),
    ],
)
def test_a_message_is_kept_or_refused(port: int, tmp_path: Path, path: str, body: bytes, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body)
    assert connection.getresponse().status == status
    connection.close()
    kept = {file.stem: json.loads(file.read_text(encoding="utf-8"))["message"] for file in tmp_path.glob("*.jsonl")}
    assert kept == ({path.strip("/"): json.loads(body)} if status == 200 else {})


def test_the_oldest_messages_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_alert_receiver, "KEPT_LINES", 3)
    path = tmp_path / "people.jsonl"
    for number in range(20):
        _alert_receiver.keep(path, number, NOW)
        lines = [json.loads(line)["message"] for line in path.read_text(encoding="utf-8").splitlines()]
        assert lines[-1] == number
        assert len(lines) <= 6
    assert lines == list(range(20 - len(lines), 20))


def test_its_unit_starts_the_program_that_is_put_there() -> None:
    with tarfile.open(fileobj=io.BytesIO(_receiver.files())) as archive:
        names = archive.getnames()
    assert f"etc/systemd/system/{_receiver.UNIT}" in names
    assert f"/{names[0]} {_receiver.PORT} " in _receiver.UNIT_TEXT
    assert _receiver.url("people") == f"http://client1:{_receiver.PORT}/people"
