# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors of a host: what listens, what the packet filter lets in, and which of it was declared in ``verify_ports``.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from verify.engine.estate import Estate
from verify.facts.declarations import lines
from verify.facts.host_filter import Filter, Opening, packet_filter
from verify.facts.host_network import Socket
from verify.facts.records import Record

__all__ = [
    *("administrative", "allowed", "covered", "from_world", "listeners", "openings", "outer_rules", "ports"),
    *("public_addresses", "row_of"),
]

# Ports by which a host is administered whoever listens there: ssh, telnet, Docker, RDP, VNC, WinRM.
_ADMIN = (22, 23, 2375, 2376, 3389, 5900, 5985, 5986)
# Address ranges that nobody reaches from the Internet: RFC 1918, 3927, 4193, 4291, 6598.
_INSIDE = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)


def listeners(host: Any) -> list[Socket]:
    """Return what listens beyond the loopback, one entry a protocol, port and program."""
    found: dict[tuple[str, int, str], Socket] = {}
    for one in host.sockets:
        if not one.loopback:
            found.setdefault((one.protocol, one.port, one.process or ""), one)
    return [found[key] for key in sorted(found)]


def ports(estate: Estate, host: Any) -> list[Mapping[str, Any]]:
    """Return the declared ports of a host."""
    return lines(estate, "verify_ports", host.name)


def row_of(declared: Iterable[Mapping[str, Any]], protocol: str, port: int) -> Mapping[str, Any] | None:
    """Return the declared line of a port, or None."""
    return next((row for row in declared if row["port"] == port and row.get("protocol", "tcp") == protocol), None)


def allowed(row: Mapping[str, Any] | None, socket: Socket) -> bool:
    """Return whether a listener is the declared one: same port, and the same program where both are known."""
    if row is None:
        return False
    wanted = row.get("process")
    return not wanted or not socket.process or socket.process == wanted


def openings(host: Any) -> Filter:
    """Return what the host's packet filter lets in."""
    found: Filter = host.read("firewall", packet_filter)
    return found


def covered(declared: Iterable[Mapping[str, Any]], opening: Opening) -> bool:
    """Return whether a rule lets in nothing but declared ports, from nowhere but where they are declared from."""
    if opening.every_port:
        return False
    rows = list(declared)
    for low, high in opening.ports:
        for port in range(low, high + 1):
            row = row_of(rows, opening.protocol or "tcp", port)
            if row is None or not _from_declared(row.get("from", "anywhere"), opening):
                return False
    return True


def _from_declared(origin: Any, opening: Opening) -> bool:
    if origin == "anywhere":
        return True
    networks = [ipaddress.ip_network(one, strict=False) for one in origin]
    return bool(opening.sources) and all(
        any(one.version == net.version and one.subnet_of(net) for net in networks)  # type: ignore[arg-type]
        for one in opening.sources
    )


def administrative(host: Any, declared: Iterable[Mapping[str, Any]]) -> list[Socket]:
    """Return the listeners by which the host is administered: sshd's, those declared so, and well-known ones."""
    said = {row["port"] for row in declared if row.get("admin")}
    sshd = {int(port) for port in host.sshd.get("port", "22").split()}
    return [one for one in listeners(host) if one.port in said | sshd | set(_ADMIN)]


def public_addresses(host: Any) -> list[str]:
    """Return the addresses of the host that are routed on the Internet."""
    found = []
    for addresses in host.addresses.values():
        for one in addresses:
            address = ipaddress.ip_address(one.partition("/")[0])
            if not any(address in net for net in _INSIDE if net.version == address.version):
                found.append(str(address))
    return found


def from_world(host: Any, socket: Socket) -> str:
    """Return why the world can reach a listener; empty when it cannot.

    The world is kept out by an address that is not routed, or by a filter that drops and lets the port in from named
    networks only. What stands in front of the host is not seen from here, and does not count.
    """
    outside = public_addresses(host)
    if not outside or not (socket.world or socket.address in outside):
        return ""
    rules = openings(host)
    if not rules.drops:
        return f"{', '.join(outside)} is routed and no packet filter drops what it does not know"
    wide = [
        one.told
        for one in rules.openings
        if one.protocol in ("", socket.protocol) and one.admits(socket.port) and _unlimited(one)
    ]
    return "; ".join(wide)


def outer_rules(estate: Estate, listing: Record) -> tuple[list[str], list[str]]:
    """Return the rules of a security group that admit more than declared ports, and those that open a port of
    administration to everybody."""
    undeclared, wide = [], []
    for rule in listing.rules:
        first, last = rule.first_port or 0, rule.last_port or rule.first_port or 65535
        sources = tuple(ipaddress.ip_network(one, strict=False) for one in rule.sources)
        protocol = "" if rule.protocol == "any" else rule.protocol
        opening = Opening(protocol, ((first, last),), sources, listing.system)
        if protocol == "icmp":
            continue
        hosts = rule.hosts or list(estate.environment.hosts)
        rows = [lines(estate, "verify_ports", host) for host in hosts]
        if not rows or not all(covered(one, opening) for one in rows):
            undeclared.append(opening.told)
        admin = {row["port"] for one in rows for row in one if row.get("admin")} | set(_ADMIN)
        if _unlimited(opening) and any(opening.admits(port) for port in admin):
            wide.append(opening.told)
    return undeclared, wide


def _unlimited(opening: Opening) -> bool:
    return not opening.sources or any(one.prefixlen == 0 for one in opening.sources)
