#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A witness beside the database: writes down, four times a second, whether its server takes writes at this instant.

It knows nothing of the drill and asks nobody else, so neither a cut network nor a killed controller blinds it, and it
starts again with the host. The files of two hosts, laid side by side, tell whether there were ever two writers.
One JSON line a look: "t" is the instant in nanoseconds since 1970, "w" is true, false, or null without an answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import psycopg2

INTERVAL_S = 0.25
QUESTION = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"


class Looker:
    """One kept session, opened anew after any error."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session: Any = None

    def look(self) -> bool | None:
        """Return whether the server takes writes, None when it does not answer."""
        try:
            if self._session is None:
                self._session = psycopg2.connect(
                    host="/var/run/postgresql",
                    port=self._port,
                    user="postgres",
                    dbname="postgres",
                    application_name="writer_witness",
                    connect_timeout=2,
                    options="-c statement_timeout=1000",
                )
                self._session.autocommit = True
            with self._session.cursor() as cursor:
                cursor.execute(QUESTION)
                return bool(cursor.fetchone()[0])
        except psycopg2.Error:
            if self._session is not None:
                self._session.close()
            self._session = None
            return None


def main(path: str, port: str) -> int:
    """Look and write until told to stop. Returns 0."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_unused: stop.set())
    looker = Looker(int(port))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    while not stop.is_set():
        line = {"t": time.time_ns(), "w": looker.look()}
        os.write(file, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        stop.wait(INTERVAL_S)
    os.close(file)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
