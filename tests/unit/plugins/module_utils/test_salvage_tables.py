# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asked of a real server: every table is compared, whatever its key, and what is not compared is named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _salvage, _salvage_tables
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection
from tests.unit.verify_history import _postgresql

pytestmark = pytest.mark.slow

MADE = (
    "CREATE DATABASE reports", "CREATE DATABASE empty", "CREATE SCHEMA app", "CREATE SCHEMA ops",
    "CREATE TABLE ops.promotion_probe AS SELECT 1 AS token",
    "CREATE TABLE ledger (n int PRIMARY KEY, content text)", "INSERT INTO ledger VALUES (1, 'a'), (2, 'b')",
    "CREATE TABLE app.clicks (page text)", "INSERT INTO app.clicks VALUES ('x'), ('x'), ('y')",
    "CREATE TABLE app.large AS SELECT repeat('z', 900) FROM generate_series(1, 200)",
    "CREATE UNLOGGED TABLE app.cache AS SELECT 1",
    """CREATE TABLE app."odd.name" AS SELECT 1""",
    "CREATE TABLE app.none (n int)",
    "CREATE TABLE parted (n int PRIMARY KEY) PARTITION BY RANGE (n)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (9)",
)  # fmt: skip
ALL = ["app.clicks", "app.large", "app.none", "public.ledger", "public.parted_1"]


@pytest.fixture(scope="module")
def place() -> Iterator[dict[str, Any]]:
    """How to reach a server that holds these tables."""
    patch = pytest.MonkeyPatch()
    with _postgresql.server() as url:
        patch.setenv("PGPASSWORD", _postgresql.PASSWORD)
        port = int(url.rpartition(":")[2])
        with contextlib.closing(_postgresql.connect(port, "postgres")) as link:
            link.autocommit = True
            cursor = link.cursor()
            cursor.execute("SHOW unix_socket_directories")
            folder = cursor.fetchone()[0]
            for statement in MADE:
                cursor.execute(statement)
        yield {"socket_dir": folder, "port": port, "user": _postgresql.USER, "os_user": None}
    patch.undo()


@pytest.fixture
def session(place: dict[str, Any]) -> Iterator[Connection]:
    with Connection(**place) as opened:
        _salvage.prepare(opened)
        yield opened


def keys(session: Connection, *names: str) -> dict[str, _salvage.Keys]:
    lines: list[bytes] = []
    _salvage.write_keys([_salvage.Table(session, name, None, "at") for name in names], lines.append)
    return _salvage.read_keys(lines)


def test_without_names_all_tables_that_outlive_a_crash_are_compared(session: Connection) -> None:
    assert _salvage_tables.choose(session, 1 << 30) == (ALL, ["app.odd.name"])


def test_what_does_not_fit_is_left_out_by_name(session: Connection) -> None:
    compared, left_out = _salvage_tables.choose(session, 100_000)
    assert left_out == ["app.large", "app.odd.name"]
    assert compared == [name for name in ALL if name != "app.large"]


def test_what_holds_data_and_is_not_compared_is_named(session: Connection, place: dict[str, Any]) -> None:
    def enter(database: str) -> Connection:
        return Connection(**place, database=database)

    found = _salvage_tables.uncovered(session, ["ledger", "app.large"], enter)
    assert sorted(found) == ["table app.clicks", "table app.odd.name"]
    with enter("reports") as other:
        other.query("CREATE TABLE monthly AS SELECT 1")
    session.query("SELECT lo_create(0)")
    found = _salvage_tables.uncovered(session, ALL, enter)
    assert sorted(found) == ["database reports", "large objects", "table app.odd.name"]


def test_a_row_without_a_key_is_told_by_its_content_and_number(session: Connection, tmp_path: Path) -> None:
    names = ("app.clicks", "public.ledger")
    known = keys(session, *names)
    assert len(known["app.clicks"]) == 3
    session.query("INSERT INTO app.clicks VALUES ('x'), ('new')")
    session.query("UPDATE ledger SET content = 'c' WHERE n = 2")
    path = tmp_path / "rows"
    tables = [_salvage.Table(session, name, None, "at") for name in names]
    found = _salvage.export_rows(tables, known, str(path))
    assert (found["absent"], found["differs"]) == (2, 1)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(str(row["row"].get("page")) for row in rows if row["table"] == "app.clicks") == ["new", "x"]
