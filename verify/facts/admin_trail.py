# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail of administration: what of it arrived at the log host, and whether our own login did.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from verify.engine.control import Said, expect, unknown
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.host_trail import AdminLine

__all__ = ["RECEIVERS", "arrived", "canary", "newest_here"]

RECEIVERS = "monitoring"
_PROGRAMS = ("sudo", "sshd", "su")
_SHOWN_S = 23 * 3600.0
# The journal and the log host's line of one message stamp it at two moments.
_STAMPS_S = 2.0
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))\s")


def arrived(estate: Estate, host: str) -> dict[str, float]:
    """Return the instants of the newest lines of sshd, sudo and su of a host that the log host has, by program.

    Raises `NoEvidence` when there is no log host, or it has no such line of the host from the last day.
    """
    receivers = estate.environment.subjects("host", RECEIVERS)
    if not receivers:
        raise NoEvidence(f"{estate.name} has no host in the group {RECEIVERS}, so logs arrive nowhere.")
    newest: dict[str, float] = {}
    for one in receivers:
        for program, at in estate.read(one.name, "central_logs", _newest_lines).get(host, {}).items():
            newest[program] = max(at, newest.get(program, 0.0))
    if not newest:
        names = ", ".join(one.name for one in receivers)
        raise NoEvidence(f"{names} has no line of sshd, sudo or su of {host} from the last day.")
    return newest


def newest_here(lines: Iterable[AdminLine], now: float) -> dict[str, float]:
    """Return the instants of the newest lines in a host's own journal, by program.

    What is almost a day old is left out: the log host is asked later, and shows the logs of its last day only.
    """
    return {one.program: one.at for one in sorted(lines, key=lambda one: one.at) if now - one.at <= _SHOWN_S}


def canary(estate: Estate, host: Any, delay_max_s: float) -> Iterator[Said]:
    """Claim that the line which sshd wrote about our own login is at the log host, or a younger one of sshd's is.

    The log host shows the newest line of each program; lines of one program arrive in their order. Where the host's own
    journal has no such line, which is the business of SECURITY-05, nothing is claimed.
    """
    let_in = re.compile(rf"Accepted \S+ for {re.escape(str(host.connection.user))} from ")
    own = newest_here((one for one in host.admin_lines if let_in.match(one.message)), estate.now).get("sshd")
    if own is None:
        return
    there = arrived(estate, host.name).get("sshd", 0.0)
    receivers = estate.environment.subjects("host", RECEIVERS)
    asked = max(estate.fact(one.name, "central_logs").collected for one in receivers)
    claim = f"the log host has the line of our own login on {host.name}, or a younger one of sshd"
    if there < own - _STAMPS_S and own - there <= delay_max_s and asked - own <= delay_max_s:
        yield unknown(f"Whether {claim} cannot be told: it had {max(0.0, asked - own):.0f} s to arrive.")
        return
    shown = there or "nothing of the last day"
    yield expect(there >= own - _STAMPS_S, claim, observed=shown, expected=own)


def _newest_lines(text: str) -> dict[str, dict[str, float]]:
    """Read the last lines of central logs, each below ``==> .../HOST/PROGRAM.log <==``: newest by host and program."""
    found: dict[str, dict[str, float]] = {}
    host = program = ""
    for line in text.splitlines():
        if line.startswith("==> ") and line.endswith(" <=="):
            *_above, folder, file = line[4:-4].split("/")
            host, program = folder, file.split(".")[0]
            continue
        match = _STAMP.match(line)
        if match and host and program in _PROGRAMS:
            at = datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp()
            newest = found.setdefault(host, {})
            newest[program] = max(at, newest.get(program, 0.0))
    return found
