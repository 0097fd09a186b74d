# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of findings, costs, pipelines and repositories."""

from __future__ import annotations

from typing import Any

import pytest

from verify.engine.declared import Declared
from verify.engine.evidence import NoEvidence
from verify.facts.costs import costs
from verify.facts.pipelines import Pipeline
from verify.facts.repositories import Repository
from verify.facts.vulnerabilities import vulnerabilities

from .world import DAY, NOW, World, at

# Findings, costs, pipelines.


def scan(when: float, *findings: dict[str, Any], scanner: str = "trivy", of: str = "host db1") -> dict[str, Any]:
    kind, name = of.split()
    rows = [{"id": "CVE-1", "severity": "high", "package": "p", **row} for row in findings]
    return {
        "scanned": at(when),
        "scanner": {"name": scanner},
        "target": {"kind": kind, "name": name},
        "packages": 9,
        "findings": rows,
    }


def test_the_newest_scan_and_since_when_a_finding_is_known() -> None:
    world = World()
    world.add(
        "vulnerability_scan",
        scan(60, {}, {"id": "CVE-2"}),
        scan(3 * DAY, {}),
        scan(60, of="image app:1"),
    )
    seen = vulnerabilities(world.estate)
    newest = seen.of_hosts["db1"]
    assert newest is not None
    assert {one.id: round(NOW - one.first_seen) for one in newest.findings} == {"CVE-1": 3 * 86400, "CVE-2": 60}
    assert (seen.of_hosts["lb1"], sorted(seen.images), newest.packages) == (None, ["app:1"], 9)


def test_what_one_of_two_scanners_found_is_open() -> None:
    world = World()
    found = {"severity": "critical"}
    world.add("vulnerability_scan", scan(7200, found), scan(60, {"severity": "low"}, {"id": "CVE-2"}, scanner="grype"))
    newest = vulnerabilities(world.estate).newest("host", "db1")
    assert newest is not None
    assert {one.id: one.severity for one in newest.findings} == {"CVE-1": "critical", "CVE-2": "high"}
    assert (newest.scanner, round(NOW - newest.scanned), newest.rated) == ("grype and trivy", 60, True)
    # The same scanner's next look is what counts, and one that was given up counts no more.
    world.add("vulnerability_scan", scan(7200, found), scan(60))
    assert [one.findings for one in (vulnerabilities(world.estate).newest("host", "db1"),) if one] == [()]
    world.add("vulnerability_scan", scan(40 * DAY, found), scan(60, scanner="grype"))
    assert [one.findings for one in (vulnerabilities(world.estate).newest("host", "db1"),) if one] == [()]
    # Yesterday's good scanner does not rate what today's cannot.
    world.add("vulnerability_scan", scan(2 * DAY), scan(60, scanner="debsecan"))
    assert [one.rated for one in (vulnerabilities(world.estate).newest("host", "db1"),) if one] == [False]


@pytest.mark.parametrize(
    ("scanner", "finding", "rated"),
    [
        ("trivy", {}, True),
        ("debsecan", {}, False),
        ("trivy", {"severity": "unknown"}, True),
        ("trivy", {"severity": "unknown", "fixed_version": "2"}, False),
    ],
)
def test_no_critical_finding_means_something_only_when_rated(
    scanner: str, finding: dict[str, Any], rated: bool
) -> None:
    world = World()
    world.add("vulnerability_scan", scan(60, finding, scanner=scanner))
    newest = vulnerabilities(world.estate).newest("host", "db1")
    assert newest is not None
    assert newest.rated is rated


def line(days_ago: float, cost: float, **more: Any) -> dict[str, Any]:
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "EUR",
        "ChargePeriodStart": at(days_ago * DAY),
        "ChargePeriodEnd": at((days_ago - 1) * DAY),
        "ServiceName": "Compute",
        **more,
    }


def test_costs_against_the_budget() -> None:
    world = World()
    budget = {"period_start": at(15 * DAY), "period_end": at(-15 * DAY), "amount": 300, "currency": "EUR"}
    world.add("cost", {"lines": [line(day, 10) for day in range(15, 0, -1)]}, {"lines": [line(1, 14)]})
    world.add("budget", budget)
    seen = costs(world.estate)
    # The newer export corrects the last day and is not added to it.
    assert seen.actual(NOW - 15 * DAY, NOW) == 154
    assert seen.by_service(NOW - 15 * DAY, NOW) == {"Compute": 154}
    month = seen.month(NOW)
    assert (month.verdict, month.value) == ("met", pytest.approx(8 / 300))
    assert seen.seen_until == pytest.approx(NOW)
    world.add("budget", {**budget, "services": ["A"]}, {**budget, "services": ["B"], "amount": 10})
    assert costs(world.estate).budget(NOW)[0] == 310
    world.add("budget", {**budget, "period_end": at(1)})
    with pytest.raises(NoEvidence, match="no budget"):
        costs(world.estate).month(NOW)


def test_two_currencies_are_not_added_up() -> None:
    world = World()
    world.add("cost", {"lines": [line(1, 10), line(2, 10, BillingCurrency="USD")]})
    with pytest.raises(NoEvidence, match="EUR, USD"):
        costs(world.estate).actual(0, NOW)


def test_what_nothing_uses() -> None:
    world = World()
    rows = [
        {"id": "a", "kind": "volume", "attached": False, "monthly_cost": 9},
        {"id": "b", "kind": "volume", "attached": False, "monthly_cost": 1},
        {"id": "c", "kind": "address", "attached": False},
        {"id": "d", "kind": "volume", "attached": True, "monthly_cost": 99},
    ]
    with pytest.raises(NoEvidence, match="No inventory"):
        costs(world.estate).orphans(5)
    world.add("resource_inventory", {"resources": [{**rows[3], "attached": False}]}, {"resources": rows})
    assert [one.id for one in costs(world.estate).orphans(5)] == ["a", "c"]


def test_runs_of_a_pipeline() -> None:
    world = World()
    stages = [{"name": "test", "kind": "test", "conclusion": "failure"}]
    world.add(
        "pipeline_run",
        {"started": at(3 * DAY), "conclusion": "success"},
        {"started": at(2 * DAY), "conclusion": "failure", "stages": stages},
        {"started": at(DAY / 2), "conclusion": "success", "branch": "side"},
        {"started": at(60), "conclusion": "running"},
        {"started": at(30), "pipeline": "other"},
    )
    world.add("pipeline", {"pipeline": "ledger"})
    view = Pipeline(world.estate, Declared("pipeline", "ledger", {"cadence_s": 60}))
    assert (view.branch, view.cadence_s, view.deploys) == ("main", 60, False)
    assert [row.conclusion for row in view.runs(7)] == ["success", "failure", "success", "running"]
    assert view.newest is not None
    assert view.newest_green is not None
    assert (view.newest.conclusion, view.newest_green.started) == ("failure", pytest.approx(NOW - 3 * DAY))
    assert view.success_ratio(7).value == pytest.approx(2 / 3)
    assert view.failures_by_stage(7) == {"test": [pytest.approx(NOW - 2 * DAY)]}
    bare = Pipeline(world.estate, Declared("pipeline", "unknown", {}))
    assert (bare.state, bare.runs()) == (None, [])
    with pytest.raises(NoEvidence, match="Nobody says which branch"):
        bare.default_runs()


# Repositories.


def test_what_lies_in_a_repository() -> None:
    world = World()
    subject = "repository:infrastructure"
    names = [
        *("roles/web/tasks/main.yml", "roles/web/README.md", "roles/web/meta/argument_specs.yml"),
        *("roles/db/tasks/main.yml", "live/terraform.tfstate", "live/.terraform/x", "live/main.tf", "README.md"),
    ]
    world.put(subject, "tree", {"commit": "abc", "files": [{"path": name} for name in names]})
    files = {
        "live/main.tf": 'resource "a" "b" {}\n',
        "mod/main.tf": 'terraform {\n  backend "s3" {\n}}\n',
        "x/a.tf": "# x\n",
    }
    world.put(subject, "terraform", {"commit": "abc", "files": files})
    world.put(subject, "copies", {"files": 9, "copies": [{"lines": 12, "first": "a:1", "second": "b:1"}]})
    view = Repository(world.estate, Declared("repository", "infrastructure", {}))
    assert [(role.name, role.readme, role.argument_specs) for role in view.roles] == [
        ("db", False, False),
        ("web", True, True),
    ]
    assert view.state_files == ["live/.terraform/x", "live/terraform.tfstate"]
    assert view.terraform_backends == {"live": None, "mod": "s3"}
    assert (view.has("README.md"), view.under("live/"), view.commit) == (True, sorted(names[4:7]), "abc")
    assert (view.copies[0].lines, view.compared) == (12, 9)


def test_commits_of_a_window() -> None:
    world = World()
    row = {
        **{"sha": "a", "author": "x", "email": "x@y", "committed": at(60), "subject": "s", "signature": "G"},
        **{"signer": "x", "parents": ["b", "c"]},
    }
    older = {**row, "committed": at(5 * DAY), "signature": "N", "parents": ["b"]}
    body = {"branch": "main", "since": NOW - 10 * DAY, "complete": True, "commits": [row, older]}
    world.put("repository:r", "commits", body)
    view = Repository(world.estate, Declared("repository", "r", {}))
    assert [(one.signed, one.is_merge) for one in view.commits(10)] == [(True, True), (False, False)]
    assert len(view.commits(1)) == 1
    for window, complete in ((11, True), (1, False)):
        world.put("repository:r", "commits", {**body, "complete": complete})
        with pytest.raises(NoEvidence, match="not read back"):
            view.commits(window)


def test_the_state_of_a_checkout() -> None:
    world = World()
    branches = [
        {"name": "main", "upstream": "origin/main", "track": None, "head": "a"},
        {"name": "side", "upstream": "origin/side", "track": "ahead 2", "head": "c"},
        {"name": "own", "upstream": None, "track": None, "head": "d"},
        {"name": "merged", "upstream": "origin/merged", "track": "gone", "head": "b0"},
    ]
    state = {
        **{"head": "a", "branch": "main", "upstream": "origin/main", "default_branch": None, "owner": "ops"},
        **{
            "mode": "2750",
            "ahead": 1,
            "behind": 0,
            "dirty": ["x"],
            "untracked": [],
            "branches": branches,
            "remotes": {},
        },
    }
    world.put("repository:r", "state", state)
    world.put("repository:r", "remote", {"url": None, "heads": {"main": "b"}})
    people = {"author": "A", "email": "a@example.org", "signature": "N", "signer": "", "subject": "x"}
    rows = [("a", ["b"]), ("b", ["b0"]), ("b0", ["root"])]
    commits = [{"sha": sha, "parents": parents, "committed": at(60), **people} for sha, parents in rows]
    world.put("repository:r", "commits", {"since": 0.0, "complete": True, "commits": commits})
    view = Repository(world.estate, Declared("repository", "r", {}))
    assert (view.pushed, view.known) == ({"b", "b0"}, {"a", "b", "b0"})
    assert (view.head, view.remote_head, view.ahead, view.dirty) == ("a", "b", 1, ["x"])
    assert (view.mode, view.owner, view.unpushed_branches, view.remote_url) == (0o2750, "ops", ["side", "own"], None)
