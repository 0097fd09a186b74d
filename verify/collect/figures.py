# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of past runs, kept as a fact: today's run has to show that no day is missing, and compare.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms
from verify.collect.previous import SUBJECT
from verify.engine.evidence import Evidence
from verify.engine.ledger import Ledger

__all__ = ["FIGURES", "collect"]

FIGURES = "figures"
_LOOK_BACK_S = 100 * 86_400.0


def collect(ledger: Ledger, environment: str, evidence: Evidence, *, now: Callable[[], float]) -> None:
    """Record what the ledger holds of an environment's figures in the last 100 days.

    The body is ``{"first": instant of the first run or null, "figures": {name: {"unit", "points": [[instant, value or
    null, verdict]]}}}``, the oldest point first.
    """
    at = now()
    command = f"key figures of {environment} since {iso_ms(from_epoch(at - _LOOK_BACK_S))}"
    about: dict[str, Any] = {
        "subject": SUBJECT,
        "name": FIGURES,
        "source": SUBJECT,
        "collected": at,
    }
    try:
        first, measured = ledger.figures(environment, at - _LOOK_BACK_S)
    except OpsError as exc:
        evidence.missing(exc.message, command=command, **about)
        return
    found: dict[str, Any] = {}
    for one in measured:
        figure = found.setdefault(one.name, {"unit": one.unit, "points": []})
        figure["points"].append([iso_ms(from_epoch(one.at)), one.value, one.verdict])
    begun = None if first is None else iso_ms(from_epoch(first))
    evidence.record(canonical_json({"first": begun, "figures": found}).decode(), command=command, rc=0, **about)
