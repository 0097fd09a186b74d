# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks at two hosts, side by side, can tell of two writers, and of what time they tell nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso

# Two looks further apart than this say nothing of the time between them, in seconds.
LONGEST_STRETCH_S = 2.0
# How long nobody may have looked at a host around an instant at which the writer changes, in seconds.
MOST_BLIND_S = 3.0

# The steps that promote: which host, and whose looks have to tell that the other one did not write then.
PROMOTES = {"promote": ("db2", ("db2",)), "failback": ("db1", ("db1", "db2"))}

Look = tuple[float, bool]
"""Instant in seconds since 1970, and whether the host said that it is writable."""


def writing(rows: Sequence[Look]) -> Iterator[tuple[float, float]]:
    """Yield the stretches in which a host was writable: a single look that says so is one without length."""
    for place, (at, writable) in enumerate(rows):
        if writable:
            after, goes_on = rows[place + 1] if place + 1 < len(rows) else (at, False)
            yield at, after if goes_on and after - at < LONGEST_STRETCH_S else at


def both(first: Sequence[Look], second: Sequence[Look]) -> list[tuple[float, float]]:
    """Return the instants at which both hosts were writable: (look at one, look at the other)."""
    ours, theirs = list(writing(first)), list(writing(second))
    return [(a[0], b[0]) for a in ours for b in theirs if a[0] <= b[1] and b[0] <= a[1]]


def blind_around(looks: Iterable[float], instant: float) -> float:
    """Return the longest time without a look near an instant, in seconds: from the last one before ``MOST_BLIND_S``
    earlier to the first one after ``MOST_BLIND_S`` later. Infinite where nobody looked before or after."""
    times = sorted(looks)
    before = [at for at in times if at <= instant - MOST_BLIND_S]
    after = [at for at in times if at >= instant + MOST_BLIND_S]
    if not before or not after:
        return float("inf")
    near = [at for at in times if before[-1] <= at <= after[0]]
    return max(later - earlier for earlier, later in itertools.pairwise(near))


def blind_at_promotions(
    samples: Mapping[str, Sequence[Look]], record: Mapping[str, Any]
) -> dict[tuple[str, str], float]:
    """Return for how long nobody looked around each promotion on record, by the step and the host to look at.

    A step that promoted nobody, as in a drill that was taken back before, is left out. Where a run was killed after it
    had promoted, the next one meets a primary and notes no instant: it is the first look at which the host wrote.
    """
    found = {}
    for step in record["steps"]:
        if step["id"] in PROMOTES and "promoted" in step["result"]:
            promoted, watched = PROMOTES[step["id"]]
            told, began = step["result"]["promoted"], parse_iso(step["started"]).timestamp()
            instant = parse_iso(told).timestamp() if told else _first_write(samples[promoted], since=began)
            found |= {
                (step["id"], host): blind_around([at for at, _writes in samples[host]], instant) for host in watched
            }
    return found


def _first_write(looks: Sequence[Look], *, since: float) -> float:
    """Return the first look at which a host was writable, infinite where none was."""
    return next((at for at, writable in looks if writable and at >= since), float("inf"))
