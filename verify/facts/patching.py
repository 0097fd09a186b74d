# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates, restarts and reboots that wait, as claims: how bad is each, how old can it be, and is that allowed.

The age of an update has a lower and an upper bound (`host_updates`); "not older than" needs the upper one. What no scan
rates may be critical, so it gets the bound of what is critical.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, expect, not_applicable, unknown
from verify.engine.evidence import NoEvidence
from verify.facts.host_updates import PendingUpdate
from verify.facts.verdicts import span
from verify.facts.vulnerabilities import vulnerabilities

__all__ = [
    *("in_container", "kernel_is_newest", "no_old_process", "no_overdue_reboot", "no_overdue_update", "replaced"),
    "searched",
]

# What systemd-detect-virt(1) calls containers: they run the kernel of their machine.
_CONTAINERS = ("docker", "lxc", "lxc-libvirt", "openvz", "podman", "rkt", "systemd-nspawn", "wsl")
_RANKS = ("critical", "high", "medium", "low")


def in_container(host: Any) -> bool:
    """Return whether the host is a container, which shares the kernel, the clock and the disks of its machine."""
    return host.system.virtualization in _CONTAINERS


def searched(host: Any, bounds: Any) -> Iterator[Said]:
    """Claim that the host looked for updates lately, in an archive that has security updates."""
    yield expect(host.packages, f"{host.name} knows its packages", observed=len(host.packages), expected="1 or more")
    archives = [one.file for one in host.apt.security_archives]
    yield expect(archives, f"{host.name} asks an archive for security updates", observed=archives)
    age = host.apt.lists_age_s
    if age is None:
        yield unknown(f"Nothing tells when {host.name} fetched the lists of its archives.")
        return
    yield expect(
        age <= bounds.lists_max_age_s,
        f"{host.name} fetched the lists of its archives within {span(bounds.lists_max_age_s)}",
        observed=age,
        expected=bounds.lists_max_age_s,
    )


def no_overdue_update(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Claim of each pending security update that it waits no longer than its severity allows."""
    waiting = host.security_updates
    for one in waiting:
        yield _in_time(host, one, _severity(estate, host, one), bounds)
    if not waiting:
        yield expect(True, f"no security update waits on {host.name}", observed=0, expected=0)


def _in_time(host: Any, one: PendingUpdate, severity: str, bounds: Any) -> Said:
    rank = severity if severity in _RANKS else "critical"
    limit = getattr(bounds, f"{rank}_s")
    how = severity if severity in _RANKS else "not rated, so it counts as critical"
    claim = f"{one.package} {one.candidate} ({how}) waits on {host.name} for less than {span(limit)}"
    observed = {"at_least_s": one.age_at_least_s, "at_most_s": one.age_at_most_s}
    if one.age_at_least_s > limit or (one.age_at_most_s is not None and one.age_at_most_s <= limit):
        return expect(one.age_at_least_s <= limit, claim, observed=observed, expected=limit)
    return unknown(
        f"{one.package} {one.candidate} ({how}) waits on {host.name}, and nothing proves that it does so for less than "
        f"{span(limit)}: no earlier run saw its archive without it in that time.",
        observed=observed,
    )


def _severity(estate: Any, host: Any, update: PendingUpdate) -> str:
    """Return the worst severity that the newest scan of the host gives the package (or its source package)."""
    try:
        scan = vulnerabilities(estate).newest("host", host.name)
    except NoEvidence:
        return "unknown"
    known = host.packages.get(update.package)
    names = {update.package, known.source if known else update.package}
    found = {one.severity for one in scan.findings if one.package in names} if scan else set()
    return next((rank for rank in _RANKS if rank in found), "unknown")


def no_overdue_reboot(host: Any, bounds: Any) -> Said:
    """Claim that the host does not wait for a restart for longer than it may."""
    if not host.reboot_required:
        return expect(True, f"{host.name} waits for no reboot", observed=False, expected=False)
    state = host.file_states.get("/run/reboot-required")
    why = ", ".join(host.reboot_packages) or "no package names itself"
    if state is None:
        return unknown(f"{host.name} waits for a reboot ({why}), and nothing tells since when.")
    age = host.estate.now - state.mtime
    return expect(
        age <= bounds.reboot_s,
        f"the reboot that {host.name} waits for ({why}) is due for less than {span(bounds.reboot_s)}",
        observed=age,
        expected=bounds.reboot_s,
    )


def no_old_process(host: Any, bounds: Any) -> Iterator[Said]:
    """Claim of each process that uses replaced files that the update which replaced them is not long ago."""
    stale = host.stale_processes
    for one in stale:
        age = host.estate.now - replaced(host, one.pid)
        yield expect(
            age <= bounds.restart_s,
            f"{_service(host, one.pid)} of {host.name} was restarted within {span(bounds.restart_s)} of its update",
            observed={"at_most_s": age, "files": list(one.paths[:3])},
            expected=bounds.restart_s,
        )
    if not stale:
        yield expect(True, f"no process of {host.name} uses files that were replaced", observed=0, expected=0)


def _service(host: Any, pid: int) -> str:
    return next((name for name, one in host.services.items() if one.main_pid == pid), f"process {pid}")


def replaced(host: Any, pid: int) -> float:
    """Return the earliest instant at which the files of a process can have been replaced: the first upgrade since it
    started, or else its start itself."""
    begun = next((one.started for one in host.services.values() if one.main_pid == pid and one.started), None)
    begun = begun or host.system.booted
    if begun is None:
        raise NoEvidence(f"Nothing tells when process {pid} of {host.name} started.")
    ends = [run.end for run in host.patch_runs if run.end is not None and run.end > begun and run.upgraded]
    return float(min(ends, default=begun))


def kernel_is_newest(host: Any) -> Said:
    """Claim that the host runs the newest kernel that it has; a container runs that of its machine."""
    newest = host.newest_kernel
    if newest is None:
        if in_container(host):
            inside = host.system.virtualization
            return not_applicable(
                f"{host.name} is a container ({inside}), which has no kernel of its own", observed=inside
            )
        return unknown(f"{host.name} has no kernel among its packages, so nobody knows which is the newest.")
    return expect(
        host.kernel == newest,
        f"{host.name} runs the newest kernel that it has",
        observed=host.kernel,
        expected=newest,
    )
