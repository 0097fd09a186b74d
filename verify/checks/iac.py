# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAC: how infrastructure code is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.kinds import is_infrastructure, no_code
from verify.facts.pages import explained
from verify.facts.records import everything
from verify.facts.registers import register
from verify.facts.repositories import same_commit
from verify.facts.runs import runs
from verify.facts.terraform import backends
from verify.facts.verdicts import span

DAY = 86400.0
_BAD = {
    "B": "does not hold",
    "X": "has expired",
    "Y": "was made with an expired key",
    "R": "was made with a revoked key",
}
_GOOD = "GU"


@control("IAC-01")
def the_default_branch_is_protected(repository: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the host of the repository by which rules its default branch changes: it is protected, somebody else has to
    agree, its past cannot be rewritten, and nobody stands above the rules."""
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    files = len(repository.files)
    yield expect(files, f"{repository.name} holds files", observed=files, expected="1 or more")
    branch = repository.get("branch", "main")
    found = [row for row in register(estate, "repository_rules") if row.repository == repository.name]
    found = [row for row in found if row.branch == branch]
    yield expect(found, f"the rules of {branch} of {repository.name} are known", observed=len(found))
    if found:
        rules = max(found, key=lambda row: row.at)
        about = f"the branch {branch} of {repository.name}"
        age, most = estate.now - rules.at, bounds.listing_max_age_s
        yield expect(age <= most, f"the rules of {about} were read within {span(most)}", observed=age, expected=most)
        yield expect(rules.protected, f"{about} is protected", observed=rules.protected, expected=True)
        asked = rules.required_approvals
        yield expect(
            asked >= 1, f"somebody else agrees to each change of {about}", observed=asked, expected="1 or more"
        )
        yield expect(not rules.force_push, f"the past of {about} cannot be rewritten", observed=rules.force_push)
        if rules.bypass is None:
            yield unknown(f"The rules of {about} do not say whom they do not bind.")
            return
        yield expect(not rules.bypass, f"the rules of {about} bind everybody", observed=list(rules.bypass))


@control("IAC-01", "commits")
def every_commit_is_attributable(repository: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the commits of the window on the default branch: each carries a signature that holds, or bears an address
    that the environment knows; none carries a signature that does not hold.

    The address of a commit without a signature is its author's own word: git lets everybody write any.
    """
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    known = {address.lower() for address in estate.declared("verify_committers") or []}
    commits = repository.commits(bounds.window_s / DAY)
    false = [f"{one.sha[:10]} by {one.email} {_BAD[one.signature]}" for one in commits if one.signature in _BAD]
    loose = [
        f"{one.sha[:10]} by {one.email}"
        for one in commits
        if one.signature not in _GOOD and one.signature not in _BAD and one.email.lower() not in known
    ]
    words = sum(one.signature not in _GOOD and one.signature not in _BAD for one in commits) - len(loose)
    yield expect(repository.head, f"{repository.name} has a commit on its branch", observed=repository.head)
    yield expect(not false, f"every signature among {len(commits)} commits of {repository.name} holds", observed=false)
    yield expect(
        len(loose) <= bounds.unattributed_max_count,
        f"each of {len(commits)} commits of {repository.name} within {span(bounds.window_s)} is somebody's"
        + (f", {words} of them by the author's own word, without a signature" if words else ""),
        observed=loose,
        expected=bounds.unattributed_max_count,
    )


@control("IAC-01", "applied")
def nothing_ran_from_an_unpushed_tree(estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the remote of each repository of infrastructure code for its branches: it has every commit of the window, of
    a branch that follows one of the remote.

    Then take the runs of the window that say from which tree they came: none of these trees had changes of its own, and
    each was a commit that the remote has. One that no declared repository knows decides nothing.

    A deployment came from a pushed commit too: of the repository that is declared with the pipeline of its run, which
    has to have it. Where none is declared, a commit of infrastructure code alone is judged, and it is said of how many
    deployments nobody knows.
    """
    since = estate.now - bounds.window_s
    code = [one for one in estate.views("repository") if is_infrastructure(one)]
    for repository in code:
        yield from _all_pushed(repository, bounds)
    yield from _deployed_from_pushed(estate, code, since, bounds)
    found = [
        (pack.name, pack.record.get("versions") or {})
        for pack in runs(estate).packs
        if pack.record and (pack.ended or 0.0) >= since
    ]
    if not found:
        yield not_applicable(f"no run within {span(bounds.window_s)} says from which tree it came", observed=0)
        return
    silent = [name for name, versions in found if versions.get("git_dirty") is None or not versions.get("git_commit")]
    own = [name for name, versions in found if versions.get("git_dirty")]
    yield expect(not silent, f"each of {len(found)} runs says from which commit it came", observed=silent, expected=[])
    yield expect(
        len(own) <= bounds.unpushed_max_count,
        f"none of {len(found)} runs came from a tree with changes of its own",
        observed=own,
        expected=bounds.unpushed_max_count,
    )
    named = [(name, str(versions["git_commit"])) for name, versions in found if versions.get("git_commit")]
    yield from _from_pushed(named, code, bounds)


def _all_pushed(repository: Any, bounds: Any) -> Iterator[Said]:
    """Claim that the branch of a repository has an upstream, and that its remote has each commit of the window."""
    name, upstream = repository.name, repository.upstream
    yield expect(
        upstream and repository.remote_head, f"the branch of {name} follows one of its remote", observed=upstream
    )
    commits, pushed = repository.commits(bounds.window_s / DAY), repository.pushed
    loose = [one.sha[:10] for one in commits if one.sha not in pushed]
    yield expect(
        len(loose) <= bounds.unpushed_max_count,
        f"the remote of {name} has each of its {len(commits)} commits within {span(bounds.window_s)}",
        observed=loose,
        expected=bounds.unpushed_max_count,
    )


def _deployed_from_pushed(estate: Any, code: list[Any], since: float, bounds: Any) -> Iterator[Said]:
    """Claim that no deployment that can be judged came from a commit that was not pushed."""
    done = [one for one in everything(estate, "deployment") if one.started >= since and one.outcome != "cancelled"]
    if not done:
        return
    pipelines = {run.id: run.pipeline for run in everything(estate, "pipeline_run")}
    used = {pipelines.get(one.pipeline_run) for one in done} - {None}
    own = {one.get("pipeline"): one for one in estate.views("repository") if one.get("pipeline") in used}
    held = {one.name: (one.known, one.pushed) for one in (*code, *own.values())}
    loose, judged_count = [], 0
    for one in done:
        repository = own.get(pipelines.get(one.pipeline_run))
        where = [held[each.name] for each in ([repository] if repository else code)]
        if not repository and not any(_has(known, one.commit) for known, _pushed in where):
            continue
        judged_count += 1
        if not any(_has(pushed, one.commit) for _known, pushed in where):
            loose.append(f"{one.id} from {(one.commit or 'no commit')[:10]}")
    rest = len(done) - judged_count
    yield expect(
        len(loose) <= bounds.unpushed_max_count,
        f"none of {judged_count} deployments came from a commit that was not pushed"
        + (f"; whether {rest} more did is not known, as no repository is declared for their pipeline" if rest else ""),
        observed=loose,
        expected=bounds.unpushed_max_count,
    )


def _has(commits: frozenset[str], sha: str | None) -> bool:
    return any(same_commit(sha or "", one) for one in commits)


def _from_pushed(named: list[tuple[str, str]], code: list[Any], bounds: Any) -> Iterator[Said]:
    """Claim that each run came from a commit that a remote has."""
    pushed = frozenset().union(*(one.pushed for one in code))
    local = frozenset().union(*(one.known for one in code))
    loose = [f"{name} from {sha[:10]}" for name, sha in named if sha in local - pushed]
    yield expect(
        len(loose) <= bounds.unpushed_max_count,
        f"none of {len(named)} runs came from a commit that was not pushed",
        observed=loose,
        expected=bounds.unpushed_max_count,
    )
    strange = [f"{name} from {sha[:10]}" for name, sha in named if sha not in local | pushed]
    if strange:
        yield unknown(
            f"Whether the commit of {', '.join(strange)} was pushed cannot be told: no repository of infrastructure "
            "code in verify_repositories has it.",
            observed=strange,
        )


@control("IAC-02")
def staging_sees_every_change_first(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the deployments of the window: before each began, the same commit of the same service had succeeded in the
    environment that the inventory names as the one before."""
    staging = estate.declared("verify_staging")
    reason = estate.environment.empty_reason("staging")
    found = register(estate, "deployment")
    if not staging and reason:
        yield not_applicable(f"{estate.name} has no environment before it: {reason}", observed=len(found))
        return
    if not staging:
        yield unknown("which environment comes before this one is not declared; name it in verify_staging")
        return
    since = estate.now - bounds.window_s
    recent = [one for one in found if one.started >= since and one.outcome != "cancelled"]
    before = everything(estate, "deployment", staging)
    yield expect(before, f"deployments to {staging} are on record", observed=len(before), expected="1 or more")
    skipped = [f"{one.id}: {one.service} {one.commit or one.version}" for one in recent if not _passed(one, before)]
    yield expect(
        len(skipped) <= bounds.skipped_max_count,
        f"each of {len(recent)} deployments within {span(bounds.window_s)} had passed in {staging} as the same commit",
        observed=skipped,
        expected=bounds.skipped_max_count,
    )


def _passed(one: Any, before: list[Any]) -> bool:
    return bool(one.commit) and any(
        row.service == one.service
        and row.commit == one.commit
        and row.outcome == "ok"
        and (row.ended or one.started) < one.started
        for row in before
    )


@control("IAC-03")
def code_explains_itself(repository: Any, bounds: Any) -> Iterator[Said]:
    """Go through the roles, Ansible modules, Terraform folders and templates of the repository: each role and folder
    has a README, each module its documentation. A template belongs to its role or folder; any other has a README above
    it, or a page that names it.
    """
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    found = explained(repository)
    yield expect(found, f"{repository.name} holds roles, modules or templates", observed=len(found))
    missing = [name for name, told in found.items() if not told]
    yield expect(
        len(missing) <= bounds.missing_max_count,
        f"each of {len(found)} roles, modules and templates of {repository.name} is explained",
        observed=missing,
        expected=bounds.missing_max_count,
    )


@control("IAC-03", "builds")
def the_pages_build(repository: Any, estate: Any) -> Iterator[Said]:
    """Look at the newest finished run of the pipeline: a stage that builds the pages is in it, and green."""
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    finished = [
        run
        for run in everything(estate, "pipeline_run")
        if run.pipeline == repository.get("pipeline") and run.conclusion in ("success", "failure")
    ]
    newest = max(finished, key=lambda run: run.started, default=None)
    stages = [stage for stage in (newest.stages or () if newest else ()) if stage.name in _pages(repository)]
    yield expect(newest, f"the pipeline of {repository.name} ran", observed=newest and newest.id)
    yield expect(stages, f"a stage of it builds the pages of {repository.name}", observed=list(_pages(repository)))
    red = [stage.name for stage in stages if stage.conclusion != "success"]
    yield expect(not red, f"the pages of {repository.name} build", observed=red, expected=[])


def _pages(repository: Any) -> tuple[str, ...]:
    return (str(repository.get("pages_stage", "docs")),)


@control("IAC-04")
def building_blocks_are_shared(repository: Any, bounds: Any) -> Iterator[Said]:
    """Compare the roles and modules of the repository with one another: no block of lines above the bound stands in two
    places, and each role states which arguments it takes."""
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    roles = repository.roles
    yield expect(roles, f"{repository.name} holds roles", observed=len(roles), expected="1 or more")
    yield expect(repository.compared, f"the code of {repository.name} was compared", observed=repository.compared)
    copies = [one for one in repository.copies if one.lines > bounds.lines_max_count]
    yield expect(
        not copies,
        f"no block of more than {bounds.lines_max_count} lines of {repository.name} stands in two places",
        observed=[f"{one.lines} lines: {one.first} and {one.second}" for one in copies],
        expected=[],
    )
    missing = [role.name for role in roles if not role.argument_specs]
    yield expect(
        len(missing) <= bounds.missing_max_count,
        f"each of {len(roles)} roles of {repository.name} states its arguments",
        observed=missing,
        expected=bounds.missing_max_count,
    )


@control("IAC-05")
def no_state_lies_in_the_repository(repository: Any, bounds: Any) -> Iterator[Said]:
    """Look through the whole tree of the repository, of whatever kind, for files of state."""
    files = repository.files
    yield expect(files, f"{repository.name} holds files", observed=len(files), expected="1 or more")
    states = sorted(repository.state_files)
    yield expect(
        len(states) <= bounds.state_max_count,
        f"none of {len(files)} files of {repository.name} is a file of state",
        observed=states,
        expected=bounds.state_max_count,
    )


@control("IAC-05", "backends")
def state_is_remote_locked_and_encrypted(repository: Any) -> Iterator[Said]:
    """Read where the Terraform code of the repository keeps its state: in a remote place that locks and encrypts.

    A repository without Terraform code keeps none.
    """
    found = backends(repository.terraform)
    if not found:
        yield not_applicable(
            f"none of {len(repository.files)} files of {repository.name} is Terraform code", observed=0
        )
        return
    for one in found:
        where = f"the state of {repository.name}/{one.folder}"
        yield expect(one.remote, f"{where} is kept in a remote place", observed=one.kind or "beside the code")
        yield expect(one.locks, f"{where} is locked while somebody changes it", observed=one.kind)
        yield expect(one.encrypts, f"{where} is encrypted where it lies", observed=one.kind)
