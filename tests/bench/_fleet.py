# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated hosts for the figures of collection: one sshd answers on 127.0.0.0/8 as any number of them."""

from __future__ import annotations

import contextlib
import ipaddress
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from verify.engine.declared import Declared, Environment

FIRST = ipaddress.IPv4Address("127.0.1.1")
FILES = (
    *("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/hosts", "/etc/hostname", "/etc/fstab", "/etc/profile"),
    *("/etc/services", "/etc/protocols", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/login.defs", "/etc/shells"),
    *("/etc/debian_version", "/etc/os-release", "/etc/issue", "/etc/issue.net", "/etc/bash.bashrc", "/etc/host.conf"),
    "/etc/ld.so.conf",
)
PACKAGES = ("base-files", "bash", "coreutils", "dpkg", "findutils", "grep", "gzip", "libc6", "sed", "tar")
USERS = ("root", "daemon", "bin", "sys", "nobody")
SYSCTL = ("kernel.pid_max", "vm.swappiness", "fs.file-max", "kernel.threads-max", "net.core.somaxconn")


@dataclass(frozen=True)
class Fleet:
    """A running sshd: its port, the key that it lets in, and where its files lie."""

    port: int
    folder: Path

    def about(self, number: int) -> dict[str, Any]:
        """Return the variables of a simulated host."""
        return {
            "ansible_host": str(FIRST + number),
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_args": "-F /dev/null",
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known_hosts -o LogLevel=ERROR",
            "ansible_ssh_timeout": 60,
        }

    def environment(self, count: int, extra: dict[str, dict[str, Any]] | None = None) -> Environment:
        """Return an environment of so many hosts, with others beside them."""
        about = {**{f"h{number}": self.about(number) for number in range(count)}, **(extra or {})}
        hosts = {name: Declared("host", name, given) for name, given in about.items()}
        return Environment("bench", "-", "-", hosts, {}, {})

    def logins(self) -> int:
        """Return how many logins sshd has seen."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace").count("Accepted publickey")


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Start sshd with keys of its own and end it afterwards. Needs root and Debian's openssh-server."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise SystemExit("There is no sshd here; install openssh-server.")
    Path("/run/sshd").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fleet.") as name:
        folder = Path(name)
        for key in ("key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        # What the peer's own implementation of the protocol speaks, where it lacks the newer algorithms.
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / "host_ecdsa")], check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        public = (folder / "host_key.pub").read_text(encoding="utf-8").split()[:2]
        (folder / "known_hosts").write_text(f"[127.0.*.*]:{port} {' '.join(public)}\n", encoding="utf-8")
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 0.0.0.0\nHostKey {folder}/host_key\nHostKey {folder}/host_ecdsa\n"
            f"AuthorizedKeysFile {folder}/key.pub\nKexAlgorithms curve25519-sha256,ecdh-sha2-nistp256\n"
            "PermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\nPidFile none\nMaxStartups 2000\nUseDNS no\n"
            "PasswordAuthentication no\nMaxSessions 200\nLogLevel INFO\n",
            encoding="utf-8",
        )
        command = [program, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")]
        with subprocess.Popen(command) as server:
            try:
                _wait(port)
                yield Fleet(port, folder)
            finally:
                server.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("sshd did not start.")


def facts() -> tuple[HostFact, ...]:
    """Return what 60 assertions need: files, packages, processes, sockets, users, settings and commands."""
    return (
        HostFact("files", "", argv=("/usr/bin/stat", "-c", "%n\t%F\t%a\t%u\t%g\t%s\t%Y", *FILES), accepts=(0, 1)),
        HostFact("packages", "", argv=("/usr/bin/dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *PACKAGES)),
        HostFact("processes", "", argv=("/usr/bin/ps", "-A", "-o", "pid,user,comm"), cap=1 << 20),
        HostFact("sockets", "", argv=("/usr/bin/ss", "-Htuln"), cap=1 << 20),
        HostFact("users", "", path="/etc/passwd"),
        *(HostFact(name, "", path=f"/proc/sys/{name.replace('.', '/')}") for name in SYSCTL),
        HostFact("uname", "", argv=("/usr/bin/uname", "-a")),
        HostFact("hostname", "", path="/proc/sys/kernel/hostname"),
        HostFact("release", "", path="/etc/os-release"),
        HostFact("uptime", "", path="/proc/uptime"),
        HostFact("id", "", argv=("/usr/bin/id",)),
    )


def many(count: int) -> tuple[HostFact, ...]:
    """Return so many facts that cost a host little: files below /proc and /etc, again and again."""
    return tuple(HostFact(f"f{number}", "", path=FILES[number % len(FILES)]) for number in range(count))


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and seconds of processor that this process and its ended children took."""

    wall: float
    cpu: float


@contextlib.contextmanager
def cost() -> Iterator[list[Cost]]:
    """Measure a block; the list holds one `Cost` afterwards. The processor time of sshd is not in it."""
    found: list[Cost] = []
    begun, used = time.monotonic(), _used()
    yield found
    found.append(Cost(time.monotonic() - begun, _used() - used))


def _used() -> float:
    return sum(
        use.ru_utime + use.ru_stime
        for use in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


@contextlib.contextmanager
def dead_and_hanging() -> Iterator[tuple[int, int]]:
    """Give two ports of 127.0.0.1: one drops connections, as its queue is full, one takes them and is silent."""
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))
        dead.listen(0)
        for _number in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(dead.getsockname())
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        yield dead.getsockname()[1], silent.getsockname()[1]
