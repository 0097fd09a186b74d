# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a person can repeat: a shell and Ansible read the same words out of them that went in."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible.parsing.splitter import parse_kv

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_commands import command_lines

RESTORE = {"host": "db2", "module": "ccobservatory.ops.pgbackrest_restore", "args": {"stanza": "main", "delta": True}}
FAULT: dict[str, Any] = {"module": "ansible.builtin.command", "args": {"argv": ["lab/lab", "fault"]}}


@pytest.mark.parametrize(
    ("described", "lines"),
    [
        (RESTORE, ["ansible db2 -m ccobservatory.ops.pgbackrest_restore -a 'stanza=main delta=true'"]),
        ({**RESTORE, "when": False}, []),
        ({"module": "x.y.z", "check": True}, ["ansible localhost -m x.y.z --check"]),
        ({"host": ["db1", "db2"], "module": "ansible.builtin.ping"}, ["ansible db1,db2 -m ansible.builtin.ping"]),
        (FAULT, ["lab/lab fault"]),
        ({**FAULT, "append": [["disk-full", "db1"], ("site kill", "a")]},
         ["lab/lab fault disk-full db1", "lab/lab fault 'site kill' a"]),
        ({**FAULT, "append": []}, []),
        ({**FAULT, "host": "db1", "args": {"argv": ["psql", "-c", "DROP TABLE ledger"]}},
         ["""ansible db1 -m ansible.builtin.command -a 'psql -c '"'"'DROP TABLE ledger'"'"''"""]),
        ({"module": "x.y.z", "args": {"hosts": ["lb2"]}}, ["""ansible localhost -m x.y.z -a '{"hosts": ["lb2"]}'"""]),
    ],
)  # fmt: skip
def test_a_command_becomes_its_line(described: dict[str, Any], lines: list[str]) -> None:
    assert command_lines([described]) == lines


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=12)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), PLAIN | st.lists(PLAIN, max_size=3), min_size=1))
def test_what_went_in_can_be_read_again(args: dict[str, Any]) -> None:
    (line,) = command_lines([{"host": "db1", "module": "x.y.z", "args": args}])
    told = shlex.split(line)[-1]
    assert (json.loads(told) if told.startswith("{") else parse_kv(told)) == args


@pytest.mark.parametrize(
    ("described", "said"),
    [({"host": "db1"}, "has no module"), ({**RESTORE, "arguments": {}}, "has the unknown key arguments")],
)
def test_a_command_that_says_too_little_or_too_much_is_refused(described: dict[str, Any], said: str) -> None:
    with pytest.raises(OpsError, match=said):
        command_lines([described])
