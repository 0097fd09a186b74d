# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with PostgreSQL, or with the console of PgBouncer, through the unix socket of this host.

psycopg2 speaks the protocol. This adds what seconds of an outage ask for: a bound on every answer, errors that tell a
server that is not there from a statement that is refused, and peer authentication of a module that runs as root.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import tempfile
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

try:
    import psycopg2
    import psycopg2.extensions as pgx
except ImportError:  # The sentence comes when a session is wanted: documentation and checks load this without it.
    HAS_PSYCOPG2 = False
else:
    HAS_PSYCOPG2 = True

__all__ = ["Connection", "PgError", "PgUnavailable", "identifier", "literal"]

Row = list[str | None]

# The server is there but takes no sessions (57P03), goes down (57P01..02), or it is gone (class 08).
_UNAVAILABLE_STATES = ("57P01", "57P02", "57P03")
# libpq keeps no SQLSTATE of a refused session, so the words of the server (lc_messages C) tell who may be asked again.
_UNAVAILABLE_WORDS = ("starting up", "shutting down", "not yet accepting", "in recovery mode")


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
    """One session through C(<socket_dir>/.s.PGSQL.<port>), opened at once; each statement is a transaction.

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
        if not HAS_PSYCOPG2:
            raise OpsError("This host lacks Python's psycopg2; install python3-psycopg2.")
        self._path = os.path.join(socket_dir, f".s.PGSQL.{port}")
        self._where = {"host": socket_dir, "port": port, "user": user, "dbname": database}
        self._os_user = os_user
        self._link = self._open(timeout)
        self._link.autocommit = True
        # Text as the server writes it: what is compared over two servers must not pass through a local type.
        known = tuple(pgx.string_types)
        pgx.register_type(pgx.new_type(known, "TEXT", lambda value, _cursor: value), self._link)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def notices(self) -> list[str]:
        """What the server said besides, oldest first, without its severity."""
        return [said.partition(":")[2].strip().splitlines()[0] for said in self._link.notices]

    def forget_notices(self) -> None:
        """Forget what the server said so far."""
        self._link.notices.clear()

    def query(self, sql: str) -> list[Row]:
        """Run one statement; rows as lists of text, NULL as None."""
        return self._ask(sql)[1]

    def value(self, sql: str) -> str | None:
        """The first column of the first row, None without rows."""
        rows = self.query(sql)
        return rows[0][0] if rows else None

    def records(self, sql: str) -> list[dict[str, str | None]]:
        """Rows as dictionaries by column name."""
        columns, rows = self._ask(sql)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def copy_out(self, sql: str) -> t.Iterator[bytes]:
        """Run C(COPY ... TO STDOUT) into a file without a name and yield each line of it, with its line feed."""
        with tempfile.TemporaryFile() as rows:
            with self._errors(), self._link.cursor() as cursor:
                cursor.copy_expert(sql, rows)
            rows.seek(0)
            yield from rows

    def leave_running(self, sql: str) -> None:
        """Hand a statement to the server and go: it carries out what it has received, whoever waits for the answer."""
        self.close()
        with self._errors():
            link = self._connect(async_=1)
            _wait(link, 10.0)
            link.cursor().execute(sql)
            link.close()

    def close(self) -> None:
        """End the session; a second call does no harm."""
        with contextlib.suppress(psycopg2.Error):  # The session is over either way, which is what was asked for.
            self._link.close()

    def settimeout(self, seconds: float) -> None:
        """Change how long a single answer may take."""
        self._link.answer_s = seconds

    def _ask(self, sql: str) -> tuple[list[str], list[Row]]:
        with self._errors(), _bounded(), self._link.cursor() as cursor:
            cursor.execute(sql)
            if cursor.description is None:
                return [], []
            return [column[0] for column in cursor.description], [list(row) for row in cursor.fetchall()]

    def _open(self, timeout: float) -> t.Any:
        _Link.answer_s = timeout
        with self._errors(), _bounded():
            link = self._connect(connection_factory=_Link)
        link.answer_s = timeout
        return link

    def _connect(self, **more: t.Any) -> t.Any:
        become = self._os_user is not None and os.geteuid() == 0
        try:
            if become:
                os.seteuid(pwd.getpwnam(str(self._os_user)).pw_uid)
            return psycopg2.connect(
                application_name="ccobservatory.ops", client_encoding="UTF8", **self._where, **more
            )  # fmt: skip
        except KeyError as exc:
            name = self._os_user
            raise OpsError(f"There is no account {name} on this host; name the one that runs the server.") from exc
        finally:
            if become:
                os.seteuid(0)

    @contextlib.contextmanager
    def _errors(self) -> t.Iterator[None]:
        """Turn what psycopg2 raises into a sentence that says whose turn it is."""
        try:
            yield
        except TimeoutError as exc:
            raise PgUnavailable(f"The server at {self._path} did not answer in {exc} s.") from exc
        except psycopg2.Error as exc:
            raise self._explained(exc) from exc

    def _explained(self, exc: t.Any) -> OpsError:
        text = " ".join(str(exc).split()) or type(exc).__name__
        if exc.pgcode in _UNAVAILABLE_STATES:
            return PgUnavailable(f"The server takes no sessions now ({text}).")
        if exc.pgcode:
            detail = f": {exc.diag.message_detail}" if exc.diag.message_detail else ""
            text = f"{exc.diag.message_primary}{detail}"
            return PgError(f"The server refused a statement: {text} (SQLSTATE {exc.pgcode}).", exc.pgcode)
        refused = "FATAL:" in text or "no password supplied" in text
        if refused and not any(words in text for words in _UNAVAILABLE_WORDS):
            return PgError(f"The server at {self._path} refused the session: {text}", "28000")
        return PgUnavailable(f"Nobody answers at {self._path} ({text}); start the server.")


if HAS_PSYCOPG2:

    class _Link(pgx.connection):
        """A connection that knows how long an answer may take; the value of the class holds while one is opened."""

        answer_s = 10.0


def _wait_in_time(link: t.Any) -> None:
    """What psycopg2 calls instead of blocking: wait for the server, but not longer than the connection allows."""
    _wait(link, link.answer_s)


def _wait(link: t.Any, seconds: float) -> None:
    """Poll a connection until it is idle.

    Raises:
        TimeoutError: it was not within the time; its text is the time in seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        state = link.poll()
        if state == pgx.POLL_OK:
            return
        left = deadline - time.monotonic()
        readers, writers = ([link], []) if state == pgx.POLL_READ else ([], [link])
        if left <= 0 or not any(select.select(readers, writers, [], left)):
            raise TimeoutError(f"{seconds:g}")


@contextlib.contextmanager
def _bounded() -> t.Iterator[None]:
    """Have psycopg2 wait no longer than a connection allows. The setting is the whole process's, so it is given back.

    COPY has no form that waits so.
    """
    before = pgx.get_wait_callback()
    pgx.set_wait_callback(_wait_in_time)
    try:
        yield
    finally:
        pgx.set_wait_callback(before)
