# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of AUTOMATION have to see."""

from __future__ import annotations

import copy
from typing import Any

from _world import DAY, HOUR, World, breaker
from breakers_deliver import of_no_procedure
from breakers_team import page
from golden_drills import ACTIVATION, DRILL, change_pack
from golden_records import MACHINES, add, alter, at, drop


def rule(world: World, name: str, **keys: Any) -> None:
    """Change keys of a rule of Prometheus."""

    def change(body: Any) -> None:
        found = [one for group in body["groups"] for one in group["rules"] if one["name"] == name]
        assert found, f"there is no rule {name}"
        for one in found:
            one.update(keys)

    world.change("prometheus", "rules", change)


def not_fired(world: World, name: str) -> None:
    """Let a rule never have fired, neither on purpose nor by itself."""
    drop(world, "exercise", MACHINES, unless=lambda row: row["name"] != name)

    def change(body: Any) -> None:
        body["result"] = [row for row in body["result"] if row["metric"]["alertname"] != name]

    world.change("prometheus", "query:alerts_firing", change)


@breaker("AUTOMATION-01", "a failure of the register was never put in on purpose")
def never_injected(world: World) -> None:
    world.variables["verify_failures"].append({"name": "disk_full", "rule": "prune_logs"})


@breaker("AUTOMATION-01", "the rule did not heal what was put in")
def not_healed(world: World) -> None:
    alter(world, "healing", "HEAL-1", MACHINES, result="refused")


@breaker("AUTOMATION-01", "something else healed it, an hour after the exercise")
def healed_later(world: World) -> None:
    alter(world, "healing", "HEAL-1", MACHINES, ended=at(20 * DAY - 2 * HOUR))


@breaker(
    "AUTOMATION-01",
    "no register of common failures is declared",
    also="AUTOMATION-01.rules",
)
def no_failures(world: World) -> None:
    del world.variables["verify_failures"]


@breaker("AUTOMATION-01", "the failure was put in 91 days ago, and lately another one")
def old_injection(world: World) -> None:
    lately = {"id": "EX-OTHER", "what": "healing", "name": "disk_full", "result": "passed"}
    add(world, "exercise", {**lately, "started": at(3 * HOUR), "ended": at(2 * HOUR)}, subject=MACHINES)
    times = {"started": at(91 * DAY), "ended": at(91 * DAY - HOUR)}
    alter(world, "exercise", "EX-HEAL", MACHINES, **times)


@breaker("AUTOMATION-01.rules", "the alert that begins the healing has no rule")
def no_rule(world: World) -> None:
    world.variables["verify_failures"][0]["alert"] = "AppNotReady"


@breaker("AUTOMATION-02.disk", "the rule looks one day ahead only")
def short_sighted(world: World) -> None:
    rule(world, "DiskFullSoon", query="predict_linear(node_filesystem_avail_bytes[6h], 24 * 3600) < 0")


@breaker("AUTOMATION-02.disk", "no rule draws a line")
def no_line(world: World) -> None:
    rule(world, "DiskFullSoon", query="node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.2")


@breaker("AUTOMATION-02.disk", "nobody ever saw the rule fire")
def disk_never_fired(world: World) -> None:
    not_fired(world, "DiskFullSoon")


@breaker("AUTOMATION-02.certificate", "the rule tells of a certificate's end a week before")
def late_warning(world: World) -> None:
    rule(world, "CertificateExpires", query="probe_ssl_earliest_cert_expiry - time() < 7 * 86400")


@breaker("AUTOMATION-02.certificate", "the rule was made to fire 91 days ago")
def certificate_long_ago(world: World) -> None:
    alter(world, "exercise", "EX-CERT", MACHINES, started=at(91 * DAY), ended=at(91 * DAY - HOUR))


@breaker("AUTOMATION-02.certificate", "the rule did not fire when it was tried")
def certificate_did_not_fire(world: World) -> None:
    alter(world, "exercise", "EX-CERT", MACHINES, result="failed")


@breaker("AUTOMATION-02.replication", "no rule tells of a standby that falls behind")
def nobody_watches(world: World) -> None:
    rule(world, "ReplicationLag", query="up{job='postgresql'} == 0")


@breaker("AUTOMATION-02.replication", "nobody ever saw the rule fire")
def lag_never_fired(world: World) -> None:
    not_fired(world, "ReplicationLag")


@breaker("AUTOMATION-03", "the diagnosis of a runbook is words only")
def words_only(world: World) -> None:
    old = "```console\nansible-playbook -i inventories/golden playbooks/backup.yml --check --diff\n```"
    page(world, "runbooks/backup.md", old, "Look at the graphs and ask a colleague.")


@breaker("AUTOMATION-03", "a runbook has no section on diagnosis")
def no_diagnosis(world: World) -> None:
    page(world, "runbooks/backup.md", "## Diagnosis", "## What else")


@breaker("AUTOMATION-03", "the playbook of a diagnosis does not exist, in a runbook that is no procedure's page")
def diagnosis_is_missing(world: World) -> None:
    of_no_procedure(world, "backup")
    page(world, "runbooks/backup.md", "playbooks/backup.yml --check", "playbooks/backup_info.yml --check")


@breaker("AUTOMATION-04.alerting", "the last test of the path of alerts is 31 days old")
def old_page(world: World) -> None:
    alter(world, "exercise", "EX-PAGE", MACHINES, started=at(31 * DAY + HOUR), ended=at(31 * DAY))


@breaker("AUTOMATION-04.alerting", "the test of the path of alerts failed")
def page_failed(world: World) -> None:
    alter(world, "exercise", "EX-PAGE", MACHINES, result="failed")


@breaker(
    "AUTOMATION-04.restore",
    "nothing was restored for more than a week",
    also="CORE-06 INFRA-06",
)
def no_restore(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["records"]:
            row["record"].update(started=at(9 * DAY), ended=at(8 * DAY))

    world.change(MACHINES, "restore_test", change)


@breaker(
    "AUTOMATION-04.failover",
    "the last live drill is 91 days old; the drill since then switched nothing",
    also="DR-01 RELIABILITY-03",
)
def only_a_copy(world: World) -> None:
    def change(body: Any) -> None:
        (newest,) = [pack for pack in body["packs"] if pack["name"] == DRILL]
        old = copy.deepcopy({**newest, "name": "20260826T090000Z-site_lost_repository"})
        old["record"] |= {"started": at(91 * DAY + HOUR), "declared": at(91 * DAY), "ended": at(91 * DAY)}
        newest["record"]["mode"] = "copy"
        body["packs"] = [old, newest]

    world.change("runs", "packs", change)


@breaker(
    "AUTOMATION-04.failover",
    "the drills of the quarter failed",
    also="INFRA-05 RELIABILITY-03",
)
def drills_failed(world: World) -> None:
    for name in (DRILL, ACTIVATION):
        change_pack(world, name, lambda pack: pack["record"].update(verdict="fail"))
    change_pack(world, "20260923T190000Z-failback", lambda pack: pack["record"].update(verdict="fail"))


@breaker("AUTOMATION-04.healing", "no failure is common by declaration, and none was put in on purpose")
def nothing_common(world: World) -> None:
    no_healing(world)
    world.variables["verify_failures"] = []
    world.variables.setdefault("verify_empty", {})["failure"] = "Nothing failed twice here."


@breaker(
    "AUTOMATION-04.healing",
    "nothing was broken on purpose in the last 90 days",
    also="AUTOMATION-01",
)
def no_healing(world: World) -> None:
    drop(world, "exercise", MACHINES, unless=lambda row: row["what"] != "healing")
