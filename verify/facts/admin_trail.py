# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail of administration: what of it arrived at the log host.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from datetime import datetime

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence

__all__ = ["RECEIVERS", "arrived"]

RECEIVERS = "monitoring"
_PROGRAMS = ("sudo", "sshd", "su")
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))\s")


def arrived(estate: Estate, host: str) -> float:
    """Return the instant of the newest line of sshd, sudo or su of a host that the log host has.

    Raises `NoEvidence` when there is no log host, or it has no such line of the host from the last day.
    """
    receivers = estate.environment.subjects("host", RECEIVERS)
    if not receivers:
        raise NoEvidence(f"{estate.name} has no host in the group {RECEIVERS}, so logs arrive nowhere.")
    found = [estate.read(one.name, "central_logs", _newest_lines).get(host) for one in receivers]
    newest = max((at for at in found if at is not None), default=None)
    if newest is None:
        names = ", ".join(one.name for one in receivers)
        raise NoEvidence(f"{names} has no line of sshd, sudo or su of {host} from the last day.")
    return newest


def _newest_lines(text: str) -> dict[str, float]:
    """Read the last lines of central logs, each below ``==> .../HOST/PROGRAM.log <==``: host -> newest instant."""
    found: dict[str, float] = {}
    host = ""
    for line in text.splitlines():
        if line.startswith("==> ") and line.endswith(" <=="):
            *_above, folder, file = line[4:-4].split("/")
            host = folder if file.split(".")[0] in _PROGRAMS else ""
            continue
        match = _STAMP.match(line)
        if match and host:
            at = datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp()
            found[host] = max(at, found.get(host, 0.0))
    return found
