# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CORE: what the infrastructure stands on, every day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable
from verify.facts.alerting import left_out
from verify.facts.alerts import alerts
from verify.facts.backups import proved
from verify.facts.baseline import judged_rules
from verify.facts.drift import all_compared, comparisons
from verify.facts.findings import each_image, young_scan
from verify.facts.kinds import is_infrastructure, no_code
from verify.facts.metrics import metrics
from verify.facts.records import everything
from verify.facts.registers import register
from verify.facts.repositories import same_commit
from verify.facts.verdicts import percent, span
from verify.facts.vulnerabilities import vulnerabilities

DAY = 86400.0
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_RUNTIMES = frozenset({"docker.io", "docker-ce", "containerd", "containerd.io", "cri-o", "kubelet", "k3s", "podman"})


@control("CORE-01")
def infrastructure_code_is_valid_and_undrifted(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest comparison of code and estate for each target: it is young, it looked at resources, every file
    could be validated, and no difference is older than a day without somebody having looked at it. Each repository of
    infrastructure code is in one of them."""
    newest = comparisons(estate)
    yield expect(newest, f"the code is compared with {estate.name}", observed=sorted(newest), expected="1 or more")
    yield all_compared(estate, newest)
    for target, row in newest.items():
        age = estate.now - row.checked
        claim = f"{target} was compared within {span(bounds.drift_max_age_s)}"
        yield expect(age <= bounds.drift_max_age_s, claim, observed=age, expected=bounds.drift_max_age_s)
        yield expect(row.resources > 0, f"the comparison of {target} looked at something", observed=row.resources)
        yield expect(row.valid, f"all the code of {target} parses and validates", observed=row.valid, expected=True)
        old = [
            one.address
            for one in row.drifted
            if not one.reviewed_by and estate.now - one.since > bounds.drift_max_age_s
        ]
        yield expect(
            not old,
            f"no difference of {target} stands unreviewed for {span(bounds.drift_max_age_s)}",
            observed=old,
            expected=[],
        )


@control("CORE-01", "repositories")
def infrastructure_code_is_where_it_is_checked(repository: Any) -> Iterator[Said]:
    """Ask each repository of infrastructure code what its default branch holds: it holds code, and the newest run of
    the pipeline that checks it looked at that very commit and succeeded."""
    if not is_infrastructure(repository):
        yield no_code(repository)
        return
    files = [path for path in repository.files if path.endswith((".yml", ".yaml", ".tf", ".json", ".j2"))]
    yield expect(files, f"{repository.name} holds infrastructure code", observed=len(files), expected="1 or more")
    runs = [
        run
        for run in everything(repository.estate, "pipeline_run")
        if run.pipeline == repository.get("pipeline") and same_commit(run.commit, repository.head)
    ]
    newest = max(runs, key=lambda run: run.started, default=None)
    yield expect(
        newest is not None and newest.conclusion == "success",
        f"the newest commit of {repository.name} passed its pipeline",
        observed=newest and {"run": newest.id, "conclusion": newest.conclusion},
        expected=repository.head,
    )


@control("CORE-02")
def the_pipeline_runs_and_is_not_red_for_long(pipeline: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Look at the runs of the pipeline's default branch: the newest is within the cadence that is declared for it, and
    where it is red, it has not been so for more than a day."""
    newest = pipeline.newest
    yield expect(newest is not None, f"{pipeline.name} has a run on record", observed=newest and newest.id)
    if newest is None:
        return
    age = estate.now - newest.started
    claim = f"{pipeline.name} ran within its cadence of {span(pipeline.cadence_s)}"
    yield expect(age <= pipeline.cadence_s, claim, observed=age, expected=pipeline.cadence_s)
    since = _red_since(pipeline)
    if since is not None:
        red = estate.now - since
        claim = f"{pipeline.name} is not red for longer than {span(bounds.red_max_age_s)}"
        yield expect(red <= bounds.red_max_age_s, claim, observed=red, expected=bounds.red_max_age_s)


@control("CORE-02", "registered")
def no_pipeline_runs_undeclared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every pipeline that the systems that run them told of within the bound, and every run that began within it:
    ``verify_pipelines`` declares that pipeline, so that what is asked of pipelines is asked of it."""
    since = estate.now - bounds.registered_max_age_s
    told = {row.pipeline for row in register(estate, "pipeline") if row.at >= since}
    ran = {row.pipeline for row in everything(estate, "pipeline_run") if row.started >= since}
    declared = {one.name for one in estate.views("pipeline")}
    if not told | ran:
        yield not_applicable(f"no pipeline was told of within {span(bounds.registered_max_age_s)}", observed=0)
        return
    strange = sorted((told | ran) - declared)
    yield expect(
        not strange,
        f"each of {len(told | ran)} pipelines on record is declared in verify_pipelines",
        observed=strange,
        expected=[],
    )


def _red_since(pipeline: Any) -> float | None:
    """Return when the pipeline's default branch turned red; None while its newest finished run is green."""
    since = None
    runs = sorted(pipeline.default_runs(90), key=lambda run: float(run.started), reverse=True)
    for run in runs:
        if run.conclusion == "success":
            break
        if run.conclusion == "failure":
            since = run.ended or run.started
    return since


@control("CORE-03")
def container_workloads_are_complete(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take what each orchestrator says of its nodes and workloads: all nodes are ready, each workload has the replicas
    it asks for and does not restart again and again, and images are named by their digest.

    An environment without workloads says so; the hosts prove it, because none has a runtime for containers.
    """
    reason = estate.environment.empty_reason("workload") or estate.environment.empty_reason("image")
    found = everything(estate, "workload_listing")
    if reason and not found:
        hosts = estate.views("host")
        running = [f"{host.name}: {', '.join(sorted(_RUNTIMES & set(host.packages)))}" for host in hosts]
        running = [told for told in running if not told.endswith(": ")]
        yield expect(
            not running,
            f"none of {len(hosts)} hosts has a runtime for containers, as the environment says",
            observed=running,
        )
        if not running:
            yield not_applicable(f"{estate.name} runs no container workloads: {reason}")
        return
    newest = {row.source: row for row in sorted(found, key=lambda row: float(row.read))}
    yield expect(newest, f"an orchestrator of {estate.name} was asked", observed=sorted(newest), expected="1 or more")
    for row in newest.values():
        yield from _cluster(estate, row, bounds)


def _cluster(estate: Any, row: Any, bounds: Any) -> Iterator[Said]:
    age = estate.now - row.read
    claim = f"{row.source} was asked within {span(bounds.window_s)}"
    yield expect(age <= bounds.window_s, claim, observed=age, expected=bounds.window_s)
    yield expect(row.nodes and row.workloads, f"{row.source} tells of nodes and workloads", observed=len(row.nodes))
    waiting = [node.name for node in row.nodes if not node.ready]
    yield expect(not waiting, f"every node of {row.source} is ready", observed=waiting, expected=[])
    for one in row.workloads:
        ready = one.ready / one.desired if one.desired else 1.0
        claim = f"{one.name} has the replicas it asks for"
        yield expect(ready >= bounds.ready_min_ratio, claim, observed=one.ready, expected=one.desired)
        claim = f"{one.name} restarts no more than {bounds.restart_max_count} times an hour"
        yield expect(one.restarts_1h <= bounds.restart_max_count, claim, observed=one.restarts_1h)
        loose = [image for image in one.images if not _DIGEST.search(image)]
        yield expect(one.images and not loose, f"the images of {one.name} are named by digest", observed=loose)


@control("CORE-04")
def monitoring_watches(estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask Prometheus for its targets and rules: all targets answer, all rules are evaluated without error, and none of
    them was left out for more than a few of its intervals. It sends alerts to an Alertmanager."""
    seen = metrics(estate)
    targets = seen.targets
    yield expect(targets, "Prometheus has targets", observed=len(targets), expected="1 or more")
    up = sum(target.health == "up" for target in targets) / len(targets) if targets else 0.0
    down = [f"{target.job} {target.instance}: {target.error}" for target in targets if target.health != "up"]
    yield expect(
        up >= bounds.up_min_ratio, f"{percent(bounds.up_min_ratio)} of {len(targets)} targets answer", observed=down
    )
    rules = seen.rules
    yield expect(rules, "Prometheus has rules", observed=len(rules), expected="1 or more")
    ill = [f"{rule.name}: {rule.error or rule.health}" for rule in rules if rule.health != "ok"]
    yield expect(not ill, f"all {len(rules)} rules are evaluated without error", observed=ill, expected=[])
    late = left_out(estate, bounds.missed_max_count)
    claim = f"no target and no rule was left out for more than {bounds.missed_max_count} of its intervals"
    yield expect(not late, claim, observed=late, expected=[])
    receivers = seen.alertmanagers
    yield expect(
        receivers, "Prometheus sends alerts to an Alertmanager", observed=list(receivers), expected="1 or more"
    )
    yield expect(
        seen.config_ok, "the configuration that Prometheus has loaded is the one on its disk", observed=seen.config_ok
    )


@control("CORE-04", "deadman")
def monitoring_is_watched_itself(estate: Any, bounds: Any) -> Iterator[Said]:
    """Follow the alert that always fires: Prometheus fires it, Alertmanager heard of it within a quarter of an hour and
    has a receiver for it that tells somebody, and of the notifications of the last day some arrived. That none was lost
    is what MONITORING-02 asks."""
    seen = metrics(estate)
    firing = seen.vector("deadman")
    yield expect(firing, "the alert that always fires does fire", observed=len(firing), expected="1 or more")
    names = {sample.labels.get("alertname") for sample in firing}
    heard = [one for one in alerts(estate).active if one.name in names]
    yield expect(heard, "Alertmanager has that alert", observed=sorted(str(name) for name in names))
    for one in heard:
        age = estate.now - one.updated
        claim = f"Alertmanager heard of {one.name} within {span(bounds.deadman_max_age_s)}"
        yield expect(age <= bounds.deadman_max_age_s, claim, observed=age, expected=bounds.deadman_max_age_s)
        told = [name for name in one.receivers if alerts(estate).tells(name)]
        yield expect(told, f"{one.name} has a receiver that tells somebody", observed=list(one.receivers))
        silenced = alerts(estate).silenced(one.labels)
        yield expect(not silenced, f"no silence swallows {one.name}", observed=silenced, expected=[])
    sent = seen.total("notifications_1d")
    failed = seen.total("notifications_failed_1d")
    arrived = sent - failed
    yield expect(arrived > 0, "notifications of the last day arrived", observed=arrived, expected="1 or more")


@control("CORE-05")
def the_host_is_scanned(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest scan of the host: it is younger than a day, it looked at packages, and by a young list of
    vulnerabilities."""
    yield from _scanned(host.name, vulnerabilities(estate).newest("host", host.name), estate, bounds)


@control("CORE-05", "images")
def images_are_scanned(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest scan of each image that runs, and ask of it what is asked of a host."""
    yield from each_image(estate, lambda name, scan: _scanned(name, scan, estate, bounds))


def _scanned(name: str, scan: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    ages = {"max_age_s": bounds.scan_max_age_s, "database_max_age_s": bounds.database_max_age_s}
    yield from young_scan(name, scan, now=estate.now, **ages)


@control("CORE-05", "baseline")
def the_baseline_is_applied_everywhere(estate: Any, bounds: Any) -> Iterator[Said]:
    """Judge the rules of the baseline on every host's evidence: it counts as applied where enough of the rules that
    concern the host hold, and it has to be applied on all hosts. A host that said nothing is not among them."""
    hosts = estate.views("host")
    applied, without = 0, []
    for host in hosts:
        concerned = [one for one in judged_rules(host) if one.holds is not None]
        ratio = sum(bool(one.holds) for one in concerned) / len(concerned) if concerned else 0.0
        if ratio >= bounds.rules_min_ratio:
            applied += 1
        else:
            without.append(f"{host.name}: {percent(ratio)} of {len(concerned)} rules")
    yield expect(hosts, f"{estate.name} has hosts", observed=len(hosts), expected="1 or more")
    yield expect(
        applied / max(1, len(hosts)) >= bounds.hosts_min_ratio,
        f"the baseline is applied on {percent(bounds.hosts_min_ratio)} of {len(hosts)} hosts",
        observed=without or applied,
        expected=bounds.hosts_min_ratio,
    )


@control("CORE-06")
def the_asset_is_protected_and_restorable(asset: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the asset's policy from the inventory, its newest backup from the repository, and its newest restore test
    from the records: the policy says what takes the backups and how often, the backup is good and younger than that
    period, the test passed within a week."""
    yield expect(asset.get("source"), f"{asset.name} has a backup policy", observed=asset.get("source"))
    declared = asset.get("period_s")
    yield expect(declared, f"the backup policy of {asset.name} names its period", observed=declared)
    newest = asset.newest
    yield expect(newest is not None, f"a backup of {asset.name} exists", observed=newest and newest.label)
    period = declared or bounds.max_age_s
    if newest is not None:
        yield expect(newest.ok, f"the backup {newest.label} of {asset.name} succeeded", observed=newest.ok)
        claim = f"the backup of {asset.name} is younger than {span(period)}"
        yield expect(asset.age_s <= period, claim, observed=asset.age_s, expected=period)
    test = asset.last_restore_test
    yield expect(test is not None, f"{asset.name} was restored to test its backups", observed=len(asset.restore_tests))
    if test is not None:
        age = estate.now - test.ended
        claim = f"the restore test of {asset.name} is younger than {span(bounds.restore_max_age_s)}"
        yield expect(age <= bounds.restore_max_age_s, claim, observed=age, expected=bounds.restore_max_age_s)
        yield expect(proved(test), f"the restore test of {asset.name} passed", observed=test.result)
