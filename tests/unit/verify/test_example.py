# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a production environment is one: it loads, and its waivers, records and statements are fit."""

from __future__ import annotations

import re
import shutil
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
from verify.engine.session import import_checks

ROOT = Path(__file__).resolve().parents[3]
NOW = parse_iso("2026-11-26T08:30:00Z").timestamp()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples in which the operator has done what only an operator can: keys."""
    base = tmp_path_factory.mktemp("operator")
    for name in ("example", "example-staging"):
        shutil.copytree(ROOT / "inventories" / name, base / "inventories" / name)
    example = base / "inventories" / "example"
    for key in ("ops.pub", "verify.pub"):
        (example / key).write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample example\n", encoding="utf-8")
    return base


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The vault is opened as the operator's page says."""
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    word = re.search(r"echo (\S+) > ~/\.vault-example", page)
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
