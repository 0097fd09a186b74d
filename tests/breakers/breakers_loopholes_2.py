# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More faults beside good evidence: on the way of an alert, in what hosts say themselves, in what is left unsaid."""

from __future__ import annotations

import json
import re
from typing import Any

from _shared import others
from _world import DAY, HOUR, NOW, World, breaker
from breakers_access import anonymous, sudo_line
from breakers_infra_doors import admit
from golden_prometheus import PROBE
from golden_records import MACHINES, add, alter, at


def silence(world: World, lasts: float, *, comment: str = "Work on the balancer", **matcher: Any) -> None:
    """Let Alertmanager hold a silence that began an hour ago and lasts so many seconds."""
    found = {
        "id": "51a2",
        "status": {"state": "active"},
        "matchers": [{"isRegex": False, "isEqual": True, **matcher}],
        "startsAt": at(HOUR),
        "endsAt": at(HOUR - lasts),
        "updatedAt": at(HOUR),
        "createdBy": "operator A",
        "comment": comment,
    }
    world.set("alertmanager", "silences", [found])


def service_down(world: World, **changed: Any) -> None:
    """Change the rule that looks at the probe of the service."""

    def change(body: Any) -> None:
        (rule,) = [one for group in body["groups"] for one in group["rules"] if one["name"] == "ServiceDown"]
        rule.update(changed)

    world.change("prometheus", "rules", change)


@breaker("MORNING-01.silences", "a warning is silenced for a year")
def endless_silence(world: World) -> None:
    silence(world, 365 * DAY, name="alertname", value="DiskFullSoon")


@breaker("MORNING-01.silences", "a silence does not say why")
def silence_without_a_reason(world: World) -> None:
    silence(world, 2 * HOUR, comment=" ", name="alertname", value="DiskFullSoon")


@breaker("MONITORING-02", "the alert of the critical service is silenced for two hours")
def silenced_service(world: World) -> None:
    silence(world, 2 * HOUR, name="alertname", value="ServiceDown")


@breaker("MONITORING-02", "everything of the environment is silenced, by a label that the server adds itself")
def silenced_environment(world: World) -> None:
    silence(world, 2 * HOUR, name="environment", value="golden")
    world.change("alertmanager", "alerts", lambda body: body[0]["labels"].pop("environment") and None)


@breaker("CORE-04.deadman", "the dead-man's switch is silenced, and Alertmanager still shows it as active")
def silenced_switch(world: World) -> None:
    silence(world, 2 * HOUR, name="severity", value="none|info", isRegex=True)


@breaker("MONITORING-02", "the probe of the service has to fail for a week until its rule fires")
def a_week_for_the_rule(world: World) -> None:
    service_down(world, duration=7 * DAY)


@breaker("MONITORING-02", "the rule looks at what the probe said at best in a whole day")
def a_day_in_the_rule(world: World) -> None:
    service_down(world, query='max_over_time(probe_success{job="service"}[1d]) == 0')


@breaker("MONITORING-02", "the rule of the service compares something else with nothing")
def rule_that_never_fires(world: World) -> None:
    service_down(world, query='probe_success{job="service"} == 1 and on(instance) up <= 0')


@breaker("MONITORING-02", "the alert of the critical service has a severity that pages nobody")
def severity_none(world: World) -> None:
    service_down(world, labels={"severity": "none"})


@breaker("MONITORING-02", "the route of what is critical is muted at times")
def muted_route(world: World) -> None:
    route = '    - severity=\\"critical\\"\\n'
    world.edit("alertmanager", "status", route, f"{route}    mute_time_intervals:\\n    - nights\\n")


@breaker("MONITORING-02", "the route of what is critical tells somebody in office hours only")
def office_hours(world: World) -> None:
    route = '    - severity=\\"critical\\"\\n'
    world.edit("alertmanager", "status", route, f"{route}    active_time_intervals:\\n    - office\\n")


@breaker("MONITORING-02", "the alert that always fires inhibits everything critical")
def inhibited_by_the_switch(world: World) -> None:
    rule = '- source_matchers:\\n  - alertname=\\"TargetDown\\"'
    always = '- source_matchers:\\n  - alertname=\\"Watchdog\\"\\n  target_matchers:\\n  - severity=\\"critical\\"\\n'
    world.edit("alertmanager", "status", rule, f"{always}{rule}")


@breaker("MORNING-02.units", "the unit of the database failed on the primary")
def failed_database(world: World) -> None:
    old = "postgresql@15-main.service"
    (line,) = [one for one in world.body("db1", "units").splitlines() if one.startswith(old)]
    failed = re.sub(r"active +running", "failed   failed ", line)
    assert failed != line
    world.edit("db1", "units", line, failed)


@breaker("MORNING-02.units", "systemd counts a failed unit that it does not list")
def degraded(world: World) -> None:
    world.edit("app1", "system", "SystemState=running", "SystemState=degraded")
    world.edit("app1", "system", "NFailedUnits=0", "NFailedUnits=1")


@breaker("MORNING-02.storage", "df of a host shows a full volume, whatever Prometheus says")
def full_by_df(world: World) -> None:
    line = "11811160064 28991029248 2621440 131072 2490368 /var/lib/postgresql"
    world.edit("db1", "disks", line, "42949672960 0 2621440 131072 2490368 /var/lib/postgresql")


@breaker("MORNING-02.storage", "df of a host shows no inodes left")
def no_inodes_by_df(world: World) -> None:
    line = "2621440 131072 2490368 /\n"
    world.edit("app1", "disks", line, "2621440 2621440 0 /\n")


@breaker("MORNING-02.storage", "Prometheus has no sample of the database's volume")
def unwatched_volume(world: World) -> None:
    def change(body: Any) -> None:
        body["result"] = [one for one in body["result"] if one["metric"]["mountpoint"] == "/"]

    world.change("prometheus", "query:filesystem_used_ratio", change)


@breaker("MORNING-02.storage", "all that Prometheus knows of the file systems of a host is where it boots from")
def boot_only(world: World) -> None:
    def change(body: Any) -> None:
        for one in body["result"]:
            if one["metric"]["host"] == "app1":
                one["metric"].update(mountpoint="/boot/efi", device="/dev/vda15")

    for name in ("filesystem_used_ratio", "filesystem_inodes_used_ratio"):
        world.change("prometheus", f"query:{name}", change)


@breaker("MORNING-02.storage", "the kernel took the right to write from the root of a host")
def root_turned_read_only(world: World) -> None:
    world.edit("db1", "mounts", "/dev/mapper/root / ext4 rw,", "/dev/mapper/root / ext4 ro,")


@breaker("MORNING-02.storage", "a volume that fstab names is not mounted")
def volume_not_mounted(world: World) -> None:
    world.edit("db2", "mounts", "/dev/mapper/data /var/lib/postgresql xfs rw,relatime 0 0\n", "")


@breaker("MORNING-02.services", "the critical service does not answer its probe, and the brief says so")
def service_down_now(world: World) -> None:
    def change(body: Any) -> None:
        (one,) = [row for row in body["result"] if row["metric"]["instance"] == PROBE]
        one["value"][1] = "0"

    world.change("prometheus", "query:probe_success", change)
    world.change(MACHINES, "brief", lambda body: body["records"][0]["record"]["figures"].update(probes_up=3))


@breaker("MORNING-02.services", "the critical service was last probed an hour ago")
def old_probe(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["result"]:
            row["value"][1] = "3600"

    world.change("prometheus", "query:probe_age_s", change)


@breaker(
    "MORNING-03",
    "the newest backup of the database is dated three days ahead",
    also=others("backups", "MORNING-03"),
)
def backup_of_the_future(world: World) -> None:
    def change(body: Any) -> None:
        for stanza in body:
            stanza["backup"][-1]["timestamp"] = {"start": int(NOW + 3 * DAY), "stop": int(NOW + 3 * DAY) + 1}

    world.change("repo1", "pgbackrest_info", change)


@breaker("INFRA-06", "the database was restored to the very host that serves it")
def restored_to_the_primary(world: World) -> None:
    for row in json.loads(world.body(MACHINES, "restore_test"))["records"]:
        if row["record"]["asset"] == "database-main":
            alter(world, "restore_test", row["record"]["id"], MACHINES, host="db1")


@breaker("INFRA-07.filter", "a map of verdicts lets the port of a database in")
def map_of_verdicts(world: World) -> None:
    pairs = [[22, {"drop": None}], [3306, {"accept": None}]]
    key = {"payload": {"protocol": "tcp", "field": "dport"}}
    admit(world, "app1", verdict={"vmap": {"key": key, "data": {"set": pairs}}})


def seen_hourly(world: World, host: str, days: float) -> None:
    """Let Prometheus have seen a host for so many days of the week, until an hour ago."""

    def change(body: Any) -> None:
        last = body["end"] // 3600 * 3600 - 3600
        body["result"].append({"metric": {"host": host}, "runs": [[last - int(days * DAY), last, "1"]]})

    world.change("prometheus", "query:host_seen_hourly", change)


@breaker("INFRA-01", "a pool stood at its largest size for five days, until a host of it was taken away")
def shrunk_an_hour_ago(world: World) -> None:
    (row,) = [one for one in world.variables["verify_pools"] if one["name"] == "database"]
    row["left"] = ["db3"]
    seen_hourly(world, "db3", 5)


@breaker("INFRA-01", "a pool stood at its largest size for three hours of the week, until a host left")
def full_for_three_hours(world: World) -> None:
    (row,) = [one for one in world.variables["verify_pools"] if one["name"] == "database"]
    row["left"] = ["db3"]
    seen_hourly(world, "db3", 2 / 24)


@breaker("INFRA-01", "a host answered for five days and left, and no pool says that it was one of its own")
def somebody_left(world: World) -> None:
    seen_hourly(world, "db3", 5)


@breaker("INFRA-01", "Prometheus has no history of hosts")
def no_history_of_sizes(world: World) -> None:
    world.change("prometheus", "query:host_seen_hourly", lambda body: body.update(result=[]))


def work(world: World) -> None:
    """Let the administrator restart the database six hours ago."""
    sudo_line(world, "db1", "ops", 6 * HOUR, "/usr/bin/systemctl restart postgresql")


def window(world: World, name: str, kind: str, begin: float, end: float, **about: Any) -> None:
    """Put a window on record an hour before it begins."""
    row = {"id": name, "title": "Work", "kind": kind, "start": at(begin), "end": at(end), "at": at(begin + HOUR)}
    add(world, "window", {**row, **about})


@breaker("ACCESS-01.windows", "a freeze lay over the window in which somebody worked")
def freeze_over_a_window(world: World) -> None:
    work(world)
    window(world, "WIN-W", "maintenance", 8 * HOUR, 4 * HOUR, hosts=["db1"])
    window(world, "WIN-F", "freeze", 2 * DAY, HOUR, hosts=["db1"])


@breaker("ACCESS-01.windows", "a freeze of a service lay over the window of a host of it")
def freeze_of_a_service(world: World) -> None:
    sudo_line(world, "app1", "ops", 6 * HOUR, "/usr/bin/systemctl restart ccobservatory")
    window(world, "WIN-W", "maintenance", 8 * HOUR, 4 * HOUR, hosts=["app1"])
    window(world, "WIN-F", "freeze", 2 * DAY, HOUR, services=["web"])


@breaker("ACCESS-01.windows", "a window for a service opened a host that has no part in it")
def window_of_another_service(world: World) -> None:
    work(world)
    window(world, "WIN-W", "deployment", 8 * HOUR, 4 * HOUR, services=["web"])


@breaker("IAC-01", "the rules of a branch do not say whom they do not bind")
def bypass_not_said(world: World) -> None:
    alter(world, "repository_rules", "RULES-infrastructure", bypass=...)


@breaker("ACCESS-03.anonymous", "the list of a monitoring system does not say whether it lets anybody in")
def anonymous_not_said(world: World) -> None:
    anonymous(world)
    alter(world, "access_listing", "AL-dashboards", anonymous=...)


@breaker("ACCESS-04", "a security tool lets anybody in")
def open_scanner(world: World) -> None:
    alter(world, "access_listing", "AL-scanner", anonymous=True)


@breaker("ACCESS-04", "the list of a security tool does not say whether it lets anybody in")
def scanner_does_not_say(world: World) -> None:
    alter(world, "access_listing", "AL-scanner", anonymous=...)


@breaker("ACCESS-02.pipeline", "a pipeline does not say who administers it")
def administrators_not_said(world: World) -> None:
    alter(world, "pipeline", "PL-service", administrators=...)


@breaker(
    "MORNING-05",
    "the scanner judged a host by a list of vulnerabilities of last week",
    also=others("scan of a host", "MORNING-05"),
)
def old_list(world: World) -> None:
    scanner = {"name": "trivy", "version": "0.67.0", "database_built": at(7 * DAY)}
    alter(world, "vulnerability_scan", "scan-host-db2-0", scanner=scanner)


@breaker(
    "MORNING-05",
    "the scanner does not say of when its list of vulnerabilities is",
    also=others("scan of a host", "MORNING-05"),
)
def list_without_a_date(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-db2-0", scanner={"name": "trivy", "version": "0.67.0"})


@breaker("CORE-04", "no target was scraped for five days, and each is called up")
def old_scrapes(world: World) -> None:
    def change(body: Any) -> None:
        for one in body["activeTargets"]:
            one["lastScrape"] = at(5 * DAY)

    world.change("prometheus", "targets", change)


@breaker("CORE-04", "the rules were evaluated last five days ago, and each is called ok")
def old_evaluations(world: World) -> None:
    def change(body: Any) -> None:
        for group in body["groups"]:
            for one in group["rules"]:
                one["lastEvaluation"] = at(5 * DAY)

    world.change("prometheus", "rules", change)


@breaker("CORE-04", "a rule was never evaluated")
def never_evaluated(world: World) -> None:
    service_down(world, lastEvaluation="0001-01-01T00:00:00Z")


@breaker("CORE-04", "Prometheus knows no Alertmanager")
def no_alertmanager(world: World) -> None:
    world.set("prometheus", "alertmanagers", {"activeAlertmanagers": [], "droppedAlertmanagers": []})


@breaker("MORNING-07", "the log that a deployment names is a word, and no file")
def log_in_a_word(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, log="none")


@breaker("MORNING-07", "the log of a deployment is empty")
def empty_log(world: World) -> None:
    world.change(MACHINES, "logs", lambda body: body["files"].update({"runs/DEP-1/deploy.log": 0}))


@breaker("MORNING-07", "the log of a deployment is a page of which no pipeline's run knows")
def log_of_nobody(world: World) -> None:
    alter(world, "deployment", "DEP-1", MACHINES, log="https://ci.example.org/elsewhere/1")


@breaker("MORNING-07", "nobody listed which logs are kept")
def unlisted_logs(world: World) -> None:
    world.lose(MACHINES, "logs", "golden declares no verify_logs_dir.")


@breaker("MORNING-02", "the inodes in use on a host are no number")
def no_number(world: World) -> None:
    def change(body: Any) -> None:
        for one in body["result"]:
            if one["metric"]["host"] == "app1":
                one["value"][1] = "-Inf"

    world.change("prometheus", "query:filesystem_inodes_used_ratio", change)


@breaker("MORNING-02.units", "systemd shows a service as failed that its list of units has as active")
def failed_service(world: World) -> None:
    begin, found, rest = world.body("db1", "services").partition("Id=postgresql@15-main.service")
    assert found and "ActiveState=active" in rest
    world.set("db1", "services", begin + found + rest.replace("ActiveState=active", "ActiveState=failed", 1))
