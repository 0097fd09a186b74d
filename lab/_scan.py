# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan of each host for vulnerabilities that Debian has mended and the host has not: real, and no more than that.

The list of vulnerabilities is the security archive as the host's own apt knows it, with the date at which it was
signed. Each pending update from there is a finding. What Debian has not mended yet stays unseen, and no archive tells
severities.
"""

from __future__ import annotations

import datetime
import email.utils
import re
import subprocess
from typing import Any

from ._estate import ESTATE_SITES, Estate, get_site
from ._inventory import ssh_command
from ._people import text
from ._podman import in_parallel

DEADLINE_S = 120
# A machine that is busy with something else answers late.
CONNECT_S = 30
SCANNER = "apt, security archive of Debian"
NOTES = "Asked of apt on the host by the lab. It knows what Debian has mended, nothing else."
MARK = "-- next --"
# Every line asks apt or dpkg, nothing is written on the host; an answer with a gap is refused when it is read.
COMMAND = f"""
dpkg-query -f '${{db:Status-Abbrev}}\\n' -W | grep -c '^ii'
echo '{MARK}'
grep -rsh -m 1 '^Date:' --include='*security*Release' /var/lib/apt/lists
echo '{MARK}'
apt-get --version | head -n 1
echo '{MARK}'
LC_ALL=C apt -qq list --upgradable 2>/dev/null
"""
_PENDING = re.compile(
    r"^(?P<package>[^/\s]+)/(?P<suites>\S+) (?P<fixed>\S+) \S+ \[upgradable from: (?P<installed>\S+)\]$", re.MULTILINE
)

Row = dict[str, Any]


def parse(host: str, answer: str, now: datetime.datetime) -> Row:
    """Return the record of a scan from a host's answer.

    Raises: ValueError for an answer that is not whole or does not tell how much was looked at.
    """
    packages, dates, version, pending = (part.strip() for part in answer.split(MARK))
    built = min(email.utils.parsedate_to_datetime(line.partition(":")[2].strip()) for line in dates.splitlines())
    findings = [
        {
            "id": f"update of {one['package']} to {one['fixed']}",
            "severity": "unknown",
            "package": one["package"],
            "installed": one["installed"],
            "fixed_version": one["fixed"],
        }
        for one in _PENDING.finditer(pending)
        if "security" in one["suites"]
    ]
    scanner = {"name": SCANNER, "version": version, "database_built": text(built.astimezone(datetime.UTC))}
    about = {"by": "lab/lab records", "notes": NOTES, "at": text(now), "scanned": text(now)}
    target = {"kind": "host", "name": host}
    return {
        "id": f"scan-{host}",
        **about,
        "scanner": scanner,
        "target": target,
        "packages": int(packages),
        "findings": findings,
    }


def rows(estate: Estate, *, now: datetime.datetime) -> tuple[dict[str, list[Row]], list[str]]:
    """Return the rows of type ``vulnerability_scan``, one a host that answered, and the hosts that did not."""
    hosts = [host for site in ESTATE_SITES for host in get_site(site)]
    answers = dict(zip(hosts, in_parallel(lambda host: _ask(estate, host), hosts), strict=True))
    found, silent = [], []
    for host, answer in answers.items():
        try:
            found.append(parse(host, answer, now))
        except ValueError:
            silent.append(host)
    return ({"vulnerability_scan": found} if found else {}), silent


def _ask(estate: Estate, host: str) -> str:
    """Return what a host says, empty when it says nothing in time."""
    try:
        return subprocess.run(
            [*ssh_command(estate, host, connect_s=CONNECT_S), COMMAND],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        ).stdout
    except subprocess.TimeoutExpired:
        return ""
