# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies as commands: the look comes first and is the same command, and a limit is given only where it can be met."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.remedy import Commands, Remedy, commands, hosts_of, remedy_of


def of(remedy: Remedy, *hosts: str) -> Commands:
    """The commands of a remedy that has some."""
    told = commands(remedy, inventory="inventories/prod/hosts.yml", hosts=hosts)
    assert told is not None
    return told


def test_the_look_is_the_command_itself_in_check_mode() -> None:
    told = of(Remedy("Do it.", "site", ("base", "haproxy")), "lb1", "lb2")
    assert told.act == (
        "ansible-playbook -i inventories/prod/hosts.yml playbooks/site.yml --limit lb1,lb2 --tags base,haproxy"
    )
    assert told.look == f"{told.act} --check --diff"
    assert told.look_says.startswith("Look first")


@pytest.mark.parametrize("playbook", ["backup", "restore_test", "restore", "dr_drill", "record"])
def test_a_playbook_of_the_controller_is_never_limited_to_hosts(playbook: str) -> None:
    """With a limit to db1 its plays would have no host, and the run would end green without having done anything."""
    assert "--limit" not in of(Remedy("Do it.", playbook), "db1").act


def test_a_limit_needs_hosts_and_nothing_but_hosts() -> None:
    assert hosts_of([("host", "db2"), ("host", "db1"), ("host", "db2")]) == ["db1", "db2"]
    assert hosts_of([("host", "db1"), ("service", "web")]) == []
    assert hosts_of([]) == []
    assert "--limit" not in of(Remedy("Do it.", "site")).act


def test_variables_are_given_and_survive_a_shell() -> None:
    told = of(
        remedy_of({"text": "x", "playbook": "restore", "variables": {"restore_target": "2026-11-23 20:00:00+00"}})
    )
    assert shlex.split(told.act)[-2:] == ["-e", "restore_target=2026-11-23 20:00:00+00"]


def test_words_say_whether_a_draft_is_written_or_a_record_filed() -> None:
    draft = of(Remedy("x", "record", variables={"record_kind": "incident"}))
    filed = of(Remedy("x", "record", variables={"record_file": "FILE"}))
    assert "draft" in draft.look_says
    assert filed.act_says == "Then file it"
    assert of(Remedy("x", "backup")).act_says == "Then act"


def test_without_a_playbook_there_is_no_command() -> None:
    remedy = remedy_of({"text": "Ask.", "playbook": None, "reason": "Only a vendor can."})
    assert remedy.reason == "Only a vendor can."
    assert commands(remedy, inventory="i") is None


def test_a_remedy_of_an_older_pack_is_read_and_a_strange_key_refused() -> None:
    assert remedy_of({"text": "Do it.", "playbook": "", "tags": []}) == Remedy("Do it.")
    with pytest.raises(OpsError, match="remedy has no key 'tag'"):
        remedy_of({"text": "Do it.", "tag": "base"})
