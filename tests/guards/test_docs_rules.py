# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the pages: what they point at exists, what they list is complete, what is generated is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)\)")
NAMED = re.compile(r"`((?:playbooks|roles|plugins|scripts|tests|lab|docs|verify)/[A-Za-z0-9_./-]+)`")
ROOM = re.compile(r"`([a-z_./-]+)`")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==\S+$", re.MULTILINE)


def page_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_named_files_exist(page: Path) -> None:
    """Paths in code spans that start with a room of the source must be there."""
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_developer_knows_every_room(source_files: list[Path]) -> None:
    """What the source holds is named where the page says what lives where, and what its table names is there."""
    page = (ROOT / "docs" / "developer.md").read_text(encoding="utf-8")
    told = page.partition("## Where things are\n")[2].partition("\n## ")[0]
    listed = [name for row in re.findall(r"^\| (`.*?) \|", told, re.MULTILINE) for name in ROOM.findall(row)]
    assert len(listed) > 10
    assert [name for name in listed if not (ROOT / name).exists()] == []
    rooms = {"/".join(path.relative_to(ROOT).parent.parts[:2]) for path in source_files if path.parent != ROOT}
    rooms = {room if room.startswith(("plugins/", "tests/")) else room.partition("/")[0] for room in rooms}
    # The one environment that the source holds is the example.
    rooms = {"inventories/example" if room == "inventories" else room for room in rooms if not room.startswith(".")}
    assert sorted(rooms - {"plugins", "tests", *(name.rstrip("/") for name in ROOM.findall(told))}) == []


def test_every_dependency_has_its_reason() -> None:
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in requirements.splitlines() if line.strip() and not line.startswith("#")]
    assert len(PIN.findall(requirements)) == len(lines), "a line that pins nothing"
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert [name for name in PIN.findall(requirements) if f"`{name}`" not in reasons] == []


def test_every_package_of_the_system_has_its_reason() -> None:
    script = (ROOT / "scripts" / "bootstrap.sh").read_text(encoding="utf-8")
    packages = " ".join(re.findall(r"^(?:tools|lab|browser)_packages=\(([^)]*)\)", script, re.MULTILINE)).split()
    assert len(packages) > 5
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert [name for name in packages if f"`{name}`" not in reasons and name != "python3"] == []


def test_the_operator_knows_every_scenario() -> None:
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    scenarios = [path.stem for path in (ROOT / "roles" / "dr" / "files" / "scenarios").glob("*.yml")]
    assert scenarios
    assert [name for name in scenarios if f"`{name}`" not in page] == []


def test_the_developer_knows_which_scenarios_are_left_out() -> None:
    """Every scenario is drilled, and those that a plain run of the proofs leaves out are named."""
    tests = (ROOT / "tests" / "integration" / "test_drill_scenarios.py").read_text(encoding="utf-8")
    scenarios = [path.stem for path in (ROOT / "roles" / "dr" / "files" / "scenarios").glob("*.yml")]
    assert [name for name in scenarios if f'"{name}"' not in tests] == []
    left_out = re.findall(r'"(\w+)"', " ".join(re.findall(r"RECOVERED \+= \(([^)]*)\)", tests)))
    page = (ROOT / "docs" / "developer.md").read_text(encoding="utf-8").partition("leaves out, and says so")[2]
    assert left_out
    assert set(left_out) == set(scenarios) & set(re.findall(r"`(\w+)`", page))


def test_each_program_that_measures_a_figure_starts_as_the_page_says() -> None:
    page = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\.venv/bin/python (tests/bench/\w+\.py)", page, re.MULTILINE))
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "bench").glob("*_figures.py")}
    for name in sorted(named):
        done = subprocess.run([sys.executable, name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "usage:" in done.stdout


def test_the_tables_of_the_roles_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "role_readmes.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["README.md", "docs/operator.md"])
def test_a_newcomer_enters_the_environment_before_its_commands(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    bare = re.search(r"^(?:pytest|ansible-\w+) ", page, re.MULTILINE)
    assert bare and ". .venv/bin/activate" in page[: bare.start()]
