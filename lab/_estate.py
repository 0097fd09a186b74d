# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts make up the estate, where they stand and what everything of one lab is called."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ._console import LabRefused

DEFAULT_PREFIX = "ops"
DEFAULT_SUBNET = "10.83"
ADMIN_USER = "ops"
LABEL = "ccobservatory.lab"
IMAGE = "localhost/ccobservatory-lab"

# Site name -> (suffix of the podman network, third octet of its subnet).
NETWORKS = {"site_a": ("a", 1), "site_b": ("b", 2), "vault": ("v", 3)}


@dataclass(frozen=True)
class Host:
    """One container: its inventory name, the site it is grouped in, its network and its last octet."""

    name: str
    site: str
    network: str
    octet: int


HOSTS = (
    Host("lb1", "site_a", "site_a", 11),
    Host("app1", "site_a", "site_a", 21),
    Host("app2", "site_a", "site_a", 22),
    Host("db1", "site_a", "site_a", 31),
    Host("lb2", "site_b", "site_b", 11),
    Host("app3", "site_b", "site_b", 21),
    Host("db2", "site_b", "site_b", 31),
    Host("repo1", "vault", "vault", 41),
    Host("mon1", "vault", "vault", 51),
    # The client stands outside the estate; it borrows the network of the vault only to have one.
    Host("client1", "outside", "vault", 61),
)

GROUPS = {
    "site_a": ["lb1", "app1", "app2", "db1"],
    "site_b": ["lb2", "app3", "db2"],
    "vault": ["repo1", "mon1"],
    "outside": ["client1"],
    "haproxy": ["lb1", "lb2"],
    "app": ["app1", "app2", "app3"],
    "pgbouncer": ["app1", "app2", "app3"],
    "postgresql": ["db1", "db2"],
    "pgbackrest_repository": ["repo1"],
    "monitoring": ["mon1"],
    "wal_receiver": ["repo1", "mon1"],
    "file_backup": ["lb1", "lb2", "db1", "db2", "mon1"],
    "canary": ["client1"],
}

OUTSIDE = "outside"
ESTATE_SITES = ("site_a", "site_b", "vault")
SITES = tuple(dict.fromkeys(host.site for host in HOSTS))


@dataclass(frozen=True)
class Estate:
    """All names, addresses and paths of one lab.

    Attributes: prefix (start of every name), subnet (first two octets), root (the checkout).
    """

    prefix: str
    subnet: str
    root: Path

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,9}", self.prefix):
            raise LabRefused(
                f"The prefix '{self.prefix}' cannot be used; take 1 to 10 small letters and digits, first a letter."
            )
        try:
            network = ipaddress.ip_network(f"{self.subnet}.0.0/16")
        except ValueError:
            network = None
        if network is None or not network.is_private:
            raise LabRefused(
                f"The subnet '{self.subnet}' is not two octets of a private network; give for example 10.83."
            )

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The whole lab as one network."""
        return ipaddress.IPv4Network(f"{self.subnet}.0.0/16")

    @property
    def state(self) -> Path:
        """Directory of everything this lab remembers."""
        return self.root / ".lab" / self.prefix

    @property
    def inventory(self) -> Path:
        """Directory of the inventory this lab writes."""
        name = "lab" if self.prefix == DEFAULT_PREFIX else f"lab-{self.prefix}"
        return self.root / "inventories" / name

    @property
    def pki(self) -> Path:
        """Directory with ca.crt and <host>.crt / <host>.key."""
        return self.state / "pki"

    @property
    def keys(self) -> Path:
        """Directory with the ssh keys of the operator and of the stand-ins."""
        return self.state / "keys"

    @property
    def nft_table(self) -> str:
        """Name of the nftables tables of this lab (families inet and bridge)."""
        return f"{self.prefix}_lab"

    @property
    def control_dir(self) -> Path:
        """Directory for multiplexed ssh connections; short, because socket paths end at 108 bytes."""
        return Path("/tmp") / f"{self.prefix}-lab-{owner_ids()[0]}"  # noqa: S108 - created 0700 and checked for its owner

    def container(self, host: str) -> str:
        """Name of a host's container."""
        return f"{self.prefix}-{host}"

    def volume(self, host: str) -> str:
        """Name of a host's journal volume."""
        return f"{self.prefix}-{host}-journal"

    def network_name(self, site: str) -> str:
        """Name of the podman network of a site."""
        return f"{self.prefix}-{NETWORKS[site][0]}"

    def site_subnet(self, site: str) -> str:
        """Subnet of a network in CIDR notation."""
        return f"{self.subnet}.{NETWORKS[site][1]}.0/24"

    def address(self, host: str) -> str:
        """Fixed address of a host."""
        entry = get_host(host)
        return f"{self.subnet}.{NETWORKS[entry.network][1]}.{entry.octet}"


def get_host(name: str) -> Host:
    """Return the host of this name.

    Raises: LabRefused when the estate has no such host.
    """
    for host in HOSTS:
        if host.name == name:
            return host
    raise LabRefused(
        f"There is no host '{name}' in the estate; choose one of {', '.join(host.name for host in HOSTS)}."
    )


def get_site(name: str) -> list[str]:
    """Return the host names of a site.

    Raises: LabRefused when the estate has no such site.
    """
    if name not in SITES:
        raise LabRefused(f"There is no site '{name}' in the estate; choose one of {', '.join(SITES)}.")
    return list(GROUPS[name])


def hosts_of(target: str) -> list[str]:
    """Return the host names meant by a host name or a site name.

    Raises: LabRefused when it is neither.
    """
    if target in SITES:
        return get_site(target)
    names = [host.name for host in HOSTS]
    if target not in names:
        raise LabRefused(f"'{target}' is neither a host ({', '.join(names)}) nor a site ({', '.join(SITES)}).")
    return [target]


def owner_ids() -> tuple[int, int]:
    """Return user and group of the person at the keyboard, also behind sudo."""
    return int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))
