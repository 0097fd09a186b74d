# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a drill's record that say whether the recovered data is whole. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._log_end import archive_reached, recovery_gaps

__all__ = ["integrity"]


def integrity(results: Mapping[str, Any], scenario: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the checks: how far the log was read, the ladder of each server, the ledger's chain."""
    rows = [
        *_log_end(results, scenario),
        *results.get("verify", {}).get("checks", []),
        *results.get("copy", {}).get("checks", []),
    ]
    returned = results.get("prove_return", {}).get("checks", [])
    rows += [{**row, "name": f"{row['name']}, on the returned primary"} for row in returned]
    ledger = results.get("verify", {}).get("ledger")
    if ledger:
        broken = {key: ledger.get(key) for key in ("wrong", "ghosts", "holes") if ledger.get(key)}
        rows.append(
            {
                "name": "acknowledged writes form an unbroken chain",
                "command": "ledger_compare",
                "expected": "no wrong, invented or missing-in-the-middle row",
                "observed": ", ".join(f"{value} {key}" for key, value in broken.items()) or "none",
                "seconds": ledger.get("seconds"),
                "result": "differs" if broken else "verified",
            }
        )
    return rows


def _log_end(results: Mapping[str, Any], scenario: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return whether a restore to the end read the newest segment of the archive.

    A standby is promoted with the log that it has, and a target lies before the end. Whoever accepted a gap knows that
    recovery ends there: a deviation names it.
    """
    promoted, audited = results.get("promote"), results.get("restore", {}).get("continuity", {})
    if not promoted or scenario.get("strategy") != "restore" or recovery_gaps(audited.get("findings", [])):
        return []
    return [archive_reached(promoted, audited)]
