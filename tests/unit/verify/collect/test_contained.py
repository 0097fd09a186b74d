# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody foresaw in one collector ends that source alone: it leaves a sentence for its facts, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verify.collect import collectors, figures, hosts, previous, sources, updates
from verify.engine import attestations
from verify.engine.catalogue import load
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, NoEvidence

pytestmark = pytest.mark.slow

SECRET = "hunter2-secret"
HERE = {"ansible_connection": "local"}
FEW = hosts.Options(table=tuple(fact for fact in hosts.TABLE if fact.name == "os_release"))


def failing(*_given: Any, **_more: Any) -> Any:
    raise KeyError(f"no {SECRET} here")


def environment(tmp_path: Path, **more: Any) -> Environment:
    declared = {name: Declared("host", name, HERE) for name in ("one", "two")}
    variables = {"verify_repositories": [{"name": "code", "path": str(tmp_path)}], **more}
    return Environment("test", str(tmp_path / "hosts.yml"), "-", declared, {}, variables, secrets=frozenset({SECRET}))


def collected(tmp_path: Path, **more: Any) -> tuple[Evidence, list[str]]:
    evidence, told = Evidence(), list[str]()
    found = environment(tmp_path, **more)
    collectors.collect(found, evidence, load(), forks=2, progress=told.append)
    collectors.remember(found, evidence, tmp_path / "own", None, progress=told.append)
    return evidence, told


def why(evidence: Evidence, subject: str, name: str) -> str:
    fact = evidence.get(subject, name)
    assert fact is not None and fact.error is not None, f"{subject}/{name}"
    return fact.error


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask hosts little, so that a run is short."""
    monkeypatch.setattr(hosts.Options, "of", lambda _variables: FEW)


FAILURES: dict[str, tuple[Any, str, str, str]] = {
    "records": (sources, "_records", "records", "incident"),
    "runs": (sources, "_runs", "runs", "patch"),
    "drills": (sources, "_packs", "runs", "packs"),
    "a repository": (sources.Repository, "state", "repository:code", "tree"),
    "all sources": (sources, "ThreadPoolExecutor", "prometheus", "rules"),
    "how a host is dialled": (hosts, "visit", "one", "os_release"),
    "what a host said": (hosts, "keep", "one", "connection"),
    "all hosts": (hosts, "speak", "two", "clock"),
    "the collector of hosts": (hosts, "collect", "two", "os_release"),
    "statements": (attestations, "check", attestations.SUBJECT, attestations.INDEX),
    "updates before": (updates, "canonical_json", previous.SUBJECT, updates.UPDATES),
    "the last run": (previous, "from_epoch", previous.SUBJECT, previous.BASELINE),
}


@pytest.mark.parametrize("case", FAILURES)
def test_one_source_fails_and_the_others_go_on(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, function, subject, name = FAILURES[case]
    monkeypatch.setattr(place, function, failing)
    evidence, told = collected(tmp_path, verify_attestations_dir=".")
    error = why(evidence, subject, name)
    assert "KeyError: 'no [redacted] here'" in error
    assert "test_contained.py line" in error and "mend" in error
    with pytest.raises(NoEvidence, match="KeyError"):
        Estate(environment(tmp_path), evidence, now=0.0).fact(subject, name)
    # Every other source was asked, and says what it has to say.
    others = {("records", "incident"): "verify_records_dir", ("prometheus", "rules"): "verify_sources.prometheus"}
    if place is not sources:
        assert all(told in why(evidence, *key) for key, told in others.items())
    if place is not hosts:
        assert getattr(evidence.get("one", "os_release"), "error", "x") is None
    assert SECRET not in str([*evidence, *told])


def test_a_host_that_cannot_be_started_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk: Callable[..., Any] = hosts.talk
    seen: list[str] = []

    async def once(*given: Any, **more: Any) -> Any:
        seen.append("")
        if len(seen) == 1:
            raise ValueError(f"embedded null byte, {SECRET}")
        return await talk(*given, **more)

    monkeypatch.setattr(hosts, "talk", once)
    evidence, _told = collected(tmp_path)
    assert "ValueError: embedded null byte, [redacted]" in why(evidence, "one", "os_release")
    assert getattr(evidence.get("two", "os_release"), "error", "x") is None


def test_arguments_of_ssh_that_are_no_words_concern_their_host_alone() -> None:
    declared = {
        "odd": Declared("host", "odd", {"ansible_ssh_common_args": f"-o 'ProxyCommand={SECRET}"}),
        "here": Declared("host", "here", HERE),
    }
    evidence = Evidence()
    environment = Environment("test", "-", "-", declared, {}, {})
    hosts.collect(environment, evidence, now=lambda: 0.0, progress=lambda _text: None, options=FEW)
    told = why(evidence, "odd", "os_release")
    assert "correct ansible_ssh_" in told and SECRET not in told
    assert getattr(evidence.get("here", "os_release"), "error", "x") is None


def test_the_ledger_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = Evidence()
    monkeypatch.setattr(figures, "iso_ms", failing)
    ledger: Any = object()
    collectors.remember(environment(tmp_path), evidence, tmp_path / "own", ledger, progress=lambda _text: None)
    assert "KeyError" in why(evidence, previous.SUBJECT, figures.FIGURES)
