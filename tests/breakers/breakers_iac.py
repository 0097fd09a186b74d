# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of IAC have to see."""

from __future__ import annotations

from typing import Any

from _shared import others
from _world import DAY, World, breaker
from golden_drills import DRILL, change_pack
from golden_records import MACHINES, add, alter, at, drop
from golden_repositories import BEFORE, MAIN_TF, commit

CODE = "repository:infrastructure"
RULES = "RULES-infrastructure"


@breaker("IAC-01", "anybody may push to the default branch")
def not_protected(world: World) -> None:
    alter(world, "repository_rules", RULES, protected=False)


@breaker("IAC-01", "nobody has to agree to a change")
def no_approval(world: World) -> None:
    alter(world, "repository_rules", RULES, required_approvals=0)


@breaker("IAC-01", "the past of the branch can be rewritten")
def force_push(world: World) -> None:
    alter(world, "repository_rules", RULES, force_push=True)


@breaker("IAC-01", "somebody stands above the rules")
def above_the_rules(world: World) -> None:
    alter(world, "repository_rules", RULES, bypass=["platform A"])


@breaker("IAC-01", "nobody knows the rules of the repository")
def no_rules(world: World) -> None:
    drop(world, "repository_rules", unless=lambda row: row["repository"] != "infrastructure")


def one_more_commit(world: World, **keys: Any) -> None:
    """Put a commit below the newest one."""
    more = commit("9a" * 20, 5 * DAY, "Try something", **keys)

    def change(body: Any) -> None:
        body["commits"][0]["parents"].append(more["sha"])
        body["commits"].insert(1, more)

    world.change(CODE, "commits", change)


@breaker("IAC-01.commits", "an unsigned commit comes from an address that nobody knows")
def stranger(world: World) -> None:
    one_more_commit(world, signature="N", signer="", email="root@localhost", author="root")


@breaker("IAC-01.commits", "a commit carries a signature that does not hold")
def forged(world: World) -> None:
    one_more_commit(world, signature="B")


@breaker("IAC-01.commits", "the commits were not read back far enough", also="IAC-01.applied")
def cut_off(world: World) -> None:
    world.change(CODE, "commits", lambda body: body.update(complete=False))


@breaker("IAC-01.applied", "a drill ran from a tree with changes of its own")
def dirty_run(world: World) -> None:
    change_pack(world, DRILL, lambda pack: pack["record"]["versions"].update(git_dirty=True))


@breaker("IAC-01.applied", "a drill does not say from which commit it ran")
def run_without_a_commit(world: World) -> None:
    change_pack(world, DRILL, lambda pack: pack["record"]["versions"].update(git_commit=None))


@breaker("IAC-01.applied", "a drill ran from a commit that was never pushed", also="EOD-06")
def unpushed_run(world: World) -> None:
    world.change(CODE, "remote", lambda body: body["heads"].update(main="f" * 40))
    world.change(CODE, "state", lambda body: body.update(ahead=2))


@breaker("IAC-01.applied", "a drill ran from a commit that no repository has")
def strange_run(world: World) -> None:
    change_pack(world, DRILL, lambda pack: pack["record"]["versions"].update(git_commit="9c" * 20))


@breaker("IAC-01.applied", "the service was deployed from commits that its declared repository does not have")
def deployed_from_elsewhere(world: World) -> None:
    (pages,) = [row for row in world.variables["verify_repositories"] if row["name"] == "documentation"]
    pages["pipeline"] = "service"


@breaker("IAC-01.applied", "the infrastructure's branch follows none of its remote", also="EOD-06")
def no_upstream(world: World) -> None:
    world.change(CODE, "state", lambda body: body.update(upstream=None, ahead=None, behind=None))
    world.change(CODE, "remote", lambda body: body.update(heads={}))


@breaker("IAC-01.applied", "the infrastructure's newest commit is not pushed, and nothing ran since", also="EOD-06")
def unpushed_commit(world: World) -> None:
    world.change(CODE, "remote", lambda body: body["heads"].update(main=BEFORE))
    world.change(CODE, "state", lambda body: body.update(ahead=1))


@breaker("EOD-06", "a branch without an upstream has a commit that the remote lacks")
def branch_of_its_own(world: World) -> None:
    row = {"name": "hotfix", "upstream": None, "track": None, "head": "e" * 40}
    world.change("repository:documentation", "state", lambda body: body["branches"].append(row))


@breaker("IAC-02", "a deployment was never in staging")
def never_staged(world: World) -> None:
    drop(world, "deployment", MACHINES, unless=lambda row: row["id"] != "STG-4")


@breaker("IAC-02", "the same version had another commit in staging")
def other_commit(world: World) -> None:
    alter(world, "deployment", "STG-4", MACHINES, commit="fffffff")


@breaker("IAC-02", "the deployment had failed in staging")
def failed_in_staging(world: World) -> None:
    alter(world, "deployment", "STG-4", MACHINES, outcome="failed")


@breaker("IAC-02", "staging came after production")
def staged_afterwards(world: World) -> None:
    alter(world, "deployment", "STG-4", MACHINES, started=at(3600), ended=at(1800))


@breaker("IAC-02", "nobody says which environment comes before")
def no_staging(world: World) -> None:
    del world.variables["verify_staging"]


def without_file(world: World, path: str, repository: str = CODE) -> None:
    """Take a file out of a tree."""

    def change(body: Any) -> None:
        left = [row for row in body["files"] if row["path"] != path]
        assert len(left) < len(body["files"]), f"there is no {path}"
        body["files"] = left

    world.change(repository, "tree", change)


def with_file(world: World, path: str, repository: str) -> None:
    """Put a file into a tree."""
    row = {"path": path, "mode": "100644", "blob": "ad" * 20, "size": 512}
    world.change(repository, "tree", lambda body: body["files"].append(row))


@breaker("IAC-03", "a role has no README")
def role_without_a_page(world: World) -> None:
    without_file(world, "roles/app/README.md")


@breaker("IAC-03", "a Terraform module has no README")
def module_without_a_page(world: World) -> None:
    without_file(world, "terraform/modules/network/README.md")


@breaker("IAC-03", "a Terraform configuration that is applied has no README")
def configuration_without_a_page(world: World) -> None:
    without_file(world, "terraform/main/README.md")


@breaker("IAC-03", "a template outside of roles is explained nowhere")
def template_without_a_page(world: World) -> None:
    without_file(world, "cloud/README.md")


@breaker("IAC-03", "a module of Ansible carries no documentation")
def undocumented_module(world: World) -> None:
    world.change(CODE, "module_docs", lambda body: body["files"].update({"plugins/modules/pool.py": False}))


@breaker("IAC-03.builds", "no stage of the pipeline builds the pages")
def no_stage(world: World) -> None:
    for row in world.variables["verify_repositories"]:
        row.pop("pages_stage", None)


@breaker("IAC-03.builds", "the stage that builds the pages is red")
def pages_do_not_build(world: World) -> None:
    def change(body: Any) -> None:
        (newest,) = [row["record"] for row in body["records"] if row["record"]["id"] == "run-infrastructure-1"]
        newest["stages"][0]["conclusion"] = "failure"

    world.change("records", "pipeline_run", change)


@breaker("IAC-04", "a block of thirty lines stands in two roles")
def copied(world: World) -> None:
    row = {"lines": 30, "first": "roles/app/tasks/main.yml:4", "second": "roles/base/tasks/main.yml:11"}
    world.change(CODE, "copies", lambda body: body["copies"].append(row))


@breaker("IAC-04", "nothing was compared")
def not_compared(world: World) -> None:
    world.change(CODE, "copies", lambda body: body.update(files=0))


@breaker("IAC-04", "a role does not state its arguments")
def no_arguments(world: World) -> None:
    without_file(world, "roles/base/meta/argument_specs.yml")


@breaker(
    "IAC-04",
    "a repository that is declared as documentation holds a role",
    also=others("kind of a repository", "IAC-04"),
)
def hidden_role(world: World) -> None:
    with_file(world, "roles/hidden/tasks/main.yml", "repository:documentation")


@breaker("IAC-05", "a file of state lies in the repository of the pages")
def state_in_git(world: World) -> None:
    with_file(world, "old/terraform.tfstate.backup", "repository:documentation")


def main_tf(world: World, text: str) -> None:
    """Replace the configuration's code."""
    world.change(CODE, "terraform", lambda body: body["files"].update({"terraform/main/main.tf": text}))


@breaker("IAC-05.backends", "the state is kept beside the code")
def local_state(world: World) -> None:
    main_tf(world, MAIN_TF.replace('backend "s3"', 'backend "local"'))


@breaker("IAC-05.backends", "no backend is named")
def no_backend(world: World) -> None:
    main_tf(world, MAIN_TF.partition("  backend")[0] + "}\n" + MAIN_TF.partition("  }\n}\n")[2])


@breaker("IAC-05.backends", "nothing locks the state")
def unlocked(world: World) -> None:
    main_tf(world, MAIN_TF.replace("use_lockfile = true", "# use_lockfile = true"))


@breaker("IAC-05.backends", "the state is not encrypted")
def plain_state(world: World) -> None:
    main_tf(world, MAIN_TF.replace("encrypt      = true", "encrypt      = false"))


@breaker("IAC-05.backends", "the code was not read", also="IAC-03")
def code_unread(world: World) -> None:
    world.lose(CODE, "terraform", "main.tf has more than 65536 bytes, so it was not read; split it.")


@breaker(
    "IAC-05",
    "the repository could not be read",
    also=others("code", "IAC-05"),
)
def tree_unread(world: World) -> None:
    world.lose(CODE, "tree", "The files of main could not be listed.")


@breaker("IAC-01", "the rules are those of another branch")
def another_branch(world: World) -> None:
    drop(world, "repository_rules", unless=lambda row: row["repository"] != "infrastructure")
    rules = {"repository": "infrastructure", "branch": "develop", "protected": True, "required_approvals": 1}
    add(world, "repository_rules", {"id": "RULES-develop", **rules, "force_push": False})
