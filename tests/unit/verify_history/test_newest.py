# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that is judged again without asking anybody: of this inventory, whole, and nobody edited it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify_history.test_replay import folder_of_run, sealed
from verify.engine import pack
from verify.engine.catalogue import Catalogue
from verify.engine.declared import Environment
from verify.engine.store import copy_evidence, read_evidence

FIRST, SECOND = "20251126T094000Z", "20251126T100000Z"


@pytest.fixture
def signing(tmp_path: Path, environment: Environment) -> Environment:
    """Return the environment with a key that seals."""
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    signers = tmp_path / "allowed_signers"
    signers.write_text(f'seal@test namespaces="ccobservatory.ops" {key.with_suffix(".pub").read_text()}')
    named = {
        "verify_signing_key": str(key),
        "verify_allowed_signers": str(signers),
        "verify_signing_principal": "seal@test",
    }
    return dataclasses.replace(environment, variables={**environment.variables, **named})


def run(base: Path, name: str, environment: Environment, catalogue: Catalogue, *, env: str = "test") -> Path:
    folder = folder_of_run(base / name, environment, catalogue)
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps({**header, "env": env}), encoding="utf-8")
    return folder


def seal_of(folder: Path, signing: Environment) -> Path:
    variables = signing.variables
    return sealed(folder, Path(variables["verify_signing_key"]), Path(variables["verify_allowed_signers"]))


def test_the_newest_run_of_this_inventory_counts(
    tmp_path: Path, environment: Environment, catalogue: Catalogue
) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    mine = run(base, FIRST, environment, catalogue)
    run(base, SECOND, environment, catalogue, env="test-copy")
    assert pack.newest(base, environment, env="test") == (mine, FIRST)
    with pytest.raises(OpsError, match="no run of test-other with evidence"):
        pack.newest(base, environment, env="test-other")


def test_a_copy_says_who_collected(tmp_path: Path, environment: Environment, catalogue: Catalogue) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    folder = run(base, FIRST, environment, catalogue)
    again = base / SECOND
    again.mkdir()
    kept = copy_evidence(folder, again)
    (again / "run.json").write_text(json.dumps({"env": "test", "evidence_of": FIRST}), encoding="utf-8")
    assert list(read_evidence(again)) == list(kept) == list(read_evidence(folder))
    assert pack.newest(base, environment, env="test") == (again, FIRST)


def test_what_was_not_sealed_does_not_count_where_runs_are_sealed(
    tmp_path: Path, signing: Environment, catalogue: Catalogue
) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    whole = seal_of(run(base, FIRST, signing, catalogue), signing)
    run(base, SECOND, signing, catalogue)
    assert pack.newest(base, signing, env="test") == (whole, FIRST)


def test_evidence_that_was_edited_is_refused(tmp_path: Path, signing: Environment, catalogue: Catalogue) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    folder = seal_of(run(base, FIRST, signing, catalogue), signing)
    index = folder / "evidence" / "index.jsonl"
    index.write_text(index.read_text(encoding="utf-8").replace('"error":"web2', '"error":"web3', 1), encoding="utf-8")
    with pytest.raises(OpsError, match="not intact") as caught:
        pack.newest(base, signing, env="test")
    assert caught.value.details["exit_code"] == 12


def test_a_run_that_ended_without_a_seal_was_not_killed(
    tmp_path: Path, environment: Environment, catalogue: Catalogue
) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    folder = run(base, FIRST, environment, catalogue)
    told: list[str] = []
    pack.finish_abandoned(base, told.append)
    assert told == []
    assert not (folder / "abandoned").exists()


def test_a_run_whose_writer_is_gone_was_killed(tmp_path: Path, environment: Environment, catalogue: Catalogue) -> None:
    base = tmp_path / "reports"
    base.mkdir()
    folder = run(base, FIRST, environment, catalogue)
    results = folder / "results.jsonl"
    results.write_bytes(b"".join(results.read_bytes().splitlines(keepends=True)[:-1]))
    (folder / "catalogue.json").write_text("[]", encoding="utf-8")
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    more = {"started": "2025-11-26T09:40:00.000Z", "runner": "ops1"}
    (folder / "run.json").write_text(json.dumps({**header, **more}), encoding="utf-8")
    told: list[str] = []
    pack.finish_abandoned(base, told.append)
    assert (folder / "abandoned").exists()
    assert "killed before it ended" in told[0]
