# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there were ever two writers, from what a witness beside each database wrote down. Pure but for the reading.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import NS, iso

__all__ = ["HOSTS_NEEDED", "observed", "read_samples", "witnessed"]

PREFIX = "witness-"
HOSTS_NEEDED = 2
# Two looks further apart than this say nothing of the time between them, in seconds.
LONGEST_STRETCH_S = 2.0

Sample = tuple[float, bool | None]
"""Instant in seconds since 1970, and whether the server took writes; None when it did not answer."""


def witnessed(folder: Path, offsets: Mapping[str, float]) -> dict[str, Any] | None:
    """Return what the witnesses of a drill saw, from its evidence; None when fewer than two hosts were watched.

    Args:
        folder: the drill's folder; the files lie in ``evidence`` and end in the name of their host.
        offsets: seconds by which the clock of a host was ahead of the controller's.
    """
    found = {}
    for path in sorted((folder / "evidence").glob(f"{PREFIX}*.jsonl")):
        host = path.stem.removeprefix(PREFIX)
        with path.open("rb") as lines:
            found[host] = list(read_samples(lines, offset_s=offsets.get(host) or 0.0))
    return observed(found) if len(found) >= HOSTS_NEEDED else None


def read_samples(lines: Iterable[bytes], *, offset_s: float = 0.0) -> Iterator[Sample]:
    """Yield the looks of one witness by the controller's clock; a line that a power cut broke is passed over."""
    for line in lines:
        try:
            told = json.loads(line)
            at, writable = told["t"] / NS, told["w"]
        except (ValueError, KeyError, TypeError):
            continue
        yield at - offset_s, writable if isinstance(writable, bool) else None


def observed(samples: Mapping[str, list[Sample]]) -> dict[str, Any]:
    """Return ``two_writers_seen`` (how often two hosts took writes at once), ``samples``, ``hosts``, ``overlaps``."""
    stretches = {host: list(_writing(rows)) for host, rows in samples.items()}
    overlaps = [
        {"hosts": [one, two], "from": _written(begin), "to": _written(end)}
        for one, two in itertools.combinations(sorted(stretches), 2)
        for begin, end in _overlaps(stretches[one], stretches[two])
    ]
    return {
        "two_writers_seen": len(overlaps),
        "samples": sum(len(rows) for rows in samples.values()),
        "hosts": {host: len(rows) for host, rows in sorted(samples.items())},
        "overlaps": overlaps,
    }


def _writing(rows: list[Sample]) -> Iterator[tuple[float, float]]:
    """Yield the stretches in which a host took writes: runs of looks that all say so and follow each other closely."""
    begin = end = None
    for at, writable in sorted(rows, key=lambda row: row[0]):
        if not writable or end is None or at - end > LONGEST_STRETCH_S:
            if begin is not None and end is not None:
                yield begin, end
            begin = at if writable else None
        end = at if writable else None
    if begin is not None and end is not None:
        yield begin, end


def _written(seconds: float) -> str:
    return iso(round(seconds * 1000) * (NS // 1000))


def _overlaps(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    for one, other in itertools.product(first, second):
        begin, end = max(one[0], other[0]), min(one[1], other[1])
        if begin <= end:
            yield begin, end
