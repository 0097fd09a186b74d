# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger holds of past runs, kept as facts: key figures, so that no day is missing, and when the last run was.

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
from verify.engine.kpis import NOTHING
from verify.engine.ledger import Ledger
from verify.engine.trends import Measured

__all__ = ["FIGURES", "WHOLE_RUN", "collect"]

FIGURES, WHOLE_RUN = "figures", "whole_run"
_DAY_S = 86_400.0
_LOOK_BACK_S = 100 * _DAY_S


def collect(ledger: Ledger, environment: str, evidence: Evidence, *, now: Callable[[], float]) -> None:
    """Record what the ledger holds of an environment's figures in the last 100 days.

    The body is ``{"first": instant of the first run or null, "figures": {name: {"unit", "points": [[instant, value or
    null, verdict]]}}}``, the oldest point first. The verdict is ``nothing`` where there was nothing to measure. Beside
    it stands the newest whole run of an earlier day (UTC): ``{"at": instant or null}``.
    """
    _figures(ledger, environment, evidence, now())
    _whole_run(ledger, environment, evidence, now())


def _whole_run(ledger: Ledger, environment: str, evidence: Evidence, at: float) -> None:
    about: dict[str, Any] = {"subject": SUBJECT, "name": WHOLE_RUN, "source": SUBJECT, "collected": at}
    about["command"] = f"newest whole run of {environment} on an earlier day"
    try:
        found = ledger.whole_run(environment, at - at % _DAY_S)
    except OpsError as exc:
        evidence.missing(exc.message, **about)
        return
    body = {"at": None if found is None else iso_ms(from_epoch(found))}
    evidence.record(canonical_json(body).decode(), rc=0, **about)


def _figures(ledger: Ledger, environment: str, evidence: Evidence, at: float) -> None:
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
        figure["points"].append([iso_ms(from_epoch(one.at)), one.value, _word(one)])
    begun = None if first is None else iso_ms(from_epoch(first))
    evidence.record(canonical_json({"first": begun, "figures": found}).decode(), command=command, rc=0, **about)


def _word(one: Measured) -> str:
    """Return the verdict of a figure, or `NOTHING` for one that rests on nothing and has no window to be seen: no
    incident, no deployment. A window of which nothing was seen is unknown."""
    empty = one.value is None and one.n == 0 and one.coverage is None
    return NOTHING if empty and one.verdict == "unknown" else one.verdict
