# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the declared rights a host does not have."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.facts import grants
from verify.facts.grants import beyond_windows, missing_accounts, missing_grants
from verify.facts.host_access import Account, SudoRule

ACCOUNTS = {
    name: Account(name, number, number, f"/home/{name}", "/bin/bash") for number, name in enumerate(("ann", "bob"))
}


def estate(**variables: Any) -> Estate:
    return Estate(Environment("small", "hosts.yml", "", {}, {}, variables), Evidence(), now=0.0)


def host(*rules: SudoRule) -> Any:
    def read(_fact: str, _parser: Any) -> dict[str, int]:
        return {"admins": 50}

    return SimpleNamespace(
        name="db1",
        accounts=ACCOUNTS,
        groups={"admins": ("ann", "bob")},
        sudo_rules=rules,
        read=read,
        connection=SimpleNamespace(user="verify"),
    )


def rule(who: str, *commands: str, runas: str = "root") -> SudoRule:
    return SudoRule((who,), (runas,), commands, nopasswd=True)


@pytest.mark.parametrize(
    ("row", "rules", "gone"),
    [
        ({"who": "ann", "commands": ["/bin/a", "/bin/b"]}, [rule("ann", "/bin/a")], ["ann: /bin/b as root"]),
        ({"who": "ann", "commands": ["/bin/a  x"]}, [rule("ann", "/bin/a x")], []),
        ({"who": "ann", "commands": ["/bin/a"]}, [rule("ann", "ALL", runas="ALL")], []),
        ({"who": "ann", "commands": ["/bin/a"], "runas": "bob"}, [rule("ann", "/bin/a")], ["ann: /bin/a as bob"]),
        ({"who": "ann", "everything": True}, [rule("ann", "/bin/a")], ["ann: ALL as root"]),
        ({"who": "%admins", "commands": ["/bin/a"]}, [rule("%admins", "/bin/a")], []),
        ({"who": "%admins", "commands": ["/bin/a"]}, [rule("ann", "/bin/a")], ["bob: /bin/a as root"]),
        ({"who": "%nobody", "commands": ["/bin/a"]}, [rule("%nobody", "/bin/a")], ["%nobody: /bin/a as root"]),
    ],
)
def test_each_command_of_a_declared_grant_is_looked_for(
    row: dict[str, Any], rules: list[SudoRule], gone: list[str]
) -> None:
    assert missing_grants(estate(verify_sudo=[row]), host(*rules)) == gone


def test_a_declared_account_that_nobody_can_enter_is_missing() -> None:
    declared = [{"name": name} for name in ("ann", "bob", "carl")]
    assert missing_accounts(estate(verify_accounts=declared), host(), {"ann": "key"}) == ["bob", "carl"]


def test_where_people_enter_by_certificates_a_declared_account_has_to_be_there() -> None:
    way = {"keyword": "trustedusercakeys", "value": "/etc/ssh/ca.pub"}
    known = estate(verify_accounts=[{"name": name} for name in ("ann", "bob", "carl")], verify_sshd=[way])
    assert missing_accounts(known, host(), {"ann": "key"}) == ["carl"]


ALL = SudoRule(("ann",), ("ALL",), ("ALL",), nopasswd=True)


@pytest.mark.parametrize(
    ("rows", "rules", "inside", "said"),
    [
        ([], [ALL], True, ["ann: ALL as ALL, without an end"]),
        ([{"who": "ann", "everything": True}], [ALL], True, ["ann: ALL as ALL, without an end"]),
        ([{"who": "ann", "everything": True, "standing": True}], [ALL], False, []),
        ([{"who": "%admins", "everything": True, "standing": True}], [ALL], False, []),
        ([{"who": "bob", "everything": True, "standing": True}], [ALL], True, ["ann: ALL as ALL, without an end"]),
        ([], [replace(ALL, until=60.0)], True, []),
        ([], [replace(ALL, until=60.0)], False, ["ann: ALL as ALL, and no window is open"]),
        ([], [replace(ALL, since=30.0, until=60.0)], False, []),
        ([], [replace(ALL, until=-1.0)], False, []),
        ([], [replace(ALL, until=101.0)], True, ["ann: ALL as ALL, for 101 s"]),
        ([], [replace(ALL, who=("root",)), replace(ALL, who=("verify",)), rule("ann", "/bin/a")], False, []),
        ([], [replace(ALL, who=("%admins",))], False, [f"{one}: ALL as ALL, without an end" for one in ("ann", "bob")]),
    ],
)
def test_whoever_may_do_everything_has_a_window_or_stands(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], rules: list[SudoRule], inside: bool, said: list[str]
) -> None:
    monkeypatch.setattr(grants, "times_open", lambda *_unused: [(-10.0, 10.0)] if inside else [(10.0, 20.0)])
    assert list(beyond_windows(estate(verify_sudo=rows), host(*rules), 100.0)) == said
