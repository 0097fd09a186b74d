# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of pgBackRest are put together, and their errors are told with what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError


@pytest.mark.parametrize(("name", "code"), [("restore_damaged", 29), ("check_wrong_key", 95)])
def test_an_error_is_told_by_its_code(name: str, code: int, recorded: Callable[[str], str]) -> None:
    found, text = _pgbackrest.parse_error(recorded(f"pgbackrest/{name}.txt"))
    assert found == code
    assert text
    assert text.isascii()
    assert _pgbackrest.parse_error("fine") == (None, "")


def tool(answer: tuple[int, str, str], calls: list[Sequence[str]] | None = None, **options: Any) -> Any:
    def run(command: Sequence[str]) -> tuple[int, str, str]:
        if calls is not None:
            calls.append(command)
        return answer

    return _pgbackrest.Pgbackrest(run, stanza="main", **options)


def test_a_command_carries_configuration_stanza_and_repository() -> None:
    it = tool((0, "", ""), config="/etc/x.conf", repo=2, executable="/opt/pgbackrest")
    assert it.command("check", "--a") == [
        "/opt/pgbackrest",
        "--config=/etc/x.conf",
        "check",
        "--stanza=main",
        "--repo=2",
        "--a",
    ]
    assert "--repo=2" not in it.command("check", repo=False)


@pytest.mark.parametrize("stanza", ["", "../main", "a b", "-x", "a;b"])
def test_a_stanza_name_that_is_none_is_refused(stanza: str) -> None:
    with pytest.raises(OpsError, match="no stanza name"):
        _pgbackrest.Pgbackrest(lambda _command: (0, "", ""), stanza=stanza)


def test_a_failure_says_what_to_do_and_keeps_secrets() -> None:
    with pytest.raises(OpsError, match=r"\[038\].*stop PostgreSQL first") as caught:
        tool((38, "", "ERROR: [038]: running --repo1-cipher-pass=geheim password=geheim")).checked("restore")
    assert caught.value.details["error_code"] == 38
    assert "geheim" not in str(caught.value.details) + caught.value.message


def test_a_program_that_is_not_there_is_told_as_such() -> None:
    with pytest.raises(OpsError, match="install pgBackRest"):
        tool((127, "", "not found")).checked("info")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((124, "", ""), "did not end within 5 s"),
        ((27, "", "ERROR: [027]: bad"), r"\[027\]"),
        ((0, "", ""), "no message"),
    ],
)
def test_a_verify_that_proves_nothing_is_an_error(answer: tuple[int, str, str], message: str) -> None:
    with pytest.raises(OpsError, match=message):
        tool(answer).verify(processes=1, timeout_s=5)


def test_verify_does_without_the_option_that_an_older_version_lacks() -> None:
    calls: list[Sequence[str]] = []
    with pytest.raises(OpsError):
        tool((31, "", "ERROR: [031]: invalid option '--job-retry'"), calls).verify(processes=1, timeout_s=5)
    assert [("--job-retry=0" in call) for call in calls] == [True, False]
