# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab is imported from the checkout; it is no part of the collection."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from lab._estate import Estate


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """Return a lab whose checkout is an empty directory with a space in its name."""
    root = tmp_path / "a check.out"
    root.mkdir()
    return Estate(prefix="unit", subnet="10.99", root=root)
