# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins of this collection share: they run on the controller, in short-lived workers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner

__all__ = [
    *("DRILL_FACT", "LEAST_ROOM_BYTES", "collection_version", "drill_fact", "failure", "insist_on_room"),
    *("operator", "outcome", "run_owner"),
]

DRILL_FACT = "ccobservatory_drill"
# The journal, the evidence and the report of a drill take a few megabytes; salvaged rows may take more.
LEAST_ROOM_BYTES = 64 * 2**20


def run_owner() -> Owner:
    """Return the process of this whole run: an action lives in a worker, which ends with its task."""
    parent = multiprocessing.parent_process()
    return Owner.of(parent.pid if parent is not None and parent.pid else os.getpid())


def drill_fact(task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what ``drill_journal`` left for later tasks of the run (folder, simulated entries); empty when nothing."""
    found = ((task_vars or {}).get("ansible_facts") or {}).get(DRILL_FACT)
    if not found and task_vars and "localhost" in (task_vars.get("hostvars") or {}):
        found = (task_vars["hostvars"]["localhost"].get("ansible_facts") or {}).get(DRILL_FACT)
    return dict(found) if found else {}


def insist_on_room(folder: Path) -> None:
    """Raise `OpsError` where the file system that a folder lies on, or will lie on, is nearly full."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_ROOM_BYTES:
        raise OpsError(
            f"{there} on the controller has {free // 2**20} MB left. A drill keeps its journal and its evidence there, "
            f"and neither goes on nor goes back without them: free {LEAST_ROOM_BYTES // 2**20} MB, or name another "
            "place for the reports. Nothing was touched."
        )


def operator() -> str:
    """Return the account that runs the playbook; through sudo, the one that asked for it."""
    with contextlib.suppress(KeyError, OSError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return f"uid {os.getuid()}"


def collection_version() -> str | None:
    """Return the version of the installed collection (MANIFEST.json) or of the checkout (galaxy.yml)."""
    for folder in Path(__file__).resolve().parents:
        manifest, galaxy = folder / "MANIFEST.json", folder / "galaxy.yml"
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if manifest.is_file():
                return str(json.loads(manifest.read_bytes())["collection_info"]["version"])
        if galaxy.is_file():
            lines = galaxy.read_text(encoding="utf-8").splitlines()
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("version:")), None)
    return None


def failure(error: OpsError) -> dict[str, Any]:
    """Return the result of a task that an `OpsError` ended."""
    return {**error.details, "failed": True, "msg": error.message}


def outcome(work: Callable[[], dict[str, Any]], *, otherwise: str) -> dict[str, Any]:
    """Return what ``work`` returns, or the result of a failed task when it raises `OpsError` or OSError.

    ``otherwise`` begins the sentence for an OSError, such as "The report cannot be written".
    """
    try:
        return work()
    except OpsError as exc:
        return failure(exc)
    except OSError as exc:
        return failure(OpsError(f"{otherwise}: {exc}."))
