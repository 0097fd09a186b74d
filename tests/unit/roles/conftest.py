# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the programs that roles install on hosts, from the files the roles copy."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(relative: str) -> types.ModuleType:
    """Import a program of a role by its path below ``roles/``."""
    path = ROLES / relative
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def gate() -> types.ModuleType:
    """The start gate of the role postgresql."""
    return load("postgresql/files/postgresql_start_gate.py")


@pytest.fixture(scope="session")
def repository_verify() -> types.ModuleType:
    """The verification of the role pgbackrest."""
    return load("pgbackrest/files/pgbackrest_verify.py")


@pytest.fixture(scope="session")
def receiver() -> types.ModuleType:
    """The receiver of the role wal_receiver."""
    return load("wal_receiver/files/wal_receiver.py")


@pytest.fixture(scope="session")
def watchdog() -> types.ModuleType:
    """The watchdog of the role wal_receiver."""
    return load("wal_receiver/files/wal_receiver_watchdog.py")
