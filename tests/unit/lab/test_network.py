# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall text of the lab, and the refusal of subnets in use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab import _network
from lab._console import LabRefused
from lab._estate import Estate


class FakePodman:
    """Answers what podman lists."""

    def __init__(self, networks: list[dict[str, Any]]) -> None:
        self.networks = networks

    def run(self, *arguments: str) -> str:
        assert arguments[:2] == ("network", "ls")
        return json.dumps(self.networks)


def check(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, *, routes: list[str], networks: list[dict[str, Any]]
) -> None:
    """Run the check of the subnet against given routes and podman networks."""
    listing = json.dumps([{"dst": route, "dev": "eth7"} for route in routes])
    monkeypatch.setattr(_network, "command", lambda *arguments, data=None: listing)
    _network.check_subnet(FakePodman(networks), estate)  # type: ignore[arg-type]


def test_a_site_is_cut_from_all_but_itself(estate: Estate) -> None:
    first, second = _network.isolation_rules(estate, "site_b")
    inside = "{ 10.99.2.11, 10.99.2.21, 10.99.2.31 }"
    assert first == f"ip saddr {inside} ip daddr != {inside} counter drop"
    assert second == f"ip daddr {inside} ip saddr != {inside} counter drop"


def test_a_link_is_cut_both_ways(estate: Estate) -> None:
    rules = _network.link_rules(estate, "db1", "controller")
    assert rules[0] == "ip saddr { 10.99.1.31 } ip daddr { 10.99.1.1, 10.99.2.1, 10.99.3.1 } counter drop"
    assert rules[1].startswith("ip saddr { 10.99.1.1,")
    with pytest.raises(LabRefused, match="two different ends"):
        _network.link_rules(estate, "db1", "db1")
    with pytest.raises(LabRefused, match="neither a host"):
        _network.check_end("db9")


def test_loading_replaces_the_tables_at_once(estate: Estate) -> None:
    text = _network.ruleset(estate, [["ip saddr 10.99.1.31 drop"], []])
    assert text.index("delete table inet unit_lab") < text.index("table inet unit_lab {\n")
    assert text.count("ip saddr 10.99.1.31 drop") == 4  # input, forward, output, and the bridge
    assert "ip saddr 10.99.0.0/16 ip daddr 10.99.0.0/16 notrack" in text
    assert text.count("{") == text.count("}")


def test_without_cuts_nothing_is_dropped(estate: Estate) -> None:
    assert "drop" not in _network.ruleset(estate, []).replace("drop_", "")


@pytest.mark.parametrize("route", ["10.99.0.0/16", "10.99.7.0/24", "10.96.0.0/11", "10.99.1.5"])
def test_a_routed_subnet_is_refused(estate: Estate, monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    with pytest.raises(LabRefused, match="through eth7"):
        check(estate, monkeypatch, routes=["default", route], networks=[])


def test_a_subnet_of_another_lab_is_refused(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"name": "other-a", "subnets": [{"subnet": "10.99.1.0/24"}]}
    with pytest.raises(LabRefused, match="other-a"):
        check(estate, monkeypatch, routes=["default"], networks=[other])


def test_its_own_networks_are_not_in_the_way(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"name": "unit-a", "subnets": [{"subnet": "10.99.1.0/24"}, {"subnet": "fd00::/64"}]}
    far = {"name": "podman", "subnets": [{"subnet": "10.88.0.0/16"}]}
    check(estate, monkeypatch, routes=["default", "10.99.1.0/24", "192.168.0.0/16"], networks=[own, far])
