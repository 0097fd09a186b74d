#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak with the runtime socket of HAProxy: `keep`, or `ask COMMAND`.

`keep` writes what was set at run time to the files that HAProxy reads when it starts: a reload or a restart forgets the
states and weights of the servers and the lines of the maps otherwise.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
from pathlib import Path

SOCKET = "/run/haproxy/admin.sock"
STATE = Path("/var/lib/haproxy/server-state")
_MAP = re.compile(r"^\S+ \((?P<path>/[^)]+)\)")


def ask(command: str, path: str = SOCKET) -> str:
    """Send one command to the runtime socket and return the whole answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def map_paths(answer: str) -> list[Path]:
    """Return the files of the maps that `show map` lists; a name without a file has none to keep."""
    found = (_MAP.match(line) for line in answer.splitlines())
    return [Path(match["path"]) for match in found if match]


def map_lines(answer: str) -> str:
    """Return the lines of a map file as `show map FILE` tells them, without the internal reference before each."""
    lines = (line.partition(" ")[2] for line in answer.splitlines() if line.startswith("0x"))
    return "".join(f"{line}\n" for line in lines)


def replace(path: Path, text: str) -> bool:
    """Write a file at once or not at all, keeping its mode. Returns whether its content changed."""
    if path.exists() and path.read_text() == text:
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
    Path(name).replace(path)
    return True


def keep() -> None:
    """Keep the states of the servers and every map. Raises OSError."""
    replace(STATE, ask("show servers state"))
    for path in map_paths(ask("show map")):
        replace(path, map_lines(ask(f"show map {path}")))


def run(arguments: list[str]) -> None:
    """Do what the command line says. Raises OSError, and ValueError for another command line."""
    match arguments:
        case ["keep"]:
            keep()
        case ["ask", command]:
            print(ask(command), end="")
        case _:
            raise ValueError("usage: haproxy_runtime.py keep | ask COMMAND")


def main() -> int:
    """Return 0; `keep` also when HAProxy does not run: then there is nothing to keep."""
    try:
        run(sys.argv[1:])
    except (FileNotFoundError, ConnectionRefusedError) as error:
        print(f"HAProxy does not run: {error}", file=sys.stderr)
        return 0 if sys.argv[1:] == ["keep"] else 1
    except (OSError, ValueError) as error:
        print(f"haproxy_runtime: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
