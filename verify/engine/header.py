# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who ran what, where, and over which population: the header of a run (``run.json``).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import collection_version, operator
from verify.engine.approval import other_days
from verify.engine.catalogue import Catalogue
from verify.engine.coverage import coverage
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence
from verify.engine.matrix import Line, expected, population
from verify.engine.options import Options
from verify.engine.terms import overrides

__all__ = ["begin", "reached"]

ROOT = Path(__file__).resolve().parents[2]


def begin(
    folder: Path, options: Options, environment: Environment, catalogue: Catalogue, matrix: list[Line], controls: Any
) -> dict[str, Any]:
    """Return the header as it is known before anything is collected; instants are ISO 8601 in UTC.

    What the items rest on is known when they are judged: until then every one with a control is undecided.
    """
    selection: dict[str, Any] = options.selection.as_record()
    if options.limit:
        selection["limit"] = options.limit
    commit, dirty = _commit()
    gap = len(catalogue) - len({control.item for control in controls if control.item in catalogue})
    return {
        "id": folder.name,
        "folder": _within(folder),
        "environment": environment.name,
        "env": options.env or environment.name,
        "started": _utc.iso_ms(_utc.now()),
        "ended": None,
        "collected": None,
        "operator": operator(),
        "scheduler": os.environ.get("VERIFY_SCHEDULER", ""),
        "runner": socket.gethostname(),
        "collection_version": collection_version() or "",
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "parameters": {"forks": options.forks, "collect": options.collect, "rules": options.rules},
        "selection": selection,
        "inventory": {"path": _shown(environment.inventory), "digest": environment.inventory_digest},
        "population": population(environment, matrix),
        "catalogue": {"digest": catalogue.digest, **coverage(len(catalogue), gap, ())},
        "bounds": overrides(environment.variables, catalogue),
        "waiver_days": other_days(environment.variables),
        "left_out": [],
        "clock": {"offset_s": None},
        "kex": {},
        "expected": expected(matrix),
        "owners": dict(environment.variables.get("verify_owners") or {}),
        "signer": str(environment.variables.get("verify_signing_principal") or ""),
        "signed": bool(environment.variables.get("verify_signing_key")),
        "replay_of": options.replay.name if options.replay else "",
        "evidence_of": "",
    }


def reached(environment: Environment, evidence: Evidence) -> Mapping[str, Any]:
    """Return which hosts of the environment answered, and why the others did not.

    A host answered when at least one of its facts has a body; the reason is the first error among its facts.
    """
    answered: set[str] = set()
    reasons: dict[str, str] = {}
    for fact in evidence:
        if fact.subject in environment.hosts:
            if fact.error is None:
                answered.add(fact.subject)
            else:
                reasons.setdefault(fact.subject, fact.error)
    silent = [name for name in environment.hosts if name not in answered]
    return {
        "hosts_reached": len(answered),
        "hosts_unreachable": {name: reasons.get(name, "Nothing was collected from this host.") for name in silent},
    }


def _within(path: Path) -> str:
    """Return a path relative to where the run was started when it lies there, whole otherwise."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path.resolve())


def _shown(path: str) -> str:
    """Return a path relative to where the run was started, so that a report carries no home directory."""
    with contextlib.suppress(ValueError):
        return str(Path(path).resolve().relative_to(Path.cwd()))
    with contextlib.suppress(ValueError):
        return str(Path(path).resolve().relative_to(ROOT))
    return Path(path).name


def _commit() -> tuple[str, bool]:
    """Return the commit of the checkout and whether it was changed since; empty where there is no git."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--show-toplevel", "HEAD"], capture_output=True, text=True, check=False, timeout=20
        )
        state = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return "", False
    place, _line, commit = found.stdout.strip().partition("\n")
    # Unpacked inside another checkout, such as the inventory's, the rules are not what its commit names.
    own = found.returncode == 0 and Path(place).resolve() == ROOT
    return (commit, bool(state.stdout.strip())) if own else ("", False)
