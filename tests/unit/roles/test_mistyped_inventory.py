# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistyped inventory ends every playbook with one sentence, before anything else is looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.slow
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_an_inventory_that_is_not_there_is_the_only_thing_said(tmp_path: Path, playbook: str) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", "inventories/nope", str(ROOT / "playbooks" / playbook)),
        ],
        cwd=tmp_path,
        env={**os.environ, "PWD": str(tmp_path), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert said.count("TASK [") == said.count("[ERROR]") == 1, said
    assert "The inventory holds no host: name the one that is meant with -i inventories/<environment>." in said
    assert list(tmp_path.iterdir()) == []
