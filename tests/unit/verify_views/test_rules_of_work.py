# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared rules over work: registers, pools, plans, deeds, findings, probes and their rules, past figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Kpi, success
from verify.engine.control import Expectation
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.engine.words import Status
from verify.facts import capacity, deeds, findings, history, plans, probing, registers, verdicts
from verify.facts.host_software import PatchRun
from verify.facts.pools import members
from verify.facts.records import everything
from verify.facts.vulnerabilities import vulnerabilities

from .world import DAY, NOW, World, at

HOUR = 3600.0


def grouped(world: World, **groups: list[str]) -> Estate:
    """Return the world's estate with groups."""
    old = world.environment
    return Estate(Environment(old.name, old.inventory, "", old.hosts, groups, old.variables), world.evidence, now=NOW)


def test_an_empty_register_is_no_proof_unless_it_is_declared() -> None:
    with pytest.raises(NoEvidence, match=r"verify_empty\.incident"):
        registers.register(World().estate, "incident")
    declared = World(verify_empty={"incident": "the estate opened this morning"})
    assert registers.register(declared.estate, "incident") == []
    kept = World()
    kept.add("incident", {"impact_start": at(5 * DAY)})
    found = registers.register(kept.estate, "incident")
    assert len(found) == 1
    assert registers.reaches_back(found, NOW - 4 * DAY, "impact_start")
    assert not registers.reaches_back(found, NOW - 6 * DAY, "impact_start")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [("app", ["db1", "lb1"]), (["lb1", "repo1"], ["lb1", "repo1"]), ("repo1", ["repo1"])],
)
def test_members_of_a_pool(hosts: Any, expected: list[str]) -> None:
    estate = grouped(World(), app=["lb1", "db1", "gone1"])
    assert members(estate, Declared("pool", "p", {"hosts": hosts})) == expected


def test_a_pool_without_hosts_in_scope_has_no_mean() -> None:
    with pytest.raises(NoEvidence, match="names no host that is in scope"):
        members(World().estate, Declared("pool", "p", {"hosts": "gone"}))


def test_means_are_weighted_and_need_every_host() -> None:
    world = World()
    pool = Declared("pool", "p", {"hosts": ["db1", "lb1"]})
    world.vector("cpu_used_ratio_avg_1d", ({"host": "db1"}, "0.8"), ({"host": "lb1"}, "0.2"))
    world.vector("cpu_count", ({"host": "db1"}, "8"), ({"host": "lb1"}, "2"))
    assert capacity.mean(world.estate, pool, "cpu_used_ratio_avg_1d") == pytest.approx(0.68)
    assert capacity.highest(world.estate, pool, "cpu_used_ratio_avg_1d") == ("db1", 0.8)
    world.vector("cpu_count", ({"host": "db1"}, "8"))
    with pytest.raises(NoEvidence, match="cpu_count for lb1"):
        capacity.mean(world.estate, pool, "cpu_used_ratio_avg_1d")
    world.vector("history_s", ({"host": "db1"}, str(30 * DAY)), ({"host": "lb1"}, str(3 * DAY)))
    assert capacity.short_of_history(world.estate, pool, 30 * DAY) == ("lb1", 3 * DAY)
    assert capacity.short_of_history(world.estate, pool, 3 * DAY + 1800) is None


def plan(world: World, kind: str, *rows: dict[str, Any]) -> list[Any]:
    """Return records of plans."""
    world.add(kind, *({"id": f"{kind}-{number}", **row} for number, row in enumerate(rows)))
    return everything(world.estate, kind)


@pytest.mark.parametrize(
    ("start", "end", "about", "touch"),
    [
        (0, 2, {"hosts": ["db1"]}, True),
        (2, 3, {"hosts": ["db1"]}, False),
        (0, 2, {"hosts": ["lb1"]}, False),
        (0, 2, {"services": ["web"]}, False),
        (0, 2, {}, True),
    ],
)
def test_plans_touch_when_time_and_subject_meet(start: int, end: int, about: dict[str, Any], touch: bool) -> None:
    base = {"start": at(-1 * HOUR), "end": at(-2 * HOUR), "hosts": ["db1"], "services": []}
    other = {"start": at(-start * HOUR), "end": at(-end * HOUR), "hosts": [], "services": [], **about}
    one, two = sorted(plan(World(), "window", base, other), key=lambda row: str(row.id))
    assert plans.touches(one, two) is touch
    assert plans.touches(two, one) is touch


@pytest.mark.parametrize(
    ("about", "hour", "collide"),
    [
        ({"services": ["web"]}, 0, True),
        ({"services": ["web"]}, 2, False),
        ({"services": ["mail"]}, 0, False),
        ({"services": ["unknown"]}, 0, False),
        ({"hosts": ["db1"]}, 0, True),
    ],
)
def test_a_service_collides_with_what_is_planned_on_its_hosts(about: dict[str, Any], hour: int, collide: bool) -> None:
    services = [{"name": "web", "critical": True, "hosts": ["db1"]}, {"name": "mail", "critical": True, "host": "lb1"}]
    world = World(verify_services=services)
    base = {"start": at(0), "end": at(-2 * HOUR), "hosts": ["db1"], "services": []}
    other = {"start": at(-hour * HOUR), "end": at(-3 * HOUR), "hosts": [], "services": [], **about}
    one, two = plan(world, "window", base, other)
    assert plans.collide(one, two, world.estate) is collide
    assert plans.collide(two, one, world.estate) is collide


def test_a_window_holds_what_lies_in_it_as_a_whole() -> None:
    world = World()
    (window,) = plan(world, "window", {"start": at(-HOUR), "end": at(-3 * HOUR), "services": ["web"], "hosts": []})
    rows = [
        {"planned_start": at(-HOUR), "planned_end": at(-2 * HOUR), "services": ["web"]},
        {"planned_start": at(-HOUR), "planned_end": at(-4 * HOUR), "services": ["web"]},
        {"planned_start": at(-HOUR), "planned_end": at(-2 * HOUR), "services": ["mail"]},
    ]
    found = {row.id: plans.holds(window, row) for row in plan(world, "change", *rows)}
    assert found == {"change-0": True, "change-1": False, "change-2": False}


def test_deeds_and_the_changes_they_belong_to() -> None:
    world = World()
    base = {"service": "web", "version": "2", "started": at(5 * HOUR), "ended": at(4 * HOUR), "outcome": "ok"}
    world.add(
        "deployment",
        {**base, "id": "D1", "change": "C1"},
        {**base, "id": "D2", "change": None},
        {**base, "id": "D3", "outcome": "cancelled"},
        {**base, "id": "D4", "ended": at(50 * DAY), "started": at(51 * DAY)},
    )
    patch = {"host": "db1", "started": at(3 * HOUR), "ended": at(2 * HOUR), "packages": [], "result": "ok"}
    changed = [{"name": "curl", "from": "1", "to": "2"}]
    world.add("patch", {**patch, "id": "P1"}, {**patch, "id": "P2", "packages": changed}, subject="runs")
    times = {"planned_start": at(6 * HOUR), "planned_end": at(3 * HOUR), "started": None, "ended": None}
    rows = plan(
        world,
        "change",
        {"id": "C1", "services": ["mail"], **times},
        {"id": "C2", "services": ["web"], **times},
        {"id": "C3", "services": ["web"], **times, "planned_start": at(9 * DAY), "planned_end": at(8 * DAY)},
        {"id": "C4", "services": [], "hosts": ["db1"], **times, "started": at(3 * HOUR), "ended": at(HOUR)},
    )
    restore = {"asset": "database", "backup": {"label": "A"}, "checks": [], "result": "verified", "host": "db1"}
    name = {"schema": "ccobservatory.ops/restore/1", "type": "restore", "id": "R1"}
    world.add("restore", {**name, **restore, "started": at(2.5 * HOUR), "ended": at(2 * HOUR)}, subject="runs")
    drill = {"environment": world.estate.name, "started": at(90 * 60), "ended": at(HOUR), "mode": "live"}
    drill |= {"scenario": {"name": "site_lost"}, "fencing": [{"host": "db1"}]}
    told: dict[str, Any] = {"intact": True, "faults": []}
    packs = [{**told, "name": "K1", "record": drill}, {**told, "name": "K2", "record": {**drill, "mode": "copy"}}]
    world.put("runs", "packs", {"packs": packs})
    done = deeds.deeds(world.estate, since=NOW - 30 * DAY)
    assert [(one.says.split()[-1], [row.id for row in deeds.records_of(one, rows)]) for one in done] == [
        ("2", ["C1"]),
        ("2", ["C2"]),
        ("db1", ["C4"]),
        ("database", ["C4"]),
        ("K1", ["C4"]),
    ]


def scanned(*found: dict[str, Any], **more: Any) -> Any:
    """Return the newest scan of db1 with these findings."""
    world = World()
    about = {"target": {"kind": "host", "name": "db1"}, "scanned": at(HOUR), "findings": list(found)}
    about["scanner"] = {"name": "trivy", "version": "0.67.0", "database_built": at(5 * HOUR)}
    world.add("vulnerability_scan", {**about, **more})
    return vulnerabilities(world.estate).of_hosts["db1"]


CRITICAL = {"id": "CVE-1", "severity": "critical", "package": "curl", "installed": "1", "fixed_version": None}


def test_upgrades_that_no_record_tells_of() -> None:
    world = World()
    times = {"started": at(2 * DAY), "ended": at(2 * DAY - 300), "result": "ok"}
    world.add("patch", {"host": "db1", **times, "packages": [{"name": "a", "from": "1", "to": "2"}]}, subject="runs")

    def run(ago: float, command: str = "apt-get upgrade", **more: Any) -> PatchRun:
        return PatchRun(NOW - ago, NOW - ago + 60, command, "", **{"upgraded": {"a": ("1", "2")}, **more})

    found = [
        run(2 * DAY - 60),
        run(3 * DAY, "/usr/bin/unattended-upgrade"),
        run(4 * DAY, "apt-get install b", installed=("b",)),
        run(5 * DAY, error="dpkg returned an error code (1)"),
        run(6 * DAY, upgraded={}, removed=("c",)),
        run(7 * DAY),
        run(31 * DAY),
    ]
    host = SimpleNamespace(name="db1", patch_runs=found)
    (deed,) = deeds.upgrades(world.estate, host, since=NOW - 30 * DAY)
    assert (deed.started, deed.hosts) == (NOW - 7 * DAY, frozenset(["db1"]))
    # What was patched on one host explains nothing of another.
    assert len(list(deeds.upgrades(world.estate, SimpleNamespace(name="lb1", patch_runs=found[:1]), since=0.0))) == 1


def test_findings_as_claims() -> None:
    def holds(words: Any) -> list[bool]:
        return [one.holds for one in words if isinstance(one, Expectation)]

    clean, bad = scanned(), scanned(CRITICAL)
    assert holds(findings.no_critical_open("db1", clean, most=0)) == [True]
    assert holds(findings.no_critical_open("db1", bad, most=0)) == [False]
    assert holds(findings.no_critical_open("db1", bad, most=1)) == [True]
    ages = {"max_age_s": DAY, "database_max_age_s": DAY}
    assert holds(findings.young_scan("db1", None, now=NOW, **ages)) == [False]
    assert holds(findings.young_scan("db1", clean, now=NOW, **ages)) == [True, True, True, True]
    assert holds(findings.young_scan("db1", clean, now=NOW + DAY, **ages)) == [True, False, True, True]
    assert holds(findings.young_scan("db1", scanned(packages=0), now=NOW, **ages)) == [True, True, False, True]
    old = clean._replace(database_built=clean.scanned - 2 * DAY)
    assert holds(findings.young_scan("db1", old, now=NOW, **ages)) == [True, True, True, False]
    coming = clean._replace(database_built=clean.scanned + HOUR)
    assert holds(findings.young_scan("db1", coming, now=NOW, **ages)) == [True, True, True, False]
    silent = findings.fresh_database("db1", clean._replace(database_built=None), DAY)
    assert not isinstance(silent, Expectation)
    high = scanned({**CRITICAL, "severity": "high"})
    assert holds(findings.no_old_high("db1", high, now=NOW, high_s=2 * HOUR)) == [True]
    assert holds(findings.no_old_high("db1", high, now=NOW + 2 * HOUR, high_s=2 * HOUR)) == [False]


@pytest.mark.parametrize(
    "scan",
    [
        scanned({**CRITICAL, "severity": "unknown", "fixed_version": "2"}),
        scanned(scanner={"name": "debsecan", "version": "0.4"}),
    ],
)
def test_what_nobody_rated_may_be_critical(scan: Any) -> None:
    words = list(findings.no_critical_open("db1", scan, most=0))
    assert [getattr(one, "status", None) for one in words][-1] is Status.UNKNOWN


def test_images_are_declared_scanned_or_said_to_be_none() -> None:
    def words(world: World) -> list[Any]:
        return list(findings.each_image(world.estate, lambda name, scan: iter([verdicts.unknown(f"{name} {scan}")])))

    (nothing,) = words(World())
    (none,) = words(World(verify_empty={"image": "packages only, no containers"}))
    (one,) = words(World(verify_images=["a:1"]))
    assert (nothing.status, none.status, one.says) == (Status.UNKNOWN, Status.NOT_APPLICABLE, "a:1 None")


def test_an_image_that_runs_is_found_among_the_scans_by_its_digest() -> None:
    digest, other = (f"sha256:{part * 32}" for part in ("aa", "bb"))

    def wanted(*listings: tuple[str, float, list[str]]) -> dict[str, Any]:
        world = World()
        target = {"kind": "image", "name": "app:4", "digest": f"r/app@{digest}"}
        world.add("vulnerability_scan", {"target": target, "scanned": at(HOUR), "findings": []})
        work = {"name": "app", "desired": 1, "ready": 1, "restarts_1h": 0}
        rows = [
            {"id": f"{source}-{ago}", "source": source, "read": at(ago), "workloads": [{**work, "images": names}]}
            for source, ago, names in listings
        ]
        world.add("workload_listing", *rows)
        return findings.images(world.estate)

    now = ("c", HOUR, [f"r/app:4@{digest}", "app:4"])
    assert list(wanted(now, ("c", 2 * HOUR, [f"r/app@{other}"]))) == ["app:4"]
    assert wanted(now, ("d", 2 * HOUR, [f"r/app@{other}"]))[f"r/app@{other}"] is None


LABELS = {"__name__": "probe_success", "job": "service", "instance": "https://lb1/", "host": "lb1"}


@pytest.mark.parametrize(
    ("expression", "sees"),
    [
        ('probe_success{job="service"} == 0', True),
        ("probe_success == 0", True),
        ("max_over_time(probe_success[5m]) < 1", True),
        ('probe_success{job=~"serv.*",instance!="https://lb2/"} != 1', True),
        ("avg_over_time(probe_success{job='service'}[5m]) < 0.9", True),
        ('probe_success{job="certificate"} == 0', False),
        ('probe_success{job=~"serv"} == 0', False),
        ('probe_success{job!~"serv.*"} == 0', False),
        ('probe_success{region="eu"} == 0', False),
        ('probe_success{job="service"} == 1', False),
        ("probe_success_total == 0", False),
        ('(probe_success{job="service"} == 0) or up == 0', True),
        ('((up == 0) or (probe_success{job="service"} < 1))', True),
        ('probe_success{job="a or b"} == 0', False),
        ("probe_success == 1 and on(instance) up <= 0", False),
        ("probe_success == 0 and on() up > 1", False),
        ("probe_success == 0 unless up == 1", False),
        ("probe_success == bool 0", False),
        ("probe_success <= 1", False),
        ("probe_success == 0 * 2", False),
        ("up == 0", False),
    ],
)
def test_which_rules_look_at_a_probe(expression: str, sees: bool) -> None:
    world = World()
    rule = {"name": "ServiceDown", "type": "alerting", "query": expression, "health": "ok", "state": "inactive"}
    sick = {**rule, "name": "Sick", "health": "err"}
    record = {**rule, "name": "kept", "type": "recording"}
    world.put("prometheus", "rules", {"groups": [{"name": "g", "rules": [rule, sick, record]}]})
    assert [one.rule.name for one in probing.rules_on(world.estate, LABELS)] == (["ServiceDown"] if sees else [])


def test_past_figures_by_day() -> None:
    world = World(verify_calendar={"timezone": "Europe/Zurich"})
    midnight = "2026-11-24T23:30:00.000Z"
    points = [["2026-11-23T08:00:00.000Z", 1.0, "met"], ["2026-11-24T08:00:00.000Z", None, "missing"]]
    points += [[midnight, None, "nothing"], ["2026-11-26T08:00:00.000Z", None, "unknown"]]
    world.put("ledger", "figures", {"first": midnight, "figures": {"mttr_s": {"unit": "s", "points": points}}})
    past = history.figures(world.estate)
    assert [day.isoformat() for day in sorted(past.days("mttr_s"))] == ["2026-11-23", "2026-11-25"]
    assert past.first is not None
    assert past.first.isoformat() == "2026-11-25"
    assert past.on("mttr_s", past.first) is not None
    assert [day.isoformat() for day in past.untold("mttr_s")] == ["2026-11-26"]
    assert past.days("other") == frozenset()


@pytest.mark.parametrize(
    ("kpi", "status", "holds"),
    [
        (success(99, 100), None, True),
        (success(9, 10), None, False),
        (success(0, 0), Status.UNKNOWN, None),
    ],
)
def test_a_figure_decides_or_says_that_it_cannot(kpi: Kpi, status: Status | None, holds: bool | None) -> None:
    word = verdicts.judged(kpi, "it works")
    assert getattr(word, "status", None) is status
    assert getattr(word, "holds", None) is holds


def test_figures_as_people_read_them() -> None:
    assert [verdicts.percent(one) for one in (None, 1.0, 0.95, 0.99999)] == ["unknown", "100 %", "95 %", "99.999 %"]
    assert [verdicts.span(one) for one in (None, float("inf"), 45.0, 7200.0)] == ["unknown", "no end", "45 s", "2.0 h"]
