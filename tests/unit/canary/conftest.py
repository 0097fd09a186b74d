# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program under test lies in its role, as the hosts get it."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.unit._programs import load


@pytest.fixture(scope="session")
def canary() -> ModuleType:
    """The canary program as a module."""
    return load("roles/canary/files/canary_ledger.py")
