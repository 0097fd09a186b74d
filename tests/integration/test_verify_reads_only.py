# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collection changes nothing on a host: its file systems are compared before and after, file by file.

A host that works writes by itself. What it wrote in as long a time without any visit is known from a comparison before,
and what sshd, sudo and the journal write about every visit is listed by name; the archive, which gets a segment now and
then, is at rest. Anything else is a fault.
"""

from __future__ import annotations

import re
import time

import pytest
from _lab import INVENTORY, archive_at_rest, on, run_on

from verify.collect.hosts import collect
from verify.engine.environment import load
from verify.engine.evidence import Evidence

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

# Of the database hosts db2 is looked at: its server is stopped until it is needed, so all that lies there is at rest.
# On db1 a running server writes its data directory all the time, visit or not, and nothing could be told apart.
HOSTS = ("lb1", "app1", "db2", "repo1", "mon1")
# Name, content's instant, change of the inode, size, mode, owner and group of everything on the host's file systems.
LISTING = (
    *("find", "/", "-path", "/proc", "-prune", "-o", "-path", "/sys", "-prune", "-o", "-path", "/run", "-prune"),
    *("-o", "-path", "/dev", "-prune", "-o", "-printf", "%p\\t%y %T@ %C@ %s %m %U:%G\\n"),
)
# The trail of a visit: journal, system log (here and on the log host), and the records of sessions.
# Among it is what a door writes of the handshake that it refused: it was asked for a version of TLS that is too old.
TRAIL = re.compile(
    r"^/var/log(?:/(?:journal(?:/.*)?|auth\.log|syslog|user\.log|haproxy\.log|wtmp|lastlog|btmp|remote(?:/.*)?))?$"
    r"|^/var/spool/rsyslog(?:/.*)?$|^/var/lib/sudo(?:/.*)?$|^/tmp$"
)


def listing(host: str) -> dict[str, str]:
    """Return path -> what is known of it, without visiting the host by ssh. What vanishes meanwhile has no line."""
    lines = run_on(host, *LISTING).stdout.splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def test_a_collection_leaves_no_trace_but_the_trail_of_its_visit() -> None:
    environment = load(INVENTORY.parent.name, limit=":".join(HOSTS))
    evidence = Evidence()
    begun = time.monotonic()
    collect(environment, evidence, now=time.time, progress=print)
    took = time.monotonic() - begun
    assert len(evidence) > 40 * len(HOSTS)

    with archive_at_rest():
        first = {host: listing(host) for host in HOSTS}
        time.sleep(took)
        second = {host: listing(host) for host in HOSTS}
        collect(environment, Evidence(), now=time.time, progress=print)
        third = {host: listing(host) for host in HOSTS}

    for host in HOSTS:
        assert len(second[host]) > 3000, f"{host} was not listed as a whole"
        by_itself = changed(first[host], second[host])
        by_us = {path for path in changed(second[host], third[host]) - by_itself if not TRAIL.match(path)}
        assert by_us == set(), f"collection changed {host}"


def test_a_change_would_be_seen() -> None:
    """The comparison itself can fail: a file that only gets another instant is found."""
    before = listing("app1")
    on("app1", "touch", "/etc/motd.proof")
    try:
        assert "/etc/motd.proof" in changed(before, listing("app1"))
    finally:
        on("app1", "rm", "/etc/motd.proof")
