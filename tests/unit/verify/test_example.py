# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a production environment is one: it loads, and its waivers, records and statements are fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import load_records
from verify.engine import waiver_files
from verify.engine.catalogue import load as load_catalogue
from verify.engine.control import registered
from verify.engine.declared import Environment
from verify.engine.environment import load
from verify.engine.matrix import Selection
from verify.engine.options import Options
from verify.engine.session import Run, import_checks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
NOW = parse_iso("2026-11-26T08:30:00Z").timestamp()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples in which the operator has made the keys, by the commands of the operator's page."""
    base = copied(tmp_path_factory.mktemp("operator"))
    home = base / ".ssh"
    home.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "id_ed25519")], check=True)
    commands = re.search(r"^## Keys\n.*?```\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert commands
    # ssh-keygen and the shell look for "~" in HOME.
    subprocess.run(["bash", "-ec", commands[1]], cwd=base, env={**os.environ, "HOME": str(base)}, check=True)
    return base


def copied(base: Path) -> Path:
    for name in ("example", "example-staging"):
        shutil.copytree(ROOT / "inventories" / name, base / "inventories" / name)
    return base


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The vault is opened as the operator's page says."""
    word = re.search(r"echo (\S+) > ~/\.vault-example", PAGE)
    assert word
    file = tmp_path_factory.mktemp("vault") / "word"
    file.write_text(f"{word[1]}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(file))
        yield


@pytest.fixture(scope="module")
def example(folder: Path, opened: None) -> Environment:
    return load("example", cwd=folder)


def test_its_secrets_lie_in_a_vault_that_ansible_opens(example: Environment) -> None:
    sealed = (ROOT / "inventories" / "example" / "group_vars" / "all" / "vault.yml").read_text(encoding="utf-8")
    assert sealed.startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    password = example.variables["verify_notices"]["mail"]["password"]
    assert password and password in example.secrets and password not in sealed
    # Whoever forgets to put own words in is refused by the roles: a passphrase has 20 characters at least.
    assert max(len(one) for one in example.secrets if one.startswith("put-your-own")) < 20


@pytest.mark.parametrize("word", [None, "another-word"])
def test_with_its_vault_closed_it_is_refused_by_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str | None
) -> None:
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    if word:
        (tmp_path / "word").write_text(word, encoding="utf-8")
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "word"))
    with pytest.raises(OpsError, match="a vault of it stays closed") as refused:
        load("example", cwd=folder)
    assert refused.value.message.endswith("name the file of its password in ANSIBLE_VAULT_PASSWORD_FILE.")
    assert "\n" not in refused.value.message


def test_the_example_declares_every_kind_of_subject(example: Environment) -> None:
    kinds = ("host", "service", "asset", "pool", "pipeline", "repository")
    counts = {kind: len(example.subjects(kind)) for kind in kinds}
    assert min(counts.values()) > 0, counts
    assert example.excluded == {}


def test_staging_is_an_environment_of_its_own(folder: Path, example: Environment) -> None:
    staging = load("example-staging", cwd=folder)
    assert staging.name == example.variables["verify_staging"]
    assert set(staging.groups) & set(example.groups) > {"haproxy", "postgresql", "monitoring"}


def test_its_waivers_are_fit(example: Environment) -> None:
    import_checks()
    controls = {control.id: control for control in registered()}
    found = waiver_files.load(
        waiver_files.paths(example), controls=controls, catalogue=load_catalogue(), environment=example, now=NOW
    )
    assert [waiver.id for waiver in found] == ["W-2026-001"]


def test_its_records_are_fit(example: Environment) -> None:
    reading = load_records(Path(example.variables["verify_records_dir"]), environments=["example", "example-staging"])
    faults = {record_type: reading.wrong(record_type) for record_type in ("incident", "roster", "review", "budget")}
    assert faults == {record_type: [] for record_type in faults}


@pytest.mark.parametrize("collect", [True, False])
def test_with_its_keys_a_run_of_it_is_ready(
    folder: Path, opened: None, monkeypatch: pytest.MonkeyPatch, collect: bool
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    run = Run.prepare(asked(collect), cwd=folder)
    assert len(run.environment.hosts) == 10 and len(run.control_ids) > 90
    if not collect:
        with pytest.raises(OpsError, match=r"There is no run of example with evidence below .*; run once with --live"):
            run.gather(lambda _line: None)


def asked(collect: bool = True) -> Options:
    return Options("example", "", Selection(), None, "today", None, collect, None, None)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("inventories/example/verify.pub", ""),  # a variable of the role verify_access, which no check reads
        ("inventories/example/ops.pub", r"verify_keys cannot be read: there is no file \S+/example/ops\.pub; make it"),
        ("inventories/example/allowed_signers", "verify_allowed_signers: there is no list of allowed signers at"),
        (".ssh/verify_seal", r"verify_signing_key: there is no key at \S+/\.ssh/verify_seal; make it with ssh-keygen"),
    ],
)
def test_a_key_that_is_missing_is_named_with_its_mend(
    folder: Path, opened: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, told: str
) -> None:
    base = shutil.copytree(folder, tmp_path / "operator")
    monkeypatch.setenv("HOME", str(base))
    (base / missing).unlink()
    if not told:
        assert Run.prepare(asked(), cwd=base).environment.name == "example"
        return
    with pytest.raises(OpsError, match=told) as refused:
        Run.prepare(asked(), cwd=base)
    assert "\n" not in refused.value.message
