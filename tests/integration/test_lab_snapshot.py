# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running, provisioned lab: a snapshot brings the estate back, and `lab down` loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from _lab import lab, psql

pytestmark = pytest.mark.lab

NAME = "integration-test"
MARK = "lab-snapshot-mark"
DATABASE_SECONDS = 60
# PostgreSQL renames the directory of a slot that is dropped, which overlayfs refuses for what lies in an image.
DROP_SLOT = "SELECT pg_drop_replication_slot('lab_snapshot_probe')"


def wait_for_database() -> float:
    """Wait until the start gate has started PostgreSQL on db1 and return the seconds that took."""
    begun = time.monotonic()
    while psql("SELECT 1").returncode != 0:
        assert time.monotonic() - begun < DATABASE_SECONDS, "the start gate left PostgreSQL on db1 stopped"
        time.sleep(0.3)
    return time.monotonic() - begun


def status() -> list[dict[str, str]]:
    """Return the lines of `lab status`."""
    lines: list[dict[str, str]] = json.loads(lab("--quiet", "status", "--json"))
    return lines


@pytest.fixture(scope="module")
def snapshot() -> Iterator[None]:
    """Keep the lab as it is, and remove what was kept in the end."""
    psql("CREATE TABLE IF NOT EXISTS lab_snapshot_probe (text text); TRUNCATE lab_snapshot_probe")
    psql("INSERT INTO lab_snapshot_probe VALUES ('kept')")
    assert psql("SELECT pg_create_physical_replication_slot('lab_snapshot_probe')").returncode == 0
    lab("ssh", "db1", f"logger {MARK} && sudo journalctl --sync")
    lab("snapshot", NAME)
    wait_for_database()
    assert NAME in lab("snapshot").split()
    yield
    lab("restore", NAME)
    wait_for_database()
    psql("DROP TABLE lab_snapshot_probe")
    assert psql(DROP_SLOT).returncode == 0
    lab("snapshot", "--remove", NAME)
    assert NAME not in lab("snapshot").split()


@pytest.mark.usefixtures("snapshot")
def test_everything_is_as_it_was() -> None:
    addresses = {line["host"]: line["address"] for line in status()}
    # The estate is hurt as much as one can: a host is dead, a site is cut, data and configuration are gone.
    assert psql("UPDATE lab_snapshot_probe SET text = 'changed'").returncode == 0
    lab("ssh", "repo1", "sudo rm -rf /var/lib/pgbackrest/backup /etc/pgbackrest")
    lab("fault", "host-kill", "app1")
    lab("fault", "site-cut", "site_b")

    lab("restore", NAME)

    wait_for_database()
    assert psql("SELECT text FROM lab_snapshot_probe").stdout.strip() == "kept"
    assert psql(DROP_SLOT).returncode == 0
    assert "20" in lab("ssh", "repo1", "sudo ls /var/lib/pgbackrest/backup/main")
    assert {line["state"] for line in status()} == {"running"}
    assert {line["host"]: line["address"] for line in status()} == addresses
    assert "nothing to undo" in lab("heal", "--all")
    assert lab("ssh", "app3", "hostname").strip() == "app3"
    assert MARK in lab("ssh", "db1", f"sudo journalctl --quiet --output cat --grep {MARK}"), "the journal goes on"


@pytest.mark.usefixtures("snapshot")
def test_a_snapshot_does_not_hide_a_fault() -> None:
    lab("fault", "link-cut", "app1", "db1")
    assert "is in effect; undo it first" in lab("snapshot", "second", code=3)
    lab("heal", "--all")
    assert "second" not in lab("snapshot").split()


@pytest.mark.usefixtures("snapshot")
def test_a_lab_that_was_switched_off_comes_back_as_it_was() -> None:
    """Nothing is provisioned anew; were it left off by a failure, the snapshot would bring it back."""
    before = {line["host"]: line["address"] for line in status()}
    assert psql("UPDATE lab_snapshot_probe SET text = 'written last'").returncode == 0
    lab("down")
    assert {line["state"] for line in status()} == {"exited"}
    assert psql("SELECT 1").returncode != 0

    lab("up", "--no-provision")
    wait_for_database()
    assert {line["state"] for line in status()} == {"running"}
    assert {line["host"]: line["address"] for line in status()} == before
    assert psql("SELECT text FROM lab_snapshot_probe").stdout.strip() == "written last"
    assert lab("ssh", "app3", "hostname").strip() == "app3"
    assert MARK in lab("ssh", "db1", f"sudo journalctl --quiet --output cat --grep {MARK}"), "the journal goes on"
