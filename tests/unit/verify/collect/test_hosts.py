# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector with the real ssh program and real shells: what is kept, what each gap says, and that secrets go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact, Listed
from verify.collect import _session
from verify.collect.hosts import Options, about, collect
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence

LOCAL = {"ansible_connection": "local"}
ECHO = HostFact("echo", "a test", argv=("/bin/echo", "seen"))


def ask(
    hosts: dict[str, dict[str, Any]],
    table: tuple[HostFact, ...],
    *,
    groups: dict[str, list[str]] | None = None,
    variables: dict[str, Any] | None = None,
    secrets: frozenset[str] = frozenset(),
    deadline_s: float = 20.0,
) -> Evidence:
    declared = {name: Declared("host", name, given) for name, given in hosts.items()}
    environment = Environment("test", "-", "-", declared, groups or {}, variables or {}, secrets=secrets)
    evidence = Evidence()
    collect(
        environment,
        evidence,
        now=time.time,
        progress=lambda _text: None,
        options=Options(concurrency=8, deadline_s=deadline_s, table=table),
    )
    return evidence


def error(evidence: Evidence, host: str, name: str) -> str:
    found = evidence.get(host, name)
    assert found is not None and found.error is not None
    return found.error


def body(evidence: Evidence, host: str, name: str) -> str:
    found = evidence.get(host, name)
    assert found is not None and found.error is None, found
    return evidence.body(found)


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """Listen on a port and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dialled(tmp_path: Path) -> dict[str, Any]:
    key = tmp_path / "key"
    key.write_text("", encoding="utf-8")
    return {
        "ansible_host": "127.0.0.1",
        "ansible_user": "nobody",
        "ansible_ssh_timeout": 2,
        "ansible_ssh_args": "-F /dev/null",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={tmp_path}/known_hosts -o GlobalKnownHostsFile=/dev/null",
    }


def test_a_local_host_answers() -> None:
    before = time.time()
    evidence = ask({"here": LOCAL}, (ECHO, HostFact("os", "a test", path="/etc/os-release")))
    fact = evidence.get("here", "echo")
    assert fact is not None
    assert (fact.rc, fact.source, fact.command, fact.size, fact.kept) == (0, "host", "/bin/echo seen", 5, 5)
    assert before - 0.1 <= fact.collected <= time.time()
    assert body(evidence, "here", "echo") == "seen\n"
    assert "ID=" in body(evidence, "here", "os")
    clock = json.loads(body(evidence, "here", "clock"))
    assert abs(clock["offset_s"]) <= clock["uncertainty_s"] + 0.01
    assert about(evidence)["clock"]["offset_s"] == clock["offset_s"]


def test_every_gap_says_why_and_how_it_is_mended(dialled: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = closed.getsockname()[1]
    with listening() as silent:
        evidence = ask(
            {
                "shut": {**dialled, "ansible_port": refused},
                "mute": {**dialled, "ansible_port": silent},
                "nameless": {**dialled, "ansible_host": "no-such-host.invalid"},
                "programless": {**dialled, "ansible_ssh_executable": "/no/such/ssh"},
                "here": LOCAL,
            },
            (ECHO,),
        )
    assert error(evidence, "shut", "echo").startswith("shut refuses connections at 127.0.0.1: start its sshd")
    assert "mute" in error(evidence, "mute", "echo") and "see" in error(evidence, "mute", "echo").replace("look", "see")
    assert "nameless does not resolve" in error(evidence, "nameless", "echo")
    assert "programless" in error(evidence, "programless", "echo")
    assert error(evidence, "shut", "clock") == error(evidence, "shut", "echo")
    assert body(evidence, "here", "echo") == "seen\n"


def test_a_silent_host_gives_its_place_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_session, "SILENCE_S", 0.1)

    async def both() -> tuple[_session.Spoken, _session.Spoken]:
        places = _session.Places(busy=1, waiting=2)
        limits = _session.Limits(deadline_s=20, most_bytes=1000)
        silent = asyncio.create_task(_session.talk(["/bin/sleep", "4"], b"", limits, places, now=time.monotonic))
        await asyncio.sleep(0.01)
        quick = await _session.talk(["/bin/echo", "x"], b"", limits, places, now=time.monotonic)
        return await silent, quick

    silent, quick = asyncio.run(both())
    assert (silent.code, quick.code) == (0, 0)
    assert silent.begun < quick.begun < silent.ended


def test_a_host_that_never_says_a_word_is_given_up_early() -> None:
    limits = _session.Limits(deadline_s=60, most_bytes=1000, first_s=0.2)
    talked = _session.talk(["/bin/sleep", "50"], b"", limits, _session.Places(1, 1), now=time.monotonic)
    spoken = asyncio.run(talked)
    assert spoken.late and spoken.first is None
    assert spoken.code is not None and spoken.code < 0


def test_a_host_that_floods_is_cut_off() -> None:
    limits = _session.Limits(deadline_s=60, most_bytes=10_000)
    talked = _session.talk(["/usr/bin/yes"], b"", limits, _session.Places(1, 1), now=time.monotonic)
    assert asyncio.run(talked).flooded


def test_answers_that_do_not_count() -> None:
    table = (
        HostFact("bad", "a test", argv=("/bin/sh", "-c", "echo half; echo broken >&2; exit 3")),
        HostFact("fine", "a test", argv=("/bin/sh", "-c", "exit 3"), accepts=(0, 3)),
        HostFact("slow", "a test", argv=("/bin/sleep", "30"), deadline_s=1),
        HostFact("gone", "a test", argv=("/no/such/program",)),
        HostFact("none", "a test", path="/no/such/file"),
    )
    evidence = ask({"here": LOCAL}, table)
    assert error(evidence, "here", "bad") == "bad (/bin/sh) on here ended with 3: broken"
    assert body(evidence, "here", "fine") == ""
    assert error(evidence, "here", "slow").startswith("slow (/bin/sleep) on here was stopped after 1 s")
    assert error(evidence, "here", "gone").endswith("No such file or directory")
    assert error(evidence, "here", "none").endswith("/no/such/file: No such file or directory")


def test_a_host_that_runs_out_of_time_keeps_what_it_said() -> None:
    table = (
        ECHO,
        HostFact("slow", "a test", argv=("/bin/sleep", "30"), deadline_s=30),
        HostFact("last", "", path="/x"),
    )
    evidence = ask({"here": LOCAL}, table, deadline_s=2.0)
    assert body(evidence, "here", "echo") == "seen\n"
    assert error(evidence, "here", "last").startswith("here did not finish within 2 s")


def test_what_is_cut_off_shows_its_full_size() -> None:
    fact = ask({"here": LOCAL}, (HostFact("long", "", argv=("/bin/sh", "-c", "printf '%900s' x"), cap=100),)).get(
        "here", "long"
    )
    assert fact is not None
    assert (fact.kept, fact.size) == (100, 900)


def test_groups_choose_what_is_asked_and_late_facts_come_last() -> None:
    table = (
        HostFact("all", "", argv=("/bin/echo", "1")),
        HostFact("db", "", argv=("/bin/echo", "2"), groups=("db",)),
        HostFact("late", "", argv=("/bin/echo", "3"), groups=("log",), late=True),
    )
    evidence = ask({"a": LOCAL, "b": LOCAL}, table, groups={"db": ["b"], "log": ["a"]})
    assert evidence.get("a", "db") is None
    assert body(evidence, "b", "db") == "2\n"
    late, first = evidence.get("a", "late"), evidence.get("b", "all")
    assert late is not None and first is not None
    assert late.collected >= first.collected


def test_paths_of_the_inventory_are_filled_in_or_refused() -> None:
    listed = HostFact("paths", "", argv=("/bin/echo", Listed("verify_certificates", ("/etc/a",))))
    evidence = ask({"here": {**LOCAL, "verify_certificates": ["/srv/b.pem"]}}, (listed,))
    assert body(evidence, "here", "paths") == "/etc/a /srv/b.pem\n"
    for wrong in (["relative"], ["/a;rm"], ["/a/../b"], {"a": 1}, [3]):
        with pytest.raises(OpsError, match="verify_certificates"):
            ask({"here": {**LOCAL, "verify_certificates": wrong}}, (listed,))


@pytest.mark.parametrize("value", [0, -1, "many", True])
def test_a_wrong_option_is_refused_before_anything_is_asked(value: object) -> None:
    with pytest.raises(OpsError, match="verify_concurrency"):
        Options.of({"verify_concurrency": value})


def test_no_secret_reaches_the_evidence() -> None:
    canary = "Kanarienvogel-4711"
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----"
    table = (
        HostFact("out", "", argv=("/bin/echo", f"user {canary} end")),
        HostFact("err", "", argv=("/bin/sh", "-c", f"echo {canary} >&2; exit 1")),
        HostFact("pem", "", argv=("/bin/echo", pem)),
        HostFact("url", "", argv=("/bin/echo", "postgresql://app:hunter2hunter2@db1/x password=swordfish99")),
    )
    evidence = ask({"here": {**LOCAL, "verify_x": {"db_password": canary}}}, table)
    kept = "".join(text for _digest, text in evidence.bodies()) + "".join(str(fact.error) for fact in evidence)
    for secret in (canary, "MIIEabc", "hunter2hunter2", "swordfish99"):
        assert secret not in kept
    assert body(evidence, "here", "out") == "user [redacted] end\n"
    again = ask({"here": LOCAL}, table[:1], secrets=frozenset({canary}))
    assert body(again, "here", "out") == "user [redacted] end\n"
