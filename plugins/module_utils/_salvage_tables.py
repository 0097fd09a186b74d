# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables of a cluster a salvage compares, and what of it holds data and is compared by nobody.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, identifier, literal

__all__ = ["all_tables", "choose", "uncovered"]

# Tables that survive a crash, those of a partitioned one too. The row that proves a promotion is ours, and no data.
_TABLES = """
SELECT n.nspname, c.relname, pg_table_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND (n.nspname, c.relname) <> ('ops', 'promotion_probe')
ORDER BY 3, 1, 2"""
_DATABASES = """
SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn AND datname <> current_database() ORDER BY 1"""
_SCHEMA_OF = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass({})"""
_ROW = "SELECT 1 FROM {} LIMIT 1"
_LARGE_OBJECTS = "SELECT 1 FROM pg_largeobject_metadata LIMIT 1"
# A file of keys keeps schema, table and key apart by these.
_NOT_IN_A_NAME = frozenset(".\t\n\r\\")


class Found(t.NamedTuple):
    """A table: its schema and name with a dot between, and its size in bytes."""

    name: str
    size: int
    nameable: bool


def all_tables(session: Connection) -> list[Found]:
    """Ordinary tables of the session's database that outlive a crash, the smallest first."""
    return [
        Found(f"{schema}.{table}", int(size or 0), not _NOT_IN_A_NAME & set(f"{schema}{table}"))
        for schema, table, size in session.query(_TABLES)
    ]


def choose(session: Connection, max_bytes: int) -> tuple[list[str], list[str]]:
    """Names of the tables to compare, the smallest while they fit into C(max_bytes) together, and of the others."""
    compared: list[str] = []
    left_out: list[str] = []
    room = max_bytes
    for table in all_tables(session):
        fits = table.nameable and table.size <= room
        (compared if fits else left_out).append(table.name)
        room -= table.size if fits else 0
    return sorted(compared), sorted(left_out)


def uncovered(session: Connection, compared: t.Iterable[str], enter: t.Callable[[str], Connection]) -> list[str]:
    """What holds data and is not among the compared tables: other tables, large objects, databases with tables.

    Args:
        session: a session in the database of the compared tables.
        compared: their names, with or without a schema.
        enter: opens a session in another database of the same cluster.
    """
    known = {_qualified(session, name) for name in compared}
    found = [f"table {name.name}" for name in all_tables(session) if name.name not in known and _holds(session, name)]
    if session.value(_LARGE_OBJECTS):
        found.append("large objects")
    names = [str(database) for (database,) in session.query(_DATABASES)]
    return found + [f"database {name}" for name in names if _has_tables(name, enter)]


def _has_tables(database: str, enter: t.Callable[[str], Connection]) -> bool:
    """Whether a database holds rows; one that cannot be entered counts as one that does."""
    try:
        with enter(database) as session:
            return any(_holds(session, table) for table in all_tables(session))
    except OpsError:
        return True


def _qualified(session: Connection, name: str) -> str:
    """Schema and name of a table that may be named without its schema."""
    return name if "." in name else str(session.value(_SCHEMA_OF.format(literal(identifier(name)))))


def _holds(session: Connection, table: Found) -> bool:
    """Whether a table has a row; one whose name cannot be written, or that cannot be read, counts as one that has."""
    if not table.nameable:
        return True
    try:
        return session.value(_ROW.format(".".join(identifier(part) for part in table.name.split(".")))) is not None
    except OpsError:
        return True
