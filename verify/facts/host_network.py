# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening sockets, addresses and the packet filter: parsers of the answers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Chain", "Firewall", "Socket", "addresses", "firewall", "sockets"]


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket: ``tcp`` or ``udp``, address (``*`` for all), port, and the process if it is told."""

    protocol: str
    address: str
    port: int
    process: str
    pid: int | None

    @property
    def loopback(self) -> bool:
        """Return whether only the host itself can reach it."""
        return self.address != "*" and ipaddress.ip_address(self.address).is_loopback

    @property
    def world(self) -> bool:
        """Return whether it listens on every address of the host."""
        return self.address == "*" or ipaddress.ip_address(self.address).is_unspecified


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of the packet filter: its place, the hook of a base chain, its policy, and how many rules it has."""

    family: str
    table: str
    name: str
    hook: str
    policy: str
    rules: int


@dataclass(frozen=True, slots=True)
class Firewall:
    """The packet filter as the kernel has it."""

    chains: tuple[Chain, ...]

    @property
    def empty(self) -> bool:
        """Return whether nothing is filtered at all."""
        return not any(chain.rules or chain.policy == "drop" for chain in self.chains)

    @property
    def input_policies(self) -> tuple[str, ...]:
        """Return the policies of all base chains at the input hook; empty when nothing stands there."""
        return tuple(chain.policy for chain in self.chains if chain.hook == "input")

    @property
    def drops_input(self) -> bool:
        """Return whether what no rule lets in is dropped, by the policy of an input chain."""
        return "drop" in self.input_policies


_USERS = re.compile(r'users:\(\("([^"]+)",pid=(\d+)')


def sockets(text: str) -> list[Socket]:
    """Read ``ss -Htulnp``: protocol, state, two queues, local and peer address, users."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        words = line.split()
        if words[0] not in ("tcp", "udp") or len(words) < 6:
            raise ValueError(f"this is no socket: {line[:80]!r}")
        address, _colon, port = words[4].rpartition(":")
        users = _USERS.search(line)
        found.append(
            Socket(
                words[0],
                address.partition("%")[0].strip("[]"),
                int(port),
                users[1] if users else "",
                int(users[2]) if users else None,
            )
        )
    return found


def addresses(text: str) -> dict[str, list[str]]:
    """Read ``ip -j addr``: interface -> its addresses with prefix length."""
    return {
        row["ifname"]: [f"{entry['local']}/{entry['prefixlen']}" for entry in row.get("addr_info", [])]
        for row in json.loads(text)
    }


def firewall(text: str) -> Firewall:
    """Read ``nft -j list ruleset``."""
    rows: list[dict[str, Any]] = json.loads(text)["nftables"]
    if not any("metainfo" in row for row in rows):
        raise ValueError("nft did not say what it is")
    rules: dict[tuple[str, str, str], int] = {}
    for row in rows:
        if "rule" in row:
            key = (row["rule"]["family"], row["rule"]["table"], row["rule"]["chain"])
            rules[key] = rules.get(key, 0) + 1
    chains = [row["chain"] for row in rows if "chain" in row]
    return Firewall(
        tuple(
            Chain(
                one["family"],
                one["table"],
                one["name"],
                one.get("hook", ""),
                one.get("policy", ""),
                rules.get((one["family"], one["table"], one["name"]), 0),
            )
            for one in chains
        )
    )
