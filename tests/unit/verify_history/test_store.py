# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence and environment come back from disk as they were, a kill loses no whole line, no secret gets there."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence
from verify.engine.store import KeptEvidence, read_environment, read_evidence, write_environment
from verify.engine.words import EvidenceClass

ROOT = Path(__file__).resolve().parents[3]
ABOUT = {"source": "host", "collected": 1_764_150_000.25, "command": "cat /etc/os-release"}
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

KILLED = """
import os, pathlib, signal, sys
from verify.engine.store import KeptEvidence
kept = KeptEvidence(pathlib.Path(sys.argv[1]))
for number in range(50):
    kept.record(f"body {number % 7}", subject=f"web{number}", name="os", source="host", collected=1.0, command="c")
os.kill(os.getpid(), signal.SIGKILL)
"""


def whole(evidence: Evidence) -> list[tuple[object, str | None]]:
    return [(fact, evidence.body(fact) if fact.digest else None) for fact in evidence]


def test_facts_come_back_as_they_were(tmp_path: Path) -> None:
    with KeptEvidence(tmp_path) as kept:
        kept.record("PRETTY_NAME=x\n", subject="web1", name="os", rc=0, seconds=0.5, identity="SHA256:x", **ABOUT)
        kept.record("PRETTY_NAME=x\n", subject="web2", name="os", rc=0, klass=EvidenceClass.DECLARED, **ABOUT)
        kept.record("cut", subject="web2", name="log", size=9000, **ABOUT)
        kept.missing("web3 did not answer within 10 s.", subject="web3", name="os", **ABOUT)
    assert whole(read_evidence(tmp_path)) == whole(kept)
    assert len((tmp_path / "evidence/blobs.jsonl").read_bytes().splitlines()) == 2


@same_folder
@given(body=st.text(st.characters()), name=st.text(min_size=1))
def test_any_text_survives(body: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    with KeptEvidence(folder) as kept:
        kept.record(body, subject="web1", name=name, **ABOUT)
    assert whole(read_evidence(folder)) == whole(kept)


def test_a_fact_read_again_counts_as_it_was_read_last(tmp_path: Path) -> None:
    with KeptEvidence(tmp_path) as kept:
        kept.missing("refused", subject="web1", name="os", **ABOUT)
        kept.record("later", subject="web1", name="os", **ABOUT)
    found = read_evidence(tmp_path)
    fact = found.get("web1", "os")
    assert fact is not None
    assert found.body(fact) == "later"


def test_many_threads_may_add(tmp_path: Path) -> None:
    with KeptEvidence(tmp_path) as kept:

        def add(number: int) -> None:
            for fact in range(40):
                kept.record(f"{fact}" * 500, subject=f"web{number}", name=f"f{fact}", **ABOUT)

        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = read_evidence(tmp_path)
    assert len(found) == 320
    assert len(list(found.bodies())) == 40


def test_a_killed_run_leaves_every_fact_it_had(tmp_path: Path) -> None:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "collections")))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == -signal.SIGKILL
    assert len(read_evidence(tmp_path)) == 50


@pytest.mark.parametrize("name", ["index", "blobs"])
def test_a_line_cut_short_is_left_out(tmp_path: Path, name: str) -> None:
    with KeptEvidence(tmp_path) as kept:
        kept.record("one", subject="web1", name="os", **ABOUT)
    with (tmp_path / f"evidence/{name}.jsonl").open("ab") as handle:
        handle.write(b'{"body":"half')
    assert len(read_evidence(tmp_path)) == 1


def test_a_body_that_was_edited_is_refused(tmp_path: Path) -> None:
    with KeptEvidence(tmp_path) as kept:
        kept.record("PermitRootLogin yes", subject="web1", name="sshd", **ABOUT)
    path = tmp_path / "evidence/blobs.jsonl"
    path.write_text(path.read_text().replace("yes", "no"))
    with pytest.raises(OpsError, match="line 1: the body does not fit its digest"):
        read_evidence(tmp_path)


def test_a_fact_without_its_body_is_refused(tmp_path: Path) -> None:
    with KeptEvidence(tmp_path) as kept:
        kept.record("one", subject="web1", name="os", **ABOUT)
    (tmp_path / "evidence/blobs.jsonl").write_bytes(b"")
    with pytest.raises(OpsError, match=r"index.jsonl, line 1: this is no fact with its body"):
        read_evidence(tmp_path)


@pytest.mark.parametrize("text", ["[]", "no json", '{"subject": "web1"}'])
def test_what_is_no_fact_is_refused(tmp_path: Path, text: str) -> None:
    with KeptEvidence(tmp_path):
        pass
    (tmp_path / "evidence/index.jsonl").write_text(text + "\n")
    with pytest.raises(OpsError, match="line 1"):
        read_evidence(tmp_path)


def test_a_folder_without_evidence_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="is this the folder of a run"):
        read_evidence(tmp_path)
    with pytest.raises(OpsError, match="is this the folder of a run"):
        read_environment(tmp_path)


# What must never reach the disk, wherever the inventory holds it.
SECRETS = {
    "prometheus": "pr0metheus-password",
    "token": "tok-4711-abcdef",
    "url": "url-passw0rd",
    "query": "que-ry-key-1",
    "vault": "only-known-as-secret",
    "host": "h0st-become-pass",
    "ledger": "ledger-passw0rd",
    "webhook": "T0000/B0000/hook",
}


@pytest.fixture
def planted(environment: Environment) -> Environment:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"
    variables = {
        **environment.variables,
        "ops_environment": "test",
        "ops_vault_password": SECRETS["vault"],
        "verify_sources": {
            "prometheus": {"url": "https://prom.example.org/", "user": "verify", "password": SECRETS["prometheus"]},
            "alertmanager": {"url": f"https://verify:{SECRETS['url']}@alerts.example.org/", "token": SECRETS["token"]},
            "costs": {"url": f"https://costs.example.org/?api_key={SECRETS['query']}&month=11"},
            "pin": {"password": 1234567890},
        },
        "verify_services": [{"name": "api", "probe": f"https://api.example.org/{SECRETS['token']}/health"}],
        "verify_empty": {"pool": f"the pool is gone, see {SECRETS['vault']}"},
        "verify_bounds": {"INFRA-02": {"high_s": 3600}},
        "verify_notes": key,
        "verify_ledger_url": f"postgresql://verify:{SECRETS['ledger']}@db.example.org/ledger",
        "verify_notices": {"webhook": {"url": f"https://hooks.example.org/{SECRETS['webhook']}"}},
        "verify_signing_key": "keys/seal",
    }
    about = {"ansible_host": "127.0.0.9", "ansible_become_password": SECRETS["host"], "verify_role": SECRETS["host"]}
    hosts = {**environment.hosts, "db1": Declared("host", "db1", about)}
    return dataclasses.replace(environment, variables=variables, hosts=hosts, secrets=frozenset({SECRETS["vault"]}))


def test_no_secret_reaches_the_disk(planted: Environment, tmp_path: Path) -> None:
    write_environment(planted, tmp_path)
    text = (tmp_path / "environment.json").read_text()
    assert [name for name, secret in SECRETS.items() if secret in text] == []
    assert "1234567890" not in text
    assert "b3BlbnNzaC1rZXk" not in text


def test_what_checks_read_reaches_the_disk(planted: Environment, tmp_path: Path) -> None:
    write_environment(planted, tmp_path)
    found = read_environment(tmp_path)
    assert list(found.hosts) == list(planted.hosts)
    assert found.hosts["web1"].ansible_host == "127.0.0.3"
    assert {name: list(members) for name, members in planted.groups.items()} == found.groups
    assert found.variables["ops_environment"] == "test"
    assert found.variables["verify_bounds"] == {"INFRA-02": {"high_s": 3600}}
    assert found.variables["verify_services"][0]["probe"] == "https://api.example.org/(removed)/health"
    assert found.variables["verify_sources"]["prometheus"]["url"] == "https://prom.example.org/"
    assert found.variables["verify_sources"]["alertmanager"]["url"] == "https://(removed)@alerts.example.org/"
    assert found.variables["verify_sources"]["costs"]["url"].endswith("?api_key=(removed)&month=11")
    assert (found.name, found.inventory_digest, found.excluded) == ("test", "1" * 64, planted.excluded)
    assert found.secrets == frozenset()


def test_secrets_that_the_caller_knows_are_masked_too(planted: Environment, tmp_path: Path) -> None:
    write_environment(planted, tmp_path, secrets=["alerts.example.org"])
    assert "alerts.example.org" not in (tmp_path / "environment.json").read_text()


def test_an_environment_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"name": "test"}))
    with pytest.raises(OpsError, match="is not the environment of a run"):
        read_environment(tmp_path)
