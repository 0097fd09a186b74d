# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the table that tries doors: who came in by which key, which grant was used, what a TLS port agrees to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact

__all__ = ["DOORS", "STARTTLS", "handshakes"]

# Protocols that begin in the clear and that openssl knows how to turn to TLS (openssl-s_client(1), -starttls).
STARTTLS = ("ftp", "imap", "ldap", "lmtp", "mysql", "pop3", "postgres", "smtp", "xmpp")

# Ansible becomes root by the same words all day; its lines would push out those of people.
_USES = HostFact(
    "access_uses",
    "which key opened which account, and which grant of sudo was used, in the last 90 days, the newest first",
    argv=(
        *("/usr/bin/journalctl", "-q", "--no-pager", "-r", "-o", "short-unix", "--since", "-90d", "-n", "3000"),
        *("-t", "sshd", "-t", "sudo", "--grep", "Accepted.|COMMAND=(?!/bin/sh.-c.'?echo.BECOME)"),
    ),
    user="root",
    cap=512 * KIB,
    deadline_s=30,
    accepts=(0, 1),
)

DOORS: tuple[HostFact, ...] = (_USES,)


def handshakes(ports: Iterable[Mapping[str, Any]], names: Collection[str]) -> list[HostFact]:
    """Return the facts that try each port which ``verify_ports`` declares as TLS for a host.

    ``names`` are the host and its groups. Each port is tried twice: as a client of today, and as one that knows
    nothing newer than TLS 1.1, which has to be refused.
    """
    found: dict[int, HostFact] = {}
    for row in ports:
        hosts = row.get("hosts") or names
        wanted = {hosts} if isinstance(hosts, str) else set(hosts)
        if row.get("encrypted") == "tls" and row.get("protocol", "tcp") == "tcp" and wanted & set(names):
            found.setdefault(row["port"], _handshake(row["port"], row.get("starttls", "")))
    return [fact for today in found.values() for fact in (today, _of_the_past(today))]


def _handshake(port: int, begin: str) -> HostFact:
    return HostFact(
        f"tls_{port}",
        f"what port {port} agrees to, and the certificate that it shows",
        argv=(
            *("/usr/bin/openssl", "s_client", "-connect", f"127.0.0.1:{int(port)}"),
            *(("-starttls", begin) if begin in STARTTLS else ()),
        ),
        accepts=(0, 1),
    )


def _of_the_past(today: HostFact) -> HostFact:
    return HostFact(
        f"{today.name}_old",
        "whether it refuses TLS 1.1 and older",
        argv=(*today.argv, "-no_tls1_2", "-no_tls1_3", "-cipher", "ALL:@SECLEVEL=0"),
        accepts=(0, 1),
    )
