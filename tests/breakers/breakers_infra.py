# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that INFRA-01 to INFRA-06 have to see: growth, patches, cost, drawings, drills and restores."""

from __future__ import annotations

import re
from typing import Any

from _shared import others
from _world import DAY, HOUR, NOW, World, breaker
from breakers_morning import entered
from golden_drills import DRILL, add_copy, change_pack
from golden_records import MACHINES, add, alter, at, by_hand, drop

UPDATES = others("updates", "INFRA-02")
SECURITY_SUITE = "oldstable-security"


def pool(world: World, name: str, **keys: Any) -> None:
    """Change what is declared of a pool; a key set to None is taken out."""
    found = next(one for one in world.variables["verify_pools"] if one["name"] == name)
    found.update(keys)
    for key in [key for key, value in keys.items() if value is None]:
        del found[key]


def waits(
    world: World,
    host: str,
    package: str = "openssl",
    *,
    absent_ago: float | None = None,
    seen_ago: float | None = None,
) -> None:
    """Let a security update wait on a host; an earlier run saw an index of that age without it, or saw it wait."""
    line = f"{package}/{SECURITY_SUITE} 3.0.19-1~deb12u1 amd64 [upgradable from: 3.0.18-1~deb12u1]\n"
    world.set(host, "updates", world.body(host, "updates") + line)
    told = {"run": "20261124T083000Z", "seen": seen_ago and at(seen_ago), "absent": absent_ago and at(absent_ago)}
    world.change(
        "ledger", "updates", lambda body: body["hosts"].setdefault(host, {}).update({f"{package}:amd64": told})
    )


def signed_today(world: World, host: str) -> None:
    """Let the archives of a host have signed their indexes this morning."""
    signed = re.sub(r"(?m)(:Date: ).*$", r"\1Wed, 25 Nov 2026 06:02:03 UTC", world.body(host, "apt_archives"))
    world.set(host, "apt_archives", signed)


def rated(world: World, host: str, severity: str) -> None:
    """Let the newest scan of a host rate what waits."""
    finding = {"id": "CVE-2026-50000", "severity": severity, "package": "openssl", "installed": "3.0.18-1~deb12u1"}
    finding |= {"fixed_version": "3.0.19-1~deb12u1", "published": at(40 * DAY), "status": "fixed"}
    alter(world, "vulnerability_scan", f"scan-host-{host}-0", findings=[finding])


def stamp(world: World, host: str, path: str, ago: float, mode: str = "644") -> None:
    """Give a file of a host this age, and make it when it is not there."""
    rows = [row for row in world.body(host, "file_states").splitlines() if not row.startswith(f"{path}\t")]
    rows.append(f"{path}\tregular file\t{mode}\t0\t0\t12\t{NOW - ago:.0f}")
    world.set(host, "file_states", "\n".join(rows) + "\n")


@breaker("INFRA-01", "a pool does not say how large it may get")
def no_size(world: World) -> None:
    pool(world, "application", size=None)


@breaker("INFRA-01", "the sizes of a pool contradict each other")
def sizes_contradict(world: World) -> None:
    pool(world, "application", size={"min": 3, "max": 2})


@breaker("INFRA-01", "a pool stands at its largest size for more than a week")
def at_its_maximum(world: World) -> None:
    pool(world, "database", size={"min": 1, "max": 2})


@breaker("INFRA-01", "fewer hosts answer than the pool needs")
def below_its_minimum(world: World) -> None:
    pool(world, "database", size={"min": 3, "max": 4})


@breaker(
    "INFRA-01",
    "at its largest size, and Prometheus remembers three days only",
    also="DELIVER-01.alerts EFFICIENCY-02 MONITORING-01 MORNING-06 RELIABILITY-02",
)
def short_memory(world: World) -> None:
    pool(world, "database", size={"min": 1, "max": 2})

    def forget(body: Any) -> None:
        for row in body["result"]:
            row["value"][1] = repr(3 * DAY)

    world.change("prometheus", "query:history_s", forget)


@breaker("INFRA-02", "a security update waits for three days and nobody rated it", also=UPDATES)
def update_waits(world: World) -> None:
    waits(world, "app1", absent_ago=3 * DAY)


@breaker("INFRA-02", "a security update waits and nothing says since when", also=UPDATES)
def update_of_unknown_age(world: World) -> None:
    waits(world, "app1")
    signed_today(world, "app1")


@breaker("INFRA-02", "each night's upgrade keeps an update of high severity back, for nine days now", also=UPDATES)
def kept_back(world: World) -> None:
    # The golden history has an upgrade as a whole two hours ago.
    waits(world, "app1", seen_ago=9 * DAY, absent_ago=10 * DAY)
    rated(world, "app1", "high")
    entered(world, "CVE-2026-50000", "app1")
    signed_today(world, "app1")


@breaker("INFRA-02", "an update of low severity waits, and no earlier run asked its host", also=UPDATES)
def host_without_history(world: World) -> None:
    waits(world, "app1")
    rated(world, "app1", "low")
    world.change("ledger", "updates", lambda body: body["hosts"].clear())


@breaker("INFRA-02", "a host looked for updates four days ago", also=UPDATES)
def old_lists(world: World) -> None:
    stamp(world, "db1", "/var/lib/apt/lists", 4 * DAY, "755")


@breaker("INFRA-02", "a host asks no archive for security updates", also=UPDATES)
def no_security_archive(world: World) -> None:
    lines = world.body("db1", "apt_archives").splitlines(keepends=True)
    world.set("db1", "apt_archives", "".join(line for line in lines if "security" not in line.lower()))


@breaker("INFRA-02", "apt did not answer", also=UPDATES)
def apt_is_silent(world: World) -> None:
    world.lose("lb1", "updates")


@breaker("INFRA-02", "a reboot waits for ten days", also="SECURITY-04")
def reboot_waits(world: World) -> None:
    stamp(world, "db2", "/run/reboot-required", 10 * DAY)
    world.set("db2", "reboot_required", "/run/reboot-required.pkgs:linux-image-6.1.0-41-amd64\n")


@breaker("INFRA-02", "sshd still runs the library that an update replaced ten days ago")
def old_process(world: World) -> None:
    blocks = world.body("lb1", "services").split("\n\n")
    place = next(number for number, block in enumerate(blocks) if "Id=ssh.service\n" in f"{block}\n")
    pid = re.findall(r"(?m)^MainPID=(\d+)$", blocks[place])[0]
    line = f"/proc/{pid}/maps:7f0-7f1 r-xp 00000000 fd:00 131 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)\n"
    world.set("lb1", "stale_processes", line)
    since = f"ExecMainStartTimestamp=@{NOW - 10 * DAY:.0f}"
    blocks[place] = re.sub(r"(?m)^ExecMainStartTimestamp=.*$", since, blocks[place])
    world.set("lb1", "services", "\n\n".join(blocks))
    history = world.body("lb1", "apt_history")
    world.set("lb1", "apt_history", history[: history.rindex("Start-Date")])


@breaker("INFRA-03", "a volume that costs 31 a month is attached to nothing")
def orphan(world: World) -> None:
    resource = {"id": "vol-9", "kind": "volume", "attached": False, "monthly_cost": 31.0, "encrypted": True}
    row = {"id": "RES-9", "at": at(HOUR), "source": "second provider", "resources": [resource]}
    add(world, "resource_inventory", row)


@breaker("INFRA-03", "nobody listed the resources", also="SECURITY-02.storage")
def no_inventory(world: World) -> None:
    drop(world, "resource_inventory")


@breaker("INFRA-04", "the page shows an address that the host does not have")
def wrong_address(world: World) -> None:
    world.edit("repository:documentation", "documents", "| app1 | 192.0.2.21 |", "| app1 | 192.0.2.22 |")


@breaker("INFRA-04", "a host is not on the page")
def host_missing(world: World) -> None:
    def cut(body: Any) -> None:
        for page in body["documents"]:
            page["text"] = "".join(
                line for line in page["text"].splitlines(keepends=True) if not line.startswith("| repo1 |")
            )

    world.change("repository:documentation", "documents", cut)


@breaker(
    "INFRA-04",
    "the host did not tell its addresses",
    also="INFRA-07.filter",
)
def no_addresses(world: World) -> None:
    world.lose("app1", "addresses")


@breaker("INFRA-04.page", "the page lists a host that is gone")
def host_gone(world: World) -> None:
    line = "| app7 | 192.0.2.27 | app | Debian GNU/Linux 12 (bookworm) | 2 | 24 GiB | 22/tcp |\\n\\n```mermaid"
    world.edit("repository:documentation", "documents", "\\n\\n```mermaid", f"\\n{line}")


@breaker("INFRA-04.page", "the diagram shows a service on another host")
def wrong_drawing(world: World) -> None:
    old = "service_web((web)) --> host_app1[app1]"
    world.edit("repository:documentation", "documents", old, "service_web((web)) --> host_db1[db1]")


@breaker("INFRA-04.page", "the page has no generated part", also="INFRA-04")
def no_generated_part(world: World) -> None:
    world.edit("repository:documentation", "documents", "<!-- inventory: end -->", "")


def drill(world: World, **keys: Any) -> None:
    """Change the newest drill on file; a key of its record is given with ``record__``."""

    def change(body: Any) -> None:
        last = max(body["packs"], key=lambda pack: str(pack["record"]["started"]))
        for key, value in keys.items():
            if key.startswith("record__"):
                last["record"][key.removeprefix("record__")] = value
            else:
                last[key] = value

    world.change("runs", "packs", change)


@breaker("INFRA-05", "a drill was killed after one that passed, and nobody ended it", also="RELIABILITY-03")
def drill_was_killed(world: World) -> None:
    name = "20261124T090000Z-site_lost"
    fault = f"{name} ended without a record: its journal has no end."
    dead = {"name": name, "intact": False, "faults": [fault], "record": None, "begun": at(DAY)}
    world.change("runs", "packs", lambda body: body["packs"].append(dead))


@breaker("INFRA-05", "the newest drill failed", also="RELIABILITY-03")
def drill_failed(world: World) -> None:
    drill(world, record__verdict="fail", record__verdict_reasons=["rows were lost"])


@breaker(
    "INFRA-05", "the seal of the newest drill is broken", also=others("drill", "INFRA-05", "AUTOMATION-04.failover")
)
def drill_changed(world: World) -> None:
    drill(world, intact=False, faults=["drill.json was changed after it was sealed"])


@breaker("INFRA-05", "the loss of data in the drill of a copy was not measured", also="RELIABILITY-03")
def loss_not_measured(world: World) -> None:
    achieved = {"rto_s": 41.0, "rpo_s": None, "lost_rows": 0, "in_doubt_rows": 0}
    drill(world, record__achieved=achieved, record__mode="copy")


@breaker("INFRA-05", "the live drill before a copy lost more than its target")
def loss_before_a_copy(world: World) -> None:
    add_copy(world)
    achieved = {"rto_s": 41.0, "rpo_s": 900.0, "lost_rows": 9, "in_doubt_rows": 0}
    change_pack(world, DRILL, lambda pack: pack["record"].update(achieved=achieved))


@breaker("INFRA-05", "the recovery took three hours", also="RELIABILITY-03")
def slow_recovery(world: World) -> None:
    achieved = {"rto_s": 3 * HOUR, "rpo_s": 1.0, "lost_rows": 0, "in_doubt_rows": 0}
    drill(world, record__achieved=achieved)


@breaker("INFRA-05", "no drill is on file, only a disaster that went well", also="DR-10 RELIABILITY-03")
def no_drill(world: World) -> None:
    world.change(
        "runs", "packs", lambda body: body.update(packs=[one for one in body["packs"] if one["name"] != DRILL])
    )


@breaker(
    "INFRA-05",
    "the newest drill is 91 days old; a disaster since then went well",
    also="DR-10 RELIABILITY-03",
)
def old_drill(world: World) -> None:
    times = {"started": at(91 * DAY + HOUR), "declared": at(91 * DAY), "ended": at(91 * DAY)}
    change_pack(world, DRILL, lambda pack: pack["record"].update(times))


@breaker("INFRA-06", "the newest backup of the files of lb1 was never restored", also="CORE-06")
def never_restored(world: World) -> None:
    drop(world, "restore_test", MACHINES, unless=lambda row: row["asset"] != "files-lb1")


@breaker("INFRA-06", "that the files of lb1 were restored is written by hand alone", also="CORE-06")
def restored_on_paper(world: World) -> None:
    by_hand(world, "restore_test", lambda row: row["asset"] == "files-lb1")


@breaker(
    "INFRA-06",
    "of what lies on the repository host only the files were restored, never the database",
    also="CORE-06",
)
def only_the_files(world: World) -> None:
    drop(world, "restore_test", MACHINES, unless=lambda row: row["asset"] != "database-main")


@breaker("INFRA-06", "the restore was tested nine days ago", also="CORE-06")
def old_test(world: World) -> None:
    alter(world, "restore_test", "RT-files-lb1", MACHINES, started=at(9 * DAY + HOUR), ended=at(9 * DAY))


@breaker("INFRA-06", "the content differed after the restore", also="CORE-06 RELIABILITY-04")
def content_differs(world: World) -> None:
    alter(world, "restore_test", "RT-files-lb1", MACHINES, result="differs")


@breaker(
    "INFRA-06",
    "a check of the content differed, and the record calls itself verified",
    also="CORE-06 RELIABILITY-04",
)
def one_check_differs(world: World) -> None:
    checks = [{"name": "files", "expected": "equal", "observed": "equal", "result": "verified"}]
    checks.append({"name": "checksums", "expected": "equal", "observed": "3 differ", "result": "differs"})
    alter(world, "restore_test", "RT-files-lb1", MACHINES, checks=checks)


@breaker("INFRA-06", "files were restored on the host on which they lie anyway")
def no_scratch_host(world: World) -> None:
    alter(world, "restore_test", "RT-files-lb1", MACHINES, host="lb1")


@breaker("INFRA-06", "no backup from before the test is kept, so nothing says which was the newest")
def nothing_to_compare(world: World) -> None:
    def change(body: Any) -> None:
        body["snapshots"] = [one for one in body["snapshots"] if one["time"] > at(2 * DAY)]

    world.change("lb1", "file_backup_snapshots", change)


@breaker("INFRA-06", "an older backup was restored than the newest one")
def older_backup(world: World) -> None:
    alter(world, "restore_test", "RT-files-lb1", MACHINES, backup={"label": "0ld0ld00", "source": "repo1"})
