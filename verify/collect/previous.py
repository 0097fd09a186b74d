# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last run of an earlier day found in the baseline, kept as a fact: today's run has to be compared with it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch
from verify.engine.evidence import Evidence
from verify.engine.results import Judged, read_results

__all__ = ["BASELINE", "SUBJECT", "collect"]

SUBJECT, BASELINE = "ledger", "baseline"
CONTROL = "INFRA-08"
# Runs of today do not count, so a day with many runs still finds yesterday's.
_LOOK_BACK = 400


def collect(base: Path, evidence: Evidence, *, now: Callable[[], float]) -> None:
    """Record which rules of the baseline failed on which host in the newest whole run of an earlier day (UTC).

    ``base`` is the folder of the environment's runs. The body is ``{"run", "hosts": {name: {"rules", "failed"}}}``;
    without such a run, or when its results were changed, the fact says so.
    """
    at = now()
    about: dict[str, Any] = {"subject": SUBJECT, "name": BASELINE, "source": SUBJECT, "collected": at}
    today = f"{from_epoch(at):%Y%m%d}"
    earlier = sorted((path for path in base.glob("*/results.jsonl") if path.parent.name < today), reverse=True)
    try:
        for path in earlier[:_LOOK_BACK]:
            found = _hosts(path)
            if found:
                body = canonical_json({"run": path.parent.name, "hosts": found}).decode()
                evidence.record(body, command=str(path), identity=path.parent.name, rc=0, **about)
                return
    except OpsError as exc:
        evidence.missing(f"The run before cannot be read: {exc.message}", command=str(base), **about)
        return
    told = f"No whole run of an earlier day below {base.name} has judged the baseline; the next day's run can compare."
    evidence.missing(told, command=str(base), **about)


def _hosts(path: Path) -> dict[str, Any]:
    """Return what a run found of the baseline; nothing when it was killed, narrowed, or judged what another collected.

    A narrowed run knows some hosts only, and a replay tells of another day: after one the rest would go unseen.
    """
    read = read_results(path)
    if read.close is None or any(read.header.get(key) for key in ("selection", "replay_of", "evidence_of")):
        return {}
    judged: list[Judged] = [one for one in read.controls if one.control == CONTROL]
    return {
        row.subject: row.observed
        for one in judged
        for row in one.rows
        if row.kind == "host" and isinstance(row.observed, dict) and "failed" in row.observed
    }
