# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two small git repositories with a bare remote each: infrastructure code, and the runbooks that go with it.

The first holds the playbooks and roles of this checkout, the second the pages below lab/documentation. A commit is made
when something changed, signed by a key of the lab, and pushed. The remotes refuse what would rewrite the
default branch. The pipeline of the first repository is run for real: Ansible checks the syntax of each playbook and
builds the page of each module.
"""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ._console import LabError, LabRefused
from ._estate import Estate
from ._people import text
from ._pki import COMMITTER, COMMITTER_ADDRESS, ensure_committer

BRANCH = "main"
PIPELINE = "infrastructure"
COLLECTION = "ccobservatory.ops"
PROTECTION = ("receive.denyNonFastForwards", "receive.denyDeletes")
ROOTS = {"infrastructure": ("playbooks", "roles", "plugins"), "documentation": ("lab/documentation",)}
LEFT_OUT = ("__pycache__", "collections")
# Written by scripts/inventory_page.py from a run over this lab; it is not in the checkout, and stays.
GENERATED = (Path("inventory.md"),)
DEADLINE_S = 120
# A person's own settings must not change what a repository of the lab is.
ISOLATED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def directory(estate: Estate, name: str) -> Path:
    """Return the working tree of a repository; its remote lies beside it, with the ending .git."""
    return estate.state / "repositories" / name


def git(where: Path, *arguments: str) -> str:
    """Run git in a directory and return what it printed.

    Raises: LabError with what git said.
    """
    done = subprocess.run(
        ["git", "-C", str(where), *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **ISOLATED},
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise LabError(f"git {arguments[0]} in {where} failed: {lines[-1]}")
    return done.stdout.strip()


def ensure(estate: Estate) -> dict[str, str]:
    """Make both repositories, bring them up to date with the checkout, push, and return the commit of each.

    Raises: LabRefused without git or without the lab's keys, LabError with what git said.
    """
    if shutil.which("git") is None:
        raise LabRefused("git is not installed; install it with: apt install git")
    if not estate.keys.is_dir():
        raise LabRefused(f"The lab '{estate.prefix}' does not exist; build it with: lab up")
    ensure_committer(estate)
    return {name: _ensure(estate, name, roots) for name, roots in ROOTS.items()}


def _ensure(estate: Estate, name: str, roots: Sequence[str]) -> str:
    tree = directory(estate, name)
    remote = tree.with_name(f"{name}.git")
    if not remote.exists():
        remote.mkdir(parents=True)
        git(remote, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
    for setting in PROTECTION:
        git(remote, "config", setting, "true")
    if not (tree / ".git").exists():
        tree.mkdir(parents=True, exist_ok=True)
        git(tree, "init", "--quiet", f"--initial-branch={BRANCH}")
        git(tree, "remote", "add", "origin", str(remote))
    _configure(estate, tree)
    _fill(estate.root, tree, roots)
    git(tree, "add", "--all")
    if git(tree, "status", "--porcelain"):
        git(tree, "commit", "--quiet", "--message", "Bring the repository up to date with the checkout")
    git(tree, "push", "--quiet", "--set-upstream", "origin", BRANCH)
    return git(tree, "rev-parse", "HEAD")


def _configure(estate: Estate, tree: Path) -> None:
    settings = {
        "user.name": "Committer, stand-in of the lab",
        "user.email": COMMITTER_ADDRESS,
        "gpg.format": "ssh",
        "gpg.ssh.allowedSignersFile": str(estate.keys / "allowed_signers"),
        "user.signingKey": str(estate.keys / COMMITTER),
        "commit.gpgSign": "true",
    }
    for key, value in settings.items():
        git(tree, "config", key, value)


def _fill(root: Path, tree: Path, roots: Sequence[str]) -> None:
    """Make the tree hold what stands below the roots of the checkout, and nothing else but what was generated."""
    wanted: dict[Path, bytes] = {}
    for name in roots:
        base = root / name
        # A repository of pages begins at its pages, one of code keeps the folders of the checkout.
        above = base if len(roots) == 1 else root
        wanted.update({path.relative_to(above): path.read_bytes() for path in _files(base)})
    present = {path.relative_to(tree) for path in _files(tree)}
    for gone in present - set(wanted) - set(GENERATED):
        (tree / gone).unlink()
    for relative, content in wanted.items():
        target = tree / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)


def _files(base: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(base):
        names[:] = sorted(name for name in names if name not in (*LEFT_OUT, ".git"))
        found = (Path(folder) / name for name in sorted(files))
        yield from (path for path in found if not path.is_symlink() and path.suffix != ".pyc")


def rules(estate: Estate) -> dict[str, list[dict[str, Any]]]:
    """Return by which rules each remote lets its default branch change, as its own settings say: rows of the type
    ``repository_rules``. Nobody has to agree to a push here, and the rows say so."""
    rows = []
    for name in ROOTS:
        remote = directory(estate, name).with_name(f"{name}.git")
        kept = [git(remote, "config", "--default", "false", "--get", setting) == "true" for setting in PROTECTION]
        row = {"id": f"rules-{name}", "repository": name, "branch": BRANCH, "protected": all(kept)}
        more = {"by": "lab/lab records", "notes": "Read from the settings of the remote.", "at": text(_now())}
        rows.append({**more, **row, "required_approvals": 0, "force_push": not kept[0], "bypass": []})
    return {"repository_rules": rows}


def run_pipeline(estate: Estate, commit: str) -> dict[str, list[dict[str, Any]]]:
    """Check the syntax of each playbook of the infrastructure repository and build the page of each module, with
    Ansible's own programs, and return what happened.

    Returns rows of the types ``pipeline`` and ``pipeline_run``; none where there is no Ansible, because a pipeline that
    did not run has nothing to tell.
    """
    own = estate.root / ".venv" / "bin" / "ansible-playbook"
    program = str(own) if own.exists() else shutil.which("ansible-playbook")
    if program is None or not (estate.inventory / "hosts.yml").exists():
        return {}
    tree, log, started = directory(estate, PIPELINE), estate.state / "pipeline.log", _now()
    check = [program, "--syntax-check", "-i", str(estate.inventory / "hosts.yml")]
    build = [str(Path(program).with_name("ansible-doc")), "--json", "--type", "module"]
    modules = [path.stem for path in sorted((tree / "plugins" / "modules").glob("*.py")) if path.stem != "__init__"]
    with log.open("w", encoding="utf-8") as handle:
        stages = [
            _stage(
                "syntax",
                "test",
                [[*check, str(path)] for path in sorted((tree / "playbooks").glob("*.yml"))],
                estate,
                handle,
            ),
            _stage("docs", "build", [[*build, *(f"{COLLECTION}.{name}" for name in modules)]], estate, handle),
        ]
    conclusion = "success" if all(stage["conclusion"] == "success" for stage in stages) else "failure"
    common = {"by": "lab/lab records", "notes": "This pipeline ran on the controller of the lab.", "at": text(_now())}
    run = {
        "id": f"{PIPELINE}-{started:%Y%m%dT%H%M%SZ}",
        "pipeline": PIPELINE,
        "branch": BRANCH,
        "commit": commit,
        "started": text(started),
        "ended": text(_now()),
        "conclusion": conclusion,
        "trigger": "lab/lab records",
        "stages": stages,
        "log": str(log),
    }
    state = {"id": PIPELINE, "pipeline": PIPELINE, "enabled": True, "default_branch": BRANCH, "deploys": False}
    # Whoever may write to the directory changes it; the lab has no system with accounts for that.
    state["administrators"] = []
    names = [stage["name"] for stage in stages]
    return {"pipeline": [{**common, **state, "stages": names}], "pipeline_run": [{**common, **run}]}


def _stage(name: str, kind: str, commands: Sequence[Sequence[str]], estate: Estate, log: IO[str]) -> dict[str, Any]:
    """Run the commands of a stage and return how it went; a stage without any command has failed."""
    begin = time.monotonic()
    failed = sum(_run(command, estate, log) != 0 for command in commands)
    conclusion = "failure" if failed or not commands else "success"
    row = {"name": name, "kind": kind, "conclusion": conclusion, "seconds": round(time.monotonic() - begin, 3)}
    return {**row, "tests_total": len(commands), "tests_failed": failed} if kind == "test" else row


def _run(command: Sequence[str], estate: Estate, log: IO[str]) -> int:
    """Run one of Ansible's programs on the collection of the checkout and return its exit code."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(estate.root / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    try:
        return subprocess.run(
            command, cwd=estate.root, env=environment, stdout=log, stderr=log, check=False, timeout=DEADLINE_S
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.UTC)
