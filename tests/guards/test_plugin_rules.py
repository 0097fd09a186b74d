# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the plugins: documented, in the action group, and in their room."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "plugins" / "modules").glob("[!_]*.py"))
SHARED = sorted((ROOT / "plugins" / "module_utils").glob("*.py"))
PREFIX = "ansible_collections.ccobservatory.ops.plugins.module_utils"


def name(path: Path) -> str:
    return path.stem


def documentation(path: Path) -> dict[str, Any]:
    """Return the DOCUMENTATION of a module as written, without what fragments add."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            loaded: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return loaded
    return {}


def imported(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return found


def test_the_action_group_is_complete() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["ops"] == [path.stem for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_tells_its_attributes(path: Path) -> None:
    written = documentation(path)
    fragments = written.get("extends_documentation_fragment", [])
    fragments = [fragments] if isinstance(fragments, str) else fragments
    assert [item for item in fragments if item.startswith("ccobservatory.ops.attributes")]
    if "ccobservatory.ops.attributes.read_only" not in fragments:
        told = written.get("attributes", {})
        assert {key for key, value in told.items() if "support" in value} >= {"check_mode", "diff_mode", "idempotent"}
        partial = [key for key, value in told.items() if value["support"] == "partial"]
        assert [key for key in partial if not told[key].get("details")] == [], "partial support needs details"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_came_with_a_version_that_exists(path: Path) -> None:
    """A later version in its page would keep the module out of the release notes."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    texts = (documentation(path)["version_added"], galaxy["version"])
    added, present = ([int(part) for part in str(text).split(".")] for text in texts)
    assert added <= present


@pytest.mark.parametrize("path", SHARED, ids=name)
def test_shared_rules_are_private_and_need_only_python(path: Path) -> None:
    """One file alone may use the client library of PostgreSQL, which Debian has on each database host."""
    assert path.stem.startswith("_")
    allowed = {"psycopg2"} if path.stem == "_postgres" else set()
    foreign = [
        module
        for module in imported(path)
        if module.partition(".")[0] not in sys.stdlib_module_names and not module.startswith(PREFIX)
    ]
    assert {module.partition(".")[0] for module in foreign} == allowed


def test_ansible_doc_reads_every_module() -> None:
    command = [str(Path(sys.executable).with_name("ansible-doc")), "--json", "--playbook-dir", str(ROOT)]
    names = [f"ccobservatory.ops.{path.stem}" for path in MODULES]
    environment = dict(os.environ, ANSIBLE_NOCOLOR="1")
    done = subprocess.run([*command, *names], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = json.loads(done.stdout)
    assert sorted(pages) == sorted(names)
    incomplete = [key for key, page in pages.items() if not page.get("examples") or not page.get("return")]
    assert incomplete == [], "modules without EXAMPLES or RETURN"
