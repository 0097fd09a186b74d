# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No task prints a secret, with `--check --diff` neither.

The rule: a task that writes a file shows it in its diff. Where a name in its arguments or its loop, or in an expression
of a template that it may render, sounds like a secret, the task carries `diff: false` or `no_log`. A task that takes a
secret from the item of its loop carries `no_log`, since a failed item is printed whole.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("roles/*/tasks", "roles/*/handlers", "playbooks", "molecule", "lab")
FILES = sorted({path for room in ROOMS for top in ROOT.glob(room) for path in top.rglob("*.yml")})
WRITERS = {"assemble", "blockinfile", "copy", "lineinfile", "replace", "template"}
SECRET = re.compile(r"pass(?!ed)|secret|token|private|webhook_url|deadman_url|userlist|key_file|\.key\b|_key\b", re.I)
ITEM = re.compile(r"\bitem\.(?:\w+\.)?\w*(?:password|secret|token)")
# In a template, such a name may be that of a path: what stands there then is where the secret lies.
PATHS = re.compile(r"\w*(?:_file|passfile|(?<!private)_key|_dir)\b|'[^']*'")
# What a task writes itself is no secret, but for its expressions.
LITERAL = re.compile(r'"(?:content|line|block)": "(?:[^"\\]|\\.)*"')
EXPRESSION = re.compile(r"\{\{.*?\}\}", re.S)


def tasks(data: Any) -> list[dict[str, Any]]:
    """Return the tasks in a task file or a playbook, at any depth."""
    if isinstance(data, list):
        return [task for item in data for task in tasks(item)]
    if not isinstance(data, dict):
        return []
    rooms = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")
    return [data, *(task for room in rooms for task in tasks(data.get(room)))]


@cache
def templates(room: Path) -> dict[str, str]:
    """Return the expressions of each template in a directory."""
    return {
        str(file.relative_to(room)).removesuffix(".j2"): " ".join(EXPRESSION.findall(file.read_text(encoding="utf-8")))
        for file in room.rglob("*.j2")
    }


def shown(task: dict[str, Any], texts: dict[str, str]) -> str:
    """Return why a task may show a secret, or nothing."""
    if task.get("no_log") not in (None, False):
        return ""
    said = json.dumps({key: value for key, value in task.items() if key not in ("name", "notify", "when", "register")})
    said = LITERAL.sub(lambda text: " ".join(EXPRESSION.findall(text[0])), said)
    if ITEM.search(said):
        return "takes a secret from the item of a loop without no_log"
    modules = {key.rpartition(".")[2] for key in task}
    if task.get("diff") is False or not modules & WRITERS:
        return ""
    rendered = [PATHS.sub("", text) for name, text in texts.items() if "template" in modules and name in said]
    return "may show a secret in its diff" if SECRET.search(" ".join([said, *rendered])) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_task_prints_a_secret(path: Path) -> None:
    texts = templates(path.parent.parent / "templates")
    found = tasks(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    assert [f"{task.get('name')}: {why}" for task in found if (why := shown(task, texts))] == []


@pytest.mark.parametrize(
    ("task", "texts", "seen"),
    [
        ({"copy": {"src": "{{ x_tls_key_file }}", "dest": "/etc/x/server.crt"}}, {}, True),
        ({"copy": {"src": "{{ item.src }}"}, "loop": [{"src": "{{ x_tls_key_file }}"}]}, {}, True),
        ({"copy": {"src": "{{ x_tls_key_file }}"}, "diff": False}, {}, False),
        ({"copy": {"src": "{{ x_tls_cert_file }}", "dest": "/etc/x/server.crt"}}, {}, False),
        ({"copy": {"content": "{{ x_password }}", "dest": "/etc/x"}, "no_log": True}, {}, False),
        ({"copy": {"content": "{{ x_password }}", "dest": "/etc/x"}}, {}, True),
        ({"copy": {"content": "PasswordAuthentication no", "dest": "/etc/x"}}, {}, False),
        ({"template": {"src": "x.conf.j2"}}, {"x.conf": "{{ x_cipher_pass }}"}, True),
        ({"template": {"src": "x.conf.j2"}}, {"y.conf": "{{ x_cipher_pass }}"}, False),
        ({"template": {"src": "{{ item }}.j2"}, "loop": ["x.conf"]}, {"x.conf": "{{ user.password }}"}, True),
        ({"template": {"src": "x.conf.j2"}}, {"x.conf": "{{ x_password_file }}"}, False),
        ({"template": {"src": "pgpass.j2", "dest": "/var/lib/x"}}, {}, True),
        ({"assert": {"that": "item.password | length > 9"}, "loop": "{{ x_users }}"}, {}, True),
        ({"assert": {"that": "x_users[item].password | length > 9"}, "loop": [0]}, {}, False),
    ],
)
def test_the_rule_tells_a_secret_from_a_name(task: dict[str, Any], texts: dict[str, str], seen: bool) -> None:
    assert bool(shown({"name": "Lay down the password", **task}, texts)) is seen
