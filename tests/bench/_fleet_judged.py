# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same sixty assertions on collected facts, by the parsers that checks use."""

from __future__ import annotations

from _fleet import FILES, PACKAGES, SYSCTL, USERS

from verify.engine.evidence import Evidence
from verify.facts.host_access import accounts
from verify.facts.host_network import sockets


def assertions(evidence: Evidence, host: str) -> int:
    """Return how many of the sixty hold for a host."""

    def body(name: str) -> str:
        fact = evidence.get(host, name)
        if fact is None:
            raise LookupError(f"{name} of {host} was not collected")
        return evidence.body(fact)

    owners = {line.split("\t")[0]: line.split("\t")[3] for line in body("files").splitlines()}
    versions = dict(line.split("\t") for line in body("packages").splitlines())
    processes = [line.split() for line in body("processes").splitlines()[1:]]
    listening, known = sockets(body("sockets")), accounts(body("users"))
    held = [owners.get(path) == "0" for path in FILES]
    held += [bool(versions.get(name)) for name in PACKAGES]
    held += [any(row[1] == "root" for row in processes) for _number in range(10)]
    held += [bool(listening) for _number in range(5)]
    held += [name in known for name in USERS]
    held += [int(body(name)) >= 0 for name in SYSCTL]
    held += [bool(body(name)) for name in ("uname", "hostname", "release", "uptime", "id")]
    return sum(held)
