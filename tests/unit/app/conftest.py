# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the service lie in its role, as the hosts get them."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.unit._programs import load


@pytest.fixture(scope="session")
def state() -> ModuleType:
    """The rules of what the service believes about its database."""
    return load("roles/app/files/ccobservatory/state.py", "ccobservatory_state")
