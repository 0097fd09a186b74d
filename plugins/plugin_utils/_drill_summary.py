# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a drill in the few lines that a terminal shows. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["summary_of"]


def summary_of(record: Mapping[str, Any]) -> list[str]:
    """Return the record in the few lines that a terminal shows at the end."""
    targets, achieved, gap = record["targets"], record["achieved"], record["client_gap"]
    lines = [
        f"Verdict: {str(record['verdict']).replace('_', ' ').upper()}",
        *(f"  - {reason}" for reason in record["verdict_reasons"]),
        f"Recovery time: {_shown(achieved['rto_s'], 's')} (target {_shown(targets.get('rto_s'), 's')})",
        _loss(record),
    ]
    if gap:
        parts = ", ".join(f"{phase['name']} {phase['seconds']}" for phase in record["phases"])
        lines.append(
            f"Client gap {gap['seconds']} s, by phase {parts} (difference {record['phase_sum_difference_s']} s)"
        )
    if record["failback"]:
        failback = record["failback"]
        lines.append(
            f"Return: pause {failback['gap_s']} s, {failback['client_errors']} client errors, "
            f"{_shown(failback['lost'], 'writes lost')}"
        )
    return lines


def _loss(record: Mapping[str, Any]) -> str:
    achieved, targets = record["achieved"], record["targets"]
    target = f"(target {_shown(targets.get('rpo_s'), 's')})"
    if record["mode"] == "copy":
        age, bound = _shown(achieved.get("backup_age_s"), "s"), targets.get("backup_age_s")
        return (
            f"Recovery point: not measured by a copy {target}, loss not measured; age of the restored backup: {age}"
            f"{'' if bound is None else f' (at most {bound:g} s)'}"
        )
    return (
        f"Recovery point: {_shown(achieved['rpo_s'], 's')} {target}, "
        f"{_shown(achieved['lost_rows'], 'acknowledged writes lost')}, {_shown(achieved['in_doubt_rows'], 'in doubt')}"
    )


def _shown(value: Any, unit: str) -> str:
    return "not measured" if value is None else f"{value:g} {unit}" if isinstance(value, float) else f"{value} {unit}"
