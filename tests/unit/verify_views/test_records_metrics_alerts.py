# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of records, runs, metrics and alerts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from verify.engine.evidence import NoEvidence
from verify.facts.alerts import alerts
from verify.facts.metrics import duration, metrics
from verify.facts.records import everything, records
from verify.facts.runs import runs

from .world import DAY, NOW, World, at

CONFIG = """
route:
  receiver: people
  routes:
    - receiver: deadman
      matchers: [alertname="Watchdog"]
    - receiver: pager
      matchers: ['severity=~"critical|page"', team != "none"]
      continue: true
    - receiver: database
      match: {team: database}
      routes:
        - match_re: {alertname: "Archive.*"}
    - receiver: pager
      matchers: ['severity!~".*"']
receivers:
  - name: people
  - name: pager
    webhook_configs: [{url: "http://203.0.113.9/"}]
"""


# Records and runs.


def test_records_are_typed() -> None:
    world = World()
    world.add("incident", {"restored": None, "escalations": [{"level": 2, "to": "x", "at": at(60)}]})
    (one,) = records(world.estate).of("incident")
    assert one.impact_start == pytest.approx(_utc.parse_iso("2026-11-20T08:11:00Z").timestamp())
    assert (one.restored, one.owner, one.klass, one.file) == (None, None, "declared", "incident/0.yml")
    assert one.escalations[0].at == pytest.approx(NOW - 60)
    assert (one["title"], one.get("none"), "title" in one) == ("Writes refused on the primary", None, True)
    with pytest.raises(AttributeError, match="no key 'restord'"):
        one.restord  # noqa: B018 - the access is what is tested


def test_only_records_of_this_environment() -> None:
    world = World()
    world.add("deployment", {"id": "a"}, {"id": "b", "environment": "staging"})
    assert [row.id for row in records(world.estate).of("deployment")] == ["a"]
    assert [row.id for row in records(world.estate).of("deployment", "staging")] == ["b"]
    assert records(world.estate).files("deployment") == 2


def test_people_and_playbooks_together() -> None:
    world = World()
    world.add("patch", {"id": "late", "at": at(10)})
    world.add("patch", {"id": "early", "at": at(99)}, subject="runs")
    assert [row.id for row in everything(world.estate, "patch")] == ["early", "late"]
    only = World(verify_records_dir="")
    only.evidence.missing("gone", subject="records", name="patch", source="x", collected=NOW, command="x")
    assert everything(only.estate, "patch") == []
    with pytest.raises(NoEvidence, match="declares neither"):
        everything(World(verify_records_dir="", verify_runs_dir="").estate, "patch")


def test_a_declared_source_has_to_answer() -> None:
    world = World()
    world.evidence.missing(
        "patch/a.yml: mend it.", subject="records", name="patch", source="x", collected=NOW, command=""
    )
    with pytest.raises(NoEvidence, match="mend it"):
        everything(world.estate, "patch")


@pytest.mark.parametrize(
    ("kind", "row", "told"),
    [
        ("patch", {"started": at(0), "ended": at(-400)}, "ended in records/patch/0.yml lies in the future"),
        ("drift_check", {"checked": at(-86400)}, "checked in records/drift_check/0.yml lies in the future"),
        ("access_listing", {"at": at(-86400)}, "at in records/access_listing/0.yml lies in the future"),
    ],
)
def test_what_is_said_to_have_happened_in_the_future_is_no_evidence(kind: str, row: dict[str, Any], told: str) -> None:
    world = World()
    world.add(kind, row, {})
    with pytest.raises(NoEvidence, match=told):
        records(world.estate).of(kind)
    assert records(world.estate).of(kind, "staging") == []


def test_a_plan_may_lie_ahead_and_a_clock_may_be_a_little_off() -> None:
    world = World()
    world.add("change", {"planned_start": at(-86400), "planned_end": at(-90000)})
    world.add("patch", {"started": at(0), "ended": at(-200)})
    assert len(records(world.estate).of("change")) == len(records(world.estate).of("patch")) == 1


def test_a_broken_chain_is_no_evidence() -> None:
    world = World()
    world.add("patch", {}, subject="runs", faults=["b.json is not what it was.", "c.json too."])
    with pytest.raises(NoEvidence, match=r"chain of runs/patch is broken: b\.json is not what it was \(and 1 more\)"):
        runs(world.estate).of("patch")
    assert len(runs(world.estate).faults("patch")) == 2


@pytest.mark.parametrize("body", ['{"type": "patch"}', '{"type": "nothing", "records": [], "files": 0}', "[]", "{"])
def test_a_fact_of_another_shape_is_no_evidence(body: str) -> None:
    world = World()
    world.evidence.record(body, subject="records", name="patch", source="x", collected=NOW, command="x")
    with pytest.raises(NoEvidence, match="cannot be read"):
        records(world.estate).of("patch")


def test_a_drill_of_the_future_is_no_evidence() -> None:
    world = World()
    record = {"environment": "production", "started": at(0), "ended": at(-3600)}
    world.put("runs", "packs", {"packs": [{"name": "d1", "intact": True, "faults": [], "record": record}]})
    with pytest.raises(NoEvidence, match="d1 lies in the future"):
        runs(world.estate).packs  # noqa: B018 - a property that raises


def test_packs() -> None:
    world = World()
    record = {
        "environment": "production",
        "started": at(7200),
        "ended": at(3600),
        "verdict": "pass",
        "mode": "live",
        "scenario": {"name": "site_lost"},
        "achieved": {"rto_s": 61.5, "rpo_s": 0, "lost_rows": 0},
        "targets": {"rto_s": 7200, "rpo_s": 60},
    }
    people = [{"name": "A", "fault": None}, {"name": "B", "fault": "There is no signature."}]
    rows = [
        {"name": "b", "intact": False, "faults": ["x"], "record": None},
        {"name": "a", "intact": True, "faults": [], "record": record, "signed": people},
        {"name": "c", "intact": True, "faults": [], "record": {**record, "environment": "staging"}},
    ]
    world.put("runs", "packs", {"packs": rows})
    broken, good = runs(world.estate).packs
    assert (broken.name, broken.intact, broken.ended) == ("b", False, None)
    assert (good.rto_s, good.rpo_target_s, good.scenario) == (61.5, 60, "site_lost")
    assert [row["name"] for row in good.signatures] == ["A"]
    assert good.ended == pytest.approx(NOW - 3600)


# Metrics.


def test_one_value_or_none() -> None:
    world = World()
    world.vector("x", ({"host": "db1", "device": "a"}, "0.5"), ({"host": "db1", "device": "b"}, "NaN"))
    seen = metrics(world.estate)
    assert seen.one("x", device="a") == 0.5
    assert sorted(seen.hosts("x")) == ["db1"]
    for labels, told in (({}, "has 2 values"), ({"device": "b"}, "is nan"), ({"device": "c"}, "has no values")):
        with pytest.raises(NoEvidence, match=told):
            seen.one("x", **labels)
    with pytest.raises(NoEvidence, match="no value of x for lb1"):
        seen.host("x", "lb1")
    with pytest.raises(NoEvidence, match="no values of x for db1"):
        seen.of_host("x", "db1")


def test_the_label_that_names_a_host() -> None:
    world = World(verify_sources={"prometheus": {"host_label": "instance"}})
    world.vector("x", ({"instance": "db1:9100"}, "1"), ({"instance": "lb1"}, "2"))
    assert (metrics(world.estate).host("x", "db1"), metrics(world.estate).host("x", "lb1")) == (1, 2)


TARGET = {
    "labels": {"job": "service", "instance": "https://lb1/", "host": "lb1"},
    "scrapePool": "service",
    "health": "up",
    "lastError": "",
    "lastScrape": "2026-11-26T10:17:19.129421541Z",
    "scrapeInterval": "15s",
}


def probed(up: int, seen: int, *, days: int = 30, down: list[list[Any]] | None = None) -> World:
    """A world with a probe of which so many samples a day were up and seen."""
    world = World()
    labels = {"instance": "https://lb1/"}
    world.put("prometheus", "targets", {"activeTargets": [TARGET]})
    for name, count in (("probe_up_daily", up), ("probe_seen_daily", seen)):
        rows = [[NOW - day * DAY, NOW - day * DAY, str(count)] for day in reversed(range(days))]
        world.series(name, DAY, (labels, rows))
    world.series("probe_down", 60, *([(labels, down)] if down else []))
    return world


def test_availability_of_a_service() -> None:
    whole = metrics(probed(5760, 5760).estate).uptime("https://lb1/", 30)
    assert (whole.verdict, whole.value, whole.coverage) == ("met", 1.0, 1.0)
    assert metrics(probed(5740, 5760).estate).uptime("https://lb1/", 30).verdict == "missed"
    young = metrics(probed(5760, 5760, days=2).estate).uptime("https://lb1/", 30)
    assert (young.verdict, young.coverage) == ("unknown", pytest.approx(2 / 30))
    with pytest.raises(NoEvidence, match="Nothing probes https://other/"):
        metrics(probed(1, 1).estate).uptime("https://other/", 30)


def test_outages_of_a_service() -> None:
    world = probed(5750, 5760, down=[[NOW - 3600, NOW - 3480, "0"], [NOW - 40 * DAY, NOW - 40 * DAY, "0"]])
    assert metrics(world.estate).outages("https://lb1/", 30) == [(NOW - 3600, NOW - 3420)]


def test_targets_rules_and_the_server() -> None:
    world = World()
    rule = {"name": "ServiceDown", "query": "up == 0", "health": "ok", "type": "alerting", "state": "inactive"}
    world.put("prometheus", "targets", {"activeTargets": [{**TARGET, "lastScrape": "0001-01-01T00:00:00Z"}]})
    world.put("prometheus", "rules", {"groups": [{"name": "g", "rules": [{**rule, "duration": 30}]}]})
    world.put("prometheus", "alerts", {"alerts": [{"labels": {"alertname": "A"}, "state": "pending"}]})
    runtime = {"reloadConfigSuccess": True, "corruptionCount": 0, "storageRetention": "90d or 10GiB"}
    world.put("prometheus", "runtimeinfo", runtime)
    world.put("prometheus", "clock", {"offset_s": -1.5, "host_label": "host"})
    seen = metrics(world.estate)
    assert (seen.targets[0].host, seen.targets[0].up, seen.targets[0].interval_s) == ("lb1", True, 15)
    assert (seen.rules[0].for_s, seen.rules[0].error, seen.rules[0].last_evaluation) == (30, "", None)
    assert seen.pending_or_firing[0].since is None
    assert (seen.config_ok, seen.retention_s, seen.clock_offset_s) == (True, 90 * DAY, -1.5)
    assert [duration(text) for text in ("1m30s", "500ms", "2w")] == [90, 0.5, 14 * DAY]
    world.put("prometheus", "runtimeinfo", {**runtime, "storageRetention": "10GiB"})
    with pytest.raises(NoEvidence, match="which is no time"):
        metrics(world.estate).retention_s  # noqa: B018 - the access is what is tested


# Alerts.


def test_where_alerts_go() -> None:
    world = World()
    world.put("alertmanager", "status", {"config": {"original": CONFIG}})
    routes = alerts(world.estate).routes_to
    assert routes({"alertname": "Watchdog"}) == ["deadman"]
    assert routes({"alertname": "A", "severity": "critical"}) == ["pager"]
    assert routes({"alertname": "A", "severity": "critical", "team": "database"}) == ["pager", "database"]
    assert routes({"alertname": "ArchiveFails", "team": "database"}) == ["database"]
    assert routes({"alertname": "A", "severity": "critical", "team": "none"}) == ["people"]
    assert routes({"alertname": "A"}) == ["people"]
    assert [alerts(world.estate).tells(name) for name in ("people", "pager", "none")] == [False, True, False]
    world.put("alertmanager", "status", {"config": {"original": "route: {routes: [{matchers: ['???']}]}"}})
    with pytest.raises(ValueError, match="cannot be read"):
        alerts(world.estate).routes_to({})


def test_what_alertmanager_holds() -> None:
    world = World()
    row = {
        "labels": {"alertname": "A", "severity": "critical"},
        "startsAt": "2026-11-26T10:08:50.081Z",
        "updatedAt": "2026-11-26T10:08:50.081Z",
        "receivers": [{"name": "people"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        "fingerprint": "f",
    }
    held = [row, {**row, "status": {**row["status"], "state": "suppressed", "silencedBy": ["s"]}}]  # type: ignore[dict-item]
    world.put("alertmanager", "alerts", held)
    silence = {
        "id": "s",
        "matchers": [
            {"name": "a", "value": "b", "isRegex": True, "isEqual": False},
            {"name": "c", "value": "d", "isRegex": False},
        ],
        "startsAt": at(60),
        "endsAt": at(-60),
        "createdBy": "x",
        "comment": "why",
        "status": {"state": "active"},
    }
    world.put("alertmanager", "silences", [silence, {**silence, "status": {"state": "expired"}}])
    seen = alerts(world.estate)
    assert [len(seen.active), len(seen.suppressed), seen.suppressed[0].silenced_by] == [1, 1, ("s",)]
    assert [one.matchers for one in seen.silences] == [('a!~"b"', 'c="d"')]


def fired(*spans: tuple[str, float, float], **labels: str) -> World:
    """A world in which alerts fired from and to so many seconds ago."""
    world = World()
    rows = [
        ({"alertname": name, "alertstate": "firing", **labels}, [[NOW - since + 60, NOW - until, "1"]])
        for name, since, until in spans
    ]
    world.series("alerts_firing", 60, *rows)
    world.put("prometheus", "alerts", {"alerts": []})
    return world


def test_episodes() -> None:
    world = fired(("A", 7200, 6600), ("B", 600, 0), ("C", 40 * DAY, 39 * DAY), severity="critical", host="db1")
    first, second = alerts(world.estate).episodes(NOW - DAY)
    assert (first.name, first.started, first.ended, first.severity) == ("A", NOW - 7200, NOW - 6600, "critical")
    assert (second.name, second.ended, second.labels) == ("B", None, {"severity": "critical", "host": "db1"})
    assert len(alerts(world.estate).episodes(NOW - 60 * DAY)) == 3
    with pytest.raises(NoEvidence, match="less than is needed"):
        alerts(world.estate).episodes(NOW - 100 * DAY)


def test_an_alert_that_began_after_the_last_point_is_an_episode_too() -> None:
    world = fired(("A", 600, 0), severity="critical", host="db1")
    rows = [
        ("A", "firing", "db1", "critical"),
        ("B", "firing", "db1", "critical"),
        ("C", "pending", "db1", "critical"),
        ("Watchdog", "firing", "db1", "none"),
    ]
    held = [
        {"labels": {"alertname": name, "host": host, "severity": severity}, "state": state, "activeAt": at(20)}
        for name, state, host, severity in rows
    ]
    world.put("prometheus", "alerts", {"alerts": held})
    found = alerts(world.estate).episodes(NOW - DAY)
    assert [(one.name, round(NOW - one.started), one.ended) for one in found] == [("A", 600, None), ("B", 20, None)]


def test_an_answer_is_of_one_host_and_comes_after_the_alert() -> None:
    world = World()
    rows = [
        ({"alertname": "A", "alertstate": "firing", "host": host}, [[NOW - 7140, NOW - 6600, "1"]])
        for host in ("db1", "db2")
    ]
    world.series("alerts_firing", 60, *rows)
    world.put("prometheus", "alerts", {"alerts": []})
    no_labels = {"alert": "A", "labels": {}, "fired": at(7190), "acknowledged": at(7100)}
    early = {**no_labels, "labels": {"host": "db1"}, "acknowledged": at(9000)}
    world.add("alert_acknowledgement", no_labels, early)
    incident = {"alerts": ["A"], "impact_start": at(7190), "acknowledged": at(7100), "restored": at(6000)}
    for hosts, taken in (([], []), (["db1"], ["db1"]), (["db1", "db2"], ["db1", "db2"])):
        world.add("incident", {**incident, "hosts": hosts})
        answers = alerts(world.estate).answers(NOW - DAY)
        assert [one.episode.labels["host"] for one in answers if one.acknowledged is not None] == taken
    world.add("incident", {**incident, "hosts": ["db1"], "acknowledged": at(9000)})
    assert [one.acknowledged for one in alerts(world.estate).answers(NOW - DAY)] == [None, None]


def test_answers_of_people() -> None:
    world = fired(("A", 7200, 6600), ("B", 5000, 4000), ("C", 3000, 2000), ("D", 1500, 1000), host="db1")
    world.add(
        "alert_acknowledgement",
        {"alert": "A", "labels": {"host": "other"}, "fired": at(7190), "acknowledged": at(7180)},
        {"alert": "A", "labels": {"host": "db1"}, "fired": at(7190), "acknowledged": at(7100), "delivered": None},
        {"alert": "B", "labels": {}, "fired": at(90000), "acknowledged": at(89000)},
    )
    world.add("incident", {"alerts": ["B"], "impact_start": at(5000), "acknowledged": at(4800), "restored": at(4000)})
    world.add("overnight_review", {"alerts": [{"alert": "C", "fired": at(2990), "explanation": "a test"}]})
    found = {one.episode.name: one for one in alerts(world.estate).answers(NOW - DAY)}
    assert found["A"].acknowledged == pytest.approx(NOW - 7100)
    assert (found["B"].acknowledged, found["B"].incident) == (pytest.approx(NOW - 4800), "incident-0")
    assert (found["C"].acknowledged, found["C"].explanation) == (None, "a test")
    assert (found["D"].acknowledged, found["D"].explanation, found["D"].incident) == (None, None, None)
