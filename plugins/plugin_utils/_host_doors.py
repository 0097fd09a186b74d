# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the table that tries doors: who came in by which key, which grant was used, what a TLS port agrees to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact, for_host

__all__ = ["DOORS", "STARTTLS", "handshakes", "may_be_asked", "plan", "served_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*", re.ASCII)

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


def plan(
    table: Iterable[HostFact],
    host: str,
    groups: Iterable[str],
    variables: Mapping[str, Any],
    ports: Iterable[Mapping[str, Any]],
) -> list[HostFact]:
    """Return what is asked of a host, in order: what the table has for it, then a handshake for each TLS port.

    ``ports`` are the rows of ``verify_ports``. Raises `OpsError` for a malformed variable.
    """
    groups = list(groups)
    facts = for_host(table, groups, variables)
    known = {fact.name for fact in facts}
    tried = handshakes(ports, (host, *groups), variables.get("verify_services") or ())
    return facts + [fact for fact in tried if fact.name not in known]


def may_be_asked(table: Iterable[HostFact], ports: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names of all that may be asked of any host, `OpsError` for a malformed row of ``verify_ports``."""
    return {fact.name for fact in (*table, *handshakes(ports))}


def served_name(row: Mapping[str, Any], names: Collection[str] | None, services: Iterable[Mapping[str, Any]]) -> str:
    """Return the name or address by which clients ask for a port: what its row in ``verify_ports`` declares, else what
    the probe of a service (``verify_services``) on one of these hosts or groups asks for; empty where neither says.
    """
    if row.get("name"):
        return str(row["name"])
    for service in services:
        asked = urlsplit(str(service.get("probe", "")))
        whole = re.fullmatch(r"(.*?)(?::(\d+))?", asked.netloc)
        here = names is not None and service.get("hosts") and _hosts_of(service, ()) & set(names)
        if here and asked.scheme == "https" and whole and int(whole[2] or 443) == int(row["port"]):
            return whole[1] if _NAME.fullmatch(whole[1]) else ""
    return ""


def handshakes(
    ports: Iterable[Mapping[str, Any]],
    names: Collection[str] | None = None,
    services: Iterable[Mapping[str, Any]] = (),
) -> list[HostFact]:
    """Return the facts that try each port which ``verify_ports`` declares as TLS for a host, `OpsError` for a bad row.

    ``names`` are the host and its groups; without them each port of any host is meant. Each port is tried twice: as a
    client of today, and as one that knows nothing newer than TLS 1.1, which has to be refused. The first row of a port
    says by which name (`served_name`, with the rows of ``verify_services``) and which authority it is tried.
    """
    services = list(services)
    found: dict[int, HostFact] = {}
    for row in ports:
        try:
            if _is_tls(row) and (names is None or _hosts_of(row, names) & set(names)):
                port = int(row["port"])
                found.setdefault(port, _handshake(port, row, served_name(row, names, services)))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise OpsError(f"verify_ports has the row {row!r}; it has to be a mapping with a port number.") from exc
    return [fact for today in found.values() for fact in (today, _of_the_past(today))]


def _is_tls(row: Mapping[str, Any]) -> bool:
    return row.get("encrypted") == "tls" and row.get("protocol", "tcp") == "tcp"


def _hosts_of(row: Mapping[str, Any], everyone: Collection[str]) -> set[str]:
    """Return the hosts and groups that a row is about; one that names none is about every host."""
    hosts = row.get("hosts") or everyone
    return {hosts} if isinstance(hosts, str) else set(hosts)


def _handshake(port: int, row: Mapping[str, Any], name: str) -> HostFact:
    begin, authority = (str(row.get(key, "")) for key in ("starttls", "authority"))
    return HostFact(
        f"tls_{port}",
        f"what port {port} agrees to, and the certificate that it shows",
        argv=(
            *("/usr/bin/openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
            *(("-starttls", begin) if begin in STARTTLS else ()),
            *(("-CAfile", authority) if authority else ()),
            *_asked_for(name),
        ),
        accepts=(0, 1),
    )


def _asked_for(name: str) -> tuple[str, ...]:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return ("-servername", name, "-verify_hostname", name) if name else ()
    return ("-verify_ip", name)


def _of_the_past(today: HostFact) -> HostFact:
    return HostFact(
        f"{today.name}_old",
        "whether it refuses TLS 1.1 and older",
        argv=(*today.argv, "-no_tls1_2", "-no_tls1_3", "-cipher", "ALL:@SECLEVEL=0"),
        accepts=(0, 1),
    )
