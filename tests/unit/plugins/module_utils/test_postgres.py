# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session: rows, nulls, errors, copies, and a server that goes away, as a real client library sees them."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _postgres
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

Reply: TypeAlias = "bytes | None"


def message(kind: bytes, payload: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(payload) + 4) + payload


READY = message(b"Z", b"I")
SETTINGS = (b"client_encoding\x00UTF8\x00", b"DateStyle\x00ISO, MDY\x00", b"server_version\x0015.20\x00")
HELLO = message(b"R", struct.pack("!i", 0)) + b"".join(message(b"S", pair) for pair in SETTINGS) + READY


def row(*values: bytes | None) -> bytes:
    parts = [struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values]
    return message(b"D", struct.pack("!h", len(values)) + b"".join(parts))


def columns(*names: bytes) -> bytes:
    return message(b"T", struct.pack("!h", len(names)) + b"".join(name + b"\x00" + bytes(18) for name in names))


FATAL = (b"28000", b"57P03")
DONE = message(b"C", b"SELECT 1\x00")
COPY = message(b"H", struct.pack("!bhh", 0, 1, 0))


def trouble(kind: bytes, state: bytes, text: bytes, detail: bytes = b"") -> bytes:
    more = b"D" + detail + b"\x00" if detail else b""
    return message(
        kind,
        (b"SFATAL" if kind == b"E" and state in FATAL else b"SERROR" if kind == b"E" else b"SWARNING")
        + b"\x00C"
        + state
        + b"\x00M"
        + text
        + b"\x00"
        + more
        + b"\x00",
    )


class Server:
    """Answers one session as it is told; without an answer it hangs up."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.queries: list[bytes] = []
        self.startup = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / ".s.PGSQL.5432"))
        self._listener.listen(1)
        self._thread: threading.Thread | None = None

    def play(self, hello: bytes, *replies: Reply) -> None:
        self._thread = threading.Thread(target=self._session, args=(hello, replies), daemon=True)
        self._thread.start()

    def _session(self, hello: bytes, replies: tuple[Reply, ...]) -> None:
        client, _peer = self._listener.accept()
        with client:
            self.startup = client.recv(65536)
            client.sendall(hello)
            if not hello.endswith(READY):
                return
            for reply in replies:
                self.queries.append(client.recv(65536))
                if reply is None:
                    return
                for at in range(0, len(reply), 7):  # in pieces, as a network may
                    client.sendall(reply[at : at + 7])
            client.recv(65536)

    def connect(self) -> _postgres.Connection:
        return _postgres.Connection(socket_dir=str(self.directory), os_user=None, timeout=5)

    def close(self) -> None:
        self._listener.close()
        if self._thread:
            self._thread.join(5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a server that plays what it is told."""
    played = Server(tmp_path)
    yield played
    played.close()


def test_rows_and_nulls(server: Server) -> None:
    server.play(HELLO, columns(b"a", b"b") + row(b"1", None) + row("ü".encode(), b"") + DONE + READY)
    with server.connect() as session:
        assert session.query("SELECT 1") == [["1", None], ["ü", ""]]
    assert b"user\x00postgres\x00" in server.startup
    assert server.queries[0] == message(b"Q", b"SELECT 1\x00")


def test_records_carry_the_names(server: Server) -> None:
    server.play(HELLO, columns(b"name", b"lag") + row(b"db2", b"7") + DONE + READY, columns(b"name") + DONE + READY)
    with server.connect() as session:
        assert session.records("SELECT") == [{"name": "db2", "lag": "7"}]
        assert session.value("SELECT") is None


def test_a_copy_is_streamed(server: Server) -> None:
    lines = [b"1\t%d\n" % number for number in range(500)]
    server.play(HELLO, COPY + b"".join(message(b"d", line) for line in lines) + message(b"c") + DONE + READY)
    with server.connect() as session:
        assert list(session.copy_out("COPY t TO STDOUT")) == lines


def test_an_error_keeps_its_state_and_the_session(server: Server) -> None:
    server.play(
        HELLO, trouble(b"E", b"42P01", b"no such table", b"t") + READY, columns(b"a") + row(b"2") + DONE + READY
    )
    with server.connect() as session:
        with pytest.raises(_postgres.PgError, match="no such table: t \\(SQLSTATE 42P01\\)") as caught:
            session.query("SELECT * FROM t")
        assert caught.value.sqlstate == "42P01"
        assert session.value("SELECT 2") == "2"


def test_warnings_are_kept(server: Server) -> None:
    server.play(HELLO, trouble(b"N", b"01000", b"canceling wait for synchronous replication") + DONE + READY)
    with server.connect() as session:
        session.query("INSERT")
        assert session.notices == ["canceling wait for synchronous replication"]


@pytest.mark.parametrize(
    ("hello", "expected", "words"),
    [
        (trouble(b"E", b"57P03", b"the database system is starting up"), _postgres.PgUnavailable, "starting up"),
        (trouble(b"E", b"28000", b"Peer authentication failed"), _postgres.PgError, "Peer authentication failed"),
        (message(b"R", struct.pack("!i", 3)), _postgres.PgError, "no password supplied"),
        (b"", _postgres.PgUnavailable, "closed the connection"),
    ],
)
def test_a_refused_session_says_why(server: Server, hello: bytes, expected: type[OpsError], words: str) -> None:
    server.play(hello)
    with pytest.raises(expected, match=words):
        server.connect().close()


def test_a_server_that_goes_away_is_unavailable(server: Server) -> None:
    server.play(HELLO, None)
    session = server.connect()
    with pytest.raises(_postgres.PgUnavailable, match=r"closed the connection"):
        session.query("SELECT pg_sleep(9)")
    session.close()
    session.close()


def test_nobody_listening_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(_postgres.PgUnavailable, match=r"Nobody answers at .*No such file"):
        _postgres.Connection(socket_dir=str(tmp_path), os_user=None)


def test_an_answer_that_takes_too_long_is_unavailable(server: Server) -> None:
    server.play(HELLO, b"")
    session = server.connect()
    session.settimeout(0.05)
    with pytest.raises(_postgres.PgUnavailable, match=r"did not answer in 0\.05 s"):
        session.query("PAUSE")
    session.close()


@pytest.mark.parametrize(
    ("quote", "given", "expected"),
    [
        (_postgres.literal, "it's", "'it''s'"),
        (_postgres.literal, "a\\b'", " E'a\\\\b'''"),
        (_postgres.identifier, 'we"ird', '"we""ird"'),
    ],
)
def test_quoting(quote: Callable[[str], str], given: str, expected: str) -> None:
    assert quote(given) == expected


@pytest.mark.parametrize(
    ("quote", "given"), [(_postgres.literal, "a\x00"), (_postgres.identifier, ""), (_postgres.identifier, "\x00")]
)
def test_what_cannot_be_quoted_is_refused(quote: Callable[[str], str], given: str) -> None:
    with pytest.raises(OpsError, match="zero byte"):
        quote(given)
