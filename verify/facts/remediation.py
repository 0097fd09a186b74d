# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long critical findings of a host or image were open: from the first scan with a fix until it was in force.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Span
from verify.engine.estate import Estate
from verify.facts.records import Record, everything

__all__ = ["critical_spans", "scans_of"]

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


def critical_spans(estate: Estate, host: str, scans: Sequence[Record]) -> list[Span]:
    """Return when each critical finding could be mended and when it was; its end is None while a scan still shows it.

    It begins with the first scan that names a fixed version, because scanners tell when a vulnerability became known,
    not when its fix did. It ends with the first scan, of a scanner that showed it, that does not show it any more, or
    with the patch run after the last one that does, when that run changed the package; a kernel counts from its reboot.
    No run patches an image: there only the next scan counts.
    """
    patches = [
        patch for patch in everything(estate, "patch") if patch.host == host and patch.result == "ok" and patch.ended
    ]
    spans = []
    for key, seen in sorted(_offered(scans).items()):
        witnesses = {scan.scanner.name for scan in scans if scan.scanned in seen}
        gone = next((one.scanned for one in scans if one.scanned > seen[-1] and one.scanner.name in witnesses), None)
        by_patch = next(_mending(patches, key[1], seen[-1]), None)
        ends = [instant for instant in (gone, by_patch) if instant is not None]
        spans.append(Span(seen[0], min(ends, default=None), f"{key[0]} in {key[1]}"))
    return spans


def _offered(scans: Sequence[Record]) -> dict[Key, list[float]]:
    """Return, by finding, the instants of the scans that show it from the first one on that offers a fix."""
    found: dict[Key, list[float]] = {}
    for scan in scans:
        for finding in scan.findings:
            key = (finding.id, finding.package)
            if finding.severity == "critical" and (finding.fixed_version or key in found):
                found.setdefault(key, []).append(scan.scanned)
    return found


def _mending(patches: Sequence[Record], package: str, after: float) -> Iterator[float]:
    """Yield when each patch run after an instant that changed the package was over."""
    for patch in patches:
        kernel_waits = package.startswith(_KERNEL) and not patch.rebooted
        if patch.ended > after and not kernel_waits and package in {changed.name for changed in patch.packages}:
            yield patch.ended
