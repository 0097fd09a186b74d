# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the service lie in its role, as the hosts get them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

RULES = Path(__file__).resolve().parents[3] / "roles" / "app" / "files" / "ccobservatory" / "state.py"


@pytest.fixture(scope="session")
def state() -> ModuleType:
    """The rules of what the service believes about its database."""
    specification = importlib.util.spec_from_file_location("ccobservatory_state", RULES)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["ccobservatory_state"] = module
    specification.loader.exec_module(module)
    return module
