# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a packet filter lets in, read from rulesets as nft prints them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from verify.facts.doors import covered
from verify.facts.host_filter import Opening, packet_filter

META = {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}
INPUT = {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "policy": "drop"}
SET = {"family": "inet", "table": "filter", "name": "admins", "elem": [{"prefix": {"addr": "192.0.2.0", "len": 24}}]}


def match(left: dict[str, Any], right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def port(right: Any, protocol: str = "tcp") -> dict[str, Any]:
    return match({"payload": {"protocol": protocol, "field": "dport"}}, right)


def source(right: Any) -> dict[str, Any]:
    return match({"payload": {"protocol": "ip", "field": "saddr"}}, right)


def ruleset(*rules: list[dict[str, Any]], chain: dict[str, Any] | None = None, more: tuple[Any, ...] = ()) -> str:
    chain = chain or INPUT
    place = {key: chain[key] for key in ("family", "table")}
    lines = [{"rule": {**place, "chain": chain["name"], "expr": expr}} for expr in rules]
    return json.dumps({"nftables": [META, {"set": SET}, {"chain": chain}, *more, *lines]})


ACCEPT: dict[str, Any] = {"accept": None}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ([port(22), ACCEPT], ["tcp 22 from anywhere (filter/input)"]),
        ([port({"set": [80, 443]}), ACCEPT], ["tcp 80, 443 from anywhere (filter/input)"]),
        ([port({"range": [8000, 8010]}), {"counter": {}}, ACCEPT], ["tcp 8000-8010 from anywhere (filter/input)"]),
        ([source("@admins"), port(22), ACCEPT], ["tcp 22 from 192.0.2.0/24 (filter/input)"]),
        (
            [source({"prefix": {"addr": "198.51.100.0", "len": 25}}), ACCEPT],
            ["any protocol all ports from 198.51.100.0/25 (filter/input)"],
        ),
        (
            [source({"range": ["192.0.2.0", "192.0.2.3"]}), port(22), ACCEPT],
            ["tcp 22 from 192.0.2.0/30 (filter/input)"],
        ),
        ([port(53, "udp"), ACCEPT], ["udp 53 from anywhere (filter/input)"]),
        (
            [match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}), ACCEPT],
            ["tcp/udp all ports from anywhere (filter/input)"],
        ),
        ([ACCEPT], ["any protocol all ports from anywhere (filter/input)"]),
        # What nobody can read narrows nothing.
        ([match({"meta": {"key": "mark"}}, 7), port(22), ACCEPT], ["tcp 22 from anywhere (filter/input)"]),
        (
            [port(22, "tcp"), match({"meta": {"key": "iifname"}}, "eth0"), ACCEPT],
            ["tcp 22 from anywhere (filter/input)"],
        ),
        (
            [match({"payload": {"protocol": "tcp", "field": "dport"}}, 22, "!="), ACCEPT],
            ["any protocol all ports from anywhere (filter/input)"],
        ),
        (
            [match({"ct": {"key": "state"}}, {"set": ["established", "new"]}), ACCEPT],
            ["any protocol all ports from anywhere (filter/input)"],
        ),
        # What opens no door.
        ([match({"meta": {"key": "iifname"}}, "lo"), ACCEPT], []),
        ([match({"ct": {"key": "state"}}, ["established", "related"], "in"), ACCEPT], []),
        ([match({"meta": {"key": "l4proto"}}, {"set": ["icmp", "ipv6-icmp"]}), ACCEPT], []),
        ([port(23), {"drop": None}], []),
    ],
)
def test_a_rule_lets_in(rule: list[dict[str, Any]], told: list[str]) -> None:
    found = packet_filter(ruleset(rule))
    assert found.drops
    assert [one.told for one in found.openings] == told


def verdicts(key: dict[str, Any], *pairs: tuple[Any, str]) -> dict[str, Any]:
    return {"vmap": {"key": key, "data": {"set": [[one, {verdict: None}] for one, verdict in pairs]}}}


DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            [verdicts(DPORT, (22, "accept"), (3306, "accept"), (23, "drop"))],
            ["tcp 22, 3306 from anywhere (filter/input)"],
        ),
        (
            [source("@admins"), verdicts(DPORT, ({"range": [80, 90]}, "accept"))],
            ["tcp 80-90 from 192.0.2.0/24 (filter/input)"],
        ),
        ([verdicts(DPORT, (22, "drop"), ("*", "accept"))], ["any protocol all ports from anywhere (filter/input)"]),
        (
            [verdicts({"payload": {"protocol": "ip", "field": "saddr"}}, ("192.0.2.1", "accept"))],
            ["any protocol all ports from 192.0.2.1/32 (filter/input)"],
        ),
        (
            [verdicts({"ct": {"key": "state"}}, ("established", "accept"), ("related", "accept"), ("invalid", "drop"))],
            [],
        ),
        ([verdicts({"meta": {"key": "iifname"}}, ("lo", "accept"))], []),
        (
            [verdicts({"meta": {"key": "iifname"}}, ("lo", "accept"), ("eth0", "accept"))],
            ["any protocol all ports from anywhere (filter/input)"],
        ),
        ([{"vmap": {"key": DPORT, "data": "@doors"}}], ["tcp 8443 from anywhere (filter/input)"]),
        ([{"vmap": {"key": DPORT, "data": "@more"}}], ["tcp 443 from anywhere (filter/extra)"]),
        (
            [{"xt": {"type": "match", "name": "comment"}}, port(22), ACCEPT],
            ["tcp 22 from anywhere (filter/input)"],
        ),
    ],
)
def test_a_map_of_verdicts_lets_in(rule: list[dict[str, Any]], told: list[str]) -> None:
    place = {"family": "inet", "table": "filter", "map": "verdict"}
    element = {"elem": {"val": 8443, "comment": "a door"}}
    doors = {"map": {**place, "name": "doors", "elem": [[element, ACCEPT], [23, {"drop": None}]]}}
    more = {"map": {**place, "name": "more", "elem": [[443, {"jump": {"target": "extra"}}]]}}
    extra = {"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [port(443), ACCEPT]}}
    found = packet_filter(ruleset(rule, more=(doors, more, extra)))
    assert [one.told for one in found.openings] == told


@pytest.mark.parametrize(
    "statement", [{"queue": {"num": 0}}, {"xt": None}, {"xt": {"type": "target", "name": "DNAT"}}, {"tproxy": {}}]
)
def test_a_statement_that_nobody_knows_makes_the_filter_unreadable(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="which is not known"):
        packet_filter(ruleset([port(22), statement]))


def test_a_jump_is_followed_once() -> None:
    extra = {"chain": {**INPUT, "name": "extra", "hook": None, "policy": None}}
    jump = {"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [port(443), ACCEPT]}}
    back = {"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [{"goto": {"target": "input"}}]}}
    found = packet_filter(ruleset([{"jump": {"target": "extra"}}], more=(extra, jump, back)))
    assert [one.told for one in found.openings] == ["tcp 443 from anywhere (filter/extra)"]


def test_a_translation_is_a_door() -> None:
    chain = {"family": "ip", "table": "nat", "name": "pre", "type": "nat", "hook": "prerouting", "policy": "accept"}
    found = packet_filter(
        ruleset([port(8080), {"dnat": {"addr": "192.0.2.9"}}], [port(81), {"redirect": {}}], chain=chain)
    )
    assert [one.told for one in found.openings] == [
        "tcp 8080 from anywhere (nat/pre)",
        "tcp 81 from anywhere (nat/pre)",
    ]
    assert not found.drops


def test_forwarded_packets_reach_no_port_of_the_host() -> None:
    chain = {**INPUT, "name": "forward", "hook": "forward", "policy": "accept"}
    assert packet_filter(ruleset([port(22), ACCEPT], chain=chain)).openings == ()


@pytest.mark.parametrize("text", ['{"nftables": []}', "", "{}"])
def test_what_is_no_ruleset_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        packet_filter(text)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ([source("@admins"), port(22), ACCEPT], True),
        ([port(22), ACCEPT], False),
        ([source({"prefix": {"addr": "192.0.0.0", "len": 16}}), port(22), ACCEPT], False),
        ([port(443), ACCEPT], True),
        ([port({"range": [443, 444]}), ACCEPT], False),
        ([port(443, "udp"), ACCEPT], False),
        ([ACCEPT], False),
    ],
)
def test_a_rule_is_covered_by_declared_ports(rule: list[dict[str, Any]], expected: bool) -> None:
    declared = [{"port": 22, "from": ["192.0.2.0/24"]}, {"port": 443, "from": "anywhere"}]
    (opening,) = packet_filter(ruleset(rule)).openings
    assert isinstance(opening, Opening)
    assert covered(declared, opening) is expected
