# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a closed way kept from people: told with the next run, because a change is a change on one morning only.

One file beside the runs holds a notice for each way. It is written before anything is sent, so that a run that is
killed while it sends leaves it too: rather twice than never.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["FILE", "merged", "read", "write"]

FILE = "undelivered.json"
_RUNS = 30


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the notice that each way still has to tell; what cannot be read must not keep people from hearing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(way): told for way, told in found.items() if _is_notice(told)} if isinstance(found, dict) else {}


def _is_notice(told: Any) -> bool:
    return isinstance(told, dict) and {"run", "complete", "owners", "changes", "late"} <= set(told)


def write(path: Path, left: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep what each way still has to tell, or remove the file; raises OSError."""
    if not left:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(json.dumps(left, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(path)


def merged(told: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a notice with what an earlier one could not tell; of one finding the later change counts."""
    if before is None:
        return dict(told)
    newer = {row["finding"] for owner in told["owners"] for row in owner["changes"]}
    owners = {owner["role"]: {**owner, "changes": list(owner["changes"])} for owner in told["owners"]}
    for owner in before["owners"]:
        late = [{"run": before["run"], **row} for row in owner["changes"] if row["finding"] not in newer]
        if late:
            owners.setdefault(owner["role"], {**owner, "changes": []})["changes"] += late
    late_runs = [*before["late"], before["run"]][-_RUNS:]
    cut = "" if before["complete"] else f" The run {before['run']} did not come to its end."
    return {
        **told,
        "owners": [owners[role] for role in sorted(owners)],
        "changes": dict(Counter(row["change"] for owner in owners.values() for row in owner["changes"])),
        "late": late_runs,
        "summary": f"{told['summary']} Not delivered before: {', '.join(late_runs)}.{cut}",
    }
