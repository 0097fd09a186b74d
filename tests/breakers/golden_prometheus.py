# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus of the green world: 90 days of probes, hosts in their bands, rules that are evaluated, few alerts.

Two outages of the service stand in it, as incidents of the register tell them (`OUTAGES`), and the alerts that people
answered (`ALERTS`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from _world import DAY, HOUR, MINUTE, NOW, World, golden

SCRAPE_S = 15
PROBE = "https://lb1/health/ready"
# What rests on the history of alerts, which only a probe shows to be whole.
ALERTS_WATCHED = ("DELIVER-01.alerts", "MONITORING-01", "MORNING-01", "RELIABILITY-02")
GRID = int(NOW // 60 * 60)

SAMPLES = int(DAY // SCRAPE_S)


class Fired(NamedTuple):
    """An alert that fired: labels, seconds ago, and for how long."""

    name: str
    severity: str
    host: str
    ago: float
    lasted: float
    more: dict[str, str]


OUTAGES = ((10 * DAY, 12 * MINUTE),)
"""Seconds ago and length of the outages that the probe saw."""

ALERTS = (
    Fired("ServiceDown", "critical", "lb1", 10 * DAY - 1 * MINUTE, 12 * MINUTE, {"job": "service", "instance": PROBE}),
    Fired(
        "DiskFullSoon", "warning", "db1", 17 * DAY, 50 * MINUTE, {"job": "node", "mountpoint": "/var/lib/postgresql"}
    ),
    Fired("TargetDown", "warning", "app1", 5 * DAY, 6 * MINUTE, {"job": "node", "instance": "app1:9100"}),
    Fired("ReplicationLag", "warning", "db1", 6 * HOUR, 9 * MINUTE, {"job": "postgresql", "application_name": "db2"}),
)

RULES = (
    ("meta", "Watchdog", "none", 0, "vector(1)"),
    ("meta", "AlertsNotDelivered", "warning", 0, "increase(alertmanager_notifications_failed_total[10m]) > 0"),
    ("availability", "TargetDown", "warning", 60, "up == 0"),
    ("availability", "ServiceDown", "critical", 30, 'probe_success{job="service"} == 0'),
    ("availability", "CertificateExpires", "warning", 60, "probe_ssl_earliest_cert_expiry - time() < 21 * 86400"),
    ("availability", "CertificateRefused", "warning", 120, 'probe_success{job="certificate"} == 0'),
    (
        *("availability", "DiskFullSoon", "warning", 1800),
        'predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs"}[6h], 4 * 86400) < 0',
    ),
    (
        *("availability", "DiskAlmostFull", "critical", 120),
        'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs"} / node_filesystem_size_bytes < 0.1',
    ),
    ("database", "NotOnePrimary", "critical", 30, "(count(ops_postgresql_in_recovery == 0) or vector(0)) != 1"),
    ("database", "ReplicationLag", "warning", 60, "ops_replication_lag_bytes > 67108864"),
    ("database", "ArchiveStalled", "critical", 60, "ops_postgresql_archive_age_seconds > 300"),
    ("backup", "BackupTooOld", "critical", 60, "time() - ops_backup_last_completed_timestamp_seconds > 90000"),
    ("backup", "FileBackupTooOld", "warning", 300, "time() - ops_file_backup_last_success_timestamp_seconds > 90000"),
)

TARGETS = (
    ("prometheus", "127.0.0.1:9090", "mon1"),
    ("alertmanager", "127.0.0.1:9093", "mon1"),
    *(("node", f"{host}:9100", host) for host in ("lb1", "app1", "db1", "db2", "repo1", "mon1")),
    *(("postgresql", f"{host}:9187", host) for host in ("db1", "db2")),
    ("haproxy", "lb1:8405", "lb1"),
    ("service", PROBE, "lb1"),
    *(("certificate", f"{host}:8432", host) for host in ("repo1", "db1", "db2")),
)

# Use of each host: processors, memory, number of processors, bytes of memory.
USE = {
    "lb1": (0.41, 0.48, 2, 4),
    "app1": (0.742, 0.731, 4, 8),
    "db1": (0.761, 0.774, 8, 32),
    "db2": (0.724, 0.752, 8, 32),
    "repo1": (0.33, 0.39, 2, 4),
    "mon1": (0.38, 0.55, 2, 8),
}


def instant(rows: list[tuple[dict[str, str], float]]) -> dict[str, Any]:
    """Return the body of an instant question: labels and value of each series."""
    return {"query": "", "time": NOW, "result": [{"metric": one, "value": [NOW, repr(value)]} for one, value in rows]}


def runs(rows: list[tuple[dict[str, str], list[tuple[float, float]]]], days: int, value: str) -> dict[str, Any]:
    """Return the body of a question that is condensed to runs: labels, and first and last instant of each run."""
    start = GRID - days * int(DAY)
    result = [{"metric": one, "runs": [[int(a), int(b), value] for a, b in spans]} for one, spans in rows]
    return {"query": "", "start": start, "end": GRID, "step": 60, "result": result}


def minutes(ago: float, lasted: float) -> tuple[float, float]:
    """Return first and last whole minute of a time that began so many seconds ago."""
    start = (NOW - ago) // 60 * 60
    return start, start + lasted - 60


@golden
def server(world: World) -> None:
    """Prometheus itself: its version, settings, targets and rules."""
    put = {
        "labels": {"environment": "golden"},
        "buildinfo": {"version": "2.42.0", "revision": "d1", "branch": "debian/sid", "goVersion": "go1.19.8"},
        "runtimeinfo": {
            "startTime": "2026-08-20T06:00:00Z",
            "CWD": "/",
            "reloadConfigSuccess": True,
            "lastConfigTime": "2026-11-12T09:14:31Z",
            "corruptionCount": 0,
            "storageRetention": "90d",
        },
        "flags": {"web.enable-admin-api": "false", "storage.tsdb.retention.time": "90d"},
        "tsdb": {"headStats": {"numSeries": 18231, "chunkCount": 96112, "minTime": 1, "maxTime": 2}},
        "targets": {"activeTargets": [_target(*one) for one in TARGETS], "droppedTargets": []},
        "rules": {"groups": _groups()},
        "alerts": {"alerts": [_alert()]},
        "alertmanagers": {"activeAlertmanagers": [{"url": "http://127.0.0.1:9093/api/v2/alerts"}]},
        "clock": {"offset_s": 0.004},
    }
    for name, body in put.items():
        world.set("prometheus", name, body)


def _target(job: str, instance: str, host: str) -> dict[str, Any]:
    probed = job in ("service", "certificate")
    return {
        "discoveredLabels": {"__address__": instance, "job": job},
        "labels": {"host": host, "instance": instance, "job": job},
        "scrapePool": job,
        "scrapeUrl": f"http://127.0.0.1:9115/probe?target={instance}" if probed else f"http://{instance}/metrics",
        "globalUrl": "",
        "lastError": "",
        "lastScrape": "2026-11-25T08:28:52.113Z",
        "lastScrapeDuration": 0.013,
        "health": "up",
        "scrapeInterval": f"{SCRAPE_S}s",
        "scrapeTimeout": "10s",
    }


def _groups() -> list[dict[str, Any]]:
    groups = dict.fromkeys(group for group, *_rest in RULES)
    return [
        {
            "name": group,
            "file": "/etc/prometheus/ops.rules.yml",
            "interval": SCRAPE_S,
            "limit": 0,
            "evaluationTime": 0.0012,
            "lastEvaluation": "2026-11-25T08:28:50.001Z",
            "rules": [_rule(*rest) for name, *rest in RULES if name == group],
        }
        for group in groups
    ]


def _rule(name: str, severity: str, lasting: int, expr: str) -> dict[str, Any]:
    firing = name == "Watchdog"
    return {
        "name": name,
        "query": expr,
        "duration": lasting,
        "keepFiringFor": 0,
        "labels": {"severity": severity},
        "annotations": {"summary": name},
        "alerts": [_alert()] if firing else [],
        "health": "ok",
        "state": "firing" if firing else "inactive",
        "evaluationTime": 0.0002,
        "lastEvaluation": "2026-11-25T08:28:50.001Z",
        "type": "alerting",
    }


def _alert() -> dict[str, Any]:
    return {
        "labels": {"alertname": "Watchdog", "severity": "none"},
        "annotations": {"summary": "Watchdog"},
        "state": "firing",
        "activeAt": "2026-08-20T06:00:12.000Z",
        "value": "1e+00",
    }


@golden
def probes(world: World) -> None:
    """Ninety days of the service's probe, with its two outages."""
    one = {"host": "lb1", "instance": PROBE, "job": "service"}
    certificates = [
        {"host": host, "instance": f"{host}:8432", "job": "certificate"} for host in ("repo1", "db1", "db2")
    ]
    down = [minutes(ago, lasted) for ago, lasted in OUTAGES]
    up, seen = [], []
    for back in range(90, -1, -1):
        end = GRID - back * int(DAY)
        lost = sum(last + 60 - first for first, last in down if end - DAY <= first < end) / SCRAPE_S
        up.append([end, repr(float(SAMPLES - lost))])
        seen.append([end, repr(float(SAMPLES))])
    about = {"query": "", "start": GRID - 90 * int(DAY), "end": GRID, "step": int(DAY)}
    world.set("prometheus", "query:probe_up_daily", {**about, "result": [{"metric": one, "values": up}]})
    world.set("prometheus", "query:probe_seen_daily", {**about, "result": [{"metric": one, "values": seen}]})
    world.set("prometheus", "query:probe_down", runs([(one, sorted(down))], 90, "0"))
    everyone = [one, *certificates]
    world.set("prometheus", "query:probe_success", instant([(labels, 1.0) for labels in everyone]))
    world.set("prometheus", "query:probe_age_s", instant([(labels, 6.2) for labels in everyone]))
    ends = [
        ({"instance": PROBE}, NOW + 61 * DAY),
        *(({"instance": c["instance"]}, NOW + 200 * DAY) for c in certificates),
    ]
    world.set("prometheus", "query:certificate_expires_at", instant(ends))
    up_now = [({"job": job, "instance": where, "host": host}, 1.0) for job, where, host in TARGETS]
    world.set("prometheus", "query:up", instant(up_now))


@golden
def hosts(world: World) -> None:
    """What the hosts use, now, on average and as a straight line says of a month from now."""

    def put(name: str, rows: list[tuple[dict[str, str], float]]) -> None:
        world.set("prometheus", f"query:{name}", instant(rows))

    for place, resource in enumerate(("cpu", "memory")):
        for ending, factor in (("", 1.01), ("_avg_1d", 1.0), ("_p95_1d", 1.12), ("_avg_7d", 0.99), ("_p95_7d", 1.14)):
            put(f"{resource}_used_ratio{ending}", [({"host": name}, use[place] * factor) for name, use in USE.items()])
        put(f"{resource}_used_ratio_in_30d", [({"host": name}, use[place] * 1.03) for name, use in USE.items()])
    put("cpu_count", [({"host": name}, float(use[2])) for name, use in USE.items()])
    put("memory_bytes", [({"host": name}, use[3] * 2.0**30) for name, use in USE.items()])
    put("load_per_cpu", [({"host": name}, use[0] * 0.9) for name, use in USE.items()])
    places = [{"host": name, "device": "/dev/vda1", "fstype": "ext4", "mountpoint": "/"} for name in USE]
    places += [
        {"host": name, "device": "/dev/vdb", "fstype": "xfs", "mountpoint": "/var/lib/postgresql"}
        for name in ("db1", "db2")
    ]
    put("filesystem_used_ratio", [(one, 0.44) for one in places])
    put("filesystem_inodes_used_ratio", [(one, 0.07) for one in places])
    put("filesystem_used_ratio_in_30d", [(one, 0.52) for one in places])
    put("history_s", [({"host": name}, 30 * DAY - 1800) for name in USE])
    week = [({"host": name}, [(GRID // HOUR * HOUR - 7 * DAY, GRID // HOUR * HOUR)]) for name in USE]
    world.set("prometheus", "query:host_seen_hourly", {**runs(week, 7, "1"), "step": 3600})
    links = [{"host": name, "device": "eth0"} for name in USE]
    put("network_error_ratio", [(one, 0.00002) for one in links])
    put("network_used_ratio", [(one, 0.11) for one in links if one["host"] != "repo1"])
    put("disk_busy_ratio", [({"host": name, "device": "vda"}, 0.09) for name in USE])
    put("oom_kills_1d", [({"host": name}, 0.0) for name in USE])
    put("boot_at", [({"host": name}, NOW - 21 * DAY) for name in USE])
    put("clock_offset_s", [({"host": name}, 0.0008) for name in USE])


@golden
def services(world: World) -> None:
    """What the service, the database and the backups say of themselves."""
    web = {"host": "lb1", "proxy": "web"}
    rows: dict[str, list[tuple[dict[str, str], float]]] = {
        "http_requests_5m": [(web, 41230.0)],
        "http_error_ratio": [(web, 0.0)],
        "backends_up": [({"host": "lb1", "proxy": "app"}, 1.0)],
        "replication_lag_bytes": [({"host": "db1", "application_name": "db2"}, 2048.0)],
        "archive_age_s": [({"host": "db1"}, 41.0)],
        "backup_age_s": [({"host": "repo1", "stanza": "main", "type": kind}, 6.0 * HOUR) for kind in ("full", "incr")],
        "backup_status": [({"host": "repo1", "stanza": "main"}, 0.0)],
        "file_backup_age_s": [({"host": host}, 7.0 * HOUR) for host in ("lb1", "db1", "db2", "mon1")],
    }
    for name, body in rows.items():
        world.set("prometheus", f"query:{name}", instant(body))


@golden
def alerting(world: World) -> None:
    """A month of alerts, and the way on which they leave."""
    fired = [
        (
            {
                "alertname": one.name,
                "alertstate": "firing",
                "severity": one.severity,
                "host": one.host,
                **one.more,
            },
            [minutes(one.ago, one.lasted)],
        )
        for one in ALERTS
    ]
    world.set("prometheus", "query:alerts_firing", runs(fired, 30, "1"))
    deadman = {"alertname": "Watchdog", "alertstate": "firing", "severity": "none"}
    sent = {"integration": "webhook", "instance": "127.0.0.1:9093", "job": "alertmanager", "host": "mon1"}
    rows: dict[str, list[tuple[dict[str, str], float]]] = {
        "deadman": [(deadman, 1.0)],
        "notifications_1d": [(sent, 1452.0)],
        "notifications_failed_1d": [({**sent, "reason": "other"}, 0.0)],
        "rule_failures_1d": [({"rule_group": f"/etc/prometheus/ops.rules.yml;{rule[0]}"}, 0.0) for rule in RULES],
        "scrape_interval_s": [({"interval": f"{SCRAPE_S}s"}, float(SCRAPE_S))],
    }
    for name, body in rows.items():
        world.set("prometheus", f"query:{name}", instant(body))
