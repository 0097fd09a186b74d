# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to PostgreSQL, or to the console of PgBouncer, through the unix socket of this host.

It speaks the simple query part of protocol 3.0 with the standard library alone. A query costs a millisecond instead of
the thirty of a C(psql) process, which counts where seconds are the objective, and errors keep their SQLSTATE. It knows
peer authentication only: passwords never come near it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["Connection", "PgError", "PgUnavailable", "identifier", "literal"]

Row = list[str | None]

# The server is there but takes no sessions (57P03), goes down (57P01..02), or it is gone (class 08).
_UNAVAILABLE_STATES = ("57P01", "57P02", "57P03")


class PgError(OpsError):
    """The server answered a statement with an error; C(sqlstate) has its five characters."""

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class PgUnavailable(OpsError):
    """There is no session: nobody listens, the server is starting or stopping, or it went away."""


def literal(text: str) -> str:
    """Text as an SQL string literal."""
    if "\x00" in text:
        raise OpsError("A value for the database holds a zero byte; remove it.")
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    if not name or "\x00" in name:
        raise OpsError("A name for the database is empty or holds a zero byte.")
    return '"' + name.replace('"', '""') + '"'


class Connection:
    """One session through C(<socket_dir>/.s.PGSQL.<port>), opened at once.

    Args:
        socket_dir: directory of the unix socket.
        port: port number that names the socket.
        user: database role.
        database: database to enter.
        os_user: account to be for the instant of connecting when this process is root (peer authentication).
        timeout: seconds that any single answer may take.

    Raises:
        PgUnavailable: there is no session to be had now.
        PgError: the server refused the session.
    """

    def __init__(
        self,
        *,
        socket_dir: str = "/var/run/postgresql",
        port: int = 5432,
        user: str = "postgres",
        database: str = "postgres",
        os_user: str | None = "postgres",
        timeout: float = 10.0,
    ) -> None:
        self.notices: list[str] = []
        self.parameters: dict[str, str] = {}
        self._buffer = b""
        self._at = 0
        self._path = os.path.join(socket_dir, f".s.PGSQL.{port}")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._connect(os_user)
            self._start(user, database)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def query(self, sql: str) -> list[Row]:
        """Run one statement; rows as lists of text, NULL as None."""
        self._send(b"Q", sql.encode() + b"\0")
        return list(self._rows())

    def value(self, sql: str) -> str | None:
        """The first column of the first row, None without rows."""
        rows = self.query(sql)
        return rows[0][0] if rows else None

    def records(self, sql: str) -> list[dict[str, str | None]]:
        """Rows as dictionaries by column name."""
        self._send(b"Q", sql.encode() + b"\0")
        columns: list[str] = []
        found = list(self._rows(columns))
        return [dict(zip(columns, row, strict=True)) for row in found]

    def stream(self, sql: str) -> t.Iterator[Row]:
        """Rows of one statement as they come; read them all before the next statement."""
        self._send(b"Q", sql.encode() + b"\0")
        yield from self._rows()

    def copy_out(self, sql: str) -> t.Iterator[bytes]:
        """Run C(COPY ... TO STDOUT) and yield each line as it comes, with its line feed."""
        self._send(b"Q", sql.encode() + b"\0")
        yield from self._messages_of(b"d")

    def leave_running(self, sql: str) -> None:
        """Hand a statement to the server and return at once; a process of its own waits for the answer and ends."""
        self._send(b"Q", sql.encode() + b"\0")
        if os.fork() == 0:
            try:
                os.setsid()
                void = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(void, descriptor)
                self._socket.settimeout(3600)
                list(self._rows())
                self.close()
            finally:
                os._exit(0)
        self._socket.close()

    def close(self) -> None:
        """End the session; a second call does no harm."""
        with contextlib.suppress(OSError):  # The session is over either way, which is what was asked for.
            self._socket.sendall(b"X" + struct.pack("!i", 4))
        self._socket.close()

    def settimeout(self, seconds: float) -> None:
        """Change how long a single answer may take."""
        self._socket.settimeout(seconds)

    def _connect(self, os_user: str | None) -> None:
        become = os_user is not None and os.geteuid() == 0
        try:
            if become:
                os.seteuid(pwd.getpwnam(str(os_user)).pw_uid)
            self._socket.connect(self._path)
        except KeyError as exc:
            raise OpsError(f"There is no account {os_user} on this host; name the one that runs the server.") from exc
        except OSError as exc:
            raise PgUnavailable(f"Nobody answers at {self._path} ({exc.strerror or exc}); start the server.") from exc
        finally:
            if become:
                os.seteuid(0)

    def _start(self, user: str, database: str) -> None:
        pairs = {"user": user, "database": database, "application_name": "ccobservatory.ops", "client_encoding": "UTF8"}
        body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in pairs.items()) + b"\0"
        self._raw(struct.pack("!i", len(body) + 4) + body)
        for kind, payload in self._until_ready():
            if kind == b"R" and struct.unpack("!i", payload[:4])[0] != 0:
                raise PgError(
                    f"The server at {self._path} wants a password of {user}; allow peer authentication.", "28000"
                )

    def _rows(self, columns: list[str] | None = None) -> t.Iterator[Row]:
        for kind, payload in self._until_ready():
            if kind == b"T" and columns is not None:
                columns[:] = _column_names(payload)
            elif kind == b"D":
                yield _fields(payload)

    def _messages_of(self, wanted: bytes) -> t.Iterator[bytes]:
        for kind, payload in self._until_ready():
            if kind == wanted:
                yield payload

    def _until_ready(self) -> t.Iterator[tuple[bytes, bytes]]:
        """Messages up to C(ReadyForQuery); an error is raised after the server is ready again (or gone)."""
        error: OpsError | None = None
        while True:
            try:
                kind, payload = self._receive()
            except PgUnavailable as exc:
                raise (error or exc) from exc
            if kind == b"E":
                error = _as_error(payload)
            elif kind == b"N":
                self.notices.append(_report(payload).get("M", ""))
            elif kind == b"S":
                name, value = payload.rstrip(b"\0").decode().split("\0", 1)
                self.parameters[name] = value
            elif kind == b"Z":
                break
            else:
                yield kind, payload
        if error is not None:
            raise error

    def _send(self, kind: bytes, payload: bytes) -> None:
        self._raw(kind + struct.pack("!i", len(payload) + 4) + payload)

    def _raw(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as exc:
            raise PgUnavailable(f"The server at {self._path} went away ({exc.strerror or exc}).") from exc

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        return head[:1], self._take(struct.unpack("!i", head[1:])[0] - 4)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count:
            self._buffer = self._buffer[self._at :] + self._more()
            self._at = 0
        self._at += count
        return self._buffer[self._at - count : self._at]

    def _more(self) -> bytes:
        try:
            data = self._socket.recv(262144)
        except TimeoutError as exc:
            raise PgUnavailable(f"The server at {self._path} did not answer in {self._socket.gettimeout()} s.") from exc
        except OSError as exc:
            raise PgUnavailable(f"The server at {self._path} went away ({exc.strerror or exc}).") from exc
        if not data:
            raise PgUnavailable(f"The server at {self._path} closed the session.")
        return data


def _column_names(payload: bytes) -> list[str]:
    names, at = [], 2
    for _column in range(struct.unpack("!h", payload[:2])[0]):
        end = payload.index(b"\0", at)
        names.append(payload[at:end].decode())
        at = end + 1 + 18
    return names


def _fields(payload: bytes) -> Row:
    row: Row = []
    at = 2
    for _column in range(struct.unpack("!h", payload[:2])[0]):
        size = struct.unpack("!i", payload[at : at + 4])[0]
        at += 4
        if size < 0:
            row.append(None)
        else:
            row.append(payload[at : at + size].decode("utf-8", "replace"))
            at += size
    return row


def _report(payload: bytes) -> dict[str, str]:
    parts = payload.rstrip(b"\0").decode("utf-8", "replace").split("\0")
    return {part[0]: part[1:] for part in parts if part}


def _as_error(payload: bytes) -> OpsError:
    report = _report(payload)
    state = report.get("C", "")
    text = ": ".join(part for part in (report.get("M", "unknown error"), report.get("D", "")) if part)
    if state in _UNAVAILABLE_STATES:
        return PgUnavailable(f"The server takes no sessions now ({text}).")
    return PgError(f"The server refused a statement: {text} (SQLSTATE {state}).", state)
