# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the green world: a run a day for 90 days, with every key figure."""

from __future__ import annotations

from _world import DAY, World, golden
from golden_records import at

from verify.facts.figures import names


@golden
def ledger(world: World) -> None:
    """A sample of each figure for each day but today, whose sample a run brings itself."""
    points = [[at(back * DAY), 1.0, "met"] for back in range(90, 0, -1)]
    figures = {name: {"unit": "ratio", "points": points} for name in names(world.estate())}
    world.set("ledger", "whole_run", {"at": at(DAY)})
    world.set("ledger", "figures", {"first": points[0][0], "figures": figures})
