# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the programs that roles install on hosts, from the files the roles copy."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.unit._programs import load


@pytest.fixture(scope="session")
def gate() -> ModuleType:
    """The start gate of the role postgresql."""
    return load("roles/postgresql/files/postgresql_start_gate.py")


@pytest.fixture(scope="session")
def repository_verify() -> ModuleType:
    """The verification of the role pgbackrest."""
    return load("roles/pgbackrest/files/pgbackrest_verify.py")


@pytest.fixture(scope="session")
def receiver() -> ModuleType:
    """The receiver of the role wal_receiver."""
    return load("roles/wal_receiver/files/wal_receiver.py")


@pytest.fixture(scope="session")
def watchdog() -> ModuleType:
    """The watchdog of the role wal_receiver."""
    return load("roles/wal_receiver/files/wal_receiver_watchdog.py")
