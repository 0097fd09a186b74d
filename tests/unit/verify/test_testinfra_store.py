# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users' tests on evidence: asked once, kept, asked ahead, served again without any host, refused where they write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra
import testinfra.backend

from verify.collect import hosts
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence, NoEvidence
from verify.testinfra import backend
from verify.testinfra.store import SOURCE, Store

pytestmark = pytest.mark.slow

LOCAL = {"ansible_connection": "local"}


def environment(**about: Any) -> Environment:
    declared = {name: Declared("host", name, {**LOCAL, **about}) for name in ("web1", "web2", "db1")}
    groups = {"all": list(declared), "web": ["web1", "web2"], "blue": ["web2", "db1"]}
    return Environment("test", "-", "-", declared, groups, {}, secrets=frozenset({"canary-4711"}))


def store(
    evidence: Evidence | None = None, *, live: bool = True, ahead: Mapping[str, Sequence[str]] | None = None
) -> Store:
    kept = Evidence() if evidence is None else evidence
    return Store(environment(), kept, live=live, ahead=ahead or {})


@pytest.fixture
def closing() -> Iterator[list[Store]]:
    opened: list[Store] = []
    yield opened
    for one in opened:
        one.close()


def test_a_command_is_asked_once_and_kept(closing: list[Store]) -> None:
    evidence = Evidence()
    first = store(evidence)
    closing.append(first)
    said = first.run("web1", "cat /proc/sys/kernel/random/uuid")
    again = first.run("web1", "cat /proc/sys/kernel/random/uuid")
    assert said.code == 0 and said.stdout
    assert again == said
    assert first.run("web2", "cat /proc/sys/kernel/random/uuid") != said
    (fact,) = [one for one in evidence if one.subject == "web1"]
    assert (fact.source, fact.command, fact.rc) == (SOURCE, "cat /proc/sys/kernel/random/uuid", 0)


def test_exit_code_and_errors_are_those_of_the_command(closing: list[Store]) -> None:
    one = store()
    closing.append(one)
    said = one.run("web1", "ls /no/such/file")
    assert (said.code, said.stdout) == (2, b"")
    assert b"No such file" in said.stderr


def test_what_the_last_run_needed_is_asked_ahead_and_no_channel_is_opened() -> None:
    evidence = Evidence()
    commands = ["uname -s", "cat /etc/os-release", "rm -rf /never"]
    one = store(evidence, ahead={"web1": commands, "db1": commands[:1], "gone": commands})
    assert one.run("web1", "uname -s").stdout == b"Linux\n"
    assert {(fact.subject, fact.command) for fact in evidence} == {
        ("web1", "uname -s"),
        ("web1", "cat /etc/os-release"),
        ("db1", "uname -s"),
    }
    assert one._channels == {}
    assert one.plan() == {"web1": ["uname -s"]}


def test_a_past_run_is_served_without_any_host() -> None:
    evidence = Evidence()
    first = store(evidence, ahead={"web1": ["uname -s"]})
    first.run("web1", "uname -s")
    replayed = store(evidence, live=False)
    assert replayed.run("web1", "uname -s").stdout == b"Linux\n"
    with pytest.raises(NoEvidence, match="was not collected from web1"):
        replayed.run("web1", "uname -r")


def test_a_command_that_may_write_never_reaches_the_host() -> None:
    evidence = Evidence()
    with pytest.raises(NoEvidence, match="Verification only reads"):
        store(evidence).run("web1", "touch /never")
    assert list(evidence) == []


def test_secrets_of_the_environment_do_not_stay(closing: list[Store]) -> None:
    evidence = Evidence()
    one = store(evidence)
    closing.append(one)
    assert one.run("web1", "echo canary-4711").stdout == b"[redacted]\n"
    assert not any("canary-4711" in body for _digest, body in evidence.bodies())


def test_a_host_that_does_not_answer_is_asked_no_second_time() -> None:
    declared = {"off": Declared("host", "off", {"ansible_ssh_executable": "/no/such/ssh"})}
    one = Store(Environment("test", "-", "-", declared, {}, {}), Evidence(), live=True, ahead={})
    for command in ("uname -s", "uname -r"):
        with pytest.raises(NoEvidence, match="off does not answer"):
            one.run("off", command)


# Ansible's own name of its local connection is none that is dialled from here, so Ansible has to run it.
THROUGH_ANSIBLE = "ansible.legacy.local"


def reached_by_ansible(tmp_path: Path, **hosts: dict[str, str]) -> Environment:
    """Return an environment whose hosts only Ansible can reach, with the inventory that Ansible reads."""
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    declared = {name: Declared("host", name, about) for name, about in hosts.items()}
    return Environment("test", str(inventory), "-", declared, {"all": list(hosts)}, {})


def test_a_host_that_only_ansible_reaches_answers_as_any_other(tmp_path: Path) -> None:
    about = {"ansible_connection": THROUGH_ANSIBLE}
    environment = reached_by_ansible(tmp_path, box1=about, box2=about)
    evidence = Evidence()
    one = Store(environment, evidence, live=True, ahead={})
    said = one.run("box1", "printf '%s' '{{ inventory_hostname }}'")
    assert (said.code, said.stdout) == (0, b"{{ inventory_hostname }}")
    assert one.run("box1", "ls /no/such/file").code == 2
    with pytest.raises(NoEvidence, match="Verification only reads"):
        one.run("box1", "touch /never")


def test_what_the_last_run_needed_of_such_hosts_is_asked_ahead_by_one_run_of_ansible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"ansible_connection": THROUGH_ANSIBLE}
    environment = reached_by_ansible(tmp_path, box1=about, box2=about, here=LOCAL)
    asked: list[list[str]] = []
    own = hosts.through_ansible

    def noted(visits: Any, *rest: Any, **more: Any) -> None:
        asked.append([visit.host for visit in visits])
        own(visits, *rest, **more)

    monkeypatch.setattr(hosts, "through_ansible", noted)
    plan = {"box1": ["uname -s", "uname -m"], "box2": ["uname -s"], "here": ["uname -s"]}
    one = Store(environment, Evidence(), live=True, ahead=plan)
    for host, commands in plan.items():
        assert [one.run(host, command).code for command in commands] == [0] * len(commands)
    assert asked == [["box1", "box2"]]


def test_such_a_host_that_is_silent_is_refused_with_its_name_and_the_mend_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = reached_by_ansible(tmp_path, box1={"ansible_connection": "nowhere.at.all"})
    one = Store(environment, Evidence(), live=True, ahead={})
    with pytest.raises(NoEvidence, match=r"^box1 does not answer to tests: .*try ansible box1 -m ping"):
        one.run("box1", "uname -s")
    monkeypatch.setattr(hosts, "through_ansible", None)
    with pytest.raises(NoEvidence, match=r"^box1 does not answer to tests"):
        one.run("box1", "uname -r")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("all", ["web1", "web2", "db1"]),
        ("web", ["web1", "web2"]),
        ("web1,db1", ["web1", "db1"]),
        ("web:db1", ["web1", "web2", "db1"]),
        ("web:&blue", ["web2"]),
        ("all:!blue", ["web1"]),
        ("nobody", []),
    ],
)
def test_patterns_mean_what_they_mean_to_ansible(pattern: str, found: list[str]) -> None:
    assert store().matching([pattern]) == found


def test_tests_written_for_other_backends_run_on_evidence(pytestconfig: pytest.Config) -> None:
    own = dict(testinfra.backend.BACKENDS)
    backend.configure(pytestconfig, environment(), Evidence(), live=True)
    try:
        found = testinfra.get_hosts(["ansible://web"])
        assert [host.backend.hostname for host in found] == ["web1", "web2"]
        assert all(isinstance(host.backend, backend.EvidenceBackend) for host in found)
        host = testinfra.get_host("ssh://db1")
        assert host.file("/etc/passwd").user == "root"
        assert host.user("root").uid == 0
        with pytest.raises(pytest.UsageError, match="none of that name"):
            testinfra.get_hosts(["ansible://renamed"])
    finally:
        backend.finish(pytestconfig)
    assert own == testinfra.backend.BACKENDS


@pytest.mark.parametrize("scheme", sorted({*testinfra.backend.BACKENDS, backend.EvidenceBackend.NAME}))
def test_no_backend_of_testinfra_reaches_past_the_evidence(
    pytestconfig: pytest.Config, tmp_path: Path, scheme: str
) -> None:
    written = tmp_path / "written"
    backend.configure(pytestconfig, environment(), Evidence(), live=False)
    try:
        for name in ("", "app.example.org"):
            with pytest.raises(pytest.UsageError, match=r"testinfra_hosts"):
                testinfra.get_host(f"{scheme}://{name}").run(f"touch {written}")
            with pytest.raises(pytest.UsageError, match=r"testinfra_hosts"):
                testinfra.get_hosts([f"{scheme}://{name}"])
        if scheme != "local":
            with pytest.raises(NoEvidence, match="Verification only reads"):
                testinfra.get_host(f"{scheme}://web1").run(f"touch {written}")
    finally:
        backend.finish(pytestconfig)
    assert not written.exists()


def test_a_host_is_known_with_its_account_and_port_and_a_group_is_no_single_host(pytestconfig: pytest.Config) -> None:
    backend.configure(pytestconfig, environment(), Evidence(), live=False)
    try:
        assert testinfra.get_host("ssh://admin@db1:2222").backend.hostname == "db1"
        with pytest.raises(pytest.UsageError, match="means 2 hosts"):
            testinfra.get_host("ansible://web")
        with pytest.raises(NoEvidence, match="tests ask hosts"):
            testinfra.get_host("ssh://db1").backend.run_local("touch %s", "/never")
        with pytest.raises(pytest.UsageError, match="local://"):
            testinfra.get_hosts([None], connection="local")
    finally:
        backend.finish(pytestconfig)


def test_the_next_run_finds_the_plan_without_any_cache_of_pytest(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """The shipped timer runs without pytest's cache; what the tests needed lies beside the runs."""
    plan = tmp_path / backend.PLAN
    for evidence, others in ((Evidence(), set()), (Evidence(), {"db1"})):
        backend.configure(pytestconfig, environment(), evidence, live=True, plan=plan)
        try:
            asked = testinfra.get_hosts(["ssh://db1", "ssh://web1"])
            assert asked[1].run("uname -s").stdout == "Linux\n"
            # Known from the run before, another host is asked along with the first.
            assert {fact.subject for fact in evidence} == {"web1", *others}
            assert asked[0].run("uname -s").stdout == "Linux\n"
        finally:
            backend.finish(pytestconfig)
    assert json.loads(plan.read_text(encoding="utf-8")) == {"db1": ["uname -s"], "web1": ["uname -s"]}


@pytest.mark.parametrize("left", ["", "[]", '{"web1": "uname"}'])
def test_a_damaged_plan_costs_time_and_nothing_else(pytestconfig: pytest.Config, tmp_path: Path, left: str) -> None:
    (tmp_path / backend.PLAN).write_text(left, encoding="utf-8")
    backend.configure(pytestconfig, environment(), Evidence(), live=True, plan=tmp_path / backend.PLAN)
    try:
        assert testinfra.get_host("ssh://db1").run("uname -s").stdout == "Linux\n"
    finally:
        backend.finish(pytestconfig)
