# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that only Ansible reaches: their TLS ports are asked too, and each silent one says its own reason."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.action.evidence import chosen, commands_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from verify.collect import _through_ansible, hosts
from verify.collect._keep import Visit
from verify.collect._ssh import Dial
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence

pytestmark = pytest.mark.slow

PORTS = [
    {"port": 8443, "encrypted": "tls", "hosts": ["here"]},
    {"port": 25, "encrypted": "tls", "starttls": "smtp", "hosts": "all"},
    {"port": 80, "encrypted": "no"},
]


def variables(**own: Any) -> dict[str, Any]:
    return {"inventory_hostname": "here", "group_names": ["web"], "verify_ports": PORTS, **own}


def test_the_module_asks_what_the_collection_plans() -> None:
    here = Declared("host", "here", {})
    environment = Environment("test", "-", "-", {"here": here}, {"all": ["here"], "web": ["here"]}, variables())
    planned = hosts.plan(environment, here)
    assert {"tls_8443", "tls_8443_old", "tls_25"} <= {fact.name for fact in planned}
    assert chosen(None, variables()) == planned
    assert chosen([fact.name for fact in planned], variables()) == planned


def test_a_handshake_is_asked_of_its_own_hosts_and_of_declared_ports_only() -> None:
    names = ["tls_8443", "tls_25"]
    assert [fact.name for fact in chosen(names, variables(inventory_hostname="other"))] == ["tls_25"]
    for wrong in ("tls_80", "tls_22", "shell"):
        with pytest.raises(OpsError, match=f"^{wrong} is not in the list"):
            chosen(["tls_25", wrong], variables())
    for row in ("443", {"encrypted": "tls"}, {"encrypted": "tls", "port": "443; reboot"}):
        with pytest.raises(OpsError, match="verify_ports has the row"):
            chosen(None, variables(verify_ports=[row]))


def test_commands_of_tests_are_sent_when_they_only_read(tmp_path: Path) -> None:
    listed = tmp_path / "box1.commands"
    listed.write_text('["uname -s", "cat /etc/os-release"]', encoding="utf-8")
    assert [fact.words for fact in commands_of(str(listed))] == [
        ("/bin/sh", "-c", "uname -s"),
        ("/bin/sh", "-c", "cat /etc/os-release"),
    ]
    for text, words in (
        ('["uname -s", "rm -rf /never"]', "'rm -rf /never' is not sent: rm is not on the list"),
        ("[]", "holds no commands"),
        ('{"a": 1}', "holds no commands"),
        ("[", "cannot be read"),
    ):
        listed.write_text(text, encoding="utf-8")
        with pytest.raises(OpsError, match=words):
            commands_of(str(listed))


def test_hosts_answer_and_each_silent_one_says_why(tmp_path: Path) -> None:
    """A real run of ansible-playbook: the connection is the shell of this machine, under Ansible's own name of it."""
    known = {"here": {"ansible_connection": "local"}}
    for name in ("lost", "gone"):
        known[name] = {"ansible_host": f"{name}.invalid", "ansible_ssh_args": "-F /dev/null"}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": known, "vars": {"verify_ports": PORTS}}}), encoding="utf-8")
    asked = [fact for fact in hosts.plan(_world(known), Declared("host", "here", {})) if fact.name in _FEW]
    visits = [Visit(name, Dial((), f"x of {name}", ""), tuple(asked), "t") for name in known]
    evidence = Evidence()

    def kept(visit: Visit, spoken: Any) -> bool:
        return hosts.keep(evidence, visit, spoken, hosts.redactor(_world(known)), deadline_s=50.0)

    _through_ansible.through_ansible(visits, kept, inventory=str(inventory), forks=4, deadline_s=50.0)
    found = {name: evidence.get("here", name) for name in _FEW}
    assert {name for name, fact in found.items() if fact is not None and fact.error is None} >= {"os_release"}
    # Nothing listens there: the program ran, and what it said is the answer.
    assert found["tls_8443"] is not None and "127.0.0.1" in str(found["tls_8443"].command)
    assert "list of what may be asked" not in str(found["tls_8443"].error)
    for name in ("lost", "gone"):
        fact = evidence.get(name, "os_release")
        assert fact is not None and f"{name}.invalid" in str(fact.error)


_FEW = {"os_release", "tls_8443"}


def _world(known: dict[str, dict[str, str]]) -> Environment:
    declared = {name: Declared("host", name, about) for name, about in known.items()}
    return Environment("test", "-", "-", declared, {"all": list(known)}, {"verify_ports": PORTS})


def test_the_time_limit_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(command: list[str], **options: Any) -> Any:
        seen.update(options, play=json.loads(Path(command[-1]).read_text(encoding="utf-8"))[0])
        raise subprocess.TimeoutExpired(command, options["timeout"], output=SAID.encode())

    monkeypatch.setattr(_through_ansible.subprocess, "run", run)
    declared = {name: Declared("host", name, {"ansible_connection": "netns"}) for name in ("a", "b", "c")}
    environment = Environment("test", "-", "-", declared, {}, {"verify_host_deadline_s": 7.5})
    evidence = Evidence()
    hosts.collect(environment, evidence, now=time.time, progress=lambda _text: None, forks=2)
    assert seen["play"]["tasks"][0]["timeout"] == 8
    assert seen["timeout"] == 75.0
    told = {name: str(evidence.get(name, TABLE[0].name).error) for name in declared}  # type: ignore[union-attr]
    assert "(no route to a)" in told["a"] and "(two lines)" in told["b"] and "stopped after 75 s" in told["c"]


SAID = """TASK [Ask the host] ****
fatal: [a]: UNREACHABLE! => {"changed": false, "msg": "no route to a", "unreachable": true}
fatal: [b]: FAILED! => {"changed": false, "msg": "two\\nlines"}
"""
