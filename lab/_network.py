# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three networks of the estate, and one nftables table pair that keeps addresses honest and makes the cuts."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable, Sequence

from ._console import LabError, LabRefused
from ._estate import LABEL, NETWORKS, SITES, Estate, hosts_of
from ._podman import Podman

CONTROLLER = "controller"


def command(*arguments: str, data: str | None = None) -> str:
    """Run a program of this machine and return its output.

    Raises: LabError with the last line it printed.
    """
    done = subprocess.run(arguments, input=data, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise LabError(f"{arguments[0]} failed: {lines[0]}")
    return done.stdout


def check_subnet(podman: Podman, estate: Estate) -> None:
    """Refuse a subnet that something else on this machine already uses.

    Raises: LabRefused naming the owner of the overlapping network.
    """
    own = {estate.network_name(site) for site in NETWORKS}
    ours: set[ipaddress.IPv4Network] = set()
    for entry in json.loads(podman.run("network", "ls", "--format", "json") or "[]"):
        for subnet in entry.get("subnets") or []:
            network = ipaddress.ip_network(subnet["subnet"])
            if network.version != 4:
                continue
            if entry["name"] in own:
                ours.add(network)
            elif network.overlaps(estate.network):
                raise LabRefused(
                    f"The subnet {estate.network} belongs to the podman network '{entry['name']}'; use --subnet."
                )
    for route in json.loads(command("ip", "-json", "-4", "route", "show", "table", "main") or "[]"):
        if route["dst"] == "default":
            continue
        network = ipaddress.ip_network(route["dst"], strict=False)
        if network.prefixlen and network not in ours and network.overlaps(estate.network):
            raise LabRefused(
                f"The subnet {estate.network} is taken: this machine routes {network} through {route.get('dev', '?')}; "
                "give another one with --subnet."
            )


def create(podman: Podman, estate: Estate) -> None:
    """Create the missing networks and load the tables.

    Raises: LabRefused when a network of this prefix exists with another subnet.
    """
    for site in NETWORKS:
        name, subnet = estate.network_name(site), estate.site_subnet(site)
        found = podman.try_run("network", "inspect", name)
        if found.returncode == 0:
            present = json.loads(found.stdout)[0]["subnets"][0]["subnet"]
            if present != subnet:
                raise LabRefused(
                    f"The network {name} has the subnet {present}, not {subnet}; use --subnet "
                    f"{'.'.join(present.split('.')[:2])} or destroy that lab first."
                )
            continue
        podman.run(
            "network", "create", "--disable-dns", "--label", f"{LABEL}={estate.prefix}",
            "--subnet", subnet, "--gateway", gateway_address(estate, site), name,
        )  # fmt: skip


def mac_address(address: str) -> str:
    """Return a locally administered MAC made from an address, so that neighbours need never learn a new one."""
    return "02:53:" + ":".join(f"{int(octet):02x}" for octet in address.split("."))


def pin_bridges(estate: Estate) -> None:
    """Give the bridge of each network a hardware address that stays.

    Left alone, a bridge takes the lowest address of its ports: each host that is switched off could change it, and for
    up to a minute its neighbours would send to a gateway that is no more.
    """
    for site in NETWORKS:
        gateway = gateway_address(estate, site)
        for link in json.loads(command("ip", "-json", "-4", "address", "show", "to", f"{gateway}/32") or "[]"):
            if name := link.get("ifname"):
                command("ip", "link", "set", "dev", name, "address", mac_address(gateway))


def gateway_address(estate: Estate, site: str) -> str:
    """Return this machine's address on a network of the lab."""
    return estate.site_subnet(site).replace(".0/24", ".1")


def remove(podman: Podman, estate: Estate) -> None:
    """Remove the networks and the tables of this lab; what is already gone is no error."""
    for site in NETWORKS:
        podman.try_run("network", "rm", "--force", estate.network_name(site))
    command("nft", "-f", "-", data=_drop_tables(estate))


def addresses(estate: Estate, end: str) -> list[str]:
    """Return the addresses an end of a cut means.

    An end is a host, a site or 'controller' (this machine). Raises: LabRefused when it is none of them.
    """
    if end == CONTROLLER:
        return [gateway_address(estate, site) for site in NETWORKS]
    return [estate.address(host) for host in hosts_of(end)]


def isolation_rules(estate: Estate, target: str) -> list[str]:
    """Return the rules that cut a site or host from everything else, this machine included."""
    inside = "{ " + ", ".join(addresses(estate, target)) + " }"
    return [
        f"ip saddr {inside} ip daddr != {inside} counter drop",
        f"ip daddr {inside} ip saddr != {inside} counter drop",
    ]


def link_rules(estate: Estate, one: str, other: str) -> list[str]:
    """Return the rules that cut the link between two ends, both ways."""
    if one == other:
        raise LabRefused(f"A link has two different ends; '{one}' was given twice.")
    first, second = ("{ " + ", ".join(addresses(estate, end)) + " }" for end in (one, other))
    return [f"ip saddr {first} ip daddr {second} counter drop", f"ip saddr {second} ip daddr {first} counter drop"]


def _drop_tables(estate: Estate) -> str:
    # Declaring a table before deleting it makes the deletion safe when it does not exist.
    return "".join(
        f"table {family} {estate.nft_table} {{}}\ndelete table {family} {estate.nft_table}\n"
        for family in ("inet", "bridge")
    )


def ruleset(estate: Estate, cuts: Iterable[Sequence[str]]) -> str:
    """Return the whole text of both tables for the cuts in effect; loading it replaces the former one at once."""
    rules = [rule for cut in cuts for rule in cut]
    body = "".join(f"    {rule}\n" for rule in rules)
    chains = "".join(
        f"  chain {hook} {{\n    type filter hook {hook} priority -150; policy accept;\n{body}  }}\n"
        for hook in ("input", "forward", "output")
    )
    return (
        _drop_tables(estate)
        + f"table inet {estate.nft_table} {{\n"
        # podman masquerades between its networks; untracked packets pass that by, so hosts see true addresses.
        + "  chain raw {\n    type filter hook prerouting priority raw; policy accept;\n"
        + f"    ip saddr {estate.network} ip daddr {estate.network} notrack\n  }}\n{chains}}}\n"
        # Hosts of one site meet on a bridge, where the inet table does not look.
        + f"table bridge {estate.nft_table} {{\n  chain forward {{\n"
        + f"    type filter hook forward priority -150; policy accept;\n{body}  }}\n}}\n"
    )


def apply(estate: Estate, cuts: Iterable[Sequence[str]]) -> None:
    """Load the tables for these cuts in one transaction."""
    command("nft", "-f", "-", data=ruleset(estate, cuts))


def is_loaded(estate: Estate) -> bool:
    """Return whether the lab's table is there (it is lost when this machine restarts)."""
    done = subprocess.run(["nft", "list", "table", "inet", estate.nft_table], capture_output=True, check=False)
    return done.returncode == 0


def check_end(end: str) -> str:
    """Return a valid end of a link: a host, a site or 'controller'.

    Raises: LabRefused when it is none of them.
    """
    if end != CONTROLLER and end not in SITES:
        hosts_of(end)
    return end
