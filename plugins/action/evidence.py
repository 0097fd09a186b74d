# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a host for evidence over its connection. Documented in plugins/modules/evidence.py."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import may_be_asked, plan
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import COMMAND, program, read_reply
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._only_reads import fact_of, refusal

ARGUMENTS: dict[str, dict[str, Any]] = {
    "dest": {"type": "path", "required": True},
    "facts": {"type": "list", "elements": "str"},
    "commands": {"type": "path"},
}


class ActionModule(ActionBase):
    """Sends the program of the questions by one exec and writes what the host said to a file on the controller."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``answered``, the names of the facts that the host answered."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS, mutually_exclusive=[["facts", "commands"]])
        try:
            variables = dict(task_vars or {})
            variables["verify_ports"] = self._templar.template(variables.get("verify_ports") or [])
            facts = commands_of(args["commands"]) if args["commands"] else chosen(args["facts"], variables)
        except OpsError as exc:
            return {**result, "failed": True, "msg": exc.message}
        token, began = secrets.token_hex(8), time.time()
        said = self._ask(program(facts, token))
        row = {
            "token": token,
            "began": began,
            "ended": time.time(),
            "rc": said["rc"],
            "stdout": said["stdout"],
            "stderr": said["stderr"],
        }
        handle = os.open(args["dest"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(row, stream)
        reply = read_reply(said["stdout"].encode("utf-8", "surrogateescape"), token)
        if not reply.complete:
            told = (said["stderr"].strip().splitlines() or ["it said nothing"])[-1]
            return {**result, "failed": True, "msg": f"The host did not answer to the end: {told}"}
        return {**result, "changed": False, "answered": sorted(reply.answers)}

    def _ask(self, text: bytes) -> dict[str, Any]:
        """Send the program on standard input; as the command itself where the connection hands no input over."""
        if self._connection.has_pipelining:
            said: dict[str, Any] = self._low_level_execute_command(COMMAND, in_data=text, sudoable=False)
        else:
            said = self._low_level_execute_command(text.decode(), sudoable=False)
        return said


def commands_of(path: str) -> list[HostFact]:
    """Return the questions that the commands in a file are, a JSON list of texts.

    Raises `OpsError` for a file that is no such list, and for a command that may change something.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise OpsError(f"The commands in {path} cannot be read ({exc}): give a JSON list of texts.") from exc
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise OpsError(f"The file {path} holds no commands: give a JSON list of texts.")
    for one in found:
        why = refusal(one)
        if why is not None:
            raise OpsError(f"{one!r} is not sent: {why}. Verification only reads.")
    return [fact_of(one) for one in found]


def chosen(names: list[str] | None, variables: dict[str, Any]) -> list[HostFact]:
    """Return the questions for a host, all or those named that concern it; `OpsError` for a name that is on no list."""
    ports = variables.get("verify_ports") or []
    unknown = sorted(set(names or ()) - may_be_asked(TABLE, ports))
    if unknown:
        raise OpsError(
            f"{', '.join(unknown)} is not in the list of what may be asked; see plugin_utils/_host_commands, and "
            "verify_ports for handshakes."
        )
    # Ansible leaves the group of all hosts out of group_names; a row of verify_ports may name it.
    groups = ["all", *(variables.get("group_names") or [])]
    asked = plan(TABLE, str(variables.get("inventory_hostname", "")), groups, variables, ports)
    return [fact for fact in asked if names is None or fact.name in names]
