# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows are told apart by key and content, whatever is in them."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils import _salvage
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

LETTERS = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def copied(text: str) -> bytes:
    """Text as COPY writes it."""
    return "".join(LETTERS.get(letter, letter) for letter in text).encode()


class Server:
    """A table with a key of two columns, given as rows of (key, key, content)."""

    def __init__(self, *rows: tuple[str, str, str]) -> None:
        self.rows = sorted(rows)
        self.asked: list[str] = []

    def value(self, _sql: str) -> str | None:
        return "ledger"

    def query(self, _sql: str) -> list[list[str | None]]:
        return [["run"], ["n"]]

    def copy_out(self, sql: str) -> Iterator[bytes]:
        self.asked.append(sql)
        for run, n, content in self.rows:
            mark = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest().encode()
            fields = [mark, copied(run), copied(n)]
            if "row_to_json" in sql:
                fields.insert(1, copied(json.dumps({"run": run, "n": n, "content": content})))
            yield b"\t".join(fields) + b"\n"


def table(server: Any, since: str | None = None) -> _salvage.Table:
    return _salvage.Table(server, "public.ledger", since, "committed_at")


def keys_of(server: Server) -> dict[str, _salvage.Keys]:
    lines: list[bytes] = []
    assert _salvage.write_keys([table(server)], lines.append) == {"public.ledger": len(server.rows)}
    return _salvage.read_keys(lines)


SAME = ("a", "1", "x")


def test_only_what_the_other_lacks_is_written(tmp_path: Path) -> None:
    old = Server(SAME, ("a", "2", "mine"), ("a", "3", 'y\\\n"z"'))
    new = Server(SAME, ("a", "2", "other"), ("b", "9", "new"))
    path = tmp_path / "rows.jsonl"
    found = _salvage.export_rows([table(old)], keys_of(new), str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["reason"], line["key"]) for line in lines] == [("differs", ["a", "2"]), ("absent", ["a", "3"])]
    assert lines[1]["row"] == {"run": "a", "n": "3", "content": 'y\\\n"z"'}
    assert (found["rows"], found["absent"], found["differs"], found["unchecked"]) == (2, 1, 1, 0)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["bytes"] == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "production data is for root alone"


def test_without_keys_all_rows_are_written(tmp_path: Path) -> None:
    found = _salvage.export_rows([table(Server(SAME))], None, str(tmp_path / "rows"))
    assert (found["rows"], found["unchecked"]) == (1, 1)


def test_a_table_the_other_has_not_at_all_is_absent_row_by_row(tmp_path: Path) -> None:
    found = _salvage.export_rows([table(Server(SAME))], {}, str(tmp_path / "rows"))
    assert found["absent"] == 1


@given(st.text(alphabet=st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"])))
def test_text_survives_the_way_of_copy(text: str) -> None:
    assert _salvage.plain(copied(text)) == text


def test_the_question_quotes_names_and_instants() -> None:
    server = Server(SAME)
    list(_salvage.Table(server, 'odd"one', "2026-11-23T20:00:00.000Z", "at").rows())  # type: ignore[arg-type]
    assert 'FROM "odd""one" t WHERE "at" > \'2026-11-23T20:00:00.000Z\' ORDER BY t."run", t."n"' in server.asked[0]


def test_tables_that_cannot_be_compared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(server, "value", lambda _sql: None)
    with pytest.raises(OpsError, match=r"has no table public\.ledger"):
        table(server)


@pytest.mark.parametrize("line", [b"", b"ledger\n", b"ledger\tshort\tk\n", b"ledger\t" + b"0" * 32 + b"\n"])
def test_keys_that_are_none_are_refused(line: bytes) -> None:
    with pytest.raises(OpsError, match="Line 1 of the keys"):
        _salvage.read_keys([line])


class Programs:
    """The programs that make and start a copy; C(pg_ctl) may fail."""

    def __init__(self, start: int = 0) -> None:
        self.calls: list[list[str]] = []
        self.start = start

    def __call__(self, command: list[str], **_more: Any) -> tuple[int, str, str]:
        self.calls.append(command)
        if command[0] == "cp":
            Path(command[-1]).mkdir()
            for name in ("postmaster.pid", "standby.signal", "postgresql.auto.conf", "PG_VERSION"):
                (Path(command[-1]) / name).write_text("1\n")
        return (self.start, "", "pg_ctl: could not start server") if "start" in command else (0, "", "")


@pytest.fixture
def old(tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a small data directory."""
    (tmp_path / "main" / "pg_tblspc").mkdir(parents=True)
    (tmp_path / "main" / "PG_VERSION").write_text("15\n")
    return {
        "data_dir": str(tmp_path / "main"),
        "bin_dir": "/usr/lib/postgresql/15/bin",
        "scratch_dir": str(tmp_path),
        "os_user": "postgres",
        "timeout": 600.0,
    }


def test_a_copy_is_shut_off_and_gone_in_the_end(old: dict[str, Any]) -> None:
    run = Programs()
    with _salvage.IsolatedCopy(run, old) as copy:
        data = Path(copy.data_dir)
        assert sorted(path.name for path in data.iterdir()) == [
            "PG_VERSION",
            "pg_hba.conf",
            "pg_ident.conf",
            "postgresql.conf",
        ]
        settings = (data / "postgresql.conf").read_text()
        for line in ("listen_addresses = ''", "archive_mode = off", "default_transaction_read_only = on"):
            assert line in settings.splitlines()
        assert stat.S_IMODE(Path(copy.home).stat().st_mode) == 0o700
        assert set(copy.seconds) == {"copy", "start"}
    assert not Path(copy.home).exists()
    assert Path(old["data_dir"], "PG_VERSION").read_text() == "15\n"


def test_a_copy_that_does_not_start_is_removed(old: dict[str, Any]) -> None:
    copy = _salvage.IsolatedCopy(Programs(start=1), old)
    with pytest.raises(OpsError, match="does not start: pg_ctl: could not start server"):
        copy.__enter__()
    assert not Path(copy.home).exists()


def test_what_a_killed_run_left_is_removed_first(old: dict[str, Any]) -> None:
    left = Path(old["scratch_dir"], _salvage.COPY, "data")
    left.mkdir(parents=True)
    (left / "rest").write_text("x")
    with _salvage.IsolatedCopy(Programs(), old) as copy:
        assert not (Path(copy.data_dir) / "rest").exists()


def test_tablespaces_and_too_little_room_are_refused(old: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_salvage.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 1})())
    with pytest.raises(OpsError, match="set scratch_dir to a larger file system"):
        _salvage.IsolatedCopy(Programs(), old).__enter__()
    Path(old["data_dir"], "pg_tblspc", "16400").symlink_to(old["scratch_dir"])
    with pytest.raises(OpsError, match=r"uses tablespaces \(16400\)"):
        _salvage.IsolatedCopy(Programs(), old).__enter__()
