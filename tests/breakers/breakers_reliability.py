# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of RELIABILITY and OPEX have to see."""

from __future__ import annotations

import json
from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from breakers_infra import stamp
from breakers_morning import answer, entered, fire
from golden_prometheus import PROBE, SAMPLES, SCRAPE_S
from golden_records import MACHINES, add, alter, at, drop
from golden_work import IMAGE


def down(world: World, ago: float, lasted: float, *, told: str = "") -> None:
    """Let the service fail for so many seconds, in every series of its probe; an incident tells of it when asked."""
    first = int((NOW - ago) // 60 * 60)

    def lost(body: Any) -> None:
        for row in body["result"]:
            for point in row["values"]:
                if point[0] - DAY <= first < point[0]:
                    point[1] = repr(float(point[1]) - lasted / SCRAPE_S)

    def seen(body: Any) -> None:
        body["result"][0]["runs"] = sorted([*body["result"][0]["runs"], [first, first + int(lasted) - 60, "0"]])

    world.change("prometheus", "query:probe_up_daily", lost)
    world.change("prometheus", "query:probe_down", seen)
    if told:
        about = {"title": "The service did not answer", "kind": "third_party", "services": ["web"], "priority": told}
        times = {"impact_start": at(ago), "restored": at(ago - lasted), "closed": at(ago - lasted - HOUR)}
        people = {"owner": "operations", "cause_state": "fixed", "lessons": ["It is watched."], "detected": at(ago)}
        add(world, "incident", {"id": f"INC-{int(ago)}", **about, **times, **people, "acknowledged": at(ago - 60)})


def unseen(world: World, days: int, of: float = 0.0) -> None:
    """Let Prometheus have but a share of the samples of the newest days."""

    def change(body: Any) -> None:
        for row in body["result"]:
            for point in row["values"][-days:]:
                point[1] = repr(float(round(SAMPLES * of)))

    world.change("prometheus", "query:probe_up_daily", change)
    world.change("prometheus", "query:probe_seen_daily", change)


@breaker("RELIABILITY-01", "the service was down for an hour and a half this month")
def long_outage(world: World) -> None:
    down(world, 20 * DAY, 90 * MINUTE, told="high")


@breaker(
    "RELIABILITY-01", "the service was down for an hour and a half in a window to which no approved change belongs"
)
def window_alone(world: World) -> None:
    down(world, 20 * DAY, 90 * MINUTE, told="high")
    times = {"start": at(20 * DAY), "end": at(20 * DAY - 2 * HOUR), "at": at(21 * DAY)}
    add(
        world, "window", {"id": "WIN-past", "title": "Maintenance", "kind": "maintenance", **times, "services": ["web"]}
    )


@breaker("RELIABILITY-01", "some of the month's samples are missing, more than its budget of errors")
def few_samples(world: World) -> None:
    unseen(world, 30, of=0.998)


@breaker(
    "RELIABILITY-01",
    "nothing probes the service",
    also=f"{others('probe', 'RELIABILITY-01')} MONITORING-02 MORNING-02.services",
)
def no_probe(world: World) -> None:
    world.variables["verify_services"][0]["probe"] = "https://lb1/elsewhere"


@breaker("RELIABILITY-01", "the probes are so far apart that short outages fall between them")
def sparse_probes(world: World) -> None:
    def thin(body: Any) -> None:
        for row in body["activeTargets"]:
            if row["labels"]["instance"] == PROBE:
                row["scrapeInterval"] = "20s"

    world.change("prometheus", "targets", thin)


@breaker("RELIABILITY-01.incidents", "an outage of nine minutes stands in no incident")
def untold_outage(world: World) -> None:
    down(world, 22 * DAY, 9 * MINUTE)


@breaker(
    "RELIABILITY-01.incidents",
    "the probes say nothing of two weeks, so that no outage can be seen there",
    also=others("probe", "RELIABILITY-01.incidents"),
)
def unseen_weeks(world: World) -> None:
    world.change("prometheus", "query:probe_down", lambda body: body.update(result=[]))
    unseen(world, 14)


@breaker("RELIABILITY-02", "nobody ever answered an alert of two weeks ago")
def unanswered(world: World) -> None:
    drop(world, "alert_acknowledgement", unless=lambda row: row["id"] != "ACK-2")


@breaker("RELIABILITY-02", "answers to alerts take twenty minutes")
def slow_answers(world: World) -> None:
    for number, ago in ((1, 10 * DAY - MINUTE), (2, 17 * DAY)):
        alter(world, "alert_acknowledgement", f"ACK-{number}", acknowledged=at(ago - 20 * MINUTE))


@breaker("RELIABILITY-03", "the last incident of the service took more than two hours")
def slow_recovery(world: World) -> None:
    about = {"title": "Reports were slow", "priority": "high", "kind": "application", "services": ["web"]}
    times = {"impact_start": at(3 * DAY), "restored": at(3 * DAY - 122 * MINUTE), "closed": at(3 * DAY - 4 * HOUR)}
    people = {"owner": "operations", "cause_state": "fixed", "lessons": ["The index is there now."]}
    add(world, "incident", {"id": "INC-51", **about, **times, **people, "acknowledged": at(3 * DAY - 60)})


def pack(world: World, change: Any) -> None:
    """Change the record of every drill on file."""

    def put(body: Any) -> None:
        assert body["packs"]
        for one in body["packs"]:
            change(one["record"])

    world.change(MACHINES, "packs", put)


@breaker("RELIABILITY-03", "the last drill took three hours to recover", also="INFRA-05")
def slow_drill(world: World) -> None:
    pack(world, lambda record: record["achieved"].update(rto_s=10900.0))


@breaker(
    "RELIABILITY-03",
    "no drill is on record",
    also=" ".join((*(f"DR-{number:02d}" for number in range(1, 13)), "AUTOMATION-04.failover", "INFRA-05")),
)
def no_drill(world: World) -> None:
    world.set(MACHINES, "packs", {"packs": []})


@breaker("RELIABILITY-03", "the only drill took away hosts of other services alone")
def uncovered(world: World) -> None:
    pack(world, lambda record: record["header"].update(primary="db9", lost_hosts=["db9"]))


@breaker("RELIABILITY-03", "the service runs on a host that no drill took away", also="INFRA-04.page")
def other_hosts(world: World) -> None:
    world.variables["verify_services"][0]["hosts"] = ["repo1"]


@breaker(
    "RELIABILITY-03",
    "the drill was one on a copy, which took nothing of the service away",
    also="AUTOMATION-04.failover DR-01 INFRA-05",
)
def copy_alone(world: World) -> None:
    pack(world, lambda record: record.update(mode="copy"))


@breaker("RELIABILITY-04", "a day of last week has no backup of the files")
def missed_day(world: World) -> None:
    until, since = at(5 * DAY), at(6 * DAY)

    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if not since < one["time"] <= until]

    def measured(body: Any) -> None:
        values = next(row["values"] for row in body["result"] if row["metric"]["host"] == "db2")
        values[-6][1] = values[-7][1]

    world.change("db2", "file_backup_snapshots", change)
    world.change("prometheus", "query:file_backup_success_daily", measured)


@breaker("RELIABILITY-04", "the backups of a day failed, as their records say, while an older one was restored")
def failed_day(world: World) -> None:
    since, until = NOW - 8 * DAY, NOW - 7 * DAY
    gone = []

    def change(body: Any) -> None:
        own = [one for one in body[0]["backup"] if since < one["timestamp"]["stop"] <= until]
        gone.extend(one["label"] for one in own)
        body[0]["backup"] = [one for one in body[0]["backup"] if one not in own]

    def measured(body: Any) -> None:
        values = body["result"][0]["values"]
        values[-8][1] = values[-9][1]

    world.change("repo1", "pgbackrest_info", change)
    world.change("prometheus", "query:backup_completed_daily", measured)
    for label in gone:
        alter(world, "backup", f"B-{label}", MACHINES, result="could_not_run")
    older = json.loads(world.body("repo1", "pgbackrest_info"))[0]["backup"][-30]["label"]
    alter(world, "restore_test", "RT-database-1", MACHINES, backup={"label": older, "type": "incr", "source": "repo1"})


@breaker("RELIABILITY-04", "the backups of a host reach back ten days only")
def short_history(world: World) -> None:
    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if one["time"] > at(10 * DAY)]

    def measured(body: Any) -> None:
        row = next(row for row in body["result"] if row["metric"]["host"] == "db2")
        row["values"] = row["values"][-9:]

    world.change("db2", "file_backup_snapshots", change)
    world.change("prometheus", "query:file_backup_success_daily", measured)


def critical(target: str, **more: Any) -> dict[str, Any]:
    """Return a critical finding."""
    about = {"id": "CVE-2026-999", "severity": "critical", "package": "zlib1g", "installed": "1:1.2.13"}
    return {**about, "fixed_version": None, "title": f"of {target}", **more}


@breaker(
    "RELIABILITY-05",
    "the scans on record cannot be read as a whole",
    also=others("scans", "RELIABILITY-05"),
)
def unreadable_scans(world: World) -> None:
    world.lose("records", "vulnerability_scan", "vulnerability_scan/db1.trivy.json is not JSON, or was cut short.")


@breaker("RELIABILITY-05", "a critical finding without a fix is open on a host", also="MORNING-05")
def critical_host(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-db2-0", findings=[critical("db2")])
    entered(world, "CVE-2026-999", "db2")


@breaker("RELIABILITY-05", "what could be mended on a host carries no severity", also="MORNING-05 OPEX-05")
def unrated(world: World) -> None:
    found = critical("db2", severity="unknown", fixed_version="1:1.2.13-2")
    alter(world, "vulnerability_scan", "scan-host-db2-0", findings=[found])


@breaker("RELIABILITY-05.images", "a critical finding is open in an image", also="MORNING-05.images")
def critical_in_image(world: World) -> None:
    alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-0", findings=[critical("image")])
    entered(world, "CVE-2026-999", IMAGE)


@breaker("OPEX-01", "the service was down for two hours two months ago")
def long_outage_of_the_quarter(world: World) -> None:
    down(world, 50 * DAY, 119 * MINUTE, told="high")


@breaker(
    "OPEX-01",
    "Prometheus keeps samples for two months only",
    also="OPEX-01.consistency OPEX-03",
)
def short_retention(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["result"]:
            row["values"] = row["values"][-64:]

    world.change("prometheus", "query:probe_up_daily", change)
    world.change("prometheus", "query:probe_seen_daily", change)


@breaker("OPEX-01.consistency", "incidents tell of five hours of which the probes know nothing")
def disagreeing(world: World) -> None:
    about = {"title": "The service did not answer", "kind": "third_party", "services": ["web"], "priority": "medium"}
    times = {"impact_start": at(50 * DAY), "restored": at(50 * DAY - 5 * HOUR), "closed": at(49 * DAY)}
    people = {"owner": "operations", "cause_state": "fixed", "lessons": ["It is watched."]}
    add(world, "incident", {"id": "INC-52", **about, **times, **people, "acknowledged": at(50 * DAY - 60)})


@breaker("OPEX-02", "a critical incident took three hours, although the mean is short")
def one_long_incident(world: World) -> None:
    about = {"title": "A report was wrong", "kind": "data", "services": [], "priority": "critical"}
    times = {"impact_start": at(50 * DAY), "restored": at(50 * DAY - 3 * HOUR), "closed": at(49 * DAY)}
    people = {"owner": "operations", "cause_state": "fixed", "lessons": ["It is watched."]}
    add(world, "incident", {"id": "INC-53", **about, **times, **people, "acknowledged": at(50 * DAY - 60)})


@breaker("OPEX-03", "the service failed three times in the quarter")
def failing_often(world: World) -> None:
    for day in (35, 45):
        down(world, day * DAY, 3 * MINUTE, told="medium")


@breaker("OPEX-04", "a tenth of the quarter's deployments needed a person")
def manual_deployments(world: World) -> None:
    rows = [row["record"]["id"] for row in json.loads(world.body(MACHINES, "deployment"))["records"]]
    for name in rows[-34:-30]:
        alter(world, "deployment", name, MACHINES, manual_steps=2)


@breaker("OPEX-05", "a critical finding with a fix stayed open for three days")
def late_patch(world: World) -> None:
    found = critical("db2", fixed_version="1:1.2.13.dfsg-1+deb12u1")
    for back in (45, 42):
        alter(world, "vulnerability_scan", f"scan-host-db2-{back}", findings=[found])


def mended_this_morning(world: World, package: str) -> None:
    """Let scans of lb1 show a critical finding from yesterday until two hours ago, for less than a day."""
    found = critical("lb1", package=package, fixed_version="1:2")
    rows = json.loads(world.body("records", "vulnerability_scan"))["records"]
    known = next(one["record"] for one in rows if one["record"]["id"] == "scan-host-lb1-0")
    alter(world, "vulnerability_scan", "scan-host-lb1-0", findings=[found])
    for ago, findings in ((25 * HOUR, [found]), (1.5 * HOUR, [])):
        scanner = {**known["scanner"], "database_built": at(ago + HOUR)}
        times = {"id": f"scan-host-lb1-{ago}", "at": at(ago), "scanned": at(ago)}
        add(world, "vulnerability_scan", {**known, **times, "scanner": scanner, "findings": findings})


@breaker("OPEX-05", "a library was mended within a day, but a process uses the old one still")
def old_library(world: World) -> None:
    mended_this_morning(world, "libssl3")
    line = "/proc/4711/maps:7f0-7f1 r-xp 00000000 fd:00 131 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n"
    world.set("lb1", "stale_processes", line)


@breaker("OPEX-05", "a library was mended within a day, but waits for a reboot")
def reboot_asked(world: World) -> None:
    mended_this_morning(world, "libc6")
    stamp(world, "lb1", "/run/reboot-required", 2 * HOUR)
    world.set("lb1", "reboot_required", "/run/reboot-required.pkgs:libc6\n")


@breaker("OPEX-05.images", "a critical finding with a fix stayed open in an image for three days")
def late_image(world: World) -> None:
    alter(world, "vulnerability_scan", f"scan-image-{IMAGE}-30", findings=[critical("image", fixed_version="1:1.3")])


@breaker("OPEX-05.images", "the scans of an image reach back a month only")
def young_image(world: World) -> None:
    drop(
        world, "vulnerability_scan", unless=lambda row: row["target"]["name"] != IMAGE or row["scanned"] > at(31 * DAY)
    )


@breaker("OPEX-05", "the scans of a host reach back a month only")
def young_scans(world: World) -> None:
    month = at(30 * DAY)
    drop(
        world,
        "vulnerability_scan",
        unless=lambda row: row["target"]["name"] != "repo1" or row["scanned"] > month,
    )


__all__ = ["PROBE", "answer", "critical", "down", "fire", "pack", "unseen"]
