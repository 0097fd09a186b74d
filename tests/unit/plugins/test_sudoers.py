# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for sudo: exact, without a pattern, and made from the one table."""

from __future__ import annotations

import re

import pytest

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.filter.sudo_commands import sudo_commands
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._sudoers import sudo_rule


@pytest.mark.parametrize(
    ("argv", "rule"),
    [
        (["/usr/sbin/sshd", "-T"], "/usr/sbin/sshd -T"),
        (["/usr/bin/lastlog"], '/usr/bin/lastlog ""'),
        (["/a", "x=1,2:3"], r"/a x\=1\,2\:3"),
        (["/a", "*.log", "[ab]?", "!x", "#1"], r"/a \*.log \[ab\]\? \!x \#1"),
        (["/a", " (deleted)"], r"/a \ (deleted)"),
        (["/a", "%p\\n"], r"/a %p\\\\n"),
    ],
)
def test_a_rule_allows_exactly_one_command(argv: list[str], rule: str) -> None:
    assert sudo_rule(argv) == rule


@pytest.mark.parametrize(
    "argv",
    [
        *([], ["sshd", "-T"], ["/a", "b\nc"], ["/a", "b\tc"]),
        # sudo compares one text: `grep -F "" AAAA FILE` would be the same as `grep -F " AAAA" FILE`, and read AAAA.
        *(["/usr/bin/grep", "-F", " AAAA", "/x"], ["/usr/bin/grep", "", "/x"], ["/a", "b", "c  d"]),
    ],
)
def test_what_cannot_stand_in_a_rule_is_refused(argv: list[str]) -> None:
    with pytest.raises(OpsError):
        sudo_rule(argv)


def test_no_rule_holds_a_pattern() -> None:
    rules = [row["rule"] for row in sudo_commands({group for fact in TABLE for group in fact.groups})]
    assert len(rules) == sum(bool(fact.user) for fact in TABLE)
    assert [rule for rule in rules if re.search(r"(?<!\\)[*?\[\]!]", rule)] == []


def test_no_question_for_sudo_can_be_cut_anew() -> None:
    for fact in TABLE:
        words = [word for word in fact.argv if isinstance(word, str)]
        assert not fact.user or not any(re.search(r"\s", word) for word in words[:-1]), fact.name


def test_a_host_gets_the_rules_of_its_groups_only() -> None:
    names = {row["name"] for row in sudo_commands(["app"])}
    assert "sshd" in names
    assert not names & {"pgbackrest_info", "central_logs", "postgresql", "file_backup_snapshots"}
    assert "central_logs" in {row["name"] for row in sudo_commands(["monitoring"])}


def test_paths_of_the_inventory_are_checked() -> None:
    rows = {row["name"]: row for row in sudo_commands([], verify_certificates=["/srv/tls"])}
    assert "/srv/tls" in rows["certificates"]["argv"]
    for path in ("/srv/*", "/srv/x\n", "/srv/../etc", "-delete"):
        with pytest.raises(AnsibleFilterError, match="verify_certificates"):
            sudo_commands([], verify_certificates=[path])


def test_the_table_is_sound() -> None:
    assert len({fact.name for fact in TABLE}) == len(TABLE)
    for fact in TABLE:
        program = str(fact.argv[0]) if fact.argv else fact.path
        assert program.startswith("/"), fact.name
        assert bool(fact.argv) != bool(fact.path), fact.name
        assert fact.deadline_s <= 60 and fact.cap > 0 and fact.why, fact.name
