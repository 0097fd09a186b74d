# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, and a chain of two sealed packs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing, make_pack
from tests.unit._programs import load

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "tests" / "unit" / "report" / "example_drill.json"


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    """The script that goes into each pack, as a module."""
    return load("verify/verify_pack.py")


def make_key(path: Path) -> Path:
    """Make a key without a passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="session")
def sealing(tmp_path_factory: pytest.TempPathFactory) -> Sealing:
    """A signing key with its list of signers; a key named foreign lies beside it and is not listed."""
    folder = tmp_path_factory.mktemp("keys")
    key = make_key(folder / "seal")
    make_key(folder / "foreign")
    public = (folder / "seal.pub").read_text(encoding="utf-8").split()
    signers = folder / "allowed_signers"
    line = f'seal@example namespaces="ccobservatory.ops" {public[0]} {public[1]}'
    signers.write_text(line + "\n", encoding="utf-8")
    return Sealing(key=key, principal="seal@example", allowed_signers=signers)


def drill_in(base: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Make the folder of a drill with a journal and a signature of a person; return it with its record."""
    store = Store(base / name, owner=Owner.of(os.getpid()))
    opened = {"event": "open", "drill_id": name, "environment": "example", "scenario": "site_lost", "mode": "live"}
    store.create([{**opened, "header": {}, "plan": [{"id": "fence", "title": "Fence"}]}])
    for body in ({"event": "enter", "step": "fence"}, {"event": "leave", "step": "fence", "status": "done"}):
        store.append([body])
    (base / name / "people").mkdir()
    (base / name / "people" / "approve.json").write_text('{"statement":"yes"}\n', encoding="utf-8")
    record = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return base / name, {**record, "id": name}


@pytest.fixture
def packs(tmp_path: Path, sealing: Sealing) -> list[Path]:
    """Two sealed packs of one environment, the older one first."""
    base, made = tmp_path / "example" / "drills", []
    for name in ("20261020T090000Z-site_lost", "20261120T090000Z-site_lost"):
        folder, record = drill_in(base, name)
        owner = Owner.of(os.getpid())
        make_pack(folder, record, sealing=sealing, owner=owner, history=None, previous="auto")
        made.append(folder)
    return made
