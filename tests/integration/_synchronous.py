# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronous receivers of the write-ahead log on the lab: started, waited for, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from _lab import on, run_on, sql, until

RECEIVERS = ("mon1", "repo1")
NAMES = "ANY 1 (" + ", ".join(f'"rx_{host}"' for host in RECEIVERS) + ")"
FILE = "/etc/postgresql/15/main/conf.d/60-synchronous.conf"
SHOW = "SHOW synchronous_standby_names"
STREAMING = (
    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND starts_with(application_name, 'rx_')"
)
IN_USE = "SELECT count(*) FROM pg_replication_slots WHERE active AND starts_with(slot_name, 'rx_')"
DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE starts_with(slot_name, 'rx_')"


def each(verb: tuple[str, ...], *hosts: str) -> None:
    """Do something with the receivers of some hosts."""
    for host in hosts:
        on(host, *verb, "wal-receiver.service")


def streaming(count: int) -> None:
    """Wait until so many receivers stream from db1."""
    until(lambda: int(sql(STREAMING)) == count)


def wait_for(names: str) -> None:
    """Have commits on db1 wait for receivers, or for nobody, as the procedures do."""
    # The file is not taken away, whoever owns it: the watchdog replaces it in the same directory.
    on("db1", "sh", "-c", f"cat > {FILE}", data=f"synchronous_standby_names = '{names}'\n")
    sql("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    until(lambda: sql(SHOW) == names)


@contextmanager
def receiving() -> Iterator[None]:
    """Start the receivers and have commits on db1 wait for any one of them; leave nothing of it behind."""
    try:
        each(("systemctl", "start"), *RECEIVERS)
        streaming(2)
        wait_for(NAMES)
        yield
    finally:
        for host in RECEIVERS:
            run_on(host, "systemctl", "kill", "--signal=CONT", "wal-receiver.service")
            run_on(host, "systemctl", "stop", "wal-receiver.service")
        wait_for("")
        until(lambda: sql(IN_USE) == "0")
        sql(DROP)
        # The watchdog would make commits wait again as soon as a later test starts a receiver.
        on("db1", "rm", "-f", "/run/wal-receiver-watchdog/names")
        on("db1", "systemctl", "restart", "wal-receiver-watchdog.service")
