# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From ``--env NAME`` to an `Environment`: the inventory ``inventories/NAME``, read by Ansible itself.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.declared import HOSTS_LEFT_OUT, Declared, Environment, check_variables
from verify.engine.declared_sets import NAMING_HOSTS
from verify.engine.known import EXTRA, refuse_unknown

__all__ = ["find_inventory", "from_inventory", "load"]

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = Path(__file__).with_name("_inventory.py")
_NAMES = ("hosts.yml", "hosts.yaml", "hosts.ini", "hosts")
_TIMEOUT_S = 300


def find_inventory(name: str, bases: Iterable[Path]) -> Path:
    """Return the inventory of an environment: the hosts file of ``inventories/NAME`` under the first base that has it.

    Raises `OpsError` with the places looked at and the environments that exist.
    """
    looked: list[str] = []
    known: set[str] = set()
    for base in bases:
        folder = base / "inventories" / name
        looked.append(str(folder))
        known.update(path.name for path in (base / "inventories").glob("*") if path.is_dir())
        if name and "/" not in name and folder.is_dir():
            return next((folder / one for one in _NAMES if (folder / one).exists()), folder)
    there = ", ".join(sorted(known)) or "none"
    raise OpsError(f"There is no environment {name!r}: looked for {' and '.join(looked)}. Environments here: {there}.")


def load(name: str, *, limit: str = "", cwd: Path | None = None) -> Environment:
    """Return the environment as its inventory declares it, limited to a pattern of hosts.

    Raises `OpsError` when there is no such inventory, Ansible cannot read it, it calls itself something else, a
    variable is wrong, or nobody is left in scope.
    """
    here = cwd or Path.cwd()
    source = find_inventory(name, dict.fromkeys((here, ROOT)))
    found = _read(source, limit, here)
    declared = found["variables"].get("ops_environment")
    if not declared:
        raise OpsError(f"{source}: ops_environment is not set; name the environment there, for all hosts.")
    if name != declared and not name.startswith(f"{declared}-"):
        raise OpsError(f"{source} calls itself {declared!r}, but {name!r} was asked for; this is another environment.")
    check_variables(found["variables"], where=str(source))
    refuse_unknown(found["named"], found["variables"].get(EXTRA) or (), source)
    return from_inventory(found, name=str(declared), source=source)


def from_inventory(found: Mapping[str, Any], *, name: str, source: Path) -> Environment:
    """Return an environment from what the reading program printed; `OpsError` when its scope is empty."""
    if not found["everyone"]:
        raise OpsError(f"{source} has no hosts; a check of nothing proves nothing.")
    if not found["hosts"]:
        reasons = sorted(set(found["excluded"].values()))
        raise OpsError(f"No host of {source} is left in scope: {'; '.join(reasons)}. Correct the pattern.")
    _refuse_unknown_groups(found, source)
    return Environment(
        name=name,
        inventory=str(source),
        inventory_digest=_digest(source.parent),
        hosts={host: Declared("host", host, about) for host, about in found["hosts"].items()},
        groups=found["groups"],
        variables=found["variables"],
        excluded=_excluded(found),
        secrets=frozenset(found["secrets"]),
        scope=tuple(found["scope"]),
    )


def _excluded(found: Mapping[str, Any]) -> dict[str, str]:
    """Return why each host of the inventory is left out of this run, in the environment's words where it has any."""
    declared = found["variables"].get(HOSTS_LEFT_OUT) or {}
    return {
        name: f"{declared[name]['reason']} (until {declared[name]['until']}: {why})" if name in declared else why
        for name, why in found["excluded"].items()
    }


def _refuse_unknown_groups(found: Mapping[str, Any], source: Path) -> None:
    """Raise `OpsError` when a subject names a group or host that the inventory does not have, such as a renamed one."""
    known = set(found["groups"]) | set(found["everyone"])
    for variable in ("verify_pools", "verify_services", "verify_assets", *NAMING_HOSTS):
        for row in found["variables"].get(variable) or []:
            for key in ("hosts", "host", "group", "depends_on"):
                names = row.get(key) or []
                for one in [names] if isinstance(names, str) else names:
                    if one not in known:
                        raise OpsError(
                            f"{source}: {variable}, {_title(row)}: {key} names {one!r}, which is no group or host of "
                            "the inventory; was it renamed?"
                        )


def _title(row: Mapping[str, Any]) -> str:
    return str(next((row[key] for key in ("name", "who", "account", "port") if key in row), "a line"))


def _read(source: Path, limit: str, cwd: Path) -> dict[str, Any]:
    environment = dict(os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_DEPRECATION_WARNINGS="0")
    try:
        done = subprocess.run(
            [sys.executable, str(_PROGRAM), str(source), limit],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    except subprocess.TimeoutExpired as exc:
        raise OpsError(f"Reading {source} took longer than {_TIMEOUT_S} s; is a lookup in it waiting?") from exc
    except ValueError:
        found = {}
    if "error" in found:
        raise OpsError(f"Ansible cannot read {source}: {found['error']}")
    if done.returncode or not found:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise OpsError(f"Ansible cannot read {source}; it said: {said}")
    return found


def _digest(folder: Path) -> str:
    """Return the SHA-256 over names and contents of the inventory's own files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".yml", ".yaml", ".ini", "") and not path.name.startswith("."):
            total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()
