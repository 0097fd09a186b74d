# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults beside good evidence: a better witness, another host, an earlier or a later record must not hide them."""

from __future__ import annotations

import re
from typing import Any

from _world import DAY, HOUR, MINUTE, World, breaker
from breakers_morning import answer, entered, fire, sample
from breakers_reliability import critical, down
from golden_drills import DRILL, RETURN, change_pack
from golden_people import BRIEF
from golden_records import MACHINES, add, alter, at

# The review of the night ended an hour ago, so it does not have to speak of what fired since and is over.
AFTER_THE_REVIEW = 50 * MINUTE


@breaker("INFRA-05", "the drill set itself a target of three hours, and took two and a half")
def wide_target(world: World) -> None:
    def change(pack: Any) -> None:
        pack["record"]["targets"].update(rto_s=3 * HOUR, rpo_s=3600)
        pack["record"]["achieved"].update(rpo_s=900.0)

    change_pack(world, DRILL, change)


@breaker(
    "RELIABILITY-03",
    "only the return from a disaster was fast and lately; no drill is on file",
    also=" ".join((*(f"DR-{number:02d}" for number in range(1, 13)), "INFRA-05")),
)
def only_a_return(world: World) -> None:
    world.change(
        MACHINES, "packs", lambda body: body.update(packs=[one for one in body["packs"] if one["name"] == RETURN])
    )


@breaker("RELIABILITY-03", "the newest drill has no end on record", also="INFRA-05")
def endless_drill(world: World) -> None:
    change_pack(world, DRILL, lambda pack: pack["record"].update(ended=None))


@breaker(
    "RELIABILITY-05",
    "a second scanner finds nothing of what the first found critical",
    also="MORNING-05",
)
def second_scanner(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-db2-0", findings=[critical("db2")])
    later = {"scanner": {"name": "grype", "version": "0.92.0"}, "target": {"kind": "host", "name": "db2"}}
    entered(world, "CVE-2026-999", "db2")
    add(world, "vulnerability_scan", {**later, "at": at(60), "scanned": at(60), "packages": 412, "findings": []})


@breaker("RELIABILITY-02", "an incident on one host answers the same alert of another")
def incident_of_another_host(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", AFTER_THE_REVIEW, 10 * MINUTE, host="app1")
    about = {"title": "A disk filled", "kind": "infrastructure", "priority": "medium", "services": [], "hosts": ["db1"]}
    times = {"impact_start": at(AFTER_THE_REVIEW), "acknowledged": at(46 * MINUTE), "restored": at(40 * MINUTE)}
    people = {"owner": "operations", "cause_state": "fixed", "lessons": ["It is watched."], "closed": at(30 * MINUTE)}
    add(world, "incident", {"id": "INC-61", **about, **times, **people, "alerts": ["DiskFullSoon"]})


@breaker("RELIABILITY-02", "an answer without labels answers the same alert on two hosts")
def answer_without_labels(world: World) -> None:
    for host in ("app1", "db2"):
        fire(world, "DiskFullSoon", "warning", AFTER_THE_REVIEW, 10 * MINUTE, host=host)
    answer(world, "DiskFullSoon", "warning", AFTER_THE_REVIEW, 4 * MINUTE)


@breaker("RELIABILITY-02", "an alert was answered an hour before it fired")
def answered_before(world: World) -> None:
    fire(world, "DiskFullSoon", "warning", AFTER_THE_REVIEW, 10 * MINUTE, host="app1")
    answer(world, "DiskFullSoon", "warning", AFTER_THE_REVIEW, -HOUR, host="app1")


@breaker("CORE-04.deadman", "the receiver of the alert that always fires tells nobody")
def silent_receiver(world: World) -> None:
    def change(body: Any) -> None:
        whole, _sign, _rest = body["config"]["original"].partition("- name: deadman\n")
        body["config"]["original"] = f"{whole}- name: deadman\n"

    world.change("alertmanager", "status", change)


@breaker("DELIVER-04", "a deployment has been under way for a week")
def deployment_without_end(world: World) -> None:
    about = {"service": "web", "version": "9.9.9", "strategy": "rolling", "outcome": "running", "manual_steps": 0}
    about |= {"commit": "0badc0de", "by": "operations"}
    row = {"id": "DEP-X", "at": at(7 * DAY), **about, "started": at(7 * DAY), "change": "CHG-0"}
    times = {"started": at(7 * DAY + HOUR), "ended": at(7 * DAY + HOUR - MINUTE), "at": at(7 * DAY)}
    staged = {"id": "STG-X", "environment": "staging", **about, **times, "outcome": "ok"}
    add(world, "deployment", row, staged, subject=MACHINES)


@breaker("STANDUP-02", "the brief leaves out a change that has begun since")
def change_that_began(world: World) -> None:
    alter(world, "change", "CHG-0", state="implementing")
    alter(world, "brief", BRIEF, MACHINES, deployments=["CHG-P0"])


@breaker(
    "STANDUP-02",
    "the brief leaves out a window that was worded anew since",
    also="EOD-04",
)
def window_worded_anew(world: World) -> None:
    about = {"title": "Patches of the standby", "kind": "maintenance", "hosts": ["db2"], "services": []}
    times = {"start": at(-12 * HOUR), "end": at(-14 * HOUR), "at": at(60)}
    add(world, "window", {"id": "WIN-2", **about, **times, "changes": ["CHG-P0"]})
    alter(world, "brief", BRIEF, MACHINES, windows=["WIN-1"])


@breaker("RELIABILITY-01.incidents", "a window that was written after an outage covers it")
def window_afterwards(world: World) -> None:
    down(world, 22 * DAY, 9 * MINUTE)
    about = {"title": "Work on the balancer", "kind": "maintenance", "services": ["web"], "hosts": []}
    times = {"start": at(22 * DAY + HOUR), "end": at(22 * DAY - HOUR), "at": at(20 * DAY)}
    add(world, "window", {"id": "WIN-A", **about, **times})


@breaker("MORNING-02.clock", "the clock of a host is two hours ahead")
def clock_ahead(world: World) -> None:
    world.set("app1", "clock", {"offset_s": 7200.4, "uncertainty_s": 0.05})


@breaker("MORNING-02.clock", "a host answered so late that its clock may be a minute off")
def clock_unknown(world: World) -> None:
    world.set("app1", "clock", {"offset_s": 0.4, "uncertainty_s": 60.0})


@breaker("MORNING-02.timers", "a host has no timer at all")
def no_timers(world: World) -> None:
    world.set("app1", "timers", "")


@breaker("MORNING-02.timers", "the timer that backs a host's files up was stopped")
def stopped_timer(world: World) -> None:
    blocks = world.body("db1", "timers").split("\n\n")
    assert any("file-backup.timer" in one for one in blocks)
    world.set("db1", "timers", "\n\n".join(one for one in blocks if "file-backup.timer" not in one))


@breaker("MORNING-02.timers", "a timer should have run two hours ago")
def overdue_timer(world: World) -> None:
    world.edit("db1", "timers", "Wed 2026-11-25 22:56:44 UTC", "Wed 2026-11-25 06:20:00 UTC")


def security_alert(world: World, name: str, **labels: str) -> None:
    """Let Alertmanager hold an alert of security."""

    def change(body: Any) -> None:
        marks = {"alertname": name, "severity": "warning", "category": "security", **labels}
        body.append({**body[0], "labels": marks, "fingerprint": "5ec0"})

    world.change("alertmanager", "alerts", change)


@breaker("EOD-07.register", "an alert of security fires, and nobody wrote it down")
def unregistered_alert(world: World) -> None:
    security_alert(world, "ManyRefusedLogins", host="db1")


@breaker(
    "EOD-07.register",
    "a critical finding is open, and what the register has of it is closed or about another host",
    also="MORNING-05 RELIABILITY-05",
)
def unregistered_finding(world: World) -> None:
    alter(world, "vulnerability_scan", "scan-host-db2-0", findings=[critical("db2")])

    def change(body: Any) -> None:
        for row, host in zip(body["records"], ("db1", "db2"), strict=True):
            row["record"].update(covers=["CVE-2026-999"], subject=host)
        assert [row["record"].get("closed") is None for row in body["records"]] == [True, False]

    world.change("records", "security_alert", change)


@breaker("EOD-07.register", "eight high findings are open, and the register has none of them")
def unregistered_high_findings(world: World) -> None:
    found = [{**critical("db2"), "id": f"CVE-2026-{number}", "severity": "high"} for number in range(600, 608)]
    alter(world, "vulnerability_scan", "scan-host-db2-0", findings=found)


def port_443(world: World, verdict: str) -> None:
    """Let openssl say what it makes of the balancer's certificate, by the name of its probe and the authority."""
    text = world.body("lb1", "tls_443")
    world.set("lb1", "tls_443", re.sub(r"Verify return code: .*", f"Verify return code: {verdict}", text))


@breaker("SECURITY-02.protocols", "the certificate of the balancer is of an authority that clients do not trust")
def untrusted(world: World) -> None:
    port_443(world, "20 (unable to get local issuer certificate)")


@breaker("SECURITY-02.protocols", "the certificate of the balancer bears another name")
def another_name(world: World) -> None:
    port_443(world, "62 (hostname mismatch)")


@breaker("SECURITY-02.protocols", "nobody says by which name clients ask for a port, and its certificate bears none")
def no_name(world: World) -> None:
    (row,) = [one for one in world.variables["verify_ports"] if one["port"] == 9100]
    del row["name"]


@breaker("SECURITY-02.protocols", "the system's own authorities do not know the one that signed, and none is declared")
def no_authority(world: World) -> None:
    del next(one for one in world.variables["verify_ports"] if one["port"] == 443)["authority"]
    port_443(world, "21 (unable to verify the first certificate)")


@breaker("SECURITY-02.plain", "a program of its own is declared as protected by ssh")
def ssh_by_name_only(world: World) -> None:
    (row,) = [one for one in world.variables["verify_ports"] if one["port"] == 8000]
    row["encrypted"] = "ssh"


@breaker("DR-01.events", "an incident is marked as a disaster, and no activation is on record for it")
def disaster_without_a_record(world: World) -> None:
    alter(world, "incident", "INC-41", disaster=True)


@breaker(
    "INFRA-01",
    "a pool has stood at its largest size for six of the seven days",
    also="EFFICIENCY-02 MORNING-06",
)
def pinned_pool(world: World) -> None:
    next(one for one in world.variables["verify_pools"] if one["name"] == "database")["size"] = {"min": 1, "max": 2}
    sample(world, "history_s", 6 * DAY, host="db2")
