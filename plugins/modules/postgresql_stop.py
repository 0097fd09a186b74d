#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_stop
short_description: Stops a server in an orderly way and proves where its log ended
description:
  - Stops the server and reads from its control file that it was shut down cleanly and where its last checkpoint
    lies. A
    standby that has replayed to that position has everything the server ever committed.
  - A server that is stopped already but was not shut down cleanly fails the module, since nothing is proved about it.
  - Hold the clients first (M(ccobservatory.ops.pgbouncer_target)), then stop, then promote the standby with that
    position.
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
  unit:
    description: Unit of the server. Its stop must be the fast one, which is what Debian's unit does.
    type: str
    default: postgresql@15-main.service
  data_dir:
    description: Data directory of the server.
    type: path
    default: /var/lib/postgresql/15/main
  bin_dir:
    description: Directory of the programs of its version.
    type: path
    default: /usr/lib/postgresql/15/bin
  timeout:
    description: Seconds that the server may take to end.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Stop the primary and learn where it ended
  ccobservatory.ops.postgresql_stop:
  register: stopped

- name: Promote the standby when it has all of it
  ccobservatory.ops.postgresql_promote:
    wait_for: standby
    replay_lsn: "{{ stopped.shutdown_checkpoint_lsn }}"
  delegate_to: db2
"""

RETURN = r"""
started:
  description: When the stop was requested, UTC.
  type: str
  returned: success
stopped:
  description: When the server had ended, UTC.
  type: str
  returned: success
seconds:
  description: How long the stop took.
  type: float
  returned: success
state:
  description: State in the control file.
  type: str
  returned: success
  sample: shut down
was_primary:
  description: Whether the server was a primary, which is what the state tells.
  type: bool
  returned: success
shutdown_checkpoint_lsn:
  description: Position of the last checkpoint, the one of the shutdown.
  type: str
  returned: success
timeline:
  description: Timeline of the last checkpoint.
  type: int
  returned: success
system_identifier:
  description: Identifier of the cluster.
  type: str
  returned: success
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import now_iso

POLL_S = 0.02
CLEAN = ("shut down", "shut down in recovery")


def stop(module: AnsibleModule) -> dict[str, t.Any]:
    """Stop the server when it runs and prove how it ended."""
    params = module.params
    running = _cluster.postmaster_pid(params["data_dir"]) is not None
    result: dict[str, t.Any] = {
        "changed": running,
        "started": now_iso(),
        "diff": {"before": "running" if running else "stopped", "after": "stopped"},
    }
    clock = time.monotonic()
    if running and module.check_mode:
        return result
    if running:
        end(module, clock + params["timeout"])
    result.update(stopped=now_iso(), seconds=round(time.monotonic() - clock, 3))
    return {
        **result,
        **proof(_cluster.control_facts(module.run_command, params["bin_dir"], params["data_dir"]), params),
    }


def end(module: AnsibleModule, deadline: float) -> None:
    """Have the unit stopped and see the process gone."""
    params = module.params
    rc, _out, err = module.run_command(["systemctl", "stop", "--no-block", params["unit"]])
    if rc != 0:
        raise OpsError(f"systemctl stop {params['unit']} failed: {err.strip()}.")
    while (pid := _cluster.postmaster_pid(params["data_dir"])) is not None:
        if time.monotonic() >= deadline:
            busy = "; ".join(_cluster.process_titles(pid))
            raise OpsError(
                f"The server has not ended after {params['timeout']:g} s; it still has: {busy}. "
                "End what keeps it and call again; do not kill it, or its last commits cannot be proved."
            )
        time.sleep(POLL_S)


def proof(facts: dict[str, t.Any], params: dict[str, t.Any]) -> dict[str, t.Any]:
    """What the control file proves about the end.

    Raises:
        OpsError: the server was not shut down cleanly.
    """
    if facts["state"] not in CLEAN:
        raise OpsError(
            f"{params['data_dir']} was not shut down cleanly, its state is {facts['state']!r}, so its last "
            "position is not known; start it and stop it in order, or treat this as a failover."
        )
    return {
        "state": facts["state"],
        "was_primary": facts["state"] == "shut down",
        "shutdown_checkpoint_lsn": facts["checkpoint_lsn"],
        "timeline": facts["timeline"],
        "system_identifier": facts["system_identifier"],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "postgresql@15-main.service"},
            "data_dir": {"type": "path", "default": "/var/lib/postgresql/15/main"},
            "bin_dir": {"type": "path", "default": "/usr/lib/postgresql/15/bin"},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**stop(module))
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
