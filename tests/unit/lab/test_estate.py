# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses and groups of the estate."""

from __future__ import annotations

import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab import _lifecycle
from lab._console import Console, LabRefused
from lab._estate import GROUPS, HOSTS, Estate, get_host, hosts_of
from lab._lifecycle import ALL_HOSTS, STOP_ORDER, identity, raise_inotify, restore_inotify
from lab._network import mac_address


def test_every_host_has_an_address_of_its_own(estate: Estate) -> None:
    addresses = [estate.address(host.name) for host in HOSTS]
    assert len(set(addresses)) == len(addresses) == 10
    assert estate.address("db1") == "10.99.1.31"
    assert estate.address("client1") == "10.99.3.61"


def test_groups_hold_hosts_only_and_sites_are_disjoint() -> None:
    names = {host.name for host in HOSTS}
    assert all(set(members) <= names for members in GROUPS.values())
    sites = [set(GROUPS[site]) for site in ("site_a", "site_b", "vault", "outside")]
    assert sum(map(len, sites)) == len(names)
    assert set.union(*sites) == names


@pytest.mark.parametrize(
    ("found", "meanwhile", "left"),
    [("128", None, "128"), ("4096", None, "4096"), ("128", "8192", "8192")],
)
def test_the_last_lab_leaves_the_limit_as_it_was(tmp_path: Path, found: str, meanwhile: str | None, left: str) -> None:
    """A limit that is high enough is not touched, and what somebody set meanwhile stays."""
    limit, before = tmp_path / "limit", tmp_path / "before"
    limit.write_text(found)
    for _lab in range(2):
        raise_inotify(Console(quiet=True), before, limit)
        assert int(limit.read_text()) >= 1024
    if meanwhile:
        limit.write_text(meanwhile)
    restore_inotify(before, limit)
    assert limit.read_text().strip() == left


def test_nothing_of_two_labs_is_called_the_same(tmp_path: Path) -> None:
    one, two = Estate("ops", "10.83", tmp_path), Estate("opsb", "10.84", tmp_path)
    for host in ALL_HOSTS:
        assert one.container(host) != two.container(host)
        assert one.volume(host) != two.volume(host)
    assert one.inventory.name == "lab"
    assert two.inventory.name == "lab-opsb"
    assert one.nft_table != two.nft_table
    assert one.state != two.state


@pytest.mark.parametrize("prefix", ["", "Ops", "1ops", "a-b", "../x", "muchtoolongname", "ops\n"])
def test_a_bad_prefix_is_refused(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(LabRefused, match="prefix"):
        Estate(prefix, "10.83", tmp_path)


@pytest.mark.parametrize("subnet", ["", "10", "10.300", "8.8", "10.83.1", "10.83.0.0/16", "ten.83"])
def test_a_bad_subnet_is_refused(subnet: str, tmp_path: Path) -> None:
    with pytest.raises(LabRefused, match="subnet"):
        Estate("ops", subnet, tmp_path)


def test_a_target_is_a_host_or_a_site() -> None:
    assert hosts_of("db1") == ["db1"]
    assert hosts_of("site_b") == ["lb2", "app3", "db2"]
    with pytest.raises(LabRefused, match="neither a host"):
        hosts_of("db9")
    with pytest.raises(LabRefused, match="no host 'site_a'"):
        get_host("site_a")


def test_all_hosts_are_stopped_and_the_repository_last() -> None:
    stopped = [host for group in STOP_ORDER for host in group]
    assert sorted(stopped) == sorted(ALL_HOSTS)
    assert stopped.index("repo1") > stopped.index("db1")
    assert stopped.index("db1") > stopped.index("app1")


def test_the_hardware_address_follows_the_address() -> None:
    assert mac_address("10.83.1.31") == "02:53:0a:53:01:1f"


def test_a_control_socket_fits_where_sockets_end(estate: Estate) -> None:
    # OpenSSH adds 17 letters while it makes the socket; 108 bytes is all the kernel takes.
    assert len(str(estate.control_dir / estate.address("client1"))) + 17 < 108


def test_identity_is_stable_and_private(estate: Estate) -> None:
    import io
    import tarfile

    folder = estate.state / "hosts" / "db1"
    folder.mkdir(parents=True)
    (folder / "ssh_host_ed25519_key").write_text("private", encoding="utf-8")
    (folder / "ssh_host_ed25519_key.pub").write_text("public", encoding="utf-8")
    estate.keys.mkdir(parents=True)
    (estate.keys / "ops.pub").write_text("ssh-ed25519 AAAA", encoding="utf-8")
    with tarfile.open(fileobj=io.BytesIO(identity(estate, "db1"))) as archive:
        members = {member.name: member for member in archive}
        machine = archive.extractfile("etc/machine-id")
        assert machine is not None
        assert len(machine.read().strip()) == 32
    assert members["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert members["home/ops/.ssh"].uid == 1000
    assert members["home/ops/.ssh"].mode == 0o700


def test_the_person_behind_sudo_is_who_provisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible asks LOGNAME first where its files of a user lie."""
    told: dict[str, Any] = {}

    def run(_command: list[str], **given: Any) -> subprocess.CompletedProcess[str]:
        told.update(given)
        return subprocess.CompletedProcess([], 0)

    person = pwd.getpwnam("nobody")
    monkeypatch.setattr(_lifecycle.os, "geteuid", lambda: 0)
    monkeypatch.setattr(_lifecycle, "owner_ids", lambda: (person.pw_uid, person.pw_gid))
    monkeypatch.setattr(_lifecycle.subprocess, "run", run)
    assert _lifecycle.run_as_owner(["true"], tmp_path) == 0
    assert told["user"] == person.pw_uid
    assert {told["env"][name] for name in ("USER", "LOGNAME")} == {"nobody"}
    assert told["env"]["HOME"] == person.pw_dir
