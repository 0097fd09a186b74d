# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the record of a drill together from its journal. Documented in plugins/modules/drill_record.py."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import state_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Store
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import (
    collection_version,
    failure,
    operator,
    run_owner,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_record import assemble
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_summary import summary_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_witness import witnessed

ARGUMENTS: dict[str, dict[str, Any]] = {
    "dir": {"type": "path", "required": True},
    "targets": {"type": "dict", "required": True},
    "versions": {"type": "dict", "default": {}},
    "database_bytes": {"type": "int", "default": 0},
    "stand_in": {"type": "bool", "default": False},
    "retention_days": {"type": "int", "default": 1095},
    "action_days": {"type": "dict", "default": {}},
    "interval_days": {"type": "int", "default": 90},
}
_HISTORY = 12


class ActionModule(ActionBase):
    """Reads the journal and the records of earlier drills; writes nothing."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``record`` and its ``summary`` (lines for a terminal)."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        folder = Path(args["dir"])
        try:
            state = state_of(Store(folder, owner=run_owner()).read().entries)
            record = assemble(
                state,
                targets={key: float(value) for key, value in plain(args["targets"]).items()},
                versions={**_versions(Path(__file__).resolve()), **plain(args["versions"])},
                controller={"host": platform.node(), "load_average": [round(load, 2) for load in os.getloadavg()]},
                history=_history(folder),
                database_bytes=args["database_bytes"],
                stand_in=args["stand_in"],
                retention_days=args["retention_days"],
                observer=witnessed(folder, state["results"].get("assess", {}).get("clock_offsets_s", {})),
                operator=operator(),
                interval_days=args["interval_days"],
                remembered=_remembered(folder, state["header"].get("primary")),
                action_days={key: int(value) for key, value in args["action_days"].items()},
            )
        except OpsError as exc:
            return {**result, **failure(exc)}
        return {**result, "changed": False, "record": record, "summary": summary_of(record)}


def _earlier(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records beside this one that can be read, oldest first."""
    for path in sorted(folder.parent.glob("*/drill.json")):
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if path.parent != folder and isinstance(found, dict):
                yield found


def _remembered(folder: Path, primary: str | None) -> dict[str, Any] | None:
    """Return how the newest earlier drill found the primary protected; None where none looked."""
    known = [
        step["result"]["security"]
        for found in _earlier(folder)
        for step in found.get("steps", [])
        if step.get("id") == "assess" and (step.get("result") or {}).get("security")
    ]
    return next((one for one in reversed(known) if one.get("host") == primary), None)


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return what earlier drills of the environment achieved, oldest first, from the records beside this one."""
    rows = []
    for found in _earlier(folder):
        achieved = found.get("achieved")
        if achieved is None:
            continue
        rows.append(
            {
                **{key: found.get(key) for key in ("id", "started", "verdict", "mode")},
                "scenario": found.get("scenario", {}).get("name"),
                **{key: achieved.get(key) for key in ("rto_s", "rpo_s", "lost_rows")},
                "restored_s": (found.get("time_to_restore") or {}).get("restored_s"),
                "phases": {phase["name"]: phase["seconds"] for phase in found.get("phases", [])},
            }
        )
    return rows[-_HISTORY:]


def _versions(here: Path) -> dict[str, Any]:
    return {
        "ansible_core": ansible_version,
        "python": platform.python_version(),
        "collection": collection_version(),
        "git_commit": _git(here, "rev-parse", "HEAD") or None,
        "git_dirty": bool(_git(here, "status", "--porcelain", "--untracked-files=no")),
    }


def _git(here: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(here.parent), *arguments]
        found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
