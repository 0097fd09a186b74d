# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a pgBackRest repository over TLS: by its files, by the running server, and by its open sessions.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import signal
import socket
import struct
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["ServerLog", "access_file", "end_sessions", "granted_by", "peers_of_port", "read_configuration"]

POLL_S = 0.05

_LINE = re.compile(r"^\s*tls-server-auth\s*=\s*(?P<name>[^=\s]+)\s*=\s*(?P<stanzas>\S*)\s*$")
_OPTION = re.compile(r"--tls-server-auth=(?P<name>[^=\s]+)=(?P<stanzas>\S*)")
_BEGIN = "server command begin"


def access_file(config_dir: str, host: str) -> str:
    """The file that lets one host in."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", host):
        raise OpsError(f"{host!r} is no host name; use the name of its certificate.")
    return os.path.join(config_dir, "conf.d", f"access-{host}.conf")


def read_configuration(config_dir: str) -> dict[str, str]:
    """The files that pgBackRest reads, by path."""
    texts = {}
    for path in [os.path.join(config_dir, "pgbackrest.conf"), *sorted(glob.glob(f"{config_dir}/conf.d/*.conf"))]:
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            texts[path] = file.read()
    return texts


def _grants(match: re.Match[str], host: str, stanza: str) -> bool:
    return match["name"] == host and (match["stanzas"] == "*" or stanza in match["stanzas"].split(","))


def granted_by(texts: t.Mapping[str, str], host: str, stanza: str) -> list[str]:
    """Files whose lines let a host use a stanza; leave for all stanzas counts for each."""
    found = []
    for path, text in texts.items():
        matches = (_LINE.match(line) for line in text.splitlines())
        if any(match and _grants(match, host, stanza) for match in matches):
            found.append(path)
    return sorted(found)


class ServerLog:
    """The server's log, in which it tells its options each time it has read its configuration."""

    def __init__(self, path: str) -> None:
        self._path = path

    def loads(self) -> list[str]:
        """The lines of all loads, oldest first.

        Raises:
            OpsError: there is no log, so the running server cannot be asked.
        """
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                return [line for line in file if _BEGIN in line]
        except OSError as exc:
            raise OpsError(
                f"{self._path} cannot be read ({exc.strerror}), so what the running server accepts cannot be proved; "
                "set log-level-file=info or tell where the log is."
            ) from exc

    def wait_load(self, known: int, timeout: float) -> str:
        """The newest line, once there are more than before."""
        deadline = time.monotonic() + timeout
        while True:
            lines = self.loads()
            if len(lines) > known:
                return lines[-1]
            if time.monotonic() >= deadline:
                raise OpsError(
                    f"The server did not read its configuration again within {timeout:g} s; look at its log."
                )
            time.sleep(POLL_S)

    @staticmethod
    def accepts(line: str, host: str, stanza: str) -> bool:
        """Whether the options of a load let a host use a stanza."""
        return any(_grants(match, host, stanza) for match in _OPTION.finditer(line))


def peers_of_port(port: int, addresses: t.Container[str], proc: str = "/proc") -> dict[str, str]:
    """Established connections to a local port from some addresses: inode of the socket to address of the peer."""
    found: dict[str, str] = {}
    for name in ("tcp", "tcp6"):
        try:
            with open(os.path.join(proc, "net", name), encoding="ascii") as file:
                rows = [line.split() for line in file.read().splitlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == port:
                peer = _address(row[2].rpartition(":")[0])
                if peer in addresses:
                    found[row[9]] = peer
    return found


def _address(digits: str) -> str:
    """An address as the kernel prints it: hexadecimal words in host byte order."""
    raw = b"".join(struct.pack("=I", int(digits[at : at + 8], 16)) for at in range(0, len(digits), 8))
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    if raw[:12] == b"\0" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)


def _owners(inodes: t.Container[str]) -> set[int]:
    """Processes of pgBackRest that hold one of the sockets."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if b"pgbackrest" not in file.read():
                    continue
            links = _open_files(entry)
        except OSError:
            continue
        if any(link.startswith("socket:[") and link[8:-1] in inodes for link in links):
            found.add(int(entry))
    return found


def _open_files(entry: str) -> list[str]:
    """What a process has open, asked as its own account: in a container root may not look at another's."""
    become = os.geteuid() == 0
    try:
        if become:
            owner = os.stat(f"/proc/{entry}")
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
        return [os.readlink(f"/proc/{entry}/fd/{name}") for name in os.listdir(f"/proc/{entry}/fd")]
    finally:
        if become:
            os.seteuid(0)
            os.setegid(0)


def end_sessions(port: int, addresses: t.Collection[str], main_pid: int, timeout: float = 2.0) -> int:
    """End the server's sessions with some addresses, gently and then not; how many there were.

    Raises:
        OpsError: a session outlived both.
    """
    first = len(peers_of_port(port, addresses))
    deadline = time.monotonic() + timeout
    means = signal.SIGTERM
    while peers := peers_of_port(port, addresses):
        if time.monotonic() >= deadline:
            raise OpsError(f"Sessions from {', '.join(sorted(set(peers.values())))} do not end; restart the server.")
        if time.monotonic() >= deadline - timeout / 2:
            means = signal.SIGKILL
        for pid in _owners(peers) - {main_pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, means)
        time.sleep(POLL_S)
    return first
