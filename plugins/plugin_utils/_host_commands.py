# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of what verification may ask of a host.

It is the collection plan, the allow-list of the collector, and the source of the sudoers file that the role
`verify_access` writes. Nothing outside of it is sent to a host, and nothing in it changes one.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact

__all__ = ["TABLE"]

ROOT = "root"

_IDENTITY = (
    HostFact("os_release", "distribution and version", path="/etc/os-release", cap=4 * KIB),
    HostFact("kernel_release", "the kernel that runs", path="/proc/sys/kernel/osrelease", cap=KIB),
    HostFact("machine_id", "the host behind a name", path="/etc/machine-id", cap=KIB),
)

_SOFTWARE = (
    HostFact(
        "packages",
        "every package with its version and state",
        argv=(
            "/usr/bin/dpkg-query",
            "--show",
            "--showformat=${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\n",
        ),
        cap=1024 * KIB,
        deadline_s=20,
    ),
)

_ACCESS = (
    HostFact("accounts", "accounts of the host", path="/etc/passwd"),
    HostFact("groups", "groups and their members", path="/etc/group"),
    HostFact("sshd", "settings that sshd works by", argv=("/usr/sbin/sshd", "-T"), user=ROOT),
)

_NETWORK = (
    HostFact(
        "sockets", "listening sockets and their processes", argv=("/usr/bin/ss", "-Htulnp"), user=ROOT, cap=256 * KIB
    ),
)

_STORAGE = (
    HostFact("mounts", "what is mounted where and how", path="/proc/self/mounts"),
    HostFact(
        "disks",
        "space and inodes",
        argv=(
            "/usr/bin/df",
            "--local",
            "--block-size=1",
            "--output=source,fstype,size,used,avail,itotal,iused,iavail,target",
        ),
        accepts=(0, 1),
    ),
)

TABLE: tuple[HostFact, ...] = (*_IDENTITY, *_SOFTWARE, *_ACCESS, *_NETWORK, *_STORAGE)
