#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let commits go on when no receiver of the write-ahead log answers, and make them wait again when one is back.

A primary that waits for receivers hangs at every commit once none is left. This watchdog looks at the local cluster
several times a second. While no receiver replies it clears synchronous_standby_names, which releases the waiting
commits at once, and remembers the value. When a receiver streams again it sets the value again.

Only a setting that names receivers (rx_...) is touched, and only on a primary. It is written where the procedures
write it, outside of the data directory: in postgresql.auto.conf it would outvote them and travel in every backup. That
file is the second choice, when the first cannot be written or does not prevail: no commit may wait for the dead.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

PREFIX = "rx_"
REMEMBERED = Path("/run/wal-receiver-watchdog/names")
LOOK = """
SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'),
       coalesce((SELECT json_agg(json_build_array(pid, reply_time)) FROM pg_stat_replication
                 WHERE state = 'streaming' AND starts_with(application_name, %s)), '[]')
"""
# What an earlier watchdog, or a restore of its time, left in the data directory; an empty text was its way to clear.
STRAY = """
SELECT setting FROM pg_file_settings
WHERE name = 'synchronous_standby_names' AND sourcefile LIKE '%/postgresql.auto.conf'
"""
RESET = "ALTER SYSTEM RESET synchronous_standby_names"
TRIES = 2  # looks after which the file of the procedures has had its chance
NOTICE, WARNING = 5, 4


@dataclass(frozen=True)
class View:
    """What one look at the cluster showed; a receiver is its process id and the time of its last reply."""

    in_recovery: bool
    names: str
    receivers: tuple[tuple[int, str | None], ...]


@dataclass
class Watch:
    """Decides what synchronous_standby_names must be.

    ``wanted`` is the value to set when a receiver streams, ``silence`` the seconds without a new reply after which a
    receiver counts as dead. Replies are timed by the local clock, so the clock of the receiver does not matter.
    """

    silence: float
    wanted: str = ""
    replies: dict[int, tuple[str | None, float]] = field(default_factory=dict)

    def alive(self, view: View, now: float) -> int:
        """Return how many receivers have replied within the allowed silence (``now`` in monotonic seconds)."""
        known = {}
        for pid, reply in view.receivers:
            before = self.replies.get(pid)
            known[pid] = before if before and before[0] == reply else (reply, now)
        self.replies = known
        return sum(now - since <= self.silence for _pid, since in known.values())

    def decide(self, view: View, now: float) -> str | None:
        """Return the value that must be set now, None to leave things as they are."""
        alive = self.alive(view, now)
        if view.in_recovery:
            return None
        if view.names and PREFIX in view.names and not alive:
            self.wanted = view.names
            return ""
        if alive and not view.names and self.wanted:
            return self.wanted
        return None


def look(connection: Any) -> View:
    """Ask the cluster for its role, its setting and its receivers."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, (PREFIX,))
        in_recovery, names, receivers = cursor.fetchone()
    return View(in_recovery, names, tuple((int(pid), reply) for pid, reply in receivers))


def apply(connection: Any, names: str, file: Path | None) -> None:
    """Set synchronous_standby_names in ``file``, or in the data directory without one or when it cannot be written."""
    with connection.cursor() as cursor:
        try:
            if file is None:
                raise FileNotFoundError
            write(file, names)
            cursor.execute(RESET)
        except OSError:
            cursor.execute("ALTER SYSTEM SET synchronous_standby_names = %s", (names,))
        cursor.execute("SELECT pg_reload_conf()")


def write(file: Path, names: str) -> None:
    """Replace the configuration file that says whom a commit waits for, at once or not at all."""
    quoted = names.replace("'", "''")
    draft = file.with_name(f".{file.name}.new")  # the server reads no file whose name begins with a dot
    draft.write_text(f"synchronous_standby_names = '{quoted}'\n", encoding="utf-8")
    draft.chmod(0o644)
    os.replace(draft, file)


def tidy(connection: Any) -> bool:
    """Take receivers' names, or nothing at all, out of postgresql.auto.conf; tell whether there was something."""
    with connection.cursor() as cursor:
        cursor.execute(STRAY)
        stray = [setting or "" for (setting,) in cursor.fetchall()]
        if not stray or not (stray[-1] == "" or PREFIX in stray[-1]):
            return False
        cursor.execute(RESET)
        cursor.execute("SELECT pg_reload_conf()")
    return True


def say(priority: int, text: str) -> None:
    """Write one line for the journal."""
    print(f"<{priority}>{text}", flush=True)


def watch(connection: Any, state: Watch, interval: float, remembered: Path, file: Path) -> None:
    """Look and act until the connection is lost, which psycopg2.Error tells."""
    before: str | None = None
    tries = 0
    while True:
        names = state.decide(look(connection), time.monotonic())
        tries = tries + 1 if names == before else 0
        if names is not None:
            apply(connection, names, file if tries < TRIES else None)
            if names:
                say(NOTICE, f"a receiver streams again; commits wait for {names}")
            else:
                remembered.write_text(state.wanted, encoding="utf-8")
                say(WARNING, f"no receiver answers; commits go on without {state.wanted}")
            time.sleep(interval)  # the reload takes a moment to show
        before = names
        time.sleep(interval)


def main(arguments: Sequence[str]) -> int:
    """Watch the local cluster for ever, whenever it runs."""
    parser = argparse.ArgumentParser(description="Let commits go on when no receiver of the write-ahead log answers.")
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--socket-dir", default="/var/run/postgresql")
    parser.add_argument(
        "--names", default="", help="value to set when a receiver streams; else what was cleared before"
    )
    parser.add_argument("--interval", type=float, default=0.5)
    parser.add_argument("--silence", type=float, default=3.0)
    parser.add_argument("--remembered", type=Path, default=REMEMBERED)
    parser.add_argument("--file", type=Path, required=True, help="configuration file that holds the setting")
    options = parser.parse_args(arguments)
    wanted = options.names
    if not wanted and options.remembered.exists():
        wanted = options.remembered.read_text(encoding="utf-8")
    state = Watch(options.silence, wanted)
    while True:
        try:
            connection = psycopg2.connect(
                host=options.socket_dir,
                port=options.port,
                dbname="postgres",
                connect_timeout=2,
                application_name="wal-receiver-watchdog",
                options="-c statement_timeout=2s -c synchronous_commit=local",
            )
            connection.autocommit = True
            if tidy(connection):
                say(
                    NOTICE,
                    "synchronous_standby_names was in postgresql.auto.conf, where procedures cannot set it; reset",
                )
            watch(connection, state, options.interval, options.remembered, options.file)
        except psycopg2.Error:
            time.sleep(options.interval)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
