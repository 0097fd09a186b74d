#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fence_power
short_description: Switches a host off or on and proves it by its status
description:
  - Runs the commands of the site's power control (an IPMI tool, a hypervisor, a container engine) and polls the status
    command until it shows the wanted state.
  - The exit code of the switching command proves nothing and is not taken as a proof. Only the status is, and a status
    that names both states, or none, is no proof.
  - Without a status command the module refuses before it touches anything.
  - Runs where the power control is reached from, usually delegated to the controller.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  host:
    description: Host to switch, for the sentences and the proof.
    type: str
    required: true
  state:
    description: State to reach.
    type: str
    choices: ["off", "on"]
    default: "off"
  status_command:
    description: Command, as a list, that prints the state.
    type: list
    elements: str
    default: []
  off_command:
    description: Command, as a list, that takes the power away at once. An orderly shutdown is no fence.
    type: list
    elements: str
    default: []
  on_command:
    description: Command, as a list, that switches on.
    type: list
    elements: str
    default: []
  off_words:
    description: Words of the status that mean off.
    type: list
    elements: str
    default: ["off", "exited", "stopped", "shut off", "not running", "poweredoff"]
  on_words:
    description: Words of the status that mean on.
    type: list
    elements: str
    default: ["on", "running", "up", "poweredon"]
  status_rc:
    description: Exit codes of the status command that count as an answer.
    type: list
    elements: int
    default: [0]
  timeout:
    description:
      - Seconds until the status must show the state. A command that has not ended by then is killed, and its answer is
        none.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Take the power of the old primary away
  ccobservatory.ops.fence_power:
    host: db1
    status_command: [ipmitool, -H, db1-bmc, -f, /etc/ipmi.pass, chassis, power, status]
    off_command: [ipmitool, -H, db1-bmc, -f, /etc/ipmi.pass, chassis, power, "off"]
  delegate_to: localhost
  register: power
"""

RETURN = r"""
proof:
  description: The proof for the record, with what was observed and when.
  type: dict
  returned: always, unless nothing was observed
  sample:
    proof: power
    host: db1
    method: ipmitool chassis power status
    observed: Chassis Power is off
    at: "2026-11-23T21:04:05.678Z"
    proved: true
seconds:
  description: Seconds from the first look to the proof.
  type: float
  returned: success
"""

import shlex
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._fence import proof, read_power, run_bounded

POLL_S = 0.1
# What a command gets at least, in seconds, however late it is asked.
LEAST_S = 1.0


class Power:
    """The power of one host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.observed = ""
        self.deadline = time.monotonic() + self.params["timeout"]
        for name in ("status_command", f"{self.params['state']}_command"):
            if not self.params[name]:
                raise OpsError(
                    f"The power of {self.params['host']} cannot be proved: there is no {name}. "
                    "Set the power commands of the host in the inventory."
                )

    def state(self) -> str:
        """C(off), C(on) or C(unknown), by the status command."""
        rc, out, err = self._run("status_command")
        said = f"no answer in {self.params['timeout']:g} s" if rc is None else f"exit code {rc}"
        self.observed = " ".join((out.strip() or err.strip()).split())[:200] or said
        if rc not in self.params["status_rc"]:
            return "unknown"
        return read_power(out, self.params["off_words"], self.params["on_words"])

    def reach(self) -> dict[str, t.Any]:
        """Switch when needed and wait for the proof."""
        wanted = self.params["state"]
        started = time.monotonic()
        before = self.state()
        result: dict[str, t.Any] = {"changed": before != wanted, "diff": {"before": before, "after": wanted}}
        if before != wanted and not self.module.check_mode:
            rc, _out, err = self._run(f"{wanted}_command")
            ended = "that it did not end" if rc is None else f"exit code {rc}"
            self._wait(wanted, f"{ended} {err.strip()}".strip())
        proved = before == wanted or not self.module.check_mode
        return {**result, "proof": self._proof(proved), "seconds": round(time.monotonic() - started, 3)}

    def _run(self, name: str) -> tuple[int | None, str, str]:
        return run_bounded(self.module, self.params[name], max(LEAST_S, self.deadline - time.monotonic()))

    def _wait(self, wanted: str, said: str) -> None:
        while (state := self.state()) != wanted:
            if time.monotonic() >= self.deadline:
                raise OpsError(
                    f"{self.params['host']} is not proved {wanted} after {self.params['timeout']:g} s: the status is "
                    f"{state} ({self.observed!r}), the command said {said!r}. Switch it by hand and try again.",
                    proof=self._proof(False),
                )
            time.sleep(POLL_S)

    def _proof(self, proved: bool) -> dict[str, t.Any]:
        return proof("power", self.params["host"], shlex.join(self.params["status_command"]), self.observed, proved)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["off", "on"], "default": "off"},
            "status_command": {"type": "list", "elements": "str", "default": []},
            "off_command": {"type": "list", "elements": "str", "default": []},
            "on_command": {"type": "list", "elements": "str", "default": []},
            "off_words": {
                "type": "list",
                "elements": "str",
                "default": ["off", "exited", "stopped", "shut off", "not running", "poweredoff"],
            },
            "on_words": {"type": "list", "elements": "str", "default": ["on", "running", "up", "poweredon"]},
            "status_rc": {"type": "list", "elements": "int", "default": [0]},
            "timeout": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Power(module).reach())
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
