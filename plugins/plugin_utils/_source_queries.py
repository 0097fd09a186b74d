# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions that are put to Prometheus: one table of names, PromQL and windows.

``<host>`` stands for the label that names the host (``host_label`` of the source; ``host`` where this collection's
monitoring role wrote the scrape configuration, ``instance`` elsewhere). The metrics are those of the node, blackbox and
HAProxy exporters, of Prometheus and Alertmanager themselves, and the ``ops_`` ones of this collection's roles.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUERIES", "Query"]

_DAY = 86400
_REAL = 'fstype!~"tmpfs|ramfs|squashfs|fuse.*|nsfs"'
_WIRED = 'device!~"lo|veth.*|docker.*|br-.*|cni.*"'


@dataclass(frozen=True, slots=True)
class Query:
    """A question: its name, PromQL, and for a range how far back and how fine (seconds); 0 asks for one instant.

    ``condense`` keeps runs of equal values instead of every point, which loses nothing on the grid of the question.
    """

    name: str
    expr: str
    says: str
    window_s: int = 0
    step_s: int = 0
    condense: bool = False

    def text(self, host_label: str) -> str:
        """Return the PromQL for a label that names the host."""
        return self.expr.replace("<host>", host_label)


def _used(name: str, short: str, hourly: str, what: str) -> list[Query]:
    """Return the use of a resource now, its means and 95th percentiles, and its linear forecast."""
    return [
        Query(name, short, f"{what} in use, last 5 minutes"),
        Query(f"{name}_avg_1d", f"avg_over_time(({short})[1d:5m])", f"{what} in use, mean of a day"),
        Query(f"{name}_p95_1d", f"quantile_over_time(0.95, ({short})[1d:5m])", f"{what} in use, p95 of a day"),
        Query(f"{name}_avg_7d", f"avg_over_time(({hourly})[7d:1h])", f"{what} in use, mean of 7 days"),
        Query(f"{name}_p95_7d", f"quantile_over_time(0.95, ({hourly})[7d:1h])", f"{what} in use, p95 of 7 days"),
        Query(
            f"{name}_in_30d",
            f"predict_linear(({hourly})[30d:1h], {30 * _DAY})",
            f"{what} in use in 30 days, linear over the last 30",
        ),
    ]


def _cpu(window: str) -> str:
    return f'1 - avg by (<host>) (rate(node_cpu_seconds_total{{mode="idle"}}[{window}]))'


_MEMORY = "1 - sum by (<host>) (node_memory_MemAvailable_bytes) / sum by (<host>) (node_memory_MemTotal_bytes)"
_FREE, _SIZE = f"node_filesystem_avail_bytes{{{_REAL}}}", f"node_filesystem_size_bytes{{{_REAL}}}"
_SUCCESS = 'probe_success{job!="certificate"}'

_AVAILABILITY = [
    Query("up", "up", "which targets answer their scrape"),
    Query("probe_success", "probe_success", "which probes succeed now"),
    Query("probe_age_s", "time() - timestamp(probe_success)", "how old the newest sample of each probe is"),
    Query(
        *("probe_up_daily", f"sum_over_time({_SUCCESS}[1d])", "samples of each probe that were up, by day"),
        *(90 * _DAY, _DAY),
    ),
    Query(
        *("probe_seen_daily", f"count_over_time({_SUCCESS}[1d])", "samples of each probe that were seen, by day"),
        *(90 * _DAY, _DAY),
    ),
    Query(
        *("probe_down", f"min_over_time({_SUCCESS}[1m]) == 0", "minutes in which a probe failed"),
        *(90 * _DAY, 60, True),
    ),
]
_HOSTS = [
    *_used("cpu_used_ratio", _cpu("5m"), _cpu("1h"), "processor time"),
    *_used("memory_used_ratio", _MEMORY, _MEMORY, "memory"),
    Query("cpu_count", 'count by (<host>) (node_cpu_seconds_total{mode="idle"})', "processors"),
    Query("memory_bytes", "sum by (<host>) (node_memory_MemTotal_bytes)", "memory that is there"),
    Query(
        "load_per_cpu",
        'sum by (<host>) (node_load5) / count by (<host>) (node_cpu_seconds_total{mode="idle"})',
        "load of 5 minutes by processor",
    ),
    Query("filesystem_used_ratio", f"1 - {_FREE} / {_SIZE}", "space in use"),
    Query(
        "filesystem_inodes_used_ratio",
        f"1 - node_filesystem_files_free{{{_REAL}}} / (node_filesystem_files{{{_REAL}}} > 0)",
        "inodes in use",
    ),
    Query(
        "filesystem_used_ratio_in_30d",
        f"1 - predict_linear({_FREE}[30d:1h], {30 * _DAY}) / {_SIZE}",
        "space in use in 30 days, linear over the last 30",
    ),
    Query(
        "history_s",
        "time() - min by (<host>) (min_over_time(node_time_seconds[30d:10m]))",
        "how far back, at most 30 days, samples of a host reach",
    ),
    Query(
        "host_seen_hourly",
        "clamp_max(count by (<host>) (count_over_time(node_time_seconds[1h])), 1)",
        "hours in which a host answered",
        *(7 * _DAY, 3600),
        condense=True,
    ),
    Query(
        "disk_busy_ratio", "max by (<host>, device) (rate(node_disk_io_time_seconds_total[5m]))", "time disks worked"
    ),
    Query(
        "network_error_ratio",
        f"sum by (<host>, device) (rate(node_network_receive_errs_total{{{_WIRED}}}[1h])"
        f" + rate(node_network_transmit_errs_total{{{_WIRED}}}[1h]))"
        f" / sum by (<host>, device) (rate(node_network_receive_packets_total{{{_WIRED}}}[1h])"
        f" + rate(node_network_transmit_packets_total{{{_WIRED}}}[1h]) > 0)",
        "packets with errors, last hour",
    ),
    Query(
        "network_used_ratio",
        f"max by (<host>, device) (rate(node_network_transmit_bytes_total{{{_WIRED}}}[5m])"
        f" / (node_network_speed_bytes{{{_WIRED}}} > 0))",
        "use of the line, where its speed is known",
    ),
    Query("oom_kills_1d", "sum by (<host>) (increase(node_vmstat_oom_kill[1d]))", "processes killed for memory"),
    Query("boot_at", "max by (<host>) (node_boot_time_seconds)", "when a host started"),
    Query("clock_offset_s", "max by (<host>) (abs(node_timex_offset_seconds))", "how far a clock is off"),
]
_SERVICES = [
    Query(
        "http_requests_5m",
        "sum by (<host>, proxy) (increase(haproxy_frontend_http_responses_total[5m]))",
        "answers to clients in 5 minutes",
    ),
    Query(
        "http_error_ratio",
        'sum by (<host>, proxy) (rate(haproxy_frontend_http_responses_total{code="5xx"}[5m]))'
        " / sum by (<host>, proxy) (rate(haproxy_frontend_http_responses_total[5m]) > 0)",
        "answers to clients that were errors of the server",
    ),
    Query("backends_up", "min by (<host>, proxy) (haproxy_backend_active_servers)", "servers behind a balancer"),
    Query("certificate_expires_at", "min by (instance) (probe_ssl_earliest_cert_expiry)", "end of a certificate"),
    Query("replication_lag_bytes", "ops_replication_lag_bytes", "how far a standby is behind"),
    Query("archive_age_s", "ops_postgresql_archive_age_seconds", "since when no segment was archived"),
    Query(
        "backup_age_s",
        "time() - ops_backup_last_completed_timestamp_seconds",
        "age of the newest database backup, by type",
    ),
    Query(
        "backup_completed_daily",
        'max_over_time(ops_backup_last_completed_timestamp_seconds{type="any"}[1d])',
        "end of the newest database backup, day by day",
        *(30 * _DAY, _DAY),
    ),
    Query(
        "file_backup_success_daily",
        "max_over_time(ops_file_backup_last_success_timestamp_seconds[1d])",
        "end of the newest backup of files that was checked, day by day",
        *(30 * _DAY, _DAY),
    ),
    Query(
        "file_backup_success_hourly",
        "max_over_time(ops_file_backup_last_success_timestamp_seconds[1h])",
        "end of each backup of files that was checked, hour by hour",
        *(7 * _DAY, 3600),
        condense=True,
    ),
    Query("backup_status", "ops_backup_status", "what pgBackRest says of the stanza; 0 is well"),
    Query(
        "file_backup_age_s",
        "time() - ops_file_backup_last_success_timestamp_seconds",
        "age of the newest backup of files",
    ),
]
_ALERTING = [
    Query(
        "alerts_firing",
        'max_over_time(ALERTS{alertstate="firing",severity!="none"}[1m])',
        "minutes in which an alert fired",
        *(30 * _DAY, 60, True),
    ),
    Query("deadman", 'ALERTS{alertname="Watchdog",alertstate="firing"}', "the dead-man's switch"),
    Query("notifications_1d", "increase(alertmanager_notifications_total[1d])", "notifications sent"),
    Query("notifications_failed_1d", "increase(alertmanager_notifications_failed_total[1d])", "notifications lost"),
    Query(
        "rule_failures_1d",
        "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[1d]))",
        "rules that could not be evaluated",
    ),
    Query(
        "scrape_interval_s",
        'max by (interval) (prometheus_target_interval_length_seconds{quantile="0.5"})',
        "how long scrapes are apart",
    ),
]

QUERIES = {query.name: query for query in (*_AVAILABILITY, *_HOSTS, *_SERVICES, *_ALERTING)}
"""All questions by name."""
