# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program under test lies in its role, as the hosts get it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "canary" / "files" / "canary_ledger.py"


@pytest.fixture(scope="session")
def canary() -> ModuleType:
    """The canary program as a module."""
    specification = importlib.util.spec_from_file_location("canary_ledger", PROGRAM)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["canary_ledger"] = module
    specification.loader.exec_module(module)
    return module
