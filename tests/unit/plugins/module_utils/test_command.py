# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands run as the right account, and what they say is kept without secrets."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils import _command
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("primary_conninfo=host=db1 password=geheim user=x", "primary_conninfo=host=db1 password=*** user=x"),
        ("password='ge heim' user=x", "password=*** user=x"),
        ("PASSWORD = geheim", "PASSWORD = ***"),
        ("postgresql://me:geheim@db1/x", "postgresql://me:***@db1/x"),
        ("--repo1-cipher-pass=geheim --stanza=main", "--repo1-cipher-pass=*** --stanza=main"),
        ("--repo1-cipher-pass=<redacted> --stanza=main", "--repo1-cipher-pass=<redacted> --stanza=main"),
        ("host=db1 port=5432", "host=db1 port=5432"),
    ],
)
def test_secrets_are_masked(text: str, kept: str) -> None:
    assert _command.mask(text) == kept


@given(st.text(max_size=300), st.integers(10, 100))
def test_what_is_kept_is_short_and_printable(text: str, limit: int) -> None:
    kept = _command.clean(text, limit=limit)
    assert len(kept) <= limit
    assert kept.isascii()
    assert all(char.isprintable() or char == "\n" for char in kept)


def test_the_account_itself_needs_no_change(account: str) -> None:
    assert _command.as_user(["true"], user=account) == ["true"]


def test_root_changes_to_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert _command.as_user(["true", "a b"], user="daemon") == ["runuser", "-u", "daemon", "--", "true", "a b"]


def test_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65533)
    with pytest.raises(OpsError, match="become"):
        _command.as_user(["true"], user="daemon")
    with pytest.raises(OpsError, match="does not exist"):
        _command.as_user(["true"], user="no such account")


def test_commands_run_in_a_plain_locale_and_utc(account: str) -> None:
    class Module:
        seen: dict[str, Any] = {}

        def run_command(self, command: list[str], **options: Any) -> tuple[int, str, str]:
            self.seen.update(options, command=command)
            return 3, "out", "err"

    module = Module()
    for user in (account, None):
        assert _command.runner(module, user=user)(["date"]) == (3, "out", "err")
        assert module.seen["command"] == ["date"]
        assert module.seen["environ_update"]["TZ"] == "UTC"


def test_phases_are_told_even_when_one_fails() -> None:
    phases = _command.Phases()
    with phases.phase("first"):
        pass
    with pytest.raises(OpsError), phases.phase("second"):
        raise OpsError("no")
    assert [row["name"] for row in phases.rows] == ["first", "second"]
    assert all(row["started"] <= row["ended"] and row["seconds"] >= 0 for row in phases.rows)
