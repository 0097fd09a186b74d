# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the green world: a run a day for 90 days, with every key figure."""

from __future__ import annotations

import datetime

from _world import NOW, World, golden

from verify.facts.figures import names


@golden
def ledger(world: World) -> None:
    """A sample of each figure for each day but today, whose sample a run brings itself."""
    today = datetime.datetime.fromtimestamp(NOW, tz=datetime.UTC).date()
    days = [(today - datetime.timedelta(days=back)).isoformat() for back in range(90, 0, -1)]
    points = [[day, 1.0, "met"] for day in days]
    figures = {name: {"unit": "ratio", "points": points} for name in names(world.estate())}
    world.set("ledger", "figures", {"first": days[0], "figures": figures})
