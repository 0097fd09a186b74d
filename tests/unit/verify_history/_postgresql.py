# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server: Debian's programs, an unprivileged account, a temporary directory, a loopback port."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

USER, PASSWORD = "ledger", "a-passw0rd-of-the-test"
_ACCOUNT = "postgres"
_START_S = 60


def programs() -> Path:
    """Return the directory of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError("PostgreSQL's programs are missing: run scripts/bootstrap.sh, or install postgresql.")
    return found[-1].parent


def as_account(command: list[str]) -> list[str]:
    """Return the command as an unprivileged account runs it: the server refuses root."""
    if os.getuid():
        return command
    account = pwd.getpwnam(_ACCOUNT)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *command]


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(*more: str) -> Iterator[str]:
    """Run a server, with more settings as ``name=value``, and return its URL without a database at its end."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        if not os.getuid():
            for path in (folder, password):
                shutil.chown(path, _ACCOUNT)
        data, port = folder / "data", free_port()
        made = [str(programs() / "initdb"), "-D", str(data), "-U", USER, f"--pwfile={password}", "-A", "scram-sha-256"]
        subprocess.run(as_account([*made, "--no-sync"]), check=True, capture_output=True, cwd=folder)
        settings = (
            f"port={port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={folder}",
            "fsync=off",
            *more,
        )
        options = [word for setting in settings for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            started = as_account([str(programs() / "postgres"), "-D", str(data), *options])
            process = subprocess.Popen(started, stdout=log, stderr=log, cwd=folder)
        try:
            wait_for(port, process, folder / "log")
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_START_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + _START_S
    while True:
        try:
            connect(port, "postgres").close()
            return
        except psycopg2.OperationalError as exc:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"The server did not come up: {log.read_text()[-2000:]}") from exc
            time.sleep(0.1)


def connect(port: int, database: str) -> psycopg2.extensions.connection:
    """Return a connection that commits each statement."""
    found = psycopg2.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname=database)
    found.autocommit = True
    return found


def new_database(url: str, name: str) -> str:
    """Create an empty database and return its URL."""
    with contextlib.closing(connect(int(url.rpartition(":")[2]), "postgres")) as connection:
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
    return f"{url}/{name}"
