# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small programs that roles lay down on hosts, loaded as the hosts get them."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.unit._programs import load


@pytest.fixture
def runtime() -> ModuleType:
    """The program that keeps HAProxy's run-time state."""
    return load("roles/haproxy/files/haproxy_runtime.py")


@pytest.fixture
def metrics() -> ModuleType:
    """The program that counts backups."""
    return load("roles/monitoring/files/backup_metrics.py")


@pytest.fixture
def files() -> ModuleType:
    """The program that backs files up."""
    return load("roles/file_backup/files/file_backup.py")
