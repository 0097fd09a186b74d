# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet filter lets in: parser of ``nft -j list ruleset``.

Only the input hook and the translation of destinations decide what reaches a host. A rule that lets in is an
`Opening`; a match that cannot be read makes the opening wider, never narrower, and a statement that nobody knows here
makes the whole filter unreadable. JSON forms: libnftables-json(5).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Filter", "Opening", "packet_filter"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_EVERY = (0, 65535)


@dataclass(frozen=True, slots=True)
class Opening:
    """What one rule lets in: protocol (empty: any), ranges of ports, networks it may come from (none: anywhere)."""

    protocol: str
    ports: tuple[tuple[int, int], ...]
    sources: tuple[Network, ...]
    chain: str

    @property
    def every_port(self) -> bool:
        """Return whether all ports are let in."""
        return _EVERY in self.ports

    def admits(self, port: int) -> bool:
        """Return whether a port is among those let in."""
        return any(low <= port <= high for low, high in self.ports)

    @property
    def told(self) -> str:
        """Return the opening in words: ``tcp 22 from 10.0.0.0/8 (filter/input)``."""
        ports = "all ports" if self.every_port else ", ".join(_told(one) for one in self.ports)
        sources = ", ".join(str(one) for one in self.sources) or "anywhere"
        return f"{self.protocol or 'any protocol'} {ports} from {sources} ({self.chain})"


@dataclass(frozen=True, slots=True)
class Filter:
    """The packet filter at the host's entrance: whether what no rule lets in is dropped, and what rules let in."""

    drops: bool
    openings: tuple[Opening, ...]


def _told(ports: tuple[int, int]) -> str:
    low, high = ports
    return str(low) if low == high else f"{low}-{high}"


def packet_filter(text: str) -> Filter:
    """Read ``nft -j list ruleset``. Raises ValueError for what is none, and for a statement that is not known.

    Several base chains at the input hook are passed one after the other: a host drops by default when any of them does.
    """
    rows = json.loads(text)["nftables"]
    if not any("metainfo" in row for row in rows):
        raise ValueError("nft did not say what it is")
    chains = [row["chain"] for row in rows if "chain" in row]
    rules: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        if "rule" in row:
            one = row["rule"]
            rules.setdefault((one["family"], one["table"], one["chain"]), []).append(one["expr"])
    sets = {
        (one["family"], one["table"], one["name"]): one
        for row in rows
        for kind, one in row.items()
        if kind in ("set", "map")
    }
    entrances = [one for one in chains if one.get("hook") == "input" and one.get("type") == "filter"]
    translations = [one for one in chains if one.get("hook") == "prerouting" and one.get("type") == "nat"]
    found: list[Opening] = []
    for one in entrances + translations:
        walk = _Walk(one["family"], one["table"], rules, sets)
        found += walk.openings(one["name"], "accept" if one in entrances else "dnat")
    return Filter(any(one.get("policy") == "drop" for one in entrances), tuple(found))


class _Walk:
    """The way through the chains of one table, jumps followed."""

    def __init__(self, family: str, table: str, rules: Mapping[Any, list[Any]], sets: Mapping[Any, Any]) -> None:
        self.family, self.table, self.rules, self.sets = family, table, rules, sets
        self.seen: list[str] = []

    def openings(self, chain: str, verdict: str) -> Iterator[Opening]:
        """Yield what the rules of a chain let in; what a jump narrows is told by the chain it leads to."""
        if chain in self.seen:
            return
        self.seen.append(chain)
        for expressions in self.rules.get((self.family, self.table, chain), []):
            _known(expressions, chain)
            maps = [pair for one in expressions if "vmap" in one for pair in self._pairs(one["vmap"]["data"])]
            for target in _targets([*expressions, *(told for _key, told in maps)]):
                yield from self.openings(target, verdict)
            for let_in in self._letting_in(expressions, verdict):
                opening = self._opening(let_in, chain)
                if opening is not None:
                    yield opening

    def _letting_in(self, expressions: Sequence[Mapping[str, Any]], verdict: str) -> Iterator[list[Mapping[str, Any]]]:
        """Yield a rule as often as it lets something in: by its own verdict, and by a map of verdicts in it."""
        if any(verdict in one or (verdict == "dnat" and "redirect" in one) for one in expressions):
            yield list(expressions)
        for one in expressions:
            keys = [key for key, told in self._pairs(one["vmap"]["data"]) if verdict in told] if "vmap" in one else []
            if keys:
                right = keys[0] if len(keys) == 1 else {"set": keys}
                # The key * stands for whatever else there is, so it narrows nothing.
                narrow = [] if "*" in keys else [{"match": {"op": "==", "left": one["vmap"]["key"], "right": right}}]
                yield [*expressions, *narrow]

    def _pairs(self, data: Any) -> list[tuple[Any, Mapping[str, Any]]]:
        """Return key and verdict of each element of a map of verdicts."""
        rows = self.sets[self.family, self.table, data[1:]].get("elem", []) if isinstance(data, str) else data["set"]
        return [(_bare(key), told) for key, told in rows]

    def _opening(self, expressions: Iterable[Mapping[str, Any]], chain: str) -> Opening | None:
        protocol = ""
        ports: tuple[tuple[int, int], ...] = (_EVERY,)
        sources: tuple[Network, ...] = ()
        for one in expressions:
            match = one.get("match")
            if not match or match.get("op") not in ("==", "in"):
                continue
            kind = _kind(match["left"])
            if kind in ("loopback", "state") and _harmless(kind, match["right"]):
                return None
            if kind == "icmp":
                return None
            if kind == "ports":
                protocol = protocol or match["left"]["payload"]["protocol"]
                ports = tuple(_ranges(self._values(match["right"])))
            elif kind == "protocol":
                protocol = "/".join(str(value) for value in self._values(match["right"]))
            elif kind == "source":
                sources = tuple(_networks(self._values(match["right"])))
        return None if protocol in _NO_DOORS else Opening(protocol, ports, sources, f"{self.table}/{chain}")

    def _values(self, right: Any) -> list[Any]:
        if isinstance(right, str) and right.startswith("@"):
            return [_bare(one) for one in self.sets[self.family, self.table, right[1:]].get("elem", [])]
        if isinstance(right, dict) and "set" in right:
            return list(right["set"])
        return list(right) if isinstance(right, list) else [right]


_NO_DOORS = ("icmp", "icmpv6", "ipv6-icmp", "icmp/icmpv6", "icmp/ipv6-icmp", "igmp", "esp", "ah", "vrrp")


# What may stand in a rule beside its verdict, and opens nothing by itself.
_HARMLESS = frozenset(
    (
        *("match", "vmap", "accept", "drop", "continue", "return", "jump", "goto", "reject", "counter", "limit"),
        *("quota", "last", "log", "meter", "set", "map", "mangle", "secmark", "ct count", "ct helper", "ct timeout"),
        *("ct expectation", "notrack", "reset", "snat", "masquerade", "dnat", "redirect"),
    )
)
_HARMLESS_XT = ("LOG", "NFLOG", "TCPMSS", "CT", "MARK", "CONNMARK")


def _known(expressions: Iterable[Mapping[str, Any]], chain: str) -> None:
    """Raise ValueError for a statement of which nobody here knows what it lets in."""
    for one in expressions:
        for word, about in one.items():
            xt = about if word == "xt" and isinstance(about, dict) else {}
            # A match of iptables that cannot be read narrows nothing.
            harmless_xt = xt.get("type") == "match" or xt.get("name") in _HARMLESS_XT
            if word not in _HARMLESS and not harmless_xt:
                raise ValueError(f"a rule of the chain {chain} has the statement {word!r}, which is not known")


def _bare(element: Any) -> Any:
    """Return an element of a set or map without its time-out, comment or counter."""
    return element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def _targets(expressions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in expressions:
        for word in ("jump", "goto"):
            if word in one:
                yield one[word]["target"]


def _kind(left: Any) -> str:
    """Return what a match looks at."""
    payload, meta, state = (
        (left.get(name) or {} for name in ("payload", "meta", "ct")) if isinstance(left, dict) else 3 * ({},)
    )
    if payload.get("field") == "dport":
        return "ports"
    if payload.get("field") == "saddr" and payload.get("protocol") in ("ip", "ip6"):
        return "source"
    if meta.get("key") == "l4proto" or payload.get("field") in ("protocol", "nexthdr"):
        return "protocol"
    if payload.get("protocol") in ("icmp", "icmpv6"):
        return "icmp"
    if meta.get("key") in ("iif", "iifname"):
        return "loopback"
    return "state" if state.get("key") == "state" else ""


def _harmless(kind: str, right: Any) -> bool:
    """Return whether a match lets in only the host itself, or what belongs to a connection that it has."""
    if kind == "loopback":
        return bool(right == "lo")
    words = right.get("set", right) if isinstance(right, dict) else right
    return set([words] if isinstance(words, str) else words) <= {"established", "related"}


def _ranges(values: Iterable[Any]) -> Iterator[tuple[int, int]]:
    for one in values:
        if isinstance(one, dict) and "range" in one:
            low, high = one["range"]
            yield int(low), int(high)
        else:
            yield int(one), int(one)


def _networks(values: Iterable[Any]) -> Iterator[Network]:
    for one in values:
        if isinstance(one, dict) and "prefix" in one:
            yield ipaddress.ip_network(f"{one['prefix']['addr']}/{one['prefix']['len']}", strict=False)
        elif isinstance(one, dict) and "range" in one:
            low, high = (ipaddress.ip_address(end) for end in one["range"])
            yield from ipaddress.summarize_address_range(low, high)
        else:
            yield ipaddress.ip_network(one, strict=False)
