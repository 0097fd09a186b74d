# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the ledger, how a database is opened, and how one of an older version is brought forward.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.words import EXIT_BROKEN, Status

__all__ = [
    *("VERSION", "control_result", "finding", "kpi_sample", "lock", "opened", "packed"),
    *("population", "reason", "run"),
]

VERSION = 1
_WAIT_S = 30
# Any number will do as long as nobody else uses it in the same database: "ops ledger" on a telephone.
_ADVISORY = 677_533_437

_METADATA = sql.MetaData()
_TEXT, _DOUBLE = sql.Text, sql.Double


def _column(name: str, kind: Any, *, key: bool = False, null: bool = False) -> sql.Column[Any]:
    return sql.Column(name, kind, primary_key=key, nullable=null)


meta = sql.Table("ledger_meta", _METADATA, _column("name", _TEXT, key=True), _column("value", _TEXT))

run = sql.Table(
    "run",
    _METADATA,
    _column("environment", _TEXT, key=True),
    _column("id", _TEXT, key=True),
    _column("at", _DOUBLE),  # as of when it was judged, seconds since the epoch
    _column("series", _TEXT),  # what comparable runs have in common
    _column("selection", _TEXT),
    _column("catalogue", _TEXT),
    _column("complete", sql.Boolean),
    _column("exit", sql.Integer),
    _column("open_cells", sql.LargeBinary),  # {control: {subject: status}}, compressed
    _column("header", sql.LargeBinary),  # run.json, compressed
    _column("manifest", _TEXT),  # SHA-256 of the sealed pack's manifest, empty when it was not sealed
    sql.Index("run_by_series", "environment", "series", "at"),
    sql.Index("run_by_time", "environment", "at"),
)

# Who was judged: equal populations of all controls and runs are kept once.
population = sql.Table(
    "population",
    _METADATA,
    _column("digest", _TEXT, key=True),
    _column("kind", _TEXT),
    _column("names", sql.LargeBinary),
)

control_result = sql.Table(
    "control_result",
    _METADATA,
    _column("environment", _TEXT, key=True),
    _column("run", _TEXT, key=True),
    _column("control", _TEXT, key=True),
    _column("item", _TEXT),
    _column("status", _TEXT),
    _column("population", _TEXT),
    *(_column(f"n_{status.value}", sql.Integer) for status in Status),
    sql.ForeignKeyConstraint(["environment", "run"], ["run.environment", "run.id"], ondelete="CASCADE"),
)

finding = sql.Table(
    "finding",
    _METADATA,
    _column("environment", _TEXT, key=True),
    _column("control", _TEXT, key=True),
    _column("kind", _TEXT, key=True),
    _column("subject", _TEXT, key=True),
    _column("id", _TEXT),
    _column("state", _TEXT),
    _column("says", _TEXT),
    _column("first_seen", _DOUBLE),
    _column("since", _DOUBLE),
    _column("last_seen", _DOUBLE),
    _column("observed", _DOUBLE),
    _column("history", _TEXT),
    sql.Index("finding_by_id", "environment", "id"),
)

kpi_sample = sql.Table(
    "kpi_sample",
    _METADATA,
    _column("environment", _TEXT, key=True),
    _column("run", _TEXT, key=True),
    _column("name", _TEXT, key=True),
    _column("date", _TEXT),  # UTC
    _column("value", _DOUBLE, null=True),
    _column("unit", _TEXT),
    _column("n", sql.Integer),
    _column("coverage", _DOUBLE, null=True),
    _column("verdict", _TEXT),
    sql.ForeignKeyConstraint(["environment", "run"], ["run.environment", "run.id"], ondelete="CASCADE"),
)

# from version -> what brings a database to the next one, in the transaction of the opening
MIGRATIONS: dict[int, Callable[[sql.Connection], None]] = {}


def packed(text: bytes) -> bytes:
    """Return a text as the ledger keeps it."""
    return zlib.compress(text, 6)


def opened(url: str) -> sql.Engine:
    """Return a database that has the tables of this version, made or brought forward if need be.

    Raises `OpsError` without any password in it when the URL is none, the database cannot be reached, is of a newer
    version, or is damaged (``exit_code`` 12).
    """
    try:
        parsed = _with_driver(sql.make_url(url))
    except sql.exc.ArgumentError as exc:
        raise OpsError("verify_ledger_url is no database URL; write sqlite:///FILE or postgresql://...") from exc
    shown = parsed.render_as_string(hide_password=True)
    engine = _engine(parsed)
    try:
        with engine.begin() as connection:
            lock(connection)
            _bring_forward(connection, shown)
    except sql.exc.OperationalError as exc:
        engine.dispose()
        raise OpsError(f"The ledger {shown} cannot be opened: {reason(exc)}. Correct verify_ledger_url.") from exc
    except sql.exc.DatabaseError as exc:
        engine.dispose()
        raise OpsError(
            f"The ledger {shown} is damaged: {reason(exc)}. Restore it from a backup.", exit_code=EXIT_BROKEN
        ) from exc
    except BaseException:
        engine.dispose()
        raise
    return engine


def _with_driver(url: sql.URL) -> sql.URL:
    kind = url.get_backend_name()
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg2")
    if kind != "sqlite":
        raise OpsError(f"verify_ledger_url is of the kind {kind}; the ledger is kept in sqlite or postgresql.")
    return url


def _engine(url: sql.URL) -> sql.Engine:
    if url.get_backend_name() != "sqlite":
        # A pool is of no use to a run that speaks three times with its ledger, minutes apart.
        return sql.create_engine(url, poolclass=sql.NullPool, connect_args={"connect_timeout": _WAIT_S})
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sql.create_engine(url, connect_args={"timeout": _WAIT_S})
    sql.event.listen(engine, "connect", _plain_sqlite)
    sql.event.listen(engine, "begin", _begin_writing)
    return engine


def _plain_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own idea of when a transaction begins is switched off, so that ours holds from its first read on.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_writing(connection: sql.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def lock(connection: sql.Connection) -> None:
    """Let one writer at a time in, until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_ADVISORY)))


def _bring_forward(connection: sql.Connection, shown: str) -> None:
    """Make the tables of a new database; migrate those of an older one, version by version."""
    version = _version(connection)
    if version is None:
        _METADATA.create_all(connection)
        connection.execute(meta.insert().values(name="schema_version", value=str(VERSION)))
        return
    if version > VERSION:
        raise OpsError(
            f"The ledger {shown} has version {version}, this collection knows up to {VERSION}; install a newer one."
        )
    for step in range(version, VERSION):
        MIGRATIONS[step](connection)
        connection.execute(meta.update().where(meta.c.name == "schema_version").values(value=str(step + 1)))


def _version(connection: sql.Connection) -> int | None:
    if not sql.inspect(connection).has_table(meta.name):
        return None
    found = connection.execute(sql.select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
    return int(found) if found is not None else None


def reason(exc: sql.exc.DBAPIError) -> str:
    """Return the first line of what the database said."""
    return (str(exc.orig).strip().splitlines() or [type(exc).__name__])[0].rstrip(".")
