# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the draft of a record, or file one that was completed. Documented in plugins/modules/record_draft.py."""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import outcome
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_draft import (
    draft_path,
    draft_text,
    file_record,
    filed,
    write_new,
)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "kind": {"type": "str"},
    "name": {"type": "str", "default": ""},
    "file": {"type": "path"},
    "environment": {"type": "str", "required": True},
    "environments": {"type": "list", "elements": "str", "default": []},
    "records_dir": {"type": "path", "required": True},
}


class ActionModule(ActionBase):
    """Runs on the controller, where the records lie."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write a draft, or check and file a record; in check mode only tell what would be written."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec=ARGUMENTS, mutually_exclusive=[("kind", "file")], required_one_of=[("kind", "file")]
        )
        args = plain(args)
        work = self._file if args["file"] else self._draft
        inventory = next(iter((task_vars or {}).get("ansible_inventory_sources") or ()), "")
        return {**result, **outcome(partial(work, args, inventory), otherwise="The record cannot be written")}

    def _draft(self, args: dict[str, Any], inventory: str) -> dict[str, Any]:
        moment, environment = _utc.now(), args["environment"]
        path = draft_path(_whole(args["records_dir"]), args["kind"], name=args["name"], moment=moment)
        if path.exists():
            return {"changed": False, "path": str(path), "msg": f"{path} is a draft already; complete that one."}
        source = _short(inventory) if inventory else f"inventories/{environment}"
        command = shlex.join(
            ["ansible-playbook", "-i", source, "playbooks/record.yml", "-e", f"record_file={_short(str(path))}"]
        )
        text = draft_text(args["kind"], environment=environment, moment=moment, command=command)
        if not self._task.check_mode:
            write_new(path, text)
        return {**self._written(path, text), "msg": f"Complete {path}, then file it: {command}"}

    def _file(self, args: dict[str, Any], _inventory: str) -> dict[str, Any]:
        names = list(dict.fromkeys([args["environment"], *args["environments"]]))
        one = filed(
            _whole(args["file"]), records_dir=_whole(args["records_dir"]), environments=names, moment=_utc.now()
        )
        if one.draft is None:
            return {"changed": False, "path": str(one.path), "msg": f"{one.path} is a whole record."}
        if not self._task.check_mode:
            file_record(one)
        return {**self._written(one.path, one.text), "msg": f"{one.path} is a whole record; keep it in git."}

    def _written(self, path: Path, text: str) -> dict[str, Any]:
        told: dict[str, Any] = {"changed": True, "path": str(path)}
        if self._task.diff:
            told["diff"] = {"before": "", "after": text, "before_header": "nothing", "after_header": str(path)}
        return told


def _whole(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _short(path: str) -> str:
    """Return a path as a person writes it, below the directory of the run where it lies there."""
    short = os.path.relpath(path)
    return path if short.startswith("..") else short
