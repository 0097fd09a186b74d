# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the line of our own login is found at the log host."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from verify.engine.control import Expectation
from verify.engine.estate import Estate
from verify.facts.admin_trail import canary
from verify.facts.host_trail import AdminLine

from .world import DAY, NOW, World

DELAY_S = 300.0


def shown(program: str, ago: float) -> str:
    """Return the newest line of a program of db1, as the log host shows it."""
    stamp = _utc.iso_ms(_utc.from_epoch(NOW - ago))
    return f"==> /var/log/remote/db1/{program}.log <==\n{stamp} db1 {program}[7]: something\n"


def estate(*lines: str, asked_ago: float = 10) -> Estate:
    """Return an environment whose log host showed these lines."""
    world = World()
    world.environment = replace(world.environment, groups={"monitoring": ["repo1"]})
    about = {"source": "test", "collected": NOW - asked_ago, "command": "test"}
    world.evidence.record("\n".join(lines), subject="repo1", name="central_logs", **about)
    return world.estate


def host(*logins: tuple[float, str]) -> Any:
    """Return a host whose own journal has these logins, so long ago and of whom."""
    lines = [AdminLine(NOW - ago, "sshd", f"Accepted publickey for {who} from 192.0.2.1 port 7") for ago, who in logins]
    return SimpleNamespace(name="db1", connection=SimpleNamespace(user="verify"), admin_lines=lines)


@pytest.mark.parametrize(
    ("ago", "shows", "asked_ago", "holds"),
    [
        (60, [shown("sshd", 60)], 10, True),
        (60, [shown("sshd", 20)], 10, True),
        (60, [shown("sshd", 90)], 10, None),
        (400, [shown("sshd", 500)], 10, False),
        (60, [shown("sshd", 3600)], 10, False),
        (60, [shown("sudo", 20)], 10, False),
    ],
)
def test_our_own_login_or_a_younger_line_has_to_be_there(
    ago: float, shows: list[str], asked_ago: float, holds: bool | None
) -> None:
    (said,) = canary(estate(*shows, asked_ago=asked_ago), host((ago, "verify"), (5, "ops")), DELAY_S)
    assert (said.holds if isinstance(said, Expectation) else None) is holds


@pytest.mark.parametrize("logins", [[], [(60, "ops")], [(DAY - 60, "verify")]])
def test_without_a_line_of_this_visit_nothing_is_claimed(logins: list[tuple[float, str]]) -> None:
    assert list(canary(estate(shown("sshd", 3600)), host(*logins), DELAY_S)) == []
