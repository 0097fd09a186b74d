# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that foretell, and what was tried on purpose: alerts that were made to fire, healing, failover, restores.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from verify.engine.estate import Estate
from verify.facts.records import Record, everything
from verify.facts.runs import runs

__all__ = ["certificate_horizon_s", "disk_horizon_s", "failovers", "newest", "passed", "watches_lag"]

_NUMBER = r"\d+(?:\.\d+)?(?:\s*\*\s*\d+(?:\.\d+)?)*"
_PREDICTS = re.compile(
    rf"predict_linear\s*\(\s*node_filesystem_(?:avail|free)_bytes.*?\[[^\]]+\]\s*,\s*({_NUMBER})\s*\)\s*<=?\s*\S",
    re.DOTALL,
)
_EXPIRES = re.compile(rf"probe_ssl_earliest_cert_expiry\b.*?-\s*time\(\)\s*<=?\s*({_NUMBER})", re.DOTALL)
_LAG = re.compile(r"\b\w*(?:replication_lag|replay_lag|wal_lag|lag_bytes|lag_seconds)\w*\b.*?>", re.DOTALL)


def _product(text: str) -> float:
    return math.prod(float(factor) for factor in text.split("*"))


def disk_horizon_s(expression: str) -> float | None:
    """Return how far ahead a rule of PromQL foretells a full file system, in seconds; None when it does not.

    ``predict_linear(v range-vector, t scalar)`` looks ``t`` seconds ahead (Prometheus, query functions).
    """
    found = _PREDICTS.search(expression)
    return _product(found[1]) if found else None


def certificate_horizon_s(expression: str) -> float | None:
    """Return how long before its end a rule tells of a certificate, in seconds; None when it does not."""
    found = _EXPIRES.search(expression)
    return _product(found[1]) if found else None


def watches_lag(expression: str) -> bool:
    """Return whether a rule tells of a standby that falls behind."""
    return _LAG.search(expression) is not None


def passed(estate: Estate, what: Iterable[str], *, since: float) -> list[Record]:
    """Return the exercises of some kinds that ended in success after an instant, the oldest first."""
    kinds = frozenset(what)
    rows = [
        row
        for row in everything(estate, "exercise")
        if row.what in kinds and row.result == "passed" and since <= row.ended <= estate.now
    ]
    return sorted(rows, key=lambda row: float(row.ended))


def failovers(estate: Estate, *, since: float) -> list[tuple[float, str]]:
    """Return end and name of each live drill or activation since an instant that did not fail, under an intact seal."""
    return [
        (pack.ended, pack.name)
        for pack in runs(estate).packs
        if pack.intact
        and pack.mode == "live"
        and pack.verdict in ("pass", "pass_with_conditions")
        and pack.ended is not None
        and since <= pack.ended <= estate.now
    ]


def newest(rows: Iterable[Any], key: str) -> float | None:
    """Return the newest of some instants; None without any."""
    return max((float(row[key]) for row in rows), default=None)
