# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the roles: what each must carry, how it names its variables, and how long a task file may be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
TASK_FILES = sorted(path for role in ROLES for room in ("tasks", "handlers") for path in (role / room).rglob("*.yml"))
MOST_LINES = 200
# A scenario of molecule has the hosts of one role. What leads through several, or only serves what does, is proved
# elsewhere: on the lab, or played on hosts that answer from a file.
WITHOUT_SCENARIO = {
    "backup": "tests/integration/test_restore.py",
    "dr": "tests/integration/test_drill_scenarios.py",
    "integrity": "tests/integration/test_restore.py",
    "procedure": "tests/unit/roles/test_procedures.py",
    "record": "tests/unit/records/test_record_playbook.py",
    "restore": "tests/integration/test_restore.py",
    "restore_test": "tests/integration/test_restore.py",
}
README_SECTIONS = ("variables", "example", "prov|verif")


def load(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, empty when the file is missing or empty."""
    if not path.exists():
        return {}
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def options(role: Path) -> dict[str, Any]:
    """Return the options that all entry points of a role declare together."""
    entries = load(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    return {key: option for entry in entries.values() for key, option in entry.get("options", {}).items()}


def tasks(path: Path) -> list[dict[str, Any]]:
    """Return all tasks of a file, those inside blocks too; the blocks themselves are left out."""
    found: list[dict[str, Any]] = []
    waiting = list(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    while waiting:
        task = waiting.pop(0)
        inner = [item for room in ("block", "rescue", "always") for item in task.get(room, [])]
        waiting += inner
        found += [] if "block" in task else [task]
    return found


def role_name(path: Path) -> str:
    return path.name


def file_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_a_role_is_complete(role: Path) -> None:
    wanted = ("README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml")
    assert [name for name in wanted if not (role / name).is_file()] == []


def test_a_role_has_a_scenario_or_its_reason_to_have_none() -> None:
    scenarios = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    roles = {role.name for role in ROLES}
    assert sorted(roles - scenarios - set(WITHOUT_SCENARIO)) == [], "neither a scenario nor a place where it is proved"
    assert sorted(set(WITHOUT_SCENARIO) & scenarios) == sorted(scenarios - roles) == []
    assert [path for path in WITHOUT_SCENARIO.values() if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_the_specification_names_the_defaults(role: Path) -> None:
    """Every default is specified, and every option is either required or has a default."""
    defaults, specified = load(role / "defaults" / "main.yml"), options(role)
    assert sorted(set(defaults) - set(specified)) == [], "defaults that the argument specification does not know"
    undefined = [key for key in set(specified) - set(defaults) if not specified[key].get("required")]
    assert sorted(undefined) == [], "options that are neither required nor in defaults/main.yml"


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_the_specification_repeats_the_defaults(role: Path) -> None:
    defaults, specified = load(role / "defaults" / "main.yml"), options(role)
    stated = {key: option["default"] for key, option in specified.items() if "default" in option}
    assert {key: (value, defaults.get(key)) for key, value in stated.items() if value != defaults.get(key)} == {}


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_variables_carry_the_name_of_the_role(role: Path) -> None:
    shared = {"ops_environment", "ops_protected", "ops_pki_dir"}
    names = set(load(role / "defaults" / "main.yml")) | set(options(role))
    assert sorted(name for name in names - shared if not re.match(rf"(?:__)?{role.name}_", name)) == []


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_the_readme_tells_what_the_specification_knows(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^#+ (.*)$", text, re.MULTILINE)).lower()
    assert [section for section in README_SECTIONS if not re.search(section, headings)] == []
    assert sorted(name for name in options(role) if name not in text) == []


@pytest.mark.parametrize("path", TASK_FILES, ids=file_name)
def test_a_task_file_fits_the_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", TASK_FILES, ids=file_name)
def test_no_failed_change_is_silenced(path: Path) -> None:
    """Only a task that reads may fail unnoticed, and only when its result is kept to be judged."""
    silent = [task for task in tasks(path) if task.get("failed_when") is False or task.get("ignore_errors") is True]
    judged = [task for task in silent if task.get("changed_when") is False and "register" in task]
    assert [task.get("name") for task in silent if task not in judged] == []


@pytest.mark.parametrize("path", TASK_FILES, ids=file_name)
def test_every_task_has_a_name(path: Path) -> None:
    assert [task for task in tasks(path) if not str(task.get("name", "")).strip()] == []


@pytest.mark.parametrize("role", ROLES, ids=role_name)
def test_a_role_never_knows_its_harness(role: Path) -> None:
    # The daily verification is a run of pytest: there it is what the role installs, not who tests it.
    harness = (
        "molecule|podman|container_name" if role.name == "verify_daily" else "molecule|pytest|podman|container_name"
    )
    knows = re.compile(harness, re.IGNORECASE)
    files = [path for path in role.rglob("*") if path.suffix in {".yml", ".j2", ".py"}]
    assert [file_name(path) for path in files if knows.search(path.read_text(encoding="utf-8"))] == []
