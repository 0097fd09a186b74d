# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host that is well protected answers."""

from __future__ import annotations

import copy
import json
from typing import Any

RULE = {"database": ["app"], "user": ["app"], "address": "10.0.0.1", "mask": "255.255.255.255", "error": None}
DATABASE: dict[str, Any] = {
    **{"ssl": "on", "tls_from": "TLSv1.2", "passwords": "scram-sha-256", "checksums": "on"},
    "logs": {"log_connections": "on", "log_statement": "ddl"},
    "superusers": ["postgres"],
    "rules": [
        {**RULE, "type": "local", "method": "peer", "address": None},
        {**RULE, "type": "host", "method": "scram-sha-256", "address": "127.0.0.1"},
        {**RULE, "type": "hostssl", "method": "scram-sha-256"},
    ],
}
CHAIN = {"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": "drop"}
SAID: dict[str, Any] = {
    "database": json.dumps(DATABASE),
    "sshd": "port 22\nPermitRootLogin no\npasswordauthentication no\npubkeyauthentication yes\n",
    "services": "active\nactive",
    "firewall": json.dumps({"nftables": [{"metainfo": {}}, {"chain": CHAIN}, {"chain": {"name": "own"}}]}),
    "files": "600 postgres:postgres /etc/postgresql/server.key\n640 root:postgres /etc/pgbackrest/pgbackrest.conf",
    "certificate": "notAfter=Nov 20 09:00:00 2027 GMT\nCertificate will not expire",
    "monitoring": ["node", "postgresql"],
}


def protected(name: str = "db2", **said: Any) -> dict[str, Any]:
    """Return what was read of a host; ``database`` changes single settings, None is a command that failed."""
    answers = {key: {"rc": 0, "stdout": value} for key, value in copy.deepcopy(SAID).items()}
    for key, value in said.items():
        answers[key] = {"rc": -1, "stdout": ""} if value is None else value
    units = ["ssh.service", "rsyslog.service"]
    return {"host": name, "at": "x", "units": units, "certificate_min_days": 21, "answers": answers}
