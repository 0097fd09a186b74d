# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what only an old data directory holds, from a copy that is started apart from everything.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, identifier, literal

__all__ = ["IsolatedCopy", "Table", "export_rows", "plain", "read_keys", "sort_out", "write_keys"]

PORT = 54321
COPY = "ccobservatory-salvage"
# What must not come along: it belongs to the old server's run, or would make the copy follow or archive.
LEFT_BEHIND = ("postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal", "postgresql.auto.conf")
# Settings that let any primary's directory start and let nothing out. Slots and prepared transactions need room.
SETTINGS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "archive_mode": "off",
    "archive_command": "''",
    "restore_command": "''",
    "primary_conninfo": "''",
    "default_transaction_read_only": "on",
    "autovacuum": "off",
    "fsync": "off",
    "hot_standby": "on",
    "wal_level": "logical",
    "max_wal_senders": "0",
    "max_replication_slots": "100",
    "max_prepared_transactions": "100",
    "max_logical_replication_workers": "0",
    "shared_buffers": "32MB",
    "logging_collector": "off",
    "log_timezone": "'UTC'",
    "lc_messages": "'C'",
    "ssl": "off",
    "jit": "off",
}
_SESSION = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'"

_KEY_COLUMNS = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indisprimary AND i.indrelid = @TABLE@::regclass ORDER BY array_position(i.indkey::int2[], a.attnum)"""
# Without a primary key a row is told by its content, and by its place among those of the same content.
_WHOLE_ROW = ("md5(t::text)", "row_number() OVER (PARTITION BY md5(t::text))")
_COPY = "COPY (SELECT {columns} FROM {table} t{where} ORDER BY {order}) TO STDOUT"

Keys = dict[bytes, bytes]


class Row(t.NamedTuple):
    """A row, as COPY writes it: its primary key with tabs between, a digest of all of it, and it as JSON."""

    key: bytes
    digest: bytes
    json: bytes


class Table:
    """A table, as one session sees it.

    Args:
        session: where to ask.
        name: table, or schema and table with a dot between them.
        since: only rows whose time column is later than this (a timestamp as text), if given.
        time_column: the column meant.
    """

    def __init__(self, session: Connection, name: str, since: str | None, time_column: str) -> None:
        self.name = name
        self._session = session
        self._table = ".".join(identifier(part) for part in name.split("."))
        known = session.value(f"SELECT to_regclass({literal(self._table)})")
        if known is None:
            raise OpsError(f"The database has no table {name}; name existing tables.")
        self.columns = [str(row[0]) for row in session.query(_KEY_COLUMNS.replace("@TABLE@", literal(self._table)))]
        self._keys = [f"t.{identifier(column)}" for column in self.columns] or list(_WHOLE_ROW)
        self._where = f" WHERE {identifier(time_column)} > {literal(since)}" if since else ""

    def key_lines(self) -> t.Iterator[bytes]:
        """Lines of digest and key, in the order of the key."""
        return self._copy(["md5(t::text)"])

    def rows(self) -> t.Iterator[Row]:
        """All rows, in the order of the key."""
        for line in self._copy(["md5(t::text)", "row_to_json(t)::text"]):
            digest, text, key = line.rstrip(b"\n").split(b"\t", 2)
            yield Row(key, digest, text)

    def _copy(self, before: list[str]) -> t.Iterator[bytes]:
        columns = [*before, *(f"{key}::text" for key in self._keys)]
        return self._session.copy_out(
            _COPY.format(columns=", ".join(columns), table=self._table, where=self._where, order=", ".join(self._keys))
        )


def prepare(session: Connection) -> None:
    """Give a session the settings under which the text of a row is the same on any server."""
    for statement in _SESSION.split("; "):
        session.query(statement)


def write_keys(tables: t.Iterable[Table], write: t.Callable[[bytes], t.Any]) -> dict[str, int]:
    """Write table, digest and key of each row as a line with tabs between them; how many by table."""
    found = {}
    for table in tables:
        number = 0
        name = table.name.encode()
        for line in table.key_lines():
            write(name + b"\t" + line)
            number += 1
        found[table.name] = number
    return found


def read_keys(lines: t.Iterable[bytes]) -> dict[str, Keys]:
    """Digests by table and key, from what C(write_keys) wrote.

    Raises:
        OpsError: a line is none of it.
    """
    found: dict[str, Keys] = {}
    for number, line in enumerate(lines, 1):
        parts = line.rstrip(b"\n").split(b"\t", 2)
        if len(parts) < 3 or len(parts[1]) != 32:
            raise OpsError(f"Line {number} of the keys is no line of keys; write them anew on the new primary.")
        found.setdefault(parts[0].decode(), {})[parts[2]] = parts[1]
    return found


_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def plain(field: bytes) -> str:
    """A field as COPY writes it, as text again."""
    return re.sub(rb"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), field, flags=re.DOTALL).decode(
        "utf-8", "replace"
    )


def sort_out(rows: t.Iterable[Row], known: Keys | None) -> t.Iterator[tuple[str, Row]]:
    """Rows worth a review with the reason: C(absent) or C(differs) over there, C(unchecked) without its keys."""
    for row in rows:
        if known is None:
            yield "unchecked", row
        elif row.key not in known:
            yield "absent", row
        elif known[row.key] != row.digest:
            yield "differs", row


def export_rows(tables: t.Iterable[Table], known: dict[str, Keys] | None, path: str) -> dict[str, t.Any]:
    """Write the rows worth a review as lines of JSON, readable by root alone; counts and the digest of the file."""
    totals = {"absent": 0, "differs": 0, "unchecked": 0}
    digest = hashlib.sha256()
    descriptor = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        for table in tables:
            for reason, row in sort_out(table.rows(), None if known is None else known.get(table.name, {})):
                key = [plain(field) for field in row.key.split(b"\t")]
                head = json.dumps({"table": table.name, "reason": reason, "key": key})
                line = f'{head[:-1]}, "row": {plain(row.json)}}}\n'.encode()
                digest.update(line)
                file.write(line)
                totals[reason] += 1
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)
    return {"rows": sum(totals.values()), **totals, "sha256": digest.hexdigest(), "bytes": os.stat(path).st_size}


class IsolatedCopy:
    """A copy of a stopped server's data directory, started on a private socket, gone again at the end.

    Args:
        run: C(run_command) of the module.
        params: C(data_dir), C(bin_dir), C(scratch_dir), C(os_user), C(timeout).
    """

    def __init__(self, run: _cluster.Runner, params: dict[str, t.Any]) -> None:
        self._run = run
        self._params = params
        self.home = os.path.join(params["scratch_dir"], COPY)
        self.data_dir = os.path.join(self.home, "data")
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> IsolatedCopy:
        self.remove()  # What a killed run left.
        try:
            clock = time.monotonic()
            self._copy()
            self.seconds["copy"] = round(time.monotonic() - clock, 3)
            clock = time.monotonic()
            self._start()
            self.seconds["start"] = round(time.monotonic() - clock, 3)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.remove()

    def session(self, database: str) -> Connection:
        """A session in the copy."""
        return Connection(
            socket_dir=self.home, port=PORT, database=database, os_user=self._params["os_user"], timeout=120
        )

    def remove(self) -> None:
        """Stop the copy when it runs and remove it."""
        if _cluster.postmaster_pid(self.data_dir) is not None:
            self._as_owner("pg_ctl", "stop", "-D", self.data_dir, "-m", "immediate", "-w", "-s")
        shutil.rmtree(self.home, ignore_errors=True)
        if os.path.exists(self.home):
            raise OpsError(f"{self.home} cannot be removed; remove it by hand, it holds production data.")

    def _copy(self) -> None:
        source = self._params["data_dir"]
        self._need_space(source)
        owner = os.stat(source)
        os.makedirs(self.home, mode=0o700)
        os.chown(self.home, owner.st_uid, owner.st_gid)
        self._command(["cp", "-a", "--reflink=auto", source, self.data_dir])
        log = os.path.join(self.data_dir, "pg_wal")
        if os.path.islink(log):
            real = os.path.realpath(os.path.join(source, "pg_wal"))
            os.unlink(log)
            self._command(["cp", "-a", "--reflink=auto", real, log])
        for name in LEFT_BEHIND:
            if os.path.lexists(os.path.join(self.data_dir, name)):
                os.unlink(os.path.join(self.data_dir, name))
        settings = {**SETTINGS, "unix_socket_directories": f"'{self.home}'"}
        self._put("postgresql.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()), owner)
        self._put("pg_hba.conf", "local all all peer\n", owner)
        self._put("pg_ident.conf", "", owner)

    def _need_space(self, source: str) -> None:
        for base, directories, _files in os.walk(os.path.join(source, "pg_tblspc")):
            linked = [name for name in directories if os.path.islink(os.path.join(base, name))]
            if linked:
                raise OpsError(
                    f"{source} uses tablespaces ({', '.join(linked)}), which a copy would share; salvage by hand.",
                    uncopied=True,
                )
        used = 0
        for base, _directories, files in os.walk(source):
            used += sum(_size(os.path.join(base, name)) for name in files)
        free = shutil.disk_usage(self._params["scratch_dir"]).free
        if free < used * 1.1:
            raise OpsError(
                f"{self._params['scratch_dir']} has {free >> 20} MiB free and a copy of {source} needs "
                f"{int(used * 1.1) >> 20}; set scratch_dir to a larger file system.",
                uncopied=True,
            )

    def _start(self) -> None:
        log = os.path.join(self.home, "log")
        timeout = str(int(self._params["timeout"]))
        command = ("pg_ctl", "start", "-D", self.data_dir, "-l", log, "-w", "-s", "-t", timeout)
        rc, out, err = self._as_owner(*command)
        if rc != 0:
            said = _cluster.RecoveryLog(log, 0).last_fatal() or err.strip() or out.strip()
            raise OpsError(
                f"The copy of {self._params['data_dir']} does not start: {said}. Keep the old disk as it is."
            )

    def _put(self, name: str, text: str, owner: os.stat_result) -> None:
        path = os.path.join(self.data_dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        os.chown(path, owner.st_uid, owner.st_gid)

    def _as_owner(self, program: str, *arguments: str) -> tuple[int, str, str]:
        path = os.path.join(self._params["bin_dir"], program)
        return self._run(["runuser", "-u", self._params["os_user"], "--", path, *arguments], cwd=self.home)

    def _command(self, command: list[str]) -> None:
        rc, _out, err = self._run(command)
        if rc != 0:
            raise OpsError(f"{command[0]} failed: {err.strip()}; look at space and rights of {self.home}.")


def _size(path: str) -> int:
    try:
        status = os.lstat(path)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
