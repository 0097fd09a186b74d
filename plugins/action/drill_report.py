# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write and seal the report of a drill. Documented in plugins/modules/drill_report.py."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import is_sealed
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import drill_fact, outcome, run_owner
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import RECORD, Sealing, make_pack, sealed_pack

ARGUMENTS: dict[str, dict[str, Any]] = {
    "record": {"type": "dict", "required": True},
    "dir": {"type": "path"},
    "history": {"type": "list", "elements": "dict"},
    "signing_key": {"type": "path", "required": True, "no_log": False},
    "allowed_signers": {"type": "path", "required": True},
    "principal": {"type": "str", "required": True},
    "previous": {"type": "str", "default": "auto"},
}


class ActionModule(ActionBase):
    """One pack a drill; runs once, however many hosts the play has."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the pack and return where its parts are."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        work = partial(self._carry_out, plain(args), drill_fact(task_vars))
        return {**result, **outcome(work, otherwise="The report cannot be written")}

    def _carry_out(self, args: dict[str, Any], fact: dict[str, Any]) -> dict[str, Any]:
        told = args["dir"] or fact.get("dir")
        if not told:
            raise OpsError("No drill is open in this run; give the folder of the drill in 'dir'.")
        folder = Path(told)
        if is_sealed(folder):
            _same_drill(folder, args["record"])
            return {"changed": False, **sealed_pack(folder)}
        if self._task.check_mode:
            return {"changed": True, "dir": str(folder), "html": None, "json": None, "verify_command": None}
        if not folder.is_dir():
            raise OpsError(f"There is no drill at {folder}; open one first.")
        sealing = Sealing(
            key=Path(args["signing_key"]),
            principal=args["principal"],
            allowed_signers=Path(args["allowed_signers"]),
        )
        made = make_pack(
            folder,
            args["record"],
            sealing=sealing,
            owner=run_owner(),
            history=args["history"],
            previous=args["previous"],
        )
        return {"changed": True, **made}


def _same_drill(folder: Path, record: dict[str, Any]) -> None:
    """Raise `OpsError` when a sealed pack tells something else than the record that is to be reported."""
    sealed = json.loads((folder / RECORD).read_bytes())
    differing = [key for key in ("id", "verdict", "achieved") if key in record and sealed.get(key) != record[key]]
    if differing:
        raise OpsError(
            f"{folder} is sealed already and differs in {', '.join(differing)}; a sealed pack is never written again."
        )
