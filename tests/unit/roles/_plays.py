# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of the collection on an inventory of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
# Nothing listens there, so such a host is silent at once.
SILENT = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_become": False}
# Answers on this machine.
HERE = {"ansible_connection": "local", "ansible_become": False}


def with_repository(**variables: Any) -> dict[str, Any]:
    """Return an inventory of a database host and its repository's, both of them this machine, with more variables."""
    return {
        "hosts": {"repo1": HERE, "db2": HERE},
        "children": {"pgbackrest_repository": {"hosts": {"repo1": None}}},
        "vars": {"ops_environment": "test", "ansible_python_interpreter": sys.executable, **variables},
    }


def run_playbook(
    cwd: Path,
    playbook: str,
    *arguments: str,
    inventory: dict[str, Any],
    collections: Path = ROOT / "collections",
) -> tuple[int, str]:
    """Run a playbook of the collection, or one by its whole path, in ``cwd``, with the collections that lie somewhere.

    Return its exit code and what it said, on one line.
    """
    (cwd / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "hosts.yml",
        str(ROOT / "playbooks" / playbook),
    ]
    environment = {
        **os.environ,
        "PWD": str(cwd),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [*command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())
