# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain clone, in a directory with a space and a dot in its name, runs; what is built from it installs and runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
ADDRESSABLE = [name for name in PLAYBOOKS if "-" not in name]
ESTATE = "localhost,"


def run(*command: str, cwd: Path, home: Path) -> str:
    """Run a tool of the virtual environment with an empty home and return what it printed; fail with it if it fails."""
    done = ended(*command, cwd=cwd, home=home)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(*command: str, cwd: Path, home: Path) -> str:
    """Run a tool that has to refuse, and return what it printed."""
    done = ended(*command, cwd=cwd, home=home)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def ended(*command: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool of the virtual environment with an empty home to its end."""
    environment = {
        "HOME": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty home, so that nothing installed for the user can help."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone of the last commit."""
    target = tmp_path_factory.mktemp("clones") / "my ops.v1"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    return target


@pytest.fixture(scope="module")
def installed(clone: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty directory from which the collection, built from the clone, is found as installed."""
    built = tmp_path_factory.mktemp("built")
    run("ansible-galaxy", "collection", "build", "--output-path", str(built), cwd=clone, home=home)
    (archive,) = built.glob("ccobservatory-ops-*.tar.gz")
    # Its dependencies come with the pinned Ansible package, so nothing is fetched.
    run("ansible-galaxy", "collection", "install", "--no-deps", "--offline", str(archive), cwd=built, home=home)
    return tmp_path_factory.mktemp("elsewhere")


@pytest.mark.parametrize("option", ["--syntax-check", "--list-tasks"])
def test_the_root_playbook_runs_from_the_clone(clone: Path, home: Path, option: str) -> None:
    printed = run("ansible-playbook", "dr-drill.yml", "-i", ESTATE, option, cwd=clone, home=home)
    assert "dr-drill.yml" in printed


def named(printed: str) -> list[str]:
    """Return the names of the playbooks whose syntax was checked, in order, without folder and suffix."""
    paths = [line.removeprefix("playbook: ") for line in printed.splitlines() if line.startswith("playbook: ")]
    return [Path(path).stem.rpartition(".")[2] for path in paths]


def test_each_playbook_is_found_by_its_path_from_anywhere(clone: Path, home: Path) -> None:
    paths = [str(clone / "playbooks" / f"{name}.yml") for name in PLAYBOOKS]
    printed = run("ansible-playbook", *paths, "-i", ESTATE, "--syntax-check", cwd=Path("/"), home=home)
    assert named(printed) == PLAYBOOKS


def test_the_installed_collection_runs_the_same_plays_by_name(installed: Path, home: Path) -> None:
    names = [f"ccobservatory.ops.{name}" for name in ADDRESSABLE]
    printed = run("ansible-playbook", *names, "-i", ESTATE, "--syntax-check", cwd=installed, home=home)
    assert named(printed) == ADDRESSABLE


EMPTY = """all:
  hosts: {web1: {ansible_connection: local}}
  vars: {ops_environment: small, ops_protected: false, verify_hosts: web1}
"""


@pytest.mark.parametrize("where", ["clone", "installed"])
def test_the_morning_is_known_to_the_clone_and_to_the_installed_collection(
    where: str, clone: Path, installed: Path, home: Path, tmp_path: Path
) -> None:
    place = home / ".ansible/collections/ansible_collections/ccobservatory/ops" if where == "installed" else clone
    assert installed.is_dir()
    (tmp_path / "inventories" / "small").mkdir(parents=True)
    (tmp_path / "inventories" / "small" / "hosts.yml").write_text(EMPTY, encoding="utf-8")
    suite = ("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", str(place / "verify"))
    assert "operations guide" in run(*suite, "--help", cwd=tmp_path, home=home)
    items = run(*suite, "--env", "small", "--collect-only", cwd=tmp_path, home=home)
    assert "INFRA-02" in items
    assert "DR-12" in items


@pytest.fixture
def example(tmp_path: Path, home: Path) -> Path:
    """Return a directory with a copy of the example inventory, and give the home the keys that it names."""
    copied = tmp_path / "inventories" / "prod"
    shutil.copytree(ROOT / "inventories" / "example", copied)
    (copied / "allowed_signers").touch()
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh" / "drill_report").touch()
    (tmp_path / "vault").write_text("the-example-has-no-secrets", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("where", ["clone", "installed"])
def test_a_copied_example_leads_to_the_plan_by_path_and_by_name(
    where: str, clone: Path, installed: Path, home: Path, example: Path
) -> None:
    """The hosts are silent, so that alone is refused, after the plan."""
    assert installed.is_dir()
    play = "ccobservatory.ops.dr_drill" if where == "installed" else str(clone / "dr-drill.yml")
    told = ("-i", "inventories/prod/hosts.yml", "--vault-password-file", "vault", "--check")
    silent = ("-e", "ansible_host=127.0.0.1 ansible_port=1")
    printed = refused("ansible-playbook", play, *told, *silent, cwd=example, home=home)
    assert "Environment example, scenario site_lost_repository" in printed, printed[-2000:]
    assert "do not answer by ssh" in " ".join(printed.split())


def test_a_single_module_answers_in_the_clone(clone: Path, home: Path) -> None:
    printed = run("ansible-doc", "-t", "module", "--list", "ccobservatory.ops", cwd=clone, home=home)
    modules = {path.stem for path in (clone / "plugins" / "modules").glob("[!_]*.py")}
    assert {line.split()[0].rpartition(".")[2] for line in printed.splitlines() if line.strip()} == modules


def test_the_installed_collection_carries_what_it_needs_and_nothing_else(installed: Path, home: Path) -> None:
    root = home / ".ansible" / "collections" / "ansible_collections" / "ccobservatory" / "ops"
    top = {path.name for path in root.iterdir()}
    assert {"plugins", "roles", "playbooks", "meta", "README.md", "LICENSE", "MANIFEST.json"} <= top
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    assert [entry for entry in ignored if "*" not in entry and (root / entry).exists()] == []
    assert [path for path in root.rglob("*") if path.is_symlink()] == []


def test_the_importer_accepts_what_is_built(clone: Path, home: Path, tmp_path: Path) -> None:
    run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), cwd=clone, home=home)
    (archive,) = tmp_path.glob("ccobservatory-ops-*.tar.gz")
    settings = tmp_path / "importer.cfg"
    settings.write_text("[galaxy-importer]\nCHECK_REQUIRED_TAGS=True\nCHECK_CHANGELOG=True\n", encoding="utf-8")
    environment = dict(os.environ, HOME=str(home), GALAXY_IMPORTER_CONFIG=str(settings))
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "galaxy_importer.main", str(archive)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "Importer processing completed successfully" in printed, printed
    assert [line for line in printed.splitlines() if line.startswith(("ERROR", "CRITICAL"))] == []
