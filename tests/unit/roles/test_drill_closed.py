# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is closed by hand, and what a disaster overtook: it has its report and its seal like what ended by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.roles._drill_world import ABSENT, REPORTS, SOURCE, World, server

pytestmark = pytest.mark.slow

SURVEYED = {"timeline": SOURCE, "backup": {"label": "F"}, "backups": ["F"]}


def test_a_record_that_is_closed_by_hand_is_reported_and_sealed(tmp_path: Path) -> None:
    """With a drill beside it that a disaster had overtaken, on the same controller."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"lead {key.with_suffix('.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    overtaken = {"event": "close", "verdict": "aborted", "reasons": ["It was overtaken by a disaster."]}
    left = {"event": "leave", "step": "fence", "status": "failed", "error": "It was overtaken by a disaster."}
    drill = World(tmp_path)
    drill.interrupted_at("fence", left, overtaken)
    (drill.base / "d").rename(drill.base / "0-overtaken")
    (tmp_path / "ansible_collections").rename(tmp_path / "before")
    world = World(tmp_path, scenario="activation", real=REPORTS)
    world.interrupted_at("restore", survey=SURVEYED)
    world.set(db1=server("down"), db2=ABSENT)
    given = {"dr_signing_key": str(key), "dr_allowed_signers": str(signers), "dr_signing_principal": "lead"}
    said = world.run(earnest=True, dr_drill_abort=True, dr_records_dir=str(tmp_path / "records"), **given)
    assert "is closed as aborted, and nothing was touched" in said, said[-3000:]
    assert "Closed by hand with dr_drill_abort" in said
    wanted = {"d": "Closed by hand with dr_drill_abort", "0-overtaken": "It was overtaken by a disaster."}
    for name, reason in wanted.items():
        folder = world.base / name
        record = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
        assert (record["verdict"], record["verdict_reasons"][0][: len(reason)]) == ("aborted", reason)
        check = subprocess.run(
            [sys.executable, str(folder / "verify_pack.py"), str(folder)], capture_output=True, check=False
        )
        assert check.returncode == 0, check.stdout
