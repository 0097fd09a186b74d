# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long critical findings of a host or image were open: from the first scan with a fix until it was in force.

A fix that is installed is not in force yet while a process uses the old files, or while the host waits for a reboot.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Span
from verify.engine.estate import Estate
from verify.facts.patching import in_container, replaced
from verify.facts.records import Record, everything

__all__ = ["critical_spans", "scans_of", "still_waits"]

_KERNEL = "linux-image"
Key = tuple[str, str]


def scans_of(estate: Estate, name: str, window_s: float, *, kind: str = "host") -> tuple[list[Record], float]:
    """Return the scans of a host or image in the window, the oldest first, and how far back all of its scans reach, in
    seconds."""
    every = [
        scan
        for scan in everything(estate, "vulnerability_scan")
        if scan.target.kind == kind and scan.target.name == name
    ]
    every.sort(key=lambda scan: float(scan.scanned))
    reach = estate.now - every[0].scanned if every else 0.0
    return [scan for scan in every if scan.scanned >= estate.now - window_s], reach


def critical_spans(estate: Estate, name: str, scans: Sequence[Record], *, host: Any = None) -> list[Span]:
    """Return when each critical finding could be mended and when it was; its end is None while a scan still shows it.

    It begins with the first scan that names a fixed version, because scanners tell when a vulnerability became known,
    not when its fix did. It ends with the first scan, of a scanner that showed it, that does not show it any more, or
    with the patch run after the last one that does, when that run changed the package; a kernel counts from its reboot.
    No run patches an image: there only the next scan counts. With the view of a ``host``, what still waits for a
    restart there (`still_waits`) has no end.
    """
    patches = [
        patch for patch in everything(estate, "patch") if patch.host == name and patch.result == "ok" and patch.ended
    ]
    spans = []
    for key, seen in sorted(_offered(scans).items()):
        witnesses = {scan.scanner.name for scan in scans if scan.scanned in seen}
        gone = next((one.scanned for one in scans if one.scanned > seen[-1] and one.scanner.name in witnesses), None)
        ends = [] if gone is None else [(gone, seen[-1])]
        ends += [(patch.ended, patch.started) for patch in _mending(patches, key[1], seen[-1])]
        end, begun = min(ends, default=(None, 0.0))
        waits = still_waits(host, key[1], begun, end) if host is not None and end is not None else ""
        told = f"{key[0]} in {key[1]}"
        spans.append(Span(seen[0], None, f"{told} ({waits})") if waits else Span(seen[0], end, told))
    return spans


def still_waits(host: Any, package: str, begun: float, ended: float) -> str:
    """Return what keeps a package that was replaced between two instants from being in force now; nothing when it is.

    That is a reboot that the package asked for, a kernel that was not started, or a process that uses files which an
    update replaced by then. Whose files those are is not known, so each such process counts, as it does in INFRA-02.
    """
    booted = host.system.booted or 0.0
    if booted > ended:
        return ""
    if _waits_for_reboot(host, package, ended, since_boot=booted > begun):
        return f"{host.name} waits for a reboot"
    if package.startswith(_KERNEL) and booted <= begun and _old_kernel(host):
        return f"{host.name} runs {host.kernel}"
    old = [one for one in host.stale_processes if replaced(host, one.pid) <= ended]
    return f"process {old[0].pid} uses the old {old[0].paths[0]}" if old else ""


def _old_kernel(host: Any) -> bool:
    """Return whether another kernel than the newest runs; a container has none of its own."""
    return not in_container(host) and host.newest_kernel not in (None, host.kernel)


def _waits_for_reboot(host: Any, package: str, ended: float, *, since_boot: bool) -> bool:
    """Return whether a package asks for a reboot; after a boot meanwhile only when it asked before the given end."""
    if not host.reboot_required or package not in host.reboot_packages:
        return False
    state = host.file_states.get("/run/reboot-required")
    return not since_boot or bool(state and state.mtime <= ended)


def _offered(scans: Sequence[Record]) -> dict[Key, list[float]]:
    """Return, by finding, the instants of the scans that show it from the first one on that offers a fix."""
    found: dict[Key, list[float]] = {}
    for scan in scans:
        for finding in scan.findings:
            key = (finding.id, finding.package)
            if finding.severity == "critical" and (finding.fixed_version or key in found):
                found.setdefault(key, []).append(scan.scanned)
    return found


def _mending(patches: Sequence[Record], package: str, after: float) -> Iterator[Record]:
    """Yield each patch run that was over after an instant and changed the package."""
    for patch in patches:
        kernel_waits = package.startswith(_KERNEL) and not patch.rebooted
        if patch.ended > after and not kernel_waits and package in {changed.name for changed in patch.packages}:
            yield patch
