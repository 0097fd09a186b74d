#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receive the write-ahead log of whichever database is the primary, synchronously.

Each start makes sure that the slot exists on the present primary and then runs pg_receivewal until it ends; systemd
starts it again. After a failover the new primary may not have what was received from the old one. Such segments are
the only copy of commits that nobody else has, so they are set aside, never overwritten, and receiving begins anew.

Exit status: that of pg_receivewal; 0 after a requested stop.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

WAL_FILE = re.compile(r"^[0-9A-F]{24}(\.partial)?(\.gz|\.lz4)?$|^[0-9A-F]{8}\.history$")
# The last one has no text at all: pg_receivewal asks for the very end of a timeline that another one continues.
PARTED = re.compile(
    r"is not in this server's history|is ahead of the WAL flush position|has already been removed"
    r"|requested timeline|\"START_REPLICATION\":\s*$"
)


def parted(lines: Sequence[str]) -> bool:
    """Tell whether the last messages say that the server cannot continue what was received."""
    return any(PARTED.search(line) for line in lines)


def set_aside(directory: Path, name: str) -> list[str]:
    """Move every received file of ``directory`` into ``former/<name>`` and return the names of the files."""
    files = sorted(path for path in directory.iterdir() if path.is_file() and WAL_FILE.match(path.name))
    if files:
        target = directory / "former" / name
        target.mkdir(parents=True, mode=0o700)
        for path in files:
            path.rename(target / path.name)
    return [path.name for path in files]


def receive(command: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command, pass its messages on, and return its status and its last messages."""
    last: deque[str] = deque(maxlen=10)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr or ():
            sys.stderr.write(line)
            last.append(line)
    return process.returncode, list(last)


def main(arguments: Sequence[str]) -> int:
    """Receive until the connection ends and return the exit status."""
    parser = argparse.ArgumentParser(description="Receive the write-ahead log of the present primary.")
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--slot", required=True)
    parser.add_argument("--connection", required=True)
    options = parser.parse_args(arguments)
    base = [str(options.bin_dir / "pg_receivewal"), "--no-password", f"--slot={options.slot}", "-d", options.connection]
    try:
        status, last = receive([*base, "--create-slot", "--if-not-exists"])
        if status != 0:
            return status
        status, last = receive(
            [*base, f"--directory={options.directory}", "--synchronous", "--no-loop", "--status-interval=1"]
        )
    except KeyboardInterrupt:
        return 0
    if status != 0 and parted(last):
        name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        moved = set_aside(options.directory, name)
        print(f"<4>the primary cannot continue what was received; {len(moved)} files set aside in former/{name}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
