# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every test runs, and what a run leaves out unless OPS_PROOFS=all asks for it; docs/developer.md lists that."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: properties are judged by what they find, not by how long an example took.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is thorough, and all but the first case of what is played: deselected, never counted as passed.

    What is played comes first: it takes longest, and the last file would keep one processor busy and the others not.
    """
    items.sort(key=lambda item: item.get_closest_marker("played") is None)
    if os.environ.get("OPS_PROOFS") == "all":
        return
    families: set[str] = set()
    left = []
    for item in items:
        family = item.nodeid.partition("[")[0]
        if item.get_closest_marker("thorough") or (item.get_closest_marker("played") and family in families):
            left.append(item)
        families.add(family)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
