# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared rules over time: availability by an item's bounds, outages and incidents, alerts that could fire, patches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Span
from verify.engine.control import Expectation
from verify.engine.declared import Declared
from verify.engine.evidence import NoEvidence
from verify.engine.words import Status
from verify.facts import alerting, availability, remediation
from verify.facts.host_software import StaleProcess
from verify.facts.metrics import metrics
from verify.facts.planned import failed_in

from .world import DAY, NOW, World, at

PROBE = "https://lb1/health/ready"
STEP = 15
LABELS = {"instance": PROBE, "job": "service", "host": "lb1"}
WEB = Declared("service", "web", {"name": "web", "probe": PROBE, "critical": True})
MONTH = 30 * DAY


def bounds(target: float = 0.999) -> SimpleNamespace:
    """Return the bounds of an availability over a month."""
    return SimpleNamespace(window_s=MONTH, min_ratio=target, coverage_min_ratio=0.99, window_max_s=DAY)


def probed(up: float = 1.0, seen: float = 1.0, *, down: list[list[Any]] | None = None, **variables: Any) -> World:
    """Return a world whose probe was seen and up for these shares of every one of 90 days."""
    world = World(verify_services=[dict(WEB.about)], **variables)
    target = {"labels": LABELS, "scrapePool": "service", "health": "up", "lastError": "", "scrapeInterval": "15s"}
    world.put("prometheus", "targets", {"activeTargets": [{**target, "lastScrape": at(5)}]})
    daily = DAY / STEP
    for what, share in (("up", up), ("seen", seen)):
        runs = [[NOW - 89 * DAY, NOW, str(float(round(daily * share)))]]
        world.series(f"probe_{what}_daily", DAY, (LABELS, runs))
    world.series("probe_down", 60.0, *([(LABELS, down)] if down else []))
    return world


@pytest.mark.parametrize(
    ("up", "seen", "verdict"),
    [
        (1.0, 1.0, "met"),
        (0.9992, 0.9995, "met"),
        (0.998, 1.0, "missed"),
        (0.9985, 0.995, "unknown"),
        (0.985, 0.985, "unknown"),
        # Half of the samples are missing, but what was seen is beyond the budget of the whole window already.
        (0.40, 0.5, "missed"),
    ],
)
def test_availability_is_judged_by_the_bounds_of_the_item(up: float, seen: float, verdict: str) -> None:
    up = min(up, seen)
    kpi = availability.available(probed(up, seen).estate, WEB, bounds())
    assert kpi.verdict == verdict


def test_a_strict_target_and_the_budget_that_is_left() -> None:
    estate = probed(0.9995, 1.0).estate
    relaxed = availability.available(estate, WEB, bounds())
    strict = availability.available(estate, WEB, bounds(0.9999))
    assert (relaxed.verdict, strict.verdict) == ("met", "missed")
    assert relaxed.parts["budget_left"] == pytest.approx(0.5, abs=0.05)
    assert strict.parts["budget_left"] < 0


def test_a_service_without_a_probe_has_no_availability() -> None:
    bare = Declared("service", "web", {"name": "web"})
    with pytest.raises(NoEvidence, match="declares no probe"):
        availability.available(probed().estate, bare, bounds())


def outage(ago: float, lasted: float) -> list[Any]:
    """Return a run of minutes in which the probe failed."""
    return [NOW - ago, NOW - ago + lasted - 60, "0"]


HOUR = 3600.0
WINDOW = {"id": "W", "kind": "maintenance", "start": at(10 * DAY), "end": at(10 * DAY - 2 * HOUR), "at": at(12 * DAY)}
CHANGE = {
    "id": "C",
    "kind": "normal",
    "state": "done",
    "services": ["web"],
    "window": "W",
    "submitted": at(13 * DAY),
    "approvals": [{"by": "board", "role": "board", "at": at(12 * DAY)}],
    "planned_start": at(10 * DAY),
    "planned_end": at(10 * DAY - 2 * HOUR),
    "started": at(10 * DAY),
    "ended": at(10 * DAY - 2 * HOUR),
}


@pytest.mark.parametrize(
    ("window", "change", "verdict"),
    [
        ({}, {}, "met"),
        ({"changes": ["C"]}, {"window": None}, "met"),
        ({}, {"window": None}, "missed"),
        ({}, {"kind": "emergency"}, "missed"),
        ({}, {"state": "submitted"}, "missed"),
        ({}, {"services": ["other"]}, "missed"),
        ({}, {"approvals": [{"by": "board", "role": "board", "at": at(9 * DAY)}]}, "missed"),
        ({"kind": "deployment"}, {}, "missed"),
        ({"services": ["other"]}, {}, "missed"),
        ({"at": at(9 * DAY)}, {}, "missed"),
        ({"start": at(12 * DAY)}, {}, "missed"),
    ],
)
def test_planned_downtime_needs_an_approved_change_in_its_window(
    window: dict[str, Any], change: dict[str, Any], verdict: str
) -> None:
    world = probed(down=[outage(10 * DAY - 600, HOUR)])
    daily = DAY / STEP
    end = NOW - 10 * DAY + DAY  # the day of the outage
    runs = [[NOW - 89 * DAY, end - DAY, str(daily)], [end, end, str(daily - HOUR / STEP)], [end + DAY, NOW, str(daily)]]
    world.series("probe_up_daily", DAY, (LABELS, runs))
    world.add("window", {**WINDOW, **window})
    world.add("change", {**CHANGE, **change})
    kpi = availability.available(world.estate, WEB, bounds())
    assert kpi.verdict == verdict
    # The share with the planned downtime is told beside.
    assert ("with the planned downtime of 240 samples" in kpi.says) == (verdict == "met")
    assert availability.seen_of(kpi).get("with_planned_downtime") == (kpi.parts["strict"] if verdict == "met" else None)


def test_of_a_day_with_other_failures_only_what_is_sure_counts_as_planned() -> None:
    """One minute in the window and one outside: each can have had up to five failed samples of the day's six."""
    world = probed(down=[outage(DAY / 2, 60), outage(DAY / 4, 60)])
    daily = DAY / STEP
    world.series("probe_up_daily", DAY, (LABELS, [[NOW - 89 * DAY, NOW - DAY, str(daily)], [NOW, NOW, str(daily - 6)]]))
    spans = [(NOW - DAY / 2 - 120, NOW - DAY / 2 + 120)]
    assert failed_in(metrics(world.estate), PROBE, 30, spans) == 1
    assert failed_in(metrics(world.estate), PROBE, 30, []) == 0


@pytest.mark.parametrize(
    ("incident", "window", "open_ones"),
    [
        (None, None, 1),
        ({"impact_start": at(5 * DAY - 60), "restored": at(5 * DAY - 600), "services": ["web"]}, None, 0),
        ({"impact_start": at(5 * DAY), "restored": None, "services": ["web"]}, None, 0),
        ({"impact_start": at(5 * DAY), "restored": at(5 * DAY - 600), "services": ["mail"]}, None, 1),
        ({"impact_start": at(4 * DAY), "restored": at(4 * DAY - 600), "services": ["web"]}, None, 1),
        (None, {"kind": "maintenance", "start": at(5 * DAY + 60), "end": at(4 * DAY), "at": at(6 * DAY)}, 0),
        (None, {"kind": "maintenance", "start": at(5 * DAY + 60), "end": at(4 * DAY), "at": at(3 * DAY)}, 1),
        (None, {"kind": "freeze", "start": at(5 * DAY + 60), "end": at(4 * DAY), "at": at(6 * DAY)}, 1),
        (
            None,
            {
                **{"kind": "maintenance", "start": at(5 * DAY + 60), "end": at(4 * DAY)},
                **{"services": ["mail"], "at": at(6 * DAY)},
            },
            1,
        ),
    ],
)
def test_an_outage_belongs_to_an_incident_or_a_window(
    incident: dict[str, Any] | None, window: dict[str, Any] | None, open_ones: int
) -> None:
    world = probed(down=[outage(5 * DAY, 600)])
    if incident:
        world.add("incident", incident)
    if window:
        world.add("window", window)
    found, known = availability.unexplained(world.estate, WEB, window_s=MONTH, least_s=120)
    assert (len(found), known) == (open_ones, 1)


def test_a_short_outage_needs_no_incident() -> None:
    world = probed(down=[outage(5 * DAY, 60)])
    assert availability.unexplained(world.estate, WEB, window_s=MONTH, least_s=120) == ([], 0)


def test_failures_are_counted_by_whoever_saw_more_of_them() -> None:
    world = probed(down=[outage(5 * DAY, 600)])
    told = [{"impact_start": at(day * DAY), "restored": at(day * DAY - 60), "services": ["web"]} for day in (5, 20, 40)]
    world.add("incident", *({**one, "id": f"INC-{number}"} for number, one in enumerate(told)))
    kpi = availability.failures(world.estate, WEB, window_s=90 * DAY, target_s=MONTH)
    assert kpi.n == 3
    assert kpi.value == pytest.approx((90 * DAY - 600) / 3)


def test_incidents_amount_to_an_availability() -> None:
    world = probed()
    begun = {"impact_start": at(5 * DAY), "restored": at(5 * DAY - 7776), "services": ["web"]}
    world.add("incident", begun)
    kpi = availability.implied(world.estate, WEB, window_s=90 * DAY, target=0.999)
    assert kpi is not None
    assert kpi.value == pytest.approx(0.999, abs=1e-6)
    assert availability.implied(world.estate, Declared("service", "mail", {}), window_s=MONTH, target=0.999) is None


def ruled(**more: Any) -> dict[str, Any]:
    """Return a rule as Prometheus shows it."""
    rule = {"name": "A", "type": "alerting", "query": "up == 0", "health": "ok", "state": "inactive"}
    return {**rule, "lastEvaluation": at(10), **more}


def said(world: World, window_s: float) -> list[Any]:
    """Return the words about who watched."""
    return list(alerting.watched(world.estate, window_s))


def watching(world: World, history_s: float, *rules: dict[str, Any]) -> World:
    """Let Prometheus have rules, and samples that reach back so far."""
    world.put("prometheus", "rules", {"groups": [{"name": "g", "rules": list(rules)}]})
    world.vector("history_s", ({"host": "db1"}, str(history_s)), ({"host": "lb1"}, "60"))
    return world


def test_somebody_watched() -> None:
    found = said(watching(probed(), MONTH, ruled()), MONTH)
    assert all(isinstance(one, Expectation) and one.holds for one in found)


@pytest.mark.parametrize(
    ("rules", "says"),
    [([], "has alerting rules"), ([ruled(health="err", lastError="bad")], "without error")],
)
def test_without_rules_that_work_nothing_can_fire(rules: list[dict[str, Any]], says: str) -> None:
    broken = [one for one in said(watching(probed(), MONTH, *rules), MONTH) if not getattr(one, "holds", True)]
    assert any(says in one.says for one in broken)


def test_a_short_history_and_a_gap_in_it_are_unknown() -> None:
    short = said(watching(probed(), 2 * 3600, ruled()), DAY)[-1]
    holes = said(watching(probed(0.9, 0.9), MONTH, ruled()), MONTH)[-1]
    assert (short.status, holes.status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert "reaches back 2.0 h" in short.says
    assert "90 %" in holes.says


def scan(ago: float, *findings: dict[str, Any], host: str = "db1") -> dict[str, Any]:
    """Return the scan of a host."""
    return {
        "target": {"kind": "host", "name": host},
        "scanned": at(ago),
        "findings": list(findings),
        "id": f"{host}{ago}",
    }


def finding(**more: Any) -> dict[str, Any]:
    """Return a critical finding that has a fix."""
    return {"id": "CVE-1", "severity": "critical", "package": "zlib1g", "fixed_version": "2", **more}


def patch(ago: float, package: str = "zlib1g", **more: Any) -> dict[str, Any]:
    """Return a patch run that ended so long ago."""
    changed = [{"name": package, "from": "1", "to": "2"}]
    times = {"started": at(ago + 60), "ended": at(ago)}
    return {"host": "db1", **times, "result": "ok", "packages": changed, "id": f"P{ago}", **more}


FOUR, THREE, TWO, ONE = 4 * DAY, 3 * DAY, 2 * DAY, DAY


@pytest.mark.parametrize(
    ("scans", "patches", "spans"),
    [
        ([scan(TWO, finding()), scan(ONE)], [], [(TWO, ONE)]),
        ([scan(TWO, finding()), scan(ONE)], [patch(TWO - 3600)], [(TWO, TWO - 3600)]),
        # A patch run before the last scan that shows the finding did not mend it.
        ([scan(THREE, finding()), scan(TWO, finding()), scan(ONE)], [patch(THREE - 3600)], [(THREE, ONE)]),
        ([scan(TWO, finding())], [], [(TWO, None)]),
        ([scan(TWO, finding())], [patch(ONE)], [(TWO, ONE)]),
        ([scan(TWO, finding()), scan(ONE)], [patch(TWO - 60, result="failed")], [(TWO, ONE)]),
        ([scan(TWO, finding()), scan(ONE)], [patch(TWO - 60, package="curl")], [(TWO, ONE)]),
        # The clock begins with the first scan that offers a fix, and goes on when a later one does not name it.
        ([scan(THREE, finding(fixed_version=None)), scan(TWO, finding()), scan(ONE)], [], [(TWO, ONE)]),
        ([scan(THREE, finding()), scan(TWO, finding(fixed_version=None)), scan(ONE)], [], [(THREE, ONE)]),
        ([scan(TWO, finding(fixed_version=None)), scan(ONE)], [], []),
        ([scan(TWO, finding(severity="high")), scan(ONE)], [], []),
        (
            [scan(TWO, finding(package="linux-image-6.1")), scan(ONE)],
            [patch(TWO - 60, package="linux-image-6.1")],
            [(TWO, ONE)],
        ),
        (
            [scan(TWO, finding(package="linux-image-6.1")), scan(ONE)],
            [patch(TWO - 60, package="linux-image-6.1", rebooted=True)],
            [(TWO, TWO - 60)],
        ),
    ],
)
def test_how_long_a_critical_finding_was_open(
    scans: list[dict[str, Any]], patches: list[dict[str, Any]], spans: list[tuple[float, float | None]]
) -> None:
    world = World()
    world.add("vulnerability_scan", *scans, scan(ONE, finding(), host="lb1"))
    world.add("patch", *patches, subject="runs")
    rows, reach = remediation.scans_of(world.estate, "db1", 90 * DAY)
    assert reach == pytest.approx(max(NOW - row.scanned for row in rows))
    expected = [
        Span(pytest.approx(NOW - begun), None if end is None else pytest.approx(NOW - end), found.name)
        for (begun, end), found in zip(spans, remediation.critical_spans(world.estate, "db1", rows), strict=True)
    ]
    assert remediation.critical_spans(world.estate, "db1", rows) == expected


def test_scans_before_the_window_only_prove_how_far_they_reach() -> None:
    world = World()
    world.add("vulnerability_scan", scan(100 * DAY, finding()), scan(ONE))
    rows, reach = remediation.scans_of(world.estate, "db1", 90 * DAY)
    assert (len(rows), round(reach / DAY)) == (1, 100)
    assert remediation.scans_of(world.estate, "repo1", 90 * DAY) == ([], 0.0)


def on_host(
    booted: float, *, stale: float | None = None, asks: str = "", asked: float = 0.0, kernel: str = "6.1"
) -> Any:
    """Return a host that was started so long ago, with a process that uses files replaced so long ago, a package that
    asked for a reboot so long ago, or a kernel that runs."""
    processes = [] if stale is None else [StaleProcess(7, ("/usr/lib/libz.so.1",))]
    return SimpleNamespace(
        name="db1",
        estate=SimpleNamespace(now=NOW),
        system=SimpleNamespace(booted=NOW - booted, virtualization="kvm"),
        services={},
        patch_runs=[SimpleNamespace(end=NOW - (stale or 0.0), upgraded={"zlib1g": ("1", "2")})],
        stale_processes=processes,
        reboot_required=bool(asks),
        reboot_packages=[asks],
        file_states={"/run/reboot-required": SimpleNamespace(mtime=NOW - asked)},
        kernel=kernel,
        newest_kernel="6.1",
    )


@pytest.mark.parametrize(
    ("host", "package", "waits"),
    [
        (on_host(FOUR), "zlib1g", ""),
        (on_host(FOUR, stale=TWO), "zlib1g", "process 7 uses the old /usr/lib/libz.so.1"),
        # What was replaced after the fix came, or lay before the last start, keeps nothing open.
        (on_host(FOUR, stale=3600), "zlib1g", ""),
        (on_host(3600, stale=TWO, asks="zlib1g"), "zlib1g", ""),
        (on_host(FOUR, asks="zlib1g"), "zlib1g", "db1 waits for a reboot"),
        (on_host(FOUR, asks="dbus"), "zlib1g", ""),
        (on_host(FOUR, kernel="6.0"), "linux-image-6.1", "db1 runs 6.0"),
        (on_host(FOUR, kernel="6.0"), "zlib1g", ""),
        # The host was started while the patch run went on: an old request is done, one from the end of it is not.
        (on_host(ONE + 60, asks="libc6", asked=3600), "libc6", ""),
        (on_host(ONE + 60, asks="libc6", asked=ONE + 30), "libc6", "db1 waits for a reboot"),
        (on_host(ONE + 60, kernel="6.0"), "linux-image-6.1", ""),
    ],
)
def test_a_fix_is_not_in_force_while_the_old_files_run(host: Any, package: str, waits: str) -> None:
    assert remediation.still_waits(host, package, NOW - TWO, NOW - ONE) == waits


def test_a_finding_that_waits_for_a_restart_has_no_end() -> None:
    world = World()
    world.add("vulnerability_scan", scan(THREE, finding()), scan(ONE))
    rows, _reach = remediation.scans_of(world.estate, "db1", 90 * DAY)
    (open_one,) = remediation.critical_spans(world.estate, "db1", rows, host=on_host(FOUR, stale=TWO))
    assert (open_one.end, open_one.name) == (None, "CVE-1 in zlib1g (process 7 uses the old /usr/lib/libz.so.1)")
    (over,) = remediation.critical_spans(world.estate, "db1", rows, host=on_host(FOUR))
    assert over == Span(rows[0].scanned, rows[1].scanned, "CVE-1 in zlib1g")
