# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources against Debian's real Prometheus and Alertmanager, with a history that is known to the second.

Both run on the loopback address, out of packages that are unpacked into a temporary directory where they are not
installed. They need no lab.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from verify.collect import sources
from verify.collect._systems import NAMES
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.facts.alerts import alerts
from verify.facts.metrics import metrics

ENVIRONMENT = "real"
DAY = 86400
MINUTE = 60
PROBE = "https://lb1/health/ready"
# Outages of the probe, in minutes before now: from, to (the last minute that was down).
OUTAGES = ((3 * 1440, 3 * 1440 - 19), (600, 593))
PACKAGES = ("prometheus", "prometheus-alertmanager")
GIB = 2**30

RULES = """
groups:
  - name: all
    rules:
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
      - {alert: TargetDown, expr: up == 0, labels: {severity: critical}}
"""
ROUTES = """
route:
  receiver: people
  group_wait: 0s
  group_interval: 1s
  routes:
    - receiver: deadman
      matchers: [alertname="Watchdog"]
    - receiver: pager
      matchers: ['severity=~"critical|page"', 'team!="none"']
      continue: true
    - receiver: database
      match: {team: database}
      routes:
        - receiver: archive
          match_re: {alertname: "Archive.*"}
    - receiver: nobody
      matchers: [team="none", 'severity!~"crit.*"']
receivers:
  - name: people
  - name: deadman
  - name: pager
    webhook_configs: [{url: "http://127.0.0.1:9/"}]
  - name: database
  - name: archive
  - name: nobody
"""


@dataclass
class Monitoring:
    """The two servers: ports, and when the history that was filled in ends."""

    prometheus: int
    alertmanager: int
    now: float

    def ask(self, path: str) -> Any:
        """Ask Alertmanager."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.alertmanager}/api/v2{path}", timeout=10) as answer:
            return json.load(answer)

    def up(self, job: str) -> bool:
        """Return whether Prometheus has scraped a job."""
        url = f"http://127.0.0.1:{self.prometheus}/api/v1/targets?state=active"
        with urllib.request.urlopen(url, timeout=10) as answer:
            rows = json.load(answer)["data"]["activeTargets"]
        return any(row["labels"]["job"] == job and row["health"] == "up" for row in rows)

    def send(self, path: str, body: Any) -> None:
        """Send something to Alertmanager."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.alertmanager}/api/v2{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310

    def collected(self, name: str = ENVIRONMENT) -> Estate:
        """Collect from both for an environment of some name, and return what a check is given."""
        declared = {
            "verify_sources": {
                "prometheus": {"url": f"http://127.0.0.1:{self.prometheus}"},
                "alertmanager": {"url": f"http://127.0.0.1:{self.alertmanager}"},
            }
        }
        hosts = {name: Declared("host", name, {}) for name in ("db1", "lb1")}
        environment = Environment(name, "inventories/real", "", hosts, {}, declared)
        evidence = Evidence()
        sources.collect(environment, evidence, now=time.time, progress=lambda _name: None)
        return Estate(environment, evidence, now=time.time())


def eventually(what: Callable[[], Any], *, within_s: float = 60.0) -> Any:
    """Return the first truthy value; fail when there is none in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"nothing came within {within_s} s")


def port() -> int:
    """Return a port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are: the root of the system, or of the unpacked packages."""
    if all(shutil.which(name) for name in (*PACKAGES, "promtool")):
        return Path("/")
    folder = tmp_path_factory.mktemp("packages")
    folder.chmod(0o755)
    subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)
    return folder / "root"


def minutes_down(ago: int) -> bool:
    return any(last <= ago <= first for first, last in OUTAGES)


def history(now: int) -> Iterator[str]:
    """Yield 31 days of a probe, its alert, and a disk that fills by a GiB a day, in OpenMetrics.

    A metric of this format stands in one piece, its samples in the order of time.
    """
    minutes = range(31 * 1440, 0, -1)
    yield "# TYPE probe_success gauge"
    for ago in minutes:
        labels = f'instance="{PROBE}",job="service",host="lb1"'
        yield f"probe_success{{{labels}}} {int(not minutes_down(ago))} {now - ago * MINUTE}"
    yield "# TYPE ALERTS gauge"
    for ago in minutes:
        if minutes_down(ago):
            labels = f'alertname="ServiceDown",alertstate="firing",severity="critical",instance="{PROBE}"'
            yield f"ALERTS{{{labels}}} 1 {now - ago * MINUTE}"
    labels = 'host="db1",mountpoint="/",fstype="ext4",device="sda1"'
    for name, value in (("avail", lambda ago: (40 + ago / 1440) * GIB), ("size", lambda _ago: 100 * GIB)):
        yield f"# TYPE node_filesystem_{name}_bytes gauge"
        for ago in minutes[::2]:
            yield f"node_filesystem_{name}_bytes{{{labels}}} {value(ago)} {now - ago * MINUTE}"
    yield "# EOF"


@pytest.fixture(scope="module")
def monitoring(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    """Both servers, up and ready, ended again."""
    folder = tmp_path_factory.mktemp("monitoring")
    now = int(time.time() // MINUTE * MINUTE)
    (folder / "history").write_text("\n".join(history(now)) + "\n", encoding="utf-8")
    fill = [
        *(str(programs / "usr/bin/promtool"), "tsdb", "create-blocks-from", "--max-block-duration=48h"),
        *("openmetrics", str(folder / "history"), str(folder / "data")),
    ]
    subprocess.run(fill, check=True, capture_output=True, timeout=300)
    ports = port(), port()
    scrapes = {
        "gone": {"targets": ["127.0.0.1:1"], "labels": {"host": "gone1"}},
        "prometheus": {"targets": [f"127.0.0.1:{ports[0]}"], "labels": {"host": "mon1"}},
        "service": {"targets": [f"127.0.0.1:{ports[0]}"], "labels": {"instance": PROBE, "host": "lb1"}},
    }
    jobs = [
        {"job_name": name, "static_configs": [static], **({"scrape_interval": "60s"} if name == "service" else {})}
        for name, static in scrapes.items()
    ]
    settings = {
        "global": {
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
            "external_labels": {"environment": ENVIRONMENT},
        },
        "rule_files": [str(folder / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}]},
        "scrape_configs": jobs,
    }
    (folder / "rules.yml").write_text(RULES, encoding="utf-8")
    (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "alertmanager.yml").write_text(ROUTES, encoding="utf-8")
    alertmanager = [
        *(str(programs / "usr/bin/prometheus-alertmanager"), f"--config.file={folder / 'alertmanager.yml'}"),
        *(f"--storage.path={folder / 'silences'}", f"--web.listen-address=127.0.0.1:{ports[1]}"),
        "--cluster.listen-address=",
    ]
    if programs != Path("/"):
        # Debian's Alertmanager looks for its templates in one place; only it may see them there.
        away = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
        mount = f'mount --bind "{programs}/usr/share" /usr/share && exec "$@"'
        alertmanager = [*away, "sh", "-c", mount, "sh", *alertmanager]
    prometheus = [
        *(str(programs / "usr/bin/prometheus"), f"--config.file={folder / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=120d"),
        *(f"--web.listen-address=127.0.0.1:{ports[0]}", "--web.console.templates=", "--web.console.libraries="),
    ]
    started = []
    try:
        for name, command in (("alertmanager", alertmanager), ("prometheus", prometheus)):
            with (folder / f"{name}.log").open("wb") as log:
                started.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
        servers = Monitoring(*ports, now=now)
        eventually(lambda: [one for one in servers.ask("/alerts") if one["labels"]["alertname"] == "TargetDown"])
        eventually(lambda: servers.up("prometheus"))
        yield servers
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def estate(monitoring: Monitoring) -> Estate:
    """What the collector got of both."""
    return monitoring.collected()


def test_every_question_is_answered(estate: Estate) -> None:
    for subject, names in NAMES.items():
        wrong = {}
        for name in names:
            fact = estate.evidence.get(subject, name)
            assert fact is not None
            if fact.error is not None:
                wrong[name] = fact.error
        assert wrong == {}
    up = estate.evidence.get("prometheus", "query:up")
    assert up is not None
    assert (up.rc, up.command, up.klass) == (200, "up", "machine")


def test_both_belong_to_their_environment_alone(monitoring: Monitoring) -> None:
    estate = monitoring.collected("another")
    for subject, names in NAMES.items():
        for name in names:
            if name != "clock":
                told = getattr(estate.evidence.get(subject, name), "error", None) or ""
                assert ENVIRONMENT in told and "another" in told, f"{subject}/{name}"


def test_availability_is_what_was_injected(estate: Estate) -> None:
    """27 of 43,200 minutes were down; the windows end up to a minute and a collection after the history."""
    found = metrics(estate).uptime(PROBE, 30)
    down = sum(first - last + 1 for first, last in OUTAGES)
    assert found.parts["strict"] == pytest.approx(1 - down / 43200, abs=2e-4)
    assert found.verdict == "met"
    # Of 60 days nobody knows the half.
    assert metrics(estate).uptime(PROBE, 60).verdict == "unknown"


def test_outages_are_what_was_injected(estate: Estate, monitoring: Monitoring) -> None:
    found = metrics(estate).outages(PROBE, 30)
    wanted = [(monitoring.now - first * MINUTE, monitoring.now - last * MINUTE) for first, last in OUTAGES]
    assert len(found) == len(wanted)
    for outage, (first, last) in zip(found, wanted, strict=True):
        assert abs(outage.start - first) <= MINUTE
        assert abs(outage.end - (last + MINUTE)) <= MINUTE


def test_alerts_that_fired_are_found_again(estate: Estate, monitoring: Monitoring) -> None:
    episodes = [one for one in alerts(estate).episodes(estate.now - 29 * DAY) if one.name == "ServiceDown"]
    assert len(episodes) == len(OUTAGES)
    for one, (first, last) in zip(episodes, OUTAGES, strict=True):
        assert one.ended is not None
        assert abs(one.started - (monitoring.now - first * MINUTE)) <= 2 * MINUTE
        assert abs(one.ended - (monitoring.now - last * MINUTE)) <= 2 * MINUTE
    now = [one for one in alerts(estate).episodes(estate.now - 300) if one.name == "TargetDown"]
    assert [(one.ended, one.labels["host"]) for one in now] == [(None, "gone1")]


def test_a_forecast_is_the_straight_line(estate: Estate) -> None:
    """40 GiB are left of 100, one a day less: in 30 days 10, so 90 % are used."""
    seen = metrics(estate)
    assert seen.of_host("filesystem_used_ratio", "db1")[0].value == pytest.approx(0.6, abs=0.002)
    assert seen.of_host("filesystem_used_ratio_in_30d", "db1")[0].value == pytest.approx(0.9, abs=0.005)


def test_targets_rules_and_retention(estate: Estate) -> None:
    seen = metrics(estate)
    # The service is scraped once a minute only, so its first scrape may still be to come.
    health = {target.job: target.health for target in seen.targets if target.job != "service"}
    assert health == {"gone": "down", "prometheus": "up"}
    assert {target.interval_s for target in seen.targets if target.job == "service"} == {60}
    assert [(rule.name, rule.health, rule.state) for rule in seen.rules] == [
        ("Watchdog", "ok", "firing"),
        ("TargetDown", "ok", "firing"),
    ]
    assert (seen.retention_s, seen.config_ok, seen.corruptions) == (120 * DAY, True, 0)
    assert abs(seen.clock_offset_s) < 2
    assert seen.flags["web.enable-admin-api"] == "false"


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "Watchdog"},
        {"alertname": "Plain"},
        {"alertname": "Plain", "severity": "warning"},
        {"alertname": "Plain", "severity": "critical"},
        {"alertname": "Plain", "severity": "page", "team": "database"},
        {"alertname": "ArchiveFails", "severity": "critical", "team": "database"},
        {"alertname": "ArchiveFails", "team": "database"},
        {"alertname": "Plain", "severity": "critical", "team": "none"},
        {"alertname": "Plain", "severity": "low", "team": "none"},
    ],
    ids=lambda labels: "-".join(labels.values()),
)
def test_routes_are_those_that_alertmanager_takes(
    estate: Estate, monitoring: Monitoring, labels: dict[str, str]
) -> None:
    """Alertmanager itself says to whom it sends an alert: the oracle of our reading of its routes."""
    told = {**labels, "test": "routes"}
    monitoring.send("/alerts", [{"labels": told}])
    (held,) = eventually(lambda: [one for one in monitoring.ask("/alerts") if one["labels"] == told])
    assert sorted(alerts(estate).routes_to(told)) == sorted(one["name"] for one in held["receivers"])


def test_a_silence_is_seen(monitoring: Monitoring) -> None:
    silence = {
        "matchers": [{"name": "alertname", "value": "TargetDown", "isRegex": False}],
        "startsAt": _utc.iso_ms(_utc.now()),
        "endsAt": _utc.iso_ms(_utc.from_epoch(time.time() + 600)),
        "createdBy": "operations",
        "comment": "a test",
    }
    before = alerts(monitoring.collected()).active
    assert "TargetDown" in {one.name for one in before}
    monitoring.send("/silences", silence)
    eventually(lambda: [one for one in monitoring.ask("/alerts?active=false") if one["status"]["silencedBy"]])
    seen = alerts(monitoring.collected())
    assert "TargetDown" not in {one.name for one in seen.active}
    assert "TargetDown" in {one.name for one in seen.suppressed}
    assert [(one.created_by, one.state, one.matchers) for one in seen.silences] == [
        ("operations", "active", ('alertname="TargetDown"',))
    ]
