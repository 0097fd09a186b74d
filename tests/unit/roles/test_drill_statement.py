# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statement that destroys, and the question what became of it, put to a real server as the drill puts them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.verify_history import _postgresql

pytestmark = pytest.mark.slow

TASKS = Path(__file__).resolve().parents[3] / "roles" / "dr" / "tasks"
TABLE, DROP = "ledger", "DROP TABLE ledger"


class Server:
    """A server with a table, and what the two tasks run on it."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.file = port, folder / "d-drop.statement"

    def sql(self, text: str) -> list[tuple[str, ...]]:
        """Run a statement and return its rows."""
        with contextlib.closing(_postgresql.connect(self.port, "postgres")) as connection:
            cursor = connection.cursor()
            cursor.execute(text)
            return list(cursor.fetchall()) if cursor.description else []

    def run(self, task_file: str, sql: str = DROP) -> subprocess.CompletedProcess[str]:
        """Run the command of a task file, without the change of account."""
        tasks = yaml.safe_load((TASKS / task_file).read_text(encoding="utf-8"))
        (argv,) = [task["ansible.builtin.command"]["argv"] for task in tasks if "ansible.builtin.command" in task]
        told = {
            **{"dr_database": "postgres", "__dr_fault.target": TABLE, "__dr_fault.sql": sql},
            "__dr_statement_file": str(self.file),
        }
        ours = argv[argv.index("--") + 1 :]
        words = [re.sub(r"\{\{ (\S+) \}\}", lambda found: told[found[1]], word) for word in ours]
        known = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": _postgresql.USER}
        return subprocess.run(
            _postgresql.as_account([str(_postgresql.programs() / words[0]), *words[1:]]),
            env={**os.environ, **known, "PGPASSWORD": _postgresql.PASSWORD},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def became(self) -> str:
        """Return the answer to the question what became of the statement."""
        done = self.run("statement_done.yml")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as name, _postgresql.server() as url:
        Path(name).chmod(0o777)
        made = Server(int(url.rpartition(":")[2]), Path(name))
        made.sql(f"CREATE TABLE {TABLE} (n int)")
        yield made


def test_a_committed_statement_is_known_with_the_place_before_it(server: Server) -> None:
    assert server.became() == "", "nothing was run yet"
    ((before,),) = server.sql("SELECT pg_current_wal_insert_lsn()::text")
    done = server.run("statement.yml")
    assert done.returncode == 0, done.stderr
    assert server.sql(f"SELECT to_regclass('{TABLE}')") == [(None,)]
    said = re.fullmatch(r"committed ([0-9A-F]+/[0-9A-F]+)", server.became())
    assert said
    ((after,),) = server.sql("SELECT pg_current_wal_insert_lsn()::text")
    assert server.sql(f"SELECT '{before}'::pg_lsn <= '{said[1]}', '{said[1]}'::pg_lsn < '{after}'") == [(True, True)]


def test_a_statement_that_failed_is_known_to_have_done_nothing(server: Server) -> None:
    assert server.run("statement.yml", "DROP TABLE nobody_has_it").returncode != 0
    assert server.became().startswith("aborted ")
    assert server.run("statement.yml").returncode == 0
    assert server.became().startswith("committed ")


def test_a_file_cut_short_is_no_answer(server: Server) -> None:
    server.run("statement.yml")
    whole = server.file.read_bytes()
    for kept in range(len(whole)):
        server.file.write_bytes(whole[:kept])
        assert server.became() == "", whole[:kept]


def test_a_statement_that_still_runs_is_neither(server: Server) -> None:
    with contextlib.closing(_postgresql.connect(server.port, "postgres")) as connection:
        connection.autocommit = False
        cursor = connection.cursor()
        cursor.execute("SELECT pg_current_xact_id()::text")
        ((number,),) = cursor.fetchall()
        server.file.write_text(f"{number}|0/5000028\n", encoding="utf-8")
        server.file.chmod(0o644)
        assert server.became().startswith("in progress")
        connection.rollback()
    assert server.became().startswith("aborted")
