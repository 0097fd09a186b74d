# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of the guide that share a fact: why one fault may rightly turn more than one control red.

A fault that is as small as it can be turns one control red. Where it turns others red too, the guide says the same
thing in two lines (`SAME`), or one source is the only witness of several and gave nothing (`SOURCES`): no evidence is
never green. Nothing else excuses a breaker that is broader than its control; tests hold each row against these tables.
Parts of one line of the guide (``INFRA-07`` and ``INFRA-07.filter``) need no declaration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Shared(NamedTuple):
    """What several lines say or rest on (``says``), the evidence and variables that tell it, and who judges it."""

    says: str
    facts: tuple[str, ...]
    controls: tuple[str, ...]


def _shared(says: str, facts: str, controls: str) -> Shared:
    return Shared(says, tuple(facts.split()), tuple(controls.split()))


_DR = " ".join(f"DR-{number:02d}" for number in range(1, 13))
_WATCHED = "DELIVER-01.alerts MONITORING-01 MORNING-01 RELIABILITY-02"
_PROBED = "OPEX-01 OPEX-01.consistency OPEX-03 RELIABILITY-01 RELIABILITY-01.incidents"

SAME = {
    "updates": _shared(
        "no security update waits beyond its bound",
        *("updates apt_archives file_states", "DELIVER-03 INFRA-02 SECURITY-04"),
    ),
    "reboot": _shared("no reboot waits beyond its bound", *("reboot_required file_states", "INFRA-02 SECURITY-04")),
    "upgrade": _shared("the last upgrade of a host ended well", *("apt_history", "DELIVER-03 SECURITY-04")),
    "scan of a host": _shared(
        "each host is scanned within a day, and nothing critical is open",
        *("vulnerability_scan", "CORE-05 MORNING-05 OPEX-05 RELIABILITY-05"),
    ),
    "scan of an image": _shared(
        "each image is scanned within a day, and nothing critical is open",
        "vulnerability_scan workload_listing verify_images verify_empty",
        "CORE-05.images MORNING-05.images OPEX-05.images RELIABILITY-05.images",
    ),
    "critical finding": _shared(
        "a critical finding is mended, and until then somebody answers for it",
        *("vulnerability_scan", "EOD-07.register MORNING-05 RELIABILITY-05"),
    ),
    "drift": _shared("the estate equals its code", *("drift_check", "CORE-01 EOD-06.in_force")),
    "kind of a repository": _shared(
        "a repository that holds infrastructure code is declared as one",
        *("tree", "CORE-01.repositories IAC-01 IAC-01.commits IAC-03 IAC-03.builds IAC-04"),
    ),
    "pushed": _shared("everything in the code's repository is pushed", *("remote", "EOD-06 IAC-01.applied")),
    "newest backup": _shared(
        "each asset has a good and fresh backup", *("file_backup_snapshots", "CORE-06 EOD-03 MORNING-03")
    ),
    "restore test": _shared(
        "a backup of each asset was restored within a week",
        *("restore_test", "AUTOMATION-04.restore CORE-06 INFRA-06"),
    ),
    "restored content": _shared(
        "what a restore test finds out counts for its backup", *("restore_test", "CORE-06 INFRA-06 RELIABILITY-04")
    ),
    "check of a backup": _shared(
        "each backup passed its check", *("backup restore_test", "EOD-03 MORNING-03 RELIABILITY-04")
    ),
    "baseline": _shared(
        "the baseline holds on each host",
        *("file_states sshd sysctl verify_baseline", "CORE-05.baseline INFRA-08 INFRA-08.change"),
    ),
    "ssh": _shared("sshd agrees to strong methods only", *("sshd", "INFRA-08.change SECURITY-02.protocols")),
    "drill": _shared(
        "a drill that passed rehearsed the recovery within a quarter",
        *("packs", f"AUTOMATION-04.failover {_DR} INFRA-05 RELIABILITY-03"),
    ),
    "healing": _shared(
        "healing was tried on purpose within a quarter", *("exercise", "AUTOMATION-01 AUTOMATION-04.healing")
    ),
    "answer": _shared(
        "each alert is answered", *("alert_acknowledgement", "DELIVER-01.alerts MORNING-01 RELIABILITY-02")
    ),
    "targets": _shared("each target of Prometheus answers", *("targets", "CORE-04 MONITORING-02 MORNING-02")),
    "delivery": _shared(
        "notifications arrive",
        *("query:notifications_1d query:notifications_failed_1d", "CORE-04.deadman MONITORING-02.delivery"),
    ),
    "budget": _shared("the month's cost follows its budget", *("cost budget", "EFFICIENCY-01 INFRA-03")),
    "owner": _shared("each open incident has an owner", *("incident", "DELIVER-05 MORNING-01.incidents")),
    "deployment": _shared(
        "a deployment of the night has its end and its checks on record", *("deployment", "DELIVER-04 MORNING-07")
    ),
    "pipelines": _shared(
        "every pipeline is looked at", *("pipeline_run verify_pipelines", "CORE-02.registered DELIVER-04")
    ),
    "change": _shared("a deployment belongs to a change on record", *("change", "DELIVER-04 MONITORING-05")),
    "figures": _shared("each figure of each day is kept", *("figures", "EOD-01 MONITORING-04")),
    "logs": _shared("what a host logs arrives centrally", *("central_logs", "MONITORING-03 SECURITY-05.shipped")),
    "verifier": _shared(
        "the account that verifies may do nothing but that", *("sudoers", "ACCESS-01 ACCESS-01.standing SECURITY-01")
    ),
    "everything": _shared(
        "whoever may do everything by sudo is declared", *("groups verify_sudo", "ACCESS-01.standing SECURITY-01")
    ),
    "ports": _shared(
        "each port that listens is declared, with its program", *("sockets", "INFRA-07 SECURITY-02.plain")
    ),
    "ways in": _shared(
        "sshd takes keys from declared places only",
        *("sshd sshd_files", "INFRA-07.idle SECURITY-01.accounts SECURITY-01.keys"),
    ),
    "places": _shared(
        "where a service runs is known, drilled and on the page",
        *("verify_services", "INFRA-04.page RELIABILITY-03"),
    ),
    "calendar": _shared("what is planned is what the calendar has", *("window", "EOD-04 STANDUP-02")),
    "brief": _shared("today's brief was there in time", *("brief", "STANDUP-01 STANDUP-02 STANDUP-03 STANDUP-04")),
}
"""What the guide says in more than one line."""

SOURCES = {
    "scans": _shared(
        "the scans on record are the only witness",
        "vulnerability_scan",
        "CORE-05 CORE-05.images EOD-07.register MORNING-05 MORNING-05.images OPEX-05 OPEX-05.images RELIABILITY-05 "
        "RELIABILITY-05.images",
    ),
    "packs": _shared(
        "the sealed packs of drills are the only witness",
        "packs",
        f"AUTOMATION-04.failover {_DR} IAC-01.applied INFRA-05 MONITORING-05 RELIABILITY-03 TEAM-03",
    ),
    "history of alerts": _shared(
        "Prometheus' history of alerts is the only witness",
        "query:alerts_firing",
        f"AUTOMATION-02.certificate AUTOMATION-02.disk AUTOMATION-02.replication {_WATCHED}",
    ),
    "rules": _shared("an alert can only fire while its rule is evaluated", "rules", f"CORE-04 {_WATCHED}"),
    "samples": _shared(
        "only what Prometheus remembers can be judged",
        *("query:history_s", f"EFFICIENCY-02 INFRA-01 MORNING-06 {_WATCHED}"),
    ),
    "probe": _shared(
        "the probe of the service is the only witness",
        *("query:probe_seen_daily verify_services", f"DR-09 {_PROBED} {_WATCHED}"),
    ),
    "probe now": _shared(
        "a service has to declare by which name it is probed",
        "verify_services",
        f"MONITORING-02 MORNING-02.services {_PROBED} {_WATCHED}",
    ),
    "visit": _shared(
        "the visit of the host is the only witness",
        "connection",
        "ACCESS-01 ACCESS-01.standing ACCESS-01.windows MONITORING-03 MORNING-02 SECURITY-01 SECURITY-01.accounts "
        "SECURITY-05",
    ),
    "backups": _shared(
        "the repository is the only witness of its backups",
        *("pgbackrest_info", "CORE-06 EOD-03 INFRA-06 MORNING-03 RELIABILITY-04 SECURITY-02.backups"),
    ),
    "use": _shared(
        "the use of yesterday is compared with what others state of it",
        *("query:memory_used_ratio_avg_1d", "EOD-05 MORNING-06 STANDUP-01"),
    ),
    "pipeline": _shared(
        "the system that runs a pipeline is the only witness", *("pipeline", "ACCESS-02.pipeline DELIVER-02")
    ),
    "pages": _shared(
        "the documentation is the only witness",
        "documents",
        "AUTOMATION-03 DELIVER-06 DELIVER-06.named DR-12 INFRA-04 INFRA-04.page TEAM-01 TEAM-01.commands",
    ),
    "code": _shared(
        "the repository of the code is the only witness",
        "tree",
        "AUTOMATION-03 CORE-01.repositories DELIVER-06.named IAC-01 IAC-03 IAC-04 IAC-05 TEAM-01.commands",
    ),
    "resources": _shared(
        "the inventory of resources is the only witness", *("resource_inventory", "INFRA-03 SECURITY-02.storage")
    ),
    "sockets": _shared(
        "the host's list of sockets is the only witness",
        "sockets",
        "ACCESS-03.anonymous INFRA-04 INFRA-07 INFRA-07.filter SECURITY-02.plain SECURITY-02.protocols",
    ),
    "files of sshd": _shared(
        "the files that sshd reads are the only witness of its blocks",
        *("sshd_files", "INFRA-07.idle INFRA-08.sshd SECURITY-01.accounts SECURITY-01.keys"),
    ),
    "terraform": _shared("the Terraform code is the only witness", *("terraform", "IAC-03 IAC-05.backends")),
    "entrants": _shared(
        "the list of who can enter a system is the only witness",
        *("access_listing", "ACCESS-02 ACCESS-04 SECURITY-01.systems"),
    ),
    "procedures": _shared(
        "the declared procedures are what is looked at", *("verify_procedures", "TEAM-01 TEAM-01.commands TEAM-03")
    ),
    "addresses": _shared("a host's addresses are the only witness", *("addresses", "INFRA-04 INFRA-07.filter")),
    "filter": _shared(
        "the kernel is the only witness of its packet filter",
        *("firewall", "CORE-05.baseline INFRA-07.filter INFRA-08 INFRA-08.change"),
    ),
}
"""Sources, and declarations, that are the only witness of more than one line."""

COVERED = {
    "AUTOMATION-04.failover": ("RELIABILITY-03",),
    "AUTOMATION-04.restore": ("CORE-06", "INFRA-06"),
    "CORE-01": ("EOD-06.in_force",),
    "CORE-05": ("MORNING-05",),
    "CORE-05.baseline": ("INFRA-08",),
    "CORE-05.images": ("MORNING-05.images",),
    "RELIABILITY-05": ("MORNING-05",),
    "RELIABILITY-05.images": ("MORNING-05.images",),
}
"""Controls that can never turn red alone: all that the line says is said by one of these, with the same bound."""


def relations(control: str, other: str) -> list[Shared]:
    """Return what two controls share; the tables in their order."""
    return [one for one in (*SAME.values(), *SOURCES.values()) if {control, other} <= set(one.controls)]


def same_line(control: str, other: str) -> bool:
    """Return whether two controls are parts of one line of the guide."""
    return control.partition(".")[0] == other.partition(".")[0]


def others(name: str, *left_out: str) -> str:
    """Return the controls of a relation but for some, as breakers name them."""
    return " ".join(one for one in {**SAME, **SOURCES}[name].controls if one not in left_out)


def told(control: str, red: Iterable[str]) -> str:
    """Return what else turned red with a control, and what they share with it; ``nothing`` without any.

    The relation that explains most comes first. What no table explains stands there by its name alone.
    """
    left, parts = set(red), []
    while left:
        best = max((*SAME.values(), *SOURCES.values()), key=lambda one: len(_explained(one, control, left)))
        found = _explained(best, control, left)
        if not found:
            break
        parts.append(f"{', '.join(sorted(found))} ({best.says})")
        left -= found
    parts += [f"{one} (a part of the same line)" for one in sorted(left) if same_line(control, one)]
    parts.append(", ".join(sorted(one for one in left if not same_line(control, one))))
    return "; ".join(part for part in parts if part) or "nothing"


def _explained(one: Shared, control: str, left: Collection[str]) -> set[str]:
    return set(left) & set(one.controls) if control in one.controls else set()
