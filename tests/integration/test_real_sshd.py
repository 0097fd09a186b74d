# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts behind real sshds: whose key the evidence carries, and what is said of one that is not let in or not trusted.

Two sshds, a host and a jump host, run on the loopback address without privileges, with keys of their own, out of
packages that are unpacked into a temporary directory where they are not installed. They need no lab.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from verify.collect.hosts import Options, collect
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, Fact, NoEvidence

ECHO = HostFact("echo", "a test", argv=("/bin/echo", "seen"))
PACKAGES = ("openssh-server", "libwrap0")
NOBODY = 65534
SETTINGS = {
    "ListenAddress": "127.0.0.1",
    "StrictModes": "no",
    "UsePAM": "no",
    "PidFile": "none",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
}


@dataclass
class Sshds:
    """Where both answer, and what a client needs to enter: everything lies in one folder."""

    folder: Path
    user: str
    ports: dict[str, int]

    def key(self, name: str) -> str:
        """Return type and body of a public key."""
        return " ".join((self.folder / f"{name}.pub").read_text(encoding="utf-8").split()[:2])

    def fingerprint(self, name: str) -> str:
        """Return the fingerprint of a key as ssh-keygen tells it."""
        told = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(self.folder / f"{name}.pub")], capture_output=True, text=True, check=True
        )
        return told.stdout.split()[1]

    def ask(
        self, *, jump: bool = False, known: dict[str, str] | None = None, keys: dict[str, str] | None = None
    ) -> tuple[Fact, Evidence]:
        """Ask the host; ``known`` says by which key a server is known, ``keys`` by which key it is entered."""
        known = {"host": "host", "jump": "jump"} if known is None else known
        lines = [f"[127.0.0.1]:{self.ports[name]} {self.key(key)}" for name, key in known.items()]
        (self.folder / "known_hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        entered = {"host": "user", "jump": "user", **(keys or {})}
        common = f"IdentitiesOnly yes\nUserKnownHostsFile {self.folder}/known_hosts\nGlobalKnownHostsFile /dev/null\n"
        about = f"Host jump\nHostName 127.0.0.1\nPort {self.ports['jump']}\nUser {self.user}\n"
        key = f"IdentityFile {self.folder / entered['jump']}\n"
        (self.folder / "config").write_text(f"{about}{key}BatchMode yes\nHost *\n{common}", encoding="utf-8")
        declared = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.ports["host"],
            "verify_user": self.user,
            "verify_private_key_file": str(self.folder / entered["host"]),
            "ansible_ssh_args": f"-F {self.folder}/config",
            "ansible_ssh_common_args": "-J jump" if jump else "",
        }
        environment = Environment("test", "-", "-", {"db1": Declared("host", "db1", declared)}, {}, {})
        evidence = Evidence()
        options = Options(deadline_s=30, table=(ECHO,))
        collect(environment, evidence, now=time.time, progress=lambda _text: None, options=options)
        found = evidence.get("db1", "echo")
        assert found is not None
        return found, evidence


@pytest.fixture(scope="module")
def program() -> Iterator[list[str]]:
    """The command that runs sshd: that of the system, or of the unpacked package with the library that it needs."""
    installed = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if installed:
        yield [installed]
        return
    with tempfile.TemporaryDirectory(prefix="sshd-program.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)
        library = min((folder / "root").rglob("libwrap.so.0"))
        yield ["env", f"LD_LIBRARY_PATH={library.parent}", str(folder / "root/usr/sbin/sshd")]


def unprivileged(folder: Path) -> tuple[str, list[str]]:
    """Return an account that can be entered and what starts a program as it; root gives an account away for that."""
    if os.getuid() != 0:
        return getpass.getuser(), []
    # Only what is started sees this account; it has a shell, which nobody has.
    (folder / "passwd").write_text(
        f"root:x:0:0::/root:/bin/sh\nops:x:{NOBODY}:{NOBODY}::/tmp:/bin/sh\n", encoding="utf-8"
    )
    script = (
        f'mount --bind "{folder}/passwd" /etc/passwd && '
        f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"'
    )
    return "ops", ["unshare", "--mount", "sh", "-c", script, "sh"]


@pytest.fixture(scope="module")
def sshds(program: list[str]) -> Iterator[Sshds]:
    """Both servers, listening, ended again."""
    with tempfile.TemporaryDirectory(prefix="sshd.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for key in ("host", "jump", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        shutil.copy(folder / "user.pub", folder / "authorized_keys")
        user, away = unprivileged(folder)
        ports: dict[str, int] = {}
        started = []
        try:
            for server in ("host", "jump"):
                if away:
                    os.chown(folder / server, NOBODY, NOBODY)
                with socket.create_server(("127.0.0.1", 0)) as free:
                    ports[server] = free.getsockname()[1]
                given = {
                    **SETTINGS,
                    "Port": ports[server],
                    "HostKey": folder / server,
                    "AuthorizedKeysFile": folder / "authorized_keys",
                }
                options = [word for key, value in given.items() for word in ("-o", f"{key}={value}")]
                with (folder / f"{server}.log").open("wb") as log:
                    command = [*away, *program, "-D", "-e", "-f", "/dev/null", *options]
                    started.append(subprocess.Popen(command, stdout=log, stderr=log))
            for server, port in ports.items():
                listening(port, folder / f"{server}.log")
            yield Sshds(folder, user, ports)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=30)


def listening(port: int, log: Path) -> None:
    """Return when something listens; fail with what it said otherwise."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"sshd does not listen: {log.read_text(encoding='utf-8', errors='replace')[-500:]}")


@pytest.mark.parametrize("jump", [False, True], ids=["straight", "through a jump host"])
def test_evidence_carries_the_key_of_the_host_itself(sshds: Sshds, jump: bool) -> None:
    fact, evidence = sshds.ask(jump=jump)
    assert fact.error is None
    assert evidence.body(fact) == "seen\n"
    assert fact.identity == sshds.fingerprint("host") != sshds.fingerprint("jump")
    connection = evidence.get("db1", "connection")
    assert connection is not None
    assert json.loads(evidence.body(connection))["fingerprint"] == sshds.fingerprint("host")


ANOTHER_KEY = (
    "db1 at 127.0.0.1 shows another host key than the known one: find out why before you replace it in known_hosts."
)
NOT_LET_IN = (
    "db1 at 127.0.0.1 lets {user} not in: apply the role verify_access, or correct verify_user and "
    "verify_private_key_file."
)
JUMP = (
    "A jump host on the way to db1 at 127.0.0.1 lets nobody through ({}): mend its address, account, key or line in "
    "known_hosts where ssh's configuration of this machine names it."
)
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another key": (
        {"known": {"host": "stranger"}},
        ANOTHER_KEY,
        "host",
    ),
    "a key that nobody knows": (
        {"known": {}},
        "The host key of db1 at 127.0.0.1 is not known: add it to known_hosts from a source that you trust.",
        "host",
    ),
    "not let in": (
        {"keys": {"host": "stranger"}},
        NOT_LET_IN,
        "host",
    ),
    "another key behind a jump host": (
        {"jump": True, "known": {"host": "stranger", "jump": "jump"}},
        ANOTHER_KEY,
        "host",
    ),
    "not let in behind a jump host": (
        {"jump": True, "keys": {"host": "stranger"}},
        NOT_LET_IN,
        "host",
    ),
    "another key of the jump host": (
        {"jump": True, "known": {"host": "host", "jump": "stranger"}},
        JUMP.format("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!"),
        "",
    ),
    "not let in by the jump host": (
        {"jump": True, "keys": {"jump": "stranger"}},
        JUMP.format("{user}@127.0.0.1: Permission denied (publickey)."),
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whoever_refuses_is_told_in_one_sentence_and_nothing_counts(sshds: Sshds, case: str) -> None:
    given, told, shown = REFUSED[case]
    fact, evidence = sshds.ask(**given)
    assert fact.error == told.format(user=sshds.user)
    assert fact.identity == (sshds.fingerprint(shown) if shown else "")
    estate = Estate(Environment("test", "-", "-", {}, {}, {}), evidence, now=time.time())
    for name in ("echo", "connection", "clock"):
        with pytest.raises(NoEvidence) as caught:
            estate.fact("db1", name)
        assert str(caught.value) == fact.error
