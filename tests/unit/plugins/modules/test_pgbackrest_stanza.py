# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stanza is created, upgraded and removed once, and a check run changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import pgbackrest_stanza

Run = Callable[..., dict[str, Any]]
SECOND = {"id": 2, "repo-key": 1, "system-id": 7711481165364725999, "version": "16"}


class Repository:
    """Wraps the recorded pgBackRest so that changing commands change what it tells afterwards."""

    def __init__(self, recorded: Any, *, state: str) -> None:
        self.recorded = recorded
        self.whole = copy.deepcopy(recorded.info)
        self.upgrade = False
        if state == "none":
            self.forget()

    def forget(self) -> None:
        row = self.recorded.info[0]
        row.update(archive=[], backup=[], db=[])
        row["status"] = {"code": 1, "lock": {"backup": {"held": False}}, "message": "missing stanza path"}

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        verb = next(word for word in command if not word.startswith(("/", "-")) and word != "pgbackrest")
        if verb == "stanza-create":
            self.recorded.info[:] = copy.deepcopy(self.whole)
        if verb == "stanza-upgrade" and self.upgrade:
            self.recorded.info[0]["db"].append(SECOND)
            self.upgrade = False
        if verb == "stanza-delete":
            self.forget()
        if verb in ("info",):
            answer: tuple[int, str, str] = self.recorded(command)
            return answer
        self.recorded.calls.append(command)
        return 0, "", ""


@pytest.mark.parametrize(
    ("state", "before", "upgrade", "verbs"),
    [
        ("present", "none", False, ["stanza-create"]),
        ("upgraded", "there", True, ["stanza-upgrade"]),
        ("absent", "there", False, ["stop", "stanza-delete"]),
    ],
)
def test_check_real_check_real(
    state: str, before: str, upgrade: bool, verbs: list[str], pgbackrest: Any, run_module: Run, account: str
) -> None:
    repository = Repository(pgbackrest, state=before)
    repository.upgrade = upgrade
    arguments = {"stanza": "main", "state": state, "user": account, "confirm": "main"}
    first_check = run_module(pgbackrest_stanza, arguments, run=repository, check=True)
    assert pgbackrest.verbs() == []
    assert first_check["changed"] is (state != "upgraded")
    first = run_module(pgbackrest_stanza, arguments, run=repository)
    assert first["changed"] is True
    assert first["diff"]["before"] != first["diff"]["after"]
    assert pgbackrest.verbs() == verbs
    second_check = run_module(pgbackrest_stanza, arguments, run=repository, check=True)
    assert second_check["changed"] is False
    second = run_module(pgbackrest_stanza, arguments, run=repository)
    assert second["changed"] is False
    assert second["diff"]["before"] == second["diff"]["after"]


def test_checked_proves_that_a_segment_arrives(pgbackrest: Any, run_module: Run, account: str) -> None:
    repository = Repository(pgbackrest, state="none")
    result = run_module(pgbackrest_stanza, {"stanza": "main", "state": "checked", "user": account}, run=repository)
    assert result["changed"] is True
    assert result["check_seconds"] >= 0
    assert pgbackrest.verbs() == ["stanza-create", "check"]
    again = run_module(pgbackrest_stanza, {"stanza": "main", "state": "checked", "user": account}, run=repository)
    assert again["changed"] is False


@pytest.mark.parametrize(
    ("arguments", "answer", "message"),
    [
        ({"state": "absent"}, {}, "name it in confirm"),
        ({"state": "absent", "confirm": "other"}, {}, "name it in confirm"),
        ({"state": "present"}, {"stanza-create": [(28, "", "ERROR: [028]: do not match the database")]}, r"[028]"),
        (
            {"state": "checked"},
            {"stanza-create": [(0, "", "")], "check": [(82, "", "ERROR: [082]: x")]},
            "archive_command",
        ),
        ({"state": "present", "stanza": "a/b"}, {}, "no stanza name"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    arguments: dict[str, Any], answer: dict[str, Any], message: str, pgbackrest: Any, run_module: Run, account: str
) -> None:
    pgbackrest.answers.update(answer)
    result = run_module(pgbackrest_stanza, {"stanza": "main", "user": account, **arguments}, run=pgbackrest)
    assert result["failed"] is True
    assert message in result["msg"]
    assert "stanza-delete" not in pgbackrest.verbs()


def test_an_unreadable_repository_is_not_an_absent_stanza(
    recorded: Callable[[str], str], pgbackrest: Any, run_module: Run, account: str
) -> None:
    pgbackrest.answers["info"] = [(0, recorded("pgbackrest/info_wrong_key.json"), "")]
    result = run_module(pgbackrest_stanza, {"stanza": "main", "user": account}, run=pgbackrest)
    assert "cannot be read" in result["msg"]
    assert pgbackrest.verbs() == []


def test_upgrading_what_is_not_there_is_refused(pgbackrest: Any, run_module: Run, account: str) -> None:
    repository = Repository(pgbackrest, state="none")
    result = run_module(pgbackrest_stanza, {"stanza": "main", "state": "upgraded", "user": account}, run=repository)
    assert "does not know stanza" in result["msg"]
