# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants as this collection writes them: UTC, ISO 8601, milliseconds, a trailing Z; inside, nanoseconds since 1970.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso

__all__ = ["iso", "now_iso", "parse_instant", "seconds_between"]

NS = 1_000_000_000


def iso(ns: int) -> str:
    """Nanoseconds since 1970 as C(2026-11-23T21:04:05.678Z) (cut, not rounded, to the millisecond)."""
    whole, rest = divmod(ns, NS)
    stamp = datetime.fromtimestamp(whole, tz=UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def now_iso() -> str:
    """This instant, by the wall clock of the host."""
    return iso(time.time_ns())


def parse_instant(text: str) -> int:
    """An ISO 8601 instant with its offset as nanoseconds since 1970.

    Raises:
        OpsError: the text is no instant, or it says no offset (a local time is never guessed).
    """
    stamp = parse_iso(text)
    return int(stamp.replace(microsecond=0).timestamp()) * NS + stamp.microsecond * 1000


def seconds_between(start_ns: int, end_ns: int) -> float:
    """Seconds from one instant to another, to the millisecond."""
    return round((end_ns - start_ns) / NS, 3)
