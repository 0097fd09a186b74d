# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small programs that roles lay down on hosts, loaded as the hosts get them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"


def _load(role: str, name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, ROLES / role / "files" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def runtime() -> ModuleType:
    """The program that keeps HAProxy's run-time state."""
    return _load("haproxy", "haproxy_runtime")


@pytest.fixture
def metrics() -> ModuleType:
    """The program that counts backups."""
    return _load("monitoring", "backup_metrics")


@pytest.fixture
def files() -> ModuleType:
    """The program that backs files up."""
    return _load("file_backup", "file_backup")
