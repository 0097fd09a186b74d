# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Match blocks of sshd: which lines belong to which, and which of them loosen a rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from verify.engine.approval import APPROVAL
from verify.facts import baseline, grants
from verify.facts.host_access import Account
from verify.facts.host_sshd import MAIN, Block, blocks

DROP = "/etc/ssh/sshd_config.d"
NOW = 1764000000.0  # 2025-11-24T16:00:00Z
EXCEPTION = {
    **{key: "known and wanted" for key in APPROVAL},
    "requester": "a.adams",
    "approved_on": "2025-11-20T09:00:00Z",
    "expires_on": "2025-11-30T09:00:00Z",
}


def files(**named: str) -> str:
    """Return what grep prints of files: ``main``, or the name of one below sshd_config.d."""
    found = ""
    for name, text in named.items():
        path = MAIN if name == "main" else f"{DROP}/{name}.conf"
        found += "".join(f"{path}:{line}\n" for line in text.splitlines() if line.strip())
    return found


def test_a_block_ends_at_the_next_one_and_with_its_file() -> None:
    text = files(
        main="Include /etc/ssh/sshd_config.d/*.conf\nX11Forwarding no\n"
        "Match User a\nX11Forwarding yes\nX11Forwarding no\nMatch Address 10.0.0.0/8 User b,c\n\tMaxSessions 3",
        own='Match Group "many words"\nPermitTTY no',
    )
    assert [(one.path, one.criteria, dict(one.settings)) for one in blocks(text)] == [
        (MAIN, "User a", {"x11forwarding": "yes"}),
        (MAIN, "Address 10.0.0.0/8 User b,c", {"maxsessions": "3"}),
        (f"{DROP}/own.conf", "Group many words", {"permittty": "no"}),
    ]


def test_what_a_block_includes_belongs_to_it() -> None:
    text = files(main="Match User a\nInclude sshd_config.d/x.conf", x="PermitRootLogin yes")
    assert [dict(one.settings) for one in blocks(text)] == [{"permitrootlogin": "yes"}]


def test_a_file_that_no_pattern_includes_sets_nothing() -> None:
    text = files(main="Include /etc/ssh/sshd_config.d/1*.conf", own="Match all\nPermitRootLogin yes")
    assert blocks(text) == []


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("PasswordAuthentication=yes", {"passwordauthentication": "yes"}),
        ("passwordauthentication  YES # for a while", {"passwordauthentication": "yes"}),
        ("ChallengeResponseAuthentication yes", {"kbdinteractiveauthentication": "yes"}),
        ("ClientAliveInterval 1m30s", {"clientaliveinterval": "90"}),
        ("LogLevel verbose", {"loglevel": "VERBOSE"}),
    ],
)
def test_settings_read_as_sshd_tells_them(line: str, setting: dict[str, str]) -> None:
    assert [dict(one.settings) for one in blocks(files(main=f"Match all\n{line}"))] == [setting]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "was not read"),
        (files(own="Match all"), "was not read"),
        (files(main="Include /srv/more.conf"), "/srv/more.conf, which nobody read"),
        (files(main="Include sshd_config.d/../../x.conf"), "which nobody read"),
        (files(main="Include sshd_config.d/a.conf", a="Include sshd_config.d/a.conf"), "includes itself"),
        (files(main='Match User "a'), "quotation"),
    ],
)
def test_what_was_not_read_as_a_whole_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        blocks(text)


def host(*found: Block, skip: dict[str, Any] | None = None) -> Any:
    declared = {"verify_baseline": skip or {}}
    estate = SimpleNamespace(
        declared=lambda name, default=None: declared.get(name, default),
        environment=SimpleNamespace(groups={}),
        now=NOW,
    )
    accounts = {"bob": Account("bob", 1000, 1000, "/home/bob", "/bin/sh")}
    return SimpleNamespace(name="h", estate=estate, sshd_blocks=found, sshd={}, accounts=accounts)


@pytest.mark.parametrize(
    ("keyword", "value", "rule"),
    [
        ("passwordauthentication", "yes", "sshd-password"),
        ("kbdinteractiveauthentication", "yes", "sshd-password"),
        ("permitrootlogin", "prohibit-password", "sshd-root"),
        ("maxauthtries", "20", "sshd-tries"),
        ("loglevel", "QUIET", "sshd-log"),
    ],
)
def test_a_block_that_loosens_is_named(keyword: str, value: str, rule: str) -> None:
    block = Block(MAIN, "Group staff", {keyword: value})
    (said,) = baseline.loosened(host(block))
    assert said.startswith(f"Match Group staff in {MAIN} sets {keyword} {value} (the rule {rule}: ")
    assert list(baseline.loosened(host(block, skip={rule: EXCEPTION}))) == []
    ended = {**EXCEPTION, "expires_on": "2025-11-23T09:00:00Z"}
    assert list(baseline.loosened(host(block, skip={rule: ended}))) == [said]


def test_a_block_that_tightens_or_sets_something_else_is_fine() -> None:
    assert list(baseline.loosened(host(Block(MAIN, "all", {"permitrootlogin": "no", "permittty": "yes"})))) == []


@pytest.mark.parametrize(
    ("criteria", "place", "fine"),
    [
        ("User bob", "/home/bob/.ssh/authorized_keys", True),
        ("User eve", "/home/bob/.ssh/authorized_keys", False),
        ("User bob,eve", "/home/bob/.ssh/authorized_keys", False),
        ("User bob", "/home/bob/elsewhere/deep/keys", False),
        ("all", ".ssh/authorized_keys", True),
        ("all", "/etc/ssh/keys/%u", True),
        ("all", "/var/keys/%u", False),
    ],
)
def test_keys_of_a_block_lie_where_keys_were_read(criteria: str, place: str, fine: bool) -> None:
    one = host(Block(MAIN, criteria, {"authorizedkeysfile": place}))
    said = grants.only_known_ways_in(one.estate, one)
    assert said.holds is fine
    assert fine or said.observed == [f"authorizedkeysfile {place} (Match {criteria} in {MAIN})"]
