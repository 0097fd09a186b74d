# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leave a record of a procedure. Documented in plugins/modules/record.py."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import (
    collection_version,
    operator,
    outcome,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import TYPES
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import complete, write

ARGUMENTS: dict[str, dict[str, Any]] = {
    "type": {"type": "str", "required": True, "choices": list(TYPES)},
    "environment": {"type": "str", "required": True},
    "content": {"type": "dict", "required": True},
    "records_dir": {"type": "path", "required": True},
}


class ActionModule(ActionBase):
    """One record a host and task: a procedure that runs on three hosts leaves three."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the record and write it; in check mode only check it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        return {**result, **outcome(partial(self._carry_out, args), otherwise="The record cannot be written")}

    def _carry_out(self, args: dict[str, Any]) -> dict[str, Any]:
        record = complete(
            args["content"],
            record_type=args["type"],
            environment=args["environment"],
            defaults={"operator": operator(), "collection_version": collection_version()},
        )
        if self._task.check_mode:
            return {"changed": True, "record": record, "path": None, "sha256": None}
        path, digest = write(record, records_dir=Path(args["records_dir"]).expanduser().absolute())
        return {"changed": True, "record": record, "path": str(path), "sha256": digest}
