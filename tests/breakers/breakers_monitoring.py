# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of MONITORING have to see."""

from __future__ import annotations

import datetime
import json
from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, NOW, World, breaker
from breakers_morning import answer, fire, sample
from golden_logs import STORE, newest
from golden_prometheus import PROBE
from golden_records import MACHINES, add, alter, at, drop

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc


def a_day(back: int) -> str:
    """Return the day so many days before the world's."""
    moment = datetime.datetime.fromtimestamp(NOW, tz=datetime.UTC) - datetime.timedelta(days=back)
    return moment.date().isoformat()


@breaker("MONITORING-01", "a critical alert lasted for two hours")
def long_critical(world: World) -> None:
    fire(world, "ArchiveStalled", "critical", 12 * DAY, 2 * HOUR, host="db1")
    answer(world, "ArchiveStalled", "critical", 12 * DAY, 4 * MINUTE, host="db1")


@breaker("MONITORING-01", "a warning lasted for six hours")
def long_warning(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", 12 * DAY, 6 * HOUR, host="repo1")
    answer(world, "DiskFullSoon", "warning", 12 * DAY, 4 * MINUTE, host="repo1")


@breaker("MONITORING-02", "no rule looks at the probe of the service any more")
def no_rule(world: World) -> None:
    world.edit("prometheus", "rules", 'probe_success{job=\\"service\\"} == 0', 'probe_success{job=\\"site\\"} == 0')


@breaker("MONITORING-02", "the alert of the service goes to a receiver that tells nobody")
def dead_end(world: World) -> None:
    told = "  email_configs:\\n  - send_resolved: true\\n    to: on-call@example.org\\n"
    world.edit("alertmanager", "status", told, "")
    world.edit("alertmanager", "status", "  webhook_configs:\\n  - send_resolved: true\\n    url: <secret>\\n", "")


@breaker(
    "MONITORING-02",
    "a critical service declares no probe",
    also=others("probe now", "MONITORING-02"),
)
def unprobed(world: World) -> None:
    del world.variables["verify_services"][0]["probe"]


@breaker(
    "MONITORING-02",
    "the exporter that probes the service does not answer",
    also="CORE-04",
)
def prober_down(world: World) -> None:
    def change(body: Any) -> None:
        target = next(one for one in body["activeTargets"] if one["labels"]["instance"] == PROBE)
        target["health"], target["lastError"] = "down", "connection refused"

    world.change("prometheus", "targets", change)


@breaker("MONITORING-02.delivery", "some notifications are lost on their way")
def lost_notifications(world: World) -> None:
    sample(world, "notifications_failed_1d", 12.0, integration="webhook")


@breaker(
    "MONITORING-02.delivery",
    "the count of notifications is two hours old",
    also="CORE-04.deadman",
)
def old_count(world: World) -> None:
    world.age("prometheus", "query:notifications_1d", 2 * HOUR)


@breaker(
    "MONITORING-02.delivery",
    "not even the dead-man's switch was sent in the last day",
    also="CORE-04.deadman",
)
def mute(world: World) -> None:
    sample(world, "notifications_1d", 0.0, integration="webhook")


@breaker(
    "MONITORING-02.delivery",
    "nothing counts the notifications that failed",
    also="CORE-04.deadman",
)
def uncounted_failures(world: World) -> None:
    world.change("prometheus", "query:notifications_failed_1d", lambda body: body.update(result=[]))


@breaker("MONITORING-03", "no line of a host arrived for an hour", also="SECURITY-05.shipped")
def late_logs(world: World) -> None:
    world.edit("mon1", "central_logs", newest("db2", MINUTE - 1), newest("db2", HOUR))


@breaker("MONITORING-03", "nothing of a host is found centrally", also="SECURITY-05.shipped")
def no_logs(world: World) -> None:
    world.edit("mon1", "central_logs", newest("app1", MINUTE - 1), "")


@breaker("MONITORING-03", "lines of a host arrive, but the one of our own login does not")
def lost_canary(world: World) -> None:
    came = max(
        float(line.split()[0]) for line in world.body("db2", "journal_admin").splitlines() if "for verify " in line
    )
    parts = world.body("mon1", "central_logs").split("==> ")
    mine = next(part for part in parts if f"{STORE}/db2/sshd.log" in part)
    older = newest("db2", NOW - came + 100).split("==> ")[1]
    world.edit("mon1", "central_logs", mine, older)


@breaker("MONITORING-03", "central logs of a host that is older reach back two weeks")
def short_logs(world: World) -> None:
    lines = world.body("mon1", "central_log_files").splitlines()
    kept = [line for line in lines if f"{STORE}/db1/" not in line or float(line.split()[0]) > NOW - 14 * DAY]
    world.set("mon1", "central_log_files", "\n".join(kept) + "\n")


@breaker("MONITORING-03.retention", "central logs are rotated away after a week")
def short_rotation(world: World) -> None:
    world.edit("mon1", "log_rotation", "rotate 90", "rotate 7")


@breaker("MONITORING-04", "a figure has no sample of a day of last week")
def hole(world: World) -> None:
    def change(body: Any) -> None:
        figure = body["figures"]["mttr_s"]
        figure["points"] = [point for point in figure["points"] if point[0][:10] != a_day(5)]

    world.change("ledger", "figures", change)


@breaker("MONITORING-04", "the source of a figure did not answer on a day of last week")
def silent_source(world: World) -> None:
    def change(body: Any) -> None:
        for point in body["figures"]["cost_variance_ratio"]["points"]:
            if point[0][:10] == a_day(4):
                point[1:] = [None, "missing"]

    world.change("ledger", "figures", change)


@breaker("MONITORING-04", "a figure was measured on a day of last week, and could not be told")
def untold_figure(world: World) -> None:
    def change(body: Any) -> None:
        for point in body["figures"]["cost_variance_ratio"]["points"]:
            if point[0][:10] == a_day(4):
                point[1:] = [None, "unknown"]

    world.change("ledger", "figures", change)


@breaker("MONITORING-04", "the ledger begins three weeks ago", also="EOD-01")
def young_ledger(world: World) -> None:
    world.change("ledger", "figures", lambda body: {**body, "first": at(21 * DAY)})


@breaker("MONITORING-05", "a deployment belongs to no change on record")
def unwritten(world: World) -> None:
    drop(world, "change", unless=lambda row: row["id"] != "CHG-8")


@breaker("MONITORING-05", "the change of a deployment was written down three days later")
def late_change(world: World) -> None:
    alter(world, "change", "CHG-8", at=at(NOW - NOW + 9 * DAY))


def of_the_deployment(world: World) -> dict[str, Any]:
    """Return the change of a deployment of last month."""
    rows = json.loads(world.body("records", "change"))["records"]
    found: dict[str, Any] = next(row["record"] for row in rows if row["record"]["id"] == "CHG-8")
    return found


@breaker("MONITORING-05", "the change of a deployment was not touched since it was planned, and calls itself done")
def only_planned(world: World) -> None:
    alter(world, "change", "CHG-8", at=of_the_deployment(world)["submitted"])


@breaker("MONITORING-05", "the change of a deployment was brought up to date on the next day")
def next_day(world: World) -> None:
    ended = _utc.parse_iso(of_the_deployment(world)["ended"])
    alter(world, "change", "CHG-8", at=_utc.iso_ms(ended + datetime.timedelta(hours=23)))


@breaker("MONITORING-05", "a deployment names a change of another month")
def another_change(world: World) -> None:
    alter(world, "deployment", "DEP-8", MACHINES, change="CHG-5")


@breaker("MONITORING-05", "a live drill belongs to no change on record")
def unwritten_drill(world: World) -> None:
    drop(world, "change", unless=lambda row: row["id"] != "CHG-D1")


@breaker("MONITORING-05", "somebody upgraded a host by hand, and no record tells of it")
def upgraded_by_hand(world: World) -> None:
    days = [_utc.from_epoch(NOW - 9 * DAY + second).strftime("%Y-%m-%d  %H:%M:%S") for second in (0, 30)]
    run = (
        f"\nStart-Date: {days[0]}\nCommandline: apt-get upgrade\nRequested-By: ops (1000)\n"
        f"Upgrade: curl:amd64 (7.88.1-10+deb12u8, 7.88.1-10+deb12u9)\nEnd-Date: {days[1]}\n"
    )
    world.set("lb1", "apt_history", f"{world.body('lb1', 'apt_history').rstrip()}\n{run}")


@breaker("MONITORING-05", "a host was patched outside of every change")
def wild_patch(world: World) -> None:
    times = {"started": at(9 * DAY), "ended": at(9 * DAY - 300), "at": at(9 * DAY - 300), "result": "ok"}
    package = {"name": "curl", "from": "7.88.1-10", "to": "7.88.1-11"}
    add(world, "patch", {"id": "PATCH-wild", "host": "lb1", **times, "packages": [package]}, subject=MACHINES)
