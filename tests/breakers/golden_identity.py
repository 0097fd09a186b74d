# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host of the green world is a machine of its own."""

from __future__ import annotations

from _world import World, golden


@golden
def machines(world: World) -> None:
    """An id a host, as systemd writes it."""
    for number, name in enumerate(sorted(world.hosts), start=1):
        world.set(name, "machine_id", f"{number:032x}\n", source="host")
