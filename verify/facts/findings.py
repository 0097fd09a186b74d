# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of scanners as claims: was it looked at lately, and is anything open that may not be.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from verify.engine.control import Said, expect, not_applicable, unknown
from verify.engine.estate import Estate
from verify.facts.alerts import alerts
from verify.facts.records import SLACK_S, everything
from verify.facts.verdicts import span
from verify.facts.vulnerabilities import vulnerabilities

__all__ = [
    *("Report", "each_image", "fresh_database", "images", "no_critical_open", "no_old_high", "running"),
    "security_reports",
    "young_scan",
]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}$")
_PENDING = ("critical", "high")
_MARKS = ("category", "kind", "team")


class Report(NamedTuple):
    """What a tool says of security: the id of a finding or the name of an alert, of which host or image, and whether it
    is a ``critical`` or ``high`` finding or an ``alert``."""

    name: str
    subject: str
    what: str


def running(estate: Estate) -> list[str]:
    """Return the images that run, as the newest listing of each orchestrator names them.

    Raises `NoEvidence` when the listings cannot be read.
    """
    listings = everything(estate, "workload_listing")
    newest = {row.source: row for row in sorted(listings, key=lambda row: float(row.read))}
    return sorted({image for row in newest.values() for one in row.workloads for image in one.images})


def images(estate: Estate) -> dict[str, Any]:
    """Return the newest scan of each image: of those that the environment declares (``verify_images``), of those that
    orchestrators say are running, and of every other one that was scanned. None is an image without a scan.

    An image that is named by digest was scanned when a newest scan looked at that digest, by whatever name.
    """
    scans = vulnerabilities(estate).images
    looked_at = {_digest(told) for name, scan in scans.items() for told in (name, scan.digest)} - {""}
    wanted = [*(estate.declared("verify_images") or []), *running(estate)]
    return dict.fromkeys(name for name in wanted if _digest(name) not in looked_at) | scans


def _digest(name: str | None) -> str:
    """Return the digest at the end of an image's name; empty for a name without."""
    found = _DIGEST.search(name or "")
    return found.group() if found else ""


def each_image(estate: Estate, claim: Callable[[str, Any], Iterator[Said]]) -> Iterator[Said]:
    """Make a claim about each image; without any, say what the environment says of that. Where it says that none runs,
    no orchestrator may tell of one."""
    known = images(estate)
    reason = estate.environment.empty_reason("image")
    if reason and (found := running(estate)):
        yield expect(not found, f"no image runs, as verify_empty.image says: {reason}", observed=found, expected=[])
    for name, scan in sorted(known.items()):
        yield from claim(name, scan)
    if not known:
        yield (
            not_applicable(f"{estate.name} runs no images: {reason}")
            if reason
            else unknown(
                "no image is declared, running or scanned; name them in verify_images, or say in verify_empty.image why"
            )
        )


def security_reports(estate: Estate) -> tuple[list[Report], int]:
    """Return the critical and high findings of the newest scans and the alerts of security that are held, and how many
    hosts and images were scanned.

    Raises `NoEvidence` when scans or alerts cannot be read.
    """
    scans = {**vulnerabilities(estate).of_hosts, **images(estate)}
    found = {
        Report(one.id, name, one.severity)
        for name, scan in scans.items()
        for one in (scan.findings if scan else ())
        if one.severity in _PENDING
    }
    for alert in alerts(estate).held:
        if any(alert.labels.get(mark) == "security" for mark in _MARKS):
            found.add(Report(alert.name, alert.labels.get("host") or estate.name, "alert"))
    return sorted(found), sum(scan is not None for scan in scans.values())


def young_scan(name: str, scan: Any, *, now: float, max_age_s: float, database_max_age_s: float) -> Iterator[Said]:
    """Claim that a host or image was scanned lately, by a scanner that looked at something and knew what is new."""
    yield expect(scan is not None, f"{name} was scanned", observed=scan and scan.scanner)
    if scan is None:
        return
    age = now - scan.scanned
    yield expect(
        age <= max_age_s, f"the scan of {name} is younger than {span(max_age_s)}", observed=age, expected=max_age_s
    )
    yield expect(scan.packages != 0, f"{scan.scanner} looked at packages of {name}", observed=scan.packages)
    yield fresh_database(name, scan, database_max_age_s)
    if scan.packages is None and not scan.findings:
        # What found nothing and does not say at how much it looked cannot be told from a scan of nothing.
        yield unknown(f"{scan.scanner} found nothing on {name} and does not say at how many packages it looked")


def fresh_database(name: str, scan: Any, most_s: float) -> Said:
    """Claim that the scanner's list of vulnerabilities was young when it looked; one from the future is none."""
    if scan.database_built is None:
        return unknown(f"{scan.scanner} does not say of when the list is by which it judged {name}.")
    age = scan.scanned - scan.database_built
    claim = f"the list of vulnerabilities by which {scan.scanner} judged {name} was younger than {span(most_s)}"
    return expect(-SLACK_S <= age <= most_s, claim, observed=age, expected=most_s)


def no_critical_open(name: str, scan: Any, *, most: int) -> Iterator[Said]:
    """Claim that no more than so many critical findings are open; what nobody has rated may be critical."""
    critical = [_told(one) for one in scan.findings if one.severity == "critical"]
    yield expect(len(critical) <= most, f"{name} has no critical finding open", observed=critical, expected=most)
    if not scan.rated:
        unrated = [_told(one) for one in scan.findings if one.severity == "unknown" and one.fixable]
        yield unknown(f"{scan.scanner} has not rated what it found on {name}, so it may be critical", observed=unrated)


def no_old_high(name: str, scan: Any, *, now: float, high_s: float) -> Iterator[Said]:
    """Claim that what is high has not been known here for longer than its bound."""
    for one in scan.findings:
        if one.severity == "high":
            age = now - one.first_seen
            yield expect(
                age <= high_s,
                f"{one.id} in {one.package} of {name}, which is high, is known for less than {span(high_s)}",
                observed=age,
                expected=high_s,
            )


def _told(finding: Any) -> str:
    mend = f"fixed in {finding.fixed_version}" if finding.fixed_version else "no fix is published"
    return f"{finding.id} in {finding.package} {finding.installed or ''}: {mend}".replace(" :", ":")
