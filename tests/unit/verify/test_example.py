# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a production environment is one: it loads, and its waivers, records and statements are fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

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
    """A copy of the examples in which the operator has done what only an operator can: keys, and words of the vault."""
    base = tmp_path_factory.mktemp("operator")
    for name in ("example", "example-staging"):
        shutil.copytree(ROOT / "inventories" / name, base / "inventories" / name)
    example = base / "inventories" / "example"
    for key in ("ops.pub", "verify.pub"):
        (example / key).write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample example\n", encoding="utf-8")
    secrets = example / "group_vars" / "all" / "secrets.yml"
    names = [line.partition(":")[0] for line in secrets.read_text(encoding="utf-8").splitlines() if "undef(" in line]
    assert len(names) > 4
    secrets.write_text(json.dumps({name: f"word of {name}, long enough" for name in names}), encoding="utf-8")
    return base


@pytest.fixture(scope="module")
def example(folder: Path) -> Environment:
    return load("example", cwd=folder)


def test_the_example_declares_every_kind_of_subject(example: Environment) -> None:
    kinds = ("host", "service", "asset", "pool", "pipeline", "repository")
    counts = {kind: len(example.subjects(kind)) for kind in kinds}
    assert min(counts.values()) > 0, counts
    assert example.excluded == {}
    assert "word of vault_mail_password, long enough" in example.secrets


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
