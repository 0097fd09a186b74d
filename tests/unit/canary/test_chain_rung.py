# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rung of the integrity ladder that follows the canary's chain, on a real server and with the canary's own rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.unit.verify_history import _postgresql

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
RUNG: str = yaml.safe_load((ROOT / "roles/integrity/vars/main.yml").read_text(encoding="utf-8"))["__integrity_chain"]
COLUMNS = "run text, worker int, n bigint, hash text NOT NULL, previous text NOT NULL, PRIMARY KEY (run, worker, n)"
FORGED = "encode(sha256(convert_to(concat_ws('|', {previous}, run, worker, n), 'UTF8')), 'hex')"


@pytest.fixture(scope="module")
def cursor() -> Iterator[Any]:
    """A session with a server that has the ledger's table."""
    with (
        _postgresql.server() as url,
        contextlib.closing(_postgresql.connect(int(url.rpartition(":")[2]), "postgres")) as connection,
    ):
        found = connection.cursor()
        found.execute(f"CREATE TABLE ledger ({COLUMNS})")
        yield found


@pytest.fixture
def ledger(cursor: Any, canary: ModuleType) -> Any:
    """The session with two runs of two workers, 40 rows each."""
    cursor.execute("TRUNCATE ledger")
    for run in ("drill-a", "drill|b"):
        for worker in (0, 1):
            chain = canary.Chain(run, worker)
            for _turn in range(40):
                entry = chain.entry()
                cursor.execute("INSERT INTO ledger VALUES (%(run)s, %(worker)s, %(n)s, %(hash)s, %(previous)s)", entry)
                chain.advance()
    return cursor


def observed(session: Any) -> str:
    session.execute(RUNG)
    ((told,),) = session.fetchall()
    return str(told)


def test_what_the_canary_wrote_is_unbroken(ledger: Any) -> None:
    assert observed(ledger) == "unbroken, 160 rows"


def test_rows_that_were_lost_are_not_taken_for_altered_ones(ledger: Any) -> None:
    """After a recovery that lost writes the canary goes on beyond them: the comparison of its journal counts these."""
    ledger.execute("DELETE FROM ledger WHERE worker = 1 AND n BETWEEN 20 AND 29")
    assert observed(ledger) == "unbroken, 140 rows"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("SET hash = repeat('a', 64)", ["2 of 160 rows: ", "row 17 is altered", "row 18 breaks the chain"]),
        ("SET previous = repeat('b', 64)", ["1 of 160 rows: run drill-a worker 1 row 17 is altered"]),
        ("SET n = 1017", ["1 of 160 rows: run drill-a worker 1 row 1017 is altered"]),
        ("SET worker = 7", ["1 of 160 rows: run drill-a worker 7 row 17 is altered"]),
        (
            "SET previous = repeat('b', 64), hash = " + FORGED.format(previous="repeat('b', 64)"),
            ["2 of 160 rows: ", "row 17 breaks the chain; run drill-a worker 1 row 18 breaks the chain"],
        ),
    ],
    ids=["hash", "previous", "number", "worker", "forged anew"],
)
def test_a_row_that_was_touched_is_named(ledger: Any, change: str, said: list[str]) -> None:
    ledger.execute(f"UPDATE ledger {change} WHERE run = 'drill-a' AND worker = 1 AND n = 17")
    told = observed(ledger)
    assert "unbroken" not in told
    assert [text for text in said if text not in told] == []


def test_a_chain_begins_with_zeros(ledger: Any) -> None:
    forged = "SET previous = 'x', hash = " + FORGED.format(previous="'x'")
    ledger.execute(f"UPDATE ledger {forged} WHERE run = 'drill-a' AND worker = 0 AND n = 1")
    ledger.execute("DELETE FROM ledger WHERE run = 'drill-a' AND worker = 0 AND n > 1")
    assert observed(ledger) == "1 of 121 rows: run drill-a worker 0 row 1 breaks the chain"
