# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which PgBouncer has its targets, and the console that tells which are in effect.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, PgUnavailable, identifier

__all__ = ["Console", "read_targets", "replace_file", "rewrite_targets"]

POLL_S = 0.03

_ENTRY = re.compile(r"^\s*(?P<name>\"(?:[^\"]|\"\")+\"|[^\s=;#\[]+)\s*=(?P<rest>.*)$")
_PAIR = re.compile(r"(?P<key>[a-z_]+)\s*=\s*(?P<value>'(?:[^']|'')*'|[^\s']+)")
_SAFE = re.compile(r"[A-Za-z0-9._:/-]+")


def _entries(text: str) -> t.Iterator[tuple[int, str, str]]:
    """Line number, name and connection string of each database of an ini file."""
    section = "databases"
    for number, line in enumerate(text.splitlines()):
        if line.strip().startswith("["):
            section = line.strip().strip("[]").strip()
        elif section == "databases" and not line.lstrip().startswith((";", "#", "%")):
            match = _ENTRY.match(line)
            if match:
                yield number, match["name"].strip('"'), match["rest"]


def read_targets(text: str) -> dict[str, dict[str, str]]:
    """Databases of the file with their settings, such as C(host) and C(port)."""
    return {name: {p["key"]: p["value"].strip("'") for p in _PAIR.finditer(rest)} for _n, name, rest in _entries(text)}


def rewrite_targets(text: str, databases: t.Sequence[str], host: str, port: int) -> str:
    """The file with another host and port for some databases (all when the sequence is empty), the rest untouched.

    Raises:
        OpsError: a database is not in the file, or the host is no host.
    """
    if not _SAFE.fullmatch(host):
        raise OpsError(f"{host!r} is no host name and no address; name the server that PgBouncer shall use.")
    lines = text.splitlines()
    found = {name: number for number, name, _rest in _entries(text)}
    missing = [name for name in databases if name not in found]
    if missing or not found:
        raise OpsError(
            f"PgBouncer's file has no database {', '.join(missing) or 'at all'}; it has {', '.join(found) or 'none'}."
        )
    for name in databases or found:
        number = found[name]
        head, _equals, rest = lines[number].partition("=")
        for key, value in (("host", host), ("port", str(port))):
            rest, changes = re.subn(rf"\b{key}\s*=\s*('(?:[^']|'')*'|[^\s']+)", f"{key}={value}", rest)
            if not changes:
                rest = f" {key}={value}{rest}"
        lines[number] = f"{head}={rest}"
    return "\n".join(lines) + "\n"


def replace_file(path: str, text: str) -> None:
    """Put another content at once in the place of a file; owner and mode stay."""
    temporary = f"{path}.part"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        status = os.stat(path)
        shutil.copymode(path, temporary)
        os.chown(temporary, status.st_uid, status.st_gid)
        os.replace(temporary, path)
    except OSError as exc:
        raise OpsError(f"{path} cannot be written ({exc.strerror}); mend the directory's rights or space.") from exc


class Console:
    """PgBouncer's own database, through its socket."""

    def __init__(self, *, socket_dir: str, port: int, user: str, os_user: str, timeout: float) -> None:
        self._where = {"socket_dir": socket_dir, "port": port, "user": user, "os_user": os_user}
        self._timeout = timeout

    def _open(self, timeout: float | None = None) -> Connection:
        try:
            return Connection(database="pgbouncer", timeout=timeout or self._timeout, **self._where)  # type: ignore[arg-type]
        except PgUnavailable as exc:
            raise OpsError(f"PgBouncer's console does not answer: {exc} Start pgbouncer on this host.") from exc

    def say(self, command: str) -> None:
        """Give a command and wait for its end."""
        with self._open() as console:
            console.query(command)

    def databases(self) -> dict[str, dict[str, t.Any]]:
        """Effective targets by database, without the console itself."""
        with self._open() as console:
            rows = console.records("SHOW DATABASES")
        return {
            str(row["name"]): {
                "host": row["host"],
                "port": int(row["port"] or 0),
                "paused": row["paused"] == "1",
                "disabled": row["disabled"] == "1",
                "connections": int(row["current_connections"] or 0),
            }
            for row in rows
            if row["name"] != "pgbouncer"
        }

    def servers(self) -> list[dict[str, t.Any]]:
        """Connections to database servers that exist now."""
        with self._open() as console:
            rows = console.records("SHOW SERVERS")
        return [{key: row.get(key) for key in ("database", "state", "addr", "port")} for row in rows]

    def waiting_clients(self, databases: t.Container[str]) -> int:
        """Clients that wait for a server."""
        with self._open() as console:
            rows = console.records("SHOW POOLS")
        return sum(int(row["cl_waiting"] or 0) for row in rows if row["database"] in databases)

    def pause(self, database: str, timeout: float) -> float:
        """Let the running transactions end and hold the next ones; seconds it took.

        Raises:
            OpsError: transactions still ran after the time. The database is resumed then, nothing is held.
        """
        started = time.monotonic()
        try:
            with self._open(timeout) as console:
                console.query(f"PAUSE {identifier(database)}")
        except PgUnavailable as exc:
            self.resume(database)
            raise OpsError(
                f"PgBouncer could not pause {database} within {timeout:g} s because transactions still run; "
                "it goes on as before. Find the long transaction and end it, then try again."
            ) from exc
        return round(time.monotonic() - started, 3)

    def resume(self, database: str) -> bool:
        """Let held clients go on; false when the database was not paused."""
        if not self.databases().get(database, {}).get("paused"):
            return False
        self.say(f"RESUME {identifier(database)}")
        return True

    def drain(self, databases: t.Container[str], keep: t.Callable[[dict[str, t.Any]], bool], timeout: float) -> int:
        """Wait until no connection to a former server is left; how many are after the time."""
        deadline = time.monotonic() + timeout
        while True:
            left = sum(1 for server in self.servers() if server["database"] in databases and not keep(server))
            if left == 0 or time.monotonic() >= deadline:
                return left
            time.sleep(POLL_S)
