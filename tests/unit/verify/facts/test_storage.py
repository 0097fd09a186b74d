# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file systems Prometheus does not know, and which are not as fstab wants them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from verify.facts import host_storage
from verify.facts.metrics import Sample
from verify.facts.storage import read_only, unmounted, unwatched

RECORDED = Path(__file__).parent / "recorded"


def samples(**labels: str) -> list[Sample]:
    return [Sample(labels, 0.3, 0.0)]


@pytest.mark.parametrize(
    ("labels", "unknown"),
    [
        ({"device": "/dev/vda", "mountpoint": "/etc/hostname"}, []),
        ({"device": "/dev/vda", "mountpoint": "/var/log/journal"}, []),
        ({"device": "overlay", "mountpoint": "/"}, ["/etc/hostname"]),
        ({"device": "/dev/vdb", "mountpoint": "/data"}, ["/", "/etc/hostname"]),
    ],
)
def test_the_root_of_a_container_lies_on_a_file_system_of_its_machine(
    labels: dict[str, str], unknown: list[str]
) -> None:
    disks = host_storage.disks((RECORDED / "disks.txt").read_text(encoding="utf-8"))
    assert [one.target for one in unwatched(disks, samples(**labels))] == unknown


def test_a_file_system_without_a_limit_of_inodes_needs_no_sample_of_them() -> None:
    disks = [host_storage.Disk("/dev/vda15", "/boot/efi", "vfat", 100, 10, 90, None, None)]
    assert unwatched(disks, [], inodes=True) == []
    assert unwatched(disks, []) == disks


def test_two_volumes_of_one_size_need_a_sample_each() -> None:
    disks = [host_storage.Disk(f"/dev/vd{one}", f"/{one}", "xfs", 100, 10, 90, 8, 1) for one in "ab"]
    assert unwatched(disks, samples(device="/dev/vda", mountpoint="/a")) == disks[1:]


def test_what_fstab_wants() -> None:
    table = (
        "/etc/fstab:# a comment\n/etc/fstab:\n"
        "/etc/fstab:UUID=1 / ext4 errors=remount-ro 0 1\n"
        "/etc/fstab:UUID=2 /usr ext4 ro,nodev 0 2\n"
        "/etc/fstab:UUID=3 /my\\040data xfs defaults 0 2\n"
        "/etc/fstab:UUID=4 /media/cdrom udf,iso9660 user,noauto 0 0\n"
        "/etc/fstab:UUID=5 none swap sw 0 0\n"
    )
    wanted = host_storage.fstab(table)
    assert [one.target for one in wanted] == ["/", "/usr", "/my data"]
    assert host_storage.fstab("") == []
    mounted = host_storage.mounts("/dev/a / ext4 ro 0 0\n/dev/b /usr ext4 ro 0 0\n")
    host = SimpleNamespace(fstab=wanted, mounts=mounted)
    assert unmounted(host) == ["/my data"]
    assert read_only(host) == ["/"]
