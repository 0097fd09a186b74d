# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two repositories of the lab, with real git and real signatures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from lab import _pki, _repositories
from lab._console import LabError, LabRefused
from lab._estate import Estate

pytestmark = pytest.mark.slow

git = _repositories.git


@pytest.fixture
def checkout(estate: Estate) -> Estate:
    """Return a lab with keys, in a checkout with a playbook, a role and a page."""
    _pki.ensure(estate)
    files = {
        "playbooks/site.yml": "---\n- name: Nothing\n  hosts: localhost\n  gather_facts: false\n  tasks: []\n",
        "roles/base/README.md": "# base\n",
        "plugins/modules/x.py": "X = 1\n",
        "plugins/modules/__pycache__/x.pyc": "bytes",
        "lab/documentation/runbooks/site.md": "# Site\n",
    }
    for name, content in files.items():
        path = estate.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (estate.root / "playbooks" / "collections").symlink_to("../collections")
    return estate


def test_both_are_pushed_signed_and_hold_what_the_checkout_holds(checkout: Estate) -> None:
    heads = _repositories.ensure(checkout)
    trees = {name: git(_repositories.directory(checkout, name), "ls-files").splitlines() for name in heads}
    assert trees == {
        "infrastructure": ["playbooks/site.yml", "plugins/modules/x.py", "roles/base/README.md"],
        "documentation": ["runbooks/site.md"],
    }
    for name, head in heads.items():
        tree = _repositories.directory(checkout, name)
        assert git(tree, "log", "-1", "--format=%G? %GS %ae") == f"G {_pki.COMMITTER_ADDRESS} {_pki.COMMITTER_ADDRESS}"
        assert git(tree.with_name(f"{name}.git"), "rev-parse", "refs/heads/main") == head
        assert git(tree, "status", "--porcelain=v2", "--branch").splitlines()[-1] == "# branch.ab +0 -0"


def test_a_second_run_commits_only_what_changed(checkout: Estate) -> None:
    first = _repositories.ensure(checkout)
    assert _repositories.ensure(checkout) == first
    (checkout.root / "roles/base/README.md").unlink()
    (checkout.root / "playbooks/site.yml").write_text("---\n[]\n", encoding="utf-8")
    second = _repositories.ensure(checkout)
    assert second["documentation"] == first["documentation"]
    tree = _repositories.directory(checkout, "infrastructure")
    assert git(tree, "ls-files").splitlines() == ["playbooks/site.yml", "plugins/modules/x.py"]
    assert git(tree, "rev-list", "--count", "HEAD") == "2"


def test_the_remote_refuses_to_forget(checkout: Estate) -> None:
    _repositories.ensure(checkout)
    tree = _repositories.directory(checkout, "documentation")
    git(tree, "commit", "--quiet", "--amend", "--message", "Another past")
    with pytest.raises(LabError, match="git push"):
        git(tree, "push", "--force", "origin", "main")
    with pytest.raises(LabError, match="git push"):
        git(tree, "push", "origin", ":main")


def test_a_persons_own_settings_change_nothing(
    checkout: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = "[core]\n\thooksPath = /nonexistent\n[user]\n\tname = Somebody\n"
    (home / ".gitconfig").write_text(settings, encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    _repositories.ensure(checkout)
    tree = _repositories.directory(checkout, "documentation")
    assert git(tree, "log", "-1", "--format=%an") == "Committer, stand-in of the lab"


def test_without_keys_there_is_nothing_to_sign_with(estate: Estate) -> None:
    with pytest.raises(LabRefused, match="does not exist; build it with: lab up"):
        _repositories.ensure(estate)


MODULE = """DOCUMENTATION = '''
module: x
short_description: Nothing
description: Nothing.
author: nobody
options: {}
'''
"""


@pytest.mark.parametrize(
    ("playbook", "module", "syntax", "docs"),
    [
        ("tasks: []", MODULE, "success", "success"),
        ("taskz: []", MODULE, "failure", "success"),
        ("tasks: []", MODULE.replace("module: x", "module: ["), "success", "failure"),
    ],
    ids=["all well", "a playbook is broken", "a page does not build"],
)
def test_the_pipeline_really_runs(
    checkout: Estate, monkeypatch: pytest.MonkeyPatch, playbook: str, module: str, syntax: str, docs: str
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    checkout.inventory.mkdir(parents=True)
    (checkout.inventory / "hosts.yml").write_text("all: {hosts: {localhost: {}}}\n", encoding="utf-8")
    (checkout.root / "playbooks/site.yml").write_text(f"---\n- hosts: localhost\n  {playbook}\n", encoding="utf-8")
    (checkout.root / "plugins/modules/x.py").write_text(module, encoding="utf-8")
    collection = checkout.root / "collections/ansible_collections/ccobservatory/ops"
    collection.mkdir(parents=True)
    (collection / "plugins").symlink_to("../../../../plugins")
    head = _repositories.ensure(checkout)["infrastructure"]
    rows = _repositories.run_pipeline(checkout, head)
    for kind in rows:
        validate({"environment": "lab", **rows[kind][0]}, kind)
    run = rows["pipeline_run"][0]
    assert run["commit"] == head
    assert [(stage["name"], stage["conclusion"]) for stage in run["stages"]] == [("syntax", syntax), ("docs", docs)]
    assert run["conclusion"] == ("failure" if "failure" in (syntax, docs) else "success")
    assert (run["stages"][0]["tests_total"], run["stages"][0]["tests_failed"]) == (1, int(syntax == "failure"))
    assert Path(run["log"]).is_file()


def test_the_rules_are_those_of_the_remote(checkout: Estate) -> None:
    _repositories.ensure(checkout)
    remote = _repositories.directory(checkout, "documentation").with_name("documentation.git")
    git(remote, "config", "receive.denyNonFastForwards", "false")
    rows = {row["repository"]: row for row in _repositories.rules(checkout)["repository_rules"]}
    for row in rows.values():
        validate({"environment": "lab", **row}, "repository_rules")
        assert row["required_approvals"] == 0
    assert [rows[name]["protected"] for name in ("infrastructure", "documentation")] == [True, False]
    assert [rows[name]["force_push"] for name in ("infrastructure", "documentation")] == [False, True]


def test_without_an_inventory_there_is_no_run_to_tell_of(checkout: Estate) -> None:
    head = _repositories.ensure(checkout)["infrastructure"]
    assert _repositories.run_pipeline(checkout, head) == {}


def test_git_is_needed(checkout: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(LabRefused, match="git is not installed"):
        _repositories.ensure(checkout)


def test_the_settings_are_those_of_the_repository_alone(checkout: Estate) -> None:
    _repositories.ensure(checkout)
    tree = _repositories.directory(checkout, "documentation")
    plain = subprocess.run(
        ["git", "-C", str(tree), "log", "-1", "--format=%G?"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert plain.stdout.strip() == "G"


def test_a_generated_page_stays(checkout: Estate) -> None:
    _repositories.ensure(checkout)
    tree = _repositories.directory(checkout, "documentation")
    (tree / "inventory.md").write_text("# Inventory\n", encoding="utf-8")
    (tree / "stray.md").write_text("# Stray\n", encoding="utf-8")
    _repositories.ensure(checkout)
    assert git(tree, "ls-files").splitlines() == ["inventory.md", "runbooks/site.md"]
