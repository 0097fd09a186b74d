# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger, on SQLite and on a real PostgreSQL: whole runs or none, several writers, no secret in an error."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sql

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import compact, from_epoch, iso_ms
from tests.unit.verify_history import _postgresql
from verify.collect import figures
from verify.engine import ledger_tables
from verify.engine.changes import Snapshot, compare, snapshot
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence
from verify.engine.ledger import Ledger, open_ledger, url_of
from verify.engine.words import Status

DAY = 86_400.0
NOW = 1_764_150_000.0  # 2025-11-26T09:40:00Z
# A server of its own is installed and started for PostgreSQL: not for the quick tier.
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
Table = Mapping[str, Mapping[str, str]]


class Sample(NamedTuple):
    name: str
    value: float | None
    unit: str = "s"
    n: int = 3
    coverage: float | None = 1.0
    verdict: str = "met"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with _postgresql.server() as url:
        yield url


_NUMBERS = itertools.count()


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/ledger.sqlite"
    return _postgresql.new_database(request.getfixturevalue("postgresql"), f"ledger{next(_NUMBERS)}")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with open_ledger(url) as book:
        yield book


def header_of(at: float, **over: Any) -> dict[str, Any]:
    told = {"id": compact(from_epoch(at)), "environment": "test", "collected": iso_ms(from_epoch(at)), "selection": {}}
    return {**told, "catalogue": {"digest": "c" * 64}, **over}


@pytest.fixture
def taken(make: Any) -> Callable[..., Snapshot]:
    """Return a function that makes the snapshot of a run from its instant and a table of statuses."""

    def take(at: float, table: Table, **over: Any) -> Snapshot:
        return snapshot(header_of(at, **over), make(table))

    return take


def put(ledger: Ledger, one: Snapshot, **over: Any) -> bool:
    return ledger.append(one, **{"header": header_of(one.at), "exit_code": 1, **over})


ONE: Table = {"INFRA-02": {"db1": "pass", "web1": "fail", "web2": "waived"}, "TEAM-01": {"test": "manual_due"}}
TWO: Table = {"INFRA-02": {"db1": "unknown", "web1": "fail", "web2": "pass"}, "TEAM-01": {"test": "pass"}}


def test_the_first_run_has_none_before_it(ledger: Ledger, taken: Any) -> None:
    before = ledger.previous(taken(NOW, ONE))
    assert before.snapshot is None
    assert before.reason == "there is no earlier run of this environment in the ledger"


def test_a_run_comes_back_as_it_was_taken(ledger: Ledger, taken: Any) -> None:
    one = taken(NOW - DAY, ONE)
    assert put(ledger, one, manifest="f" * 64)
    back = ledger.previous(taken(NOW, TWO)).snapshot
    assert back is not None
    assert (back.run, back.at, back.scope, back.series) == (one.run, one.at, one.scope, one.series)
    assert {key: cell.status for key, cell in back.open.items()} == {key: c.status for key, c in one.open.items()}


def test_the_newest_whole_run_of_an_earlier_day_is_kept_as_a_fact(ledger: Ledger, taken: Any) -> None:
    def told(now: float) -> Any:
        evidence = Evidence()
        figures.collect(ledger, "test", evidence, now=lambda: now)
        fact = evidence.get("ledger", figures.WHOLE_RUN)
        assert fact is not None and fact.error is None
        return evidence.json(fact)["at"]

    assert told(NOW) is None
    for days, over in ((3, {}), (2, {"selection": {"limit": "web1"}}), (0, {})):
        put(ledger, taken(NOW - days * DAY - 60, ONE, **over))
    put(ledger, dataclasses.replace(taken(NOW - DAY, ONE), complete=False))
    assert told(NOW) == "2025-11-23T09:39:00.000Z"
    assert told(NOW + DAY) == "2025-11-26T09:39:00.000Z"


def test_appending_twice_changes_nothing(ledger: Ledger, taken: Any) -> None:
    one = taken(NOW, ONE)
    assert put(ledger, one)
    before = ledger.findings("test")
    assert not put(ledger, one)
    assert ledger.findings("test") == before


def test_findings_are_followed_over_runs(ledger: Ledger, taken: Any) -> None:
    for day, table in enumerate((ONE, TWO, TWO, ONE)):
        put(ledger, taken(NOW + day * DAY, table))
    found = ledger.findings("test")
    told = {
        f"{key[0]} {key[2]}": (one.state, one.history, one.since - NOW, one.last_seen - NOW)
        for key, one in found.items()
    }
    assert told == {
        "INFRA-02 web1": ("fail", "FFFF", 0.0, 3 * DAY),
        "INFRA-02 web2": ("waived", "WPPW", 3 * DAY, 3 * DAY),
        "INFRA-02 db1": ("pass", "PUUP", DAY, 2 * DAY),
        "TEAM-01 test": ("manual_due", "MPPM", 3 * DAY, 3 * DAY),
    }
    assert {one.first_seen for one in found.values()} == {NOW, NOW + DAY}


def test_a_narrowed_run_leaves_other_findings_alone(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW, ONE))
    put(ledger, taken(NOW + DAY, {"INFRA-02": {"web1": "pass"}}, selection={"items": ["INFRA-02"]}))
    found = {key[2]: one for key, one in ledger.findings("test").items()}
    assert (found["web1"].state, found["web1"].history) == ("pass", "FP")
    assert (found["web2"].history, found["test"].history) == ("W", "M")
    assert found["test"].observed == NOW


def test_a_run_that_comes_late_leaves_newer_findings_alone(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW, ONE))
    newer = ledger.findings("test")
    assert put(ledger, taken(NOW - DAY, TWO))
    assert {key: one for key, one in ledger.findings("test").items() if key in newer} == newer
    assert ledger.previous(taken(NOW, ONE)).snapshot is not None


@pytest.mark.parametrize("how", ["replay_of", "evidence_of"])
def test_judging_old_evidence_again_is_no_new_observation(ledger: Ledger, taken: Any, how: str) -> None:
    one = taken(NOW, ONE)
    assert not put(ledger, one, header=header_of(NOW, **{how: "20251125T000000Z"}))
    assert ledger.findings("test") == {}


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"selection": {"items": ["INFRA-02"]}}, "it judged another selection"),
        ({"catalogue": {"digest": "d" * 64}}, "the catalogue was another one"),
    ],
)
def test_unequal_runs_are_not_compared(ledger: Ledger, taken: Any, over: dict[str, Any], reason: str) -> None:
    put(ledger, taken(NOW - DAY, ONE, **over))
    now = taken(NOW, ONE)
    before = ledger.previous(now)
    told = compare(now, before, ledger.findings("test"))
    assert (told["comparable"], told["previous"], told["gap_s"], told["still"]) == (False, None, DAY, [])
    assert told["reason"] == f"20251125T094000Z is the newest run, but {reason}"


def test_other_kinds_of_subjects_are_not_compared(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - DAY, {**ONE, "INFRA-03.api": {"api": "pass"}}))
    before = ledger.previous(taken(NOW, ONE))
    assert before.reason.endswith("it judged other kinds of subjects (estate, host, service)")


def test_a_run_that_was_cut_off_is_not_compared_with(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - DAY, ONE, expected=40))
    before = ledger.previous(taken(NOW, ONE))
    assert before.snapshot is None
    assert before.reason == "20251125T094000Z is the newest run, but it did not come to its end"


def test_the_last_comparable_run_is_found_behind_others(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - 3 * DAY, ONE))
    put(ledger, taken(NOW - 2 * DAY, TWO))
    put(ledger, taken(NOW - DAY, ONE, selection={"items": ["INFRA-02"]}))
    before = ledger.previous(taken(NOW, ONE))
    assert before.snapshot is not None
    assert before.snapshot.at == NOW - 2 * DAY


def test_other_environments_are_others(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - DAY, ONE, environment="prod"))
    assert ledger.previous(taken(NOW, ONE)).snapshot is None
    assert ledger.findings("test") == {}


def test_what_a_host_said_cannot_break_the_ledger(ledger: Ledger, taken: Any) -> None:
    one = taken(NOW, ONE)
    key = ("INFRA-02", "host", "web1")
    hostile = "a\0b \udcff <script> '; DROP TABLE run; --"
    one.open[key] = one.open[key]._replace(says=hostile)
    assert put(ledger, one, kpis=[Sample("ratio", float("nan")), Sample("rate", float("inf"))])
    assert ledger.findings("test")[key].says == "a\\x00b \\udcff <script> '; DROP TABLE run; --"
    told = ledger.history(taken(NOW + DAY, ONE), [Sample("ratio", float("nan"))])
    assert told["kpis"] == {
        "rate": [["2025-11-26", None, None]],
        "ratio": [["2025-11-26", None, None], ["2025-11-27", None, None]],
    }


def test_history_tells_ninety_days(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - 91 * DAY, ONE), kpis=[Sample("mttr_s", 60.0)])
    put(ledger, taken(NOW - 2 * DAY, ONE), kpis=[Sample("mttr_s", 1800.0), Sample("mtbf_s", None, verdict="unknown")])
    put(ledger, taken(NOW - DAY, {"INFRA-02": {"web1": "fail"}}, selection={"hosts": ["web1"]}))
    put(ledger, taken(NOW - 60, ONE), kpis=[Sample("mttr_s", 30.0)])
    told = ledger.history(taken(NOW, TWO), [Sample("mttr_s", 15.0)])
    assert told == {
        "strips": {
            "INFRA-02": [["2025-11-24", "fail"], ["2025-11-26", "fail"]],
            "TEAM-01": [["2025-11-24", "manual_due"], ["2025-11-26", "pass"]],
        },
        "kpis": {
            "mttr_s": [["2025-11-24", 1800.0, None], ["2025-11-26", 15.0, None]],
            "mtbf_s": [["2025-11-24", None, None]],
        },
        "kpi_verdicts": {
            "mttr_s": [["2025-11-24", "met"], ["2025-11-26", "met"]],
            "mtbf_s": [["2025-11-24", "unknown"]],
        },
        "kpi_words": {"mttr_s": {"unit": "s"}, "mtbf_s": {"unit": "s"}},
    }


def test_the_worst_control_of_an_item_counts(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - DAY, {"INFRA-03.disks": {"db1": "fail"}, "INFRA-03.api": {"api": "pass"}}))
    told = ledger.history(taken(NOW, {"INFRA-03.disks": {"db1": "pass"}, "INFRA-03.api": {"api": "unknown"}}))
    assert told["strips"]["INFRA-03"] == [["2025-11-25", "fail"], ["2025-11-26", "unknown"]]


def test_what_is_old_goes_and_the_newest_run_stays(ledger: Ledger, taken: Any) -> None:
    put(ledger, taken(NOW - 900 * DAY, {"INFRA-03.disks": {"db2": "fail"}}, environment="retired"))
    put(ledger, taken(NOW - 600 * DAY, {"INFRA-02": {"web1": "fail", "web9": "fail"}}))
    put(ledger, taken(NOW - 599 * DAY, {"INFRA-02": {"web1": "pass"}}))
    put(ledger, taken(NOW, ONE))
    removed = ledger.prune(NOW)
    assert removed == {"run": 2, "finding": 2, "population": 2}
    assert ledger.previous(taken(NOW + DAY, ONE)).snapshot is not None
    assert ledger.previous(taken(NOW, {"INFRA-03.disks": {"db2": "pass"}}, environment="retired")).snapshot is not None
    assert set(ledger.findings("test")) == set(taken(NOW, ONE).open)


def test_a_run_is_appended_whole_or_not_at_all(ledger: Ledger, taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("verify.engine.ledger_rows.follow", die)
        with pytest.raises(KeyboardInterrupt):
            put(ledger, taken(NOW - DAY, ONE))
    assert ledger.previous(taken(NOW, ONE)).snapshot is None
    assert put(ledger, taken(NOW - DAY, ONE))


def append_many(url: str, name: str, runs: list[tuple[Snapshot, dict[str, Any]]]) -> None:
    with open_ledger(url) as book:
        for one, header in runs:
            book.append(one, header=header, exit_code=0)


def test_several_processes_may_append(url: str, taken: Any) -> None:
    tables = [ONE if number % 2 else TWO for number in range(10)]
    runs = [(taken(NOW + number, table), header_of(NOW + number)) for number, table in enumerate(tables)]
    spawn = multiprocessing.get_context("fork")
    # Every process appends every run, each in another order: all of them race for the making of the tables too.
    workers = [spawn.Process(target=append_many, args=(url, "", runs[n:] + runs[:n])) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    with open_ledger(url) as book:
        newest = book.previous(taken(NOW + 60, ONE)).snapshot
        assert newest is not None
        assert newest.at == NOW + 9
        with book._engine.connect() as connection:
            assert connection.execute(sql.select(sql.func.count()).select_from(ledger_tables.run)).scalar() == 10


def test_an_older_ledger_is_brought_forward(url: str, taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_ledger(url) as book:
        put(book, taken(NOW, ONE))

    def forward(connection: sql.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT 'before notes'")

    monkeypatch.setattr(ledger_tables, "VERSION", 2)
    monkeypatch.setitem(ledger_tables.MIGRATIONS, 1, forward)
    for _again in range(2):
        with open_ledger(url) as book, book._engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT note FROM run").scalars().all() == ["before notes"]
            version = sql.select(ledger_tables.meta.c.value).where(ledger_tables.meta.c.name == "schema_version")
            assert connection.execute(version).scalar() == "2"
        with open_ledger(url) as book:
            assert book.previous(taken(NOW + DAY, ONE)).snapshot is not None


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ledger(url).close()

    def half(connection: sql.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE run ADD COLUMN note TEXT")
        connection.exec_driver_sql("ALTER TABLE nowhere ADD COLUMN note TEXT")

    with monkeypatch.context() as patch:
        patch.setattr(ledger_tables, "VERSION", 2)
        patch.setitem(ledger_tables.MIGRATIONS, 1, half)
        with pytest.raises(OpsError):
            open_ledger(url)
    with open_ledger(url) as book, book._engine.connect() as connection:
        assert "note" not in [column["name"] for column in sql.inspect(connection).get_columns("run")]


def test_a_newer_ledger_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_tables, "VERSION", 7)
    open_ledger(url).close()
    monkeypatch.setattr(ledger_tables, "VERSION", 1)
    with pytest.raises(OpsError, match="has version 7, this collection knows up to 1"):
        open_ledger(url)


@pytest.mark.slow
def test_a_wrong_password_is_told_without_it(postgresql: str) -> None:
    wrong = postgresql.replace(_postgresql.PASSWORD, "wr0ng-secret")
    with pytest.raises(OpsError, match=r"cannot be opened: .*password authentication failed") as caught:
        open_ledger(f"{wrong}/postgres")
    assert "wr0ng-secret" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(OpsError, match=r"postgresql.*127\.0\.0\.1.*cannot be opened") as caught:
        open_ledger(f"postgresql://u:hidden-one@127.0.0.1:{_postgresql.free_port()}/x")
    assert "hidden-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"), [("ledger.sqlite", "no database URL"), ("mysql://u:secret@h/d", "of the kind mysql")]
)
def test_a_url_that_is_none_is_refused(url: str, told: str) -> None:
    with pytest.raises(OpsError, match=told) as caught:
        open_ledger(url)
    assert "secret" not in str(caught.value)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database, whatever it is" * 100)
    with pytest.raises(OpsError, match="is damaged: file is not a database") as caught:
        open_ledger(f"sqlite:///{path}")
    assert caught.value.details["exit_code"] == 12


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path, taken: Any) -> None:
    path = tmp_path / "ledger.sqlite"
    with open_ledger(f"sqlite:///{path}") as book:
        with sqlite3.connect(path) as other:
            other.execute("DROP TABLE finding")
        with pytest.raises(OpsError, match="The ledger cannot be written: no such table: finding"):
            put(book, taken(NOW, ONE))
        with pytest.raises(OpsError, match="The ledger cannot be read: no such table: finding"):
            book.findings("test")


def test_the_default_stands_beside_the_runs(environment: Environment, tmp_path: Path) -> None:
    assert url_of(environment, tmp_path) == f"sqlite:///{tmp_path}/test/ledger.sqlite"
    environment.variables["verify_ledger_url"] = "postgresql://x"  # type: ignore[index]
    assert url_of(environment, tmp_path) == "postgresql://x"


def test_the_statuses_of_the_table_are_those_of_the_suite() -> None:
    assert {f"n_{status.value}" for status in Status} < set(ledger_tables.control_result.c.keys())
