#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a backup of a cluster with pgBackRest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_backup
short_description: Take a backup of a PostgreSQL cluster with pgBackRest
version_added: 0.1.0
description:
  - Runs C(pgbackrest backup) on the host that holds the repository, and returns what the repository then says about it.
  - It fails when the finished set is marked with errors, such as pages with wrong checksums, although the command
    exits 0.
  - Waits while another backup of the stanza holds the lock.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.pgbackrest
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run takes another backup.
options:
  type:
    description:
      - What to copy. Without a full backup before it, pgBackRest makes a C(diff) or C(incr) a full one.
    type: str
    choices: [full, diff, incr]
    default: incr
  annotation:
    description: Words to keep with the set, by key.
    type: dict
    default: {}
  process_max:
    description:
      - How many processes copy at the same time.
      - Without it, what the configuration says.
    type: int
  wait_running_s:
    description: How many seconds to wait for another backup of this stanza.
    type: int
    default: 600
seealso:
  - module: ccobservatory.ops.pgbackrest_info
"""

EXAMPLES = r"""
- name: Take a full backup before the upgrade
  ccobservatory.ops.pgbackrest_backup:
    stanza: main
    type: full
    annotation:
      reason: before the upgrade
  become: true
  register: backup
"""

RETURN = r"""
label:
  description: Name of the new set.
  returned: success, not in check mode
  type: str
  sample: 20261123-212530F
type:
  description: What it became.
  returned: success
  type: str
  sample: full
start:
  description: When it began, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:25:30.000Z'
stop:
  description: When it ended, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:25:31.000Z'
size_bytes:
  description: Size of the cluster.
  returned: success, not in check mode
  type: int
  sample: 23238370
repo_size_bytes:
  description: Size in the repository, with the sets it builds on.
  returned: success, not in check mode
  type: int
  sample: 2857552
repo_delta_bytes:
  description: Bytes in the repository that this set added.
  returned: success, not in check mode
  type: int
  sample: 2857552
lsn_start:
  description: LSN at its start.
  returned: success, not in check mode
  type: str
  sample: 0/1400028
lsn_stop:
  description: LSN at which it becomes consistent.
  returned: success, not in check mode
  type: str
  sample: 0/1400100
wal_min:
  description: First WAL segment it needs.
  returned: success, not in check mode
  type: str
  sample: '000000010000000000000014'
wal_max:
  description: Last WAL segment it needs to become consistent.
  returned: success, not in check mode
  type: str
  sample: '000000010000000000000014'
timeline:
  description: Timeline it was taken on.
  returned: success, not in check mode
  type: int
  sample: 1
command:
  description: The command that ran.
  returned: success
  type: list
  elements: str
  sample: [pgbackrest, backup, --stanza=main, --type=full]
started:
  description: When the module began, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:25:29.412Z'
ended:
  description: When the module ended, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:25:31.812Z'
seconds:
  description: How long the command took.
  returned: success
  type: float
  sample: 2.4
warnings_told:
  description: The warnings that pgBackRest wrote.
  returned: success, not in check mode
  type: list
  elements: str
  sample: []
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import clean
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import (
    COMMON_ARGUMENTS,
    Pgbackrest,
    parse_error,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import parse_backup_log
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now

_LOCKED = 50
_POLL_S = 0.5


def options_of(params: dict[str, Any]) -> list[str]:
    """Return the options of the backup command for *params*."""
    options = [f"--type={params['type']}", "--log-level-console=info"]
    options += [f"--process-max={params['process_max']}"] if params["process_max"] else []
    return options + [f"--annotation={key}={value}" for key, value in sorted(params["annotation"].items())]


def take(tool: Pgbackrest, command: list[str], *, wait_s: float) -> str:
    """Run *command*, waiting while another one holds the lock; return its output. Raises OpsError when it fails."""
    deadline = time.monotonic() + wait_s
    while True:
        code, out, err = tool.execute(command)
        if code == 0:
            return out + err
        error = parse_error(err + out)[0] or code
        if error != _LOCKED or time.monotonic() > deadline:
            tool.fail("backup", code, err + out)
        time.sleep(_POLL_S)


def backup(tool: Pgbackrest, params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Take the backup and return its facts; raises OpsError when it fails or the set carries errors."""
    command, began, started = tool.command("backup", *options_of(params)), time.monotonic(), iso_ms(now())
    if check:
        return {"changed": True, "command": command, "type": params["type"], "seconds": 0.0}
    output = take(tool, command, wait_s=params["wait_running_s"])
    seconds = round(time.monotonic() - began, 3)
    label = parse_backup_log(output)
    row = next((entry for entry in tool.info(at=time.time())["backups"] if entry["label"] == label), None)
    if label is None or row is None:
        raise OpsError(
            f"pgbackrest backup of stanza {params['stanza']} ended, but no such set is listed; read its log.",
            output=clean(output),
        )
    told = [clean(line.split("WARN:", 1)[1], limit=300) for line in output.splitlines() if "WARN:" in line]
    facts = {"command": command, "seconds": seconds, "warnings_told": told, "started": started, "ended": iso_ms(now())}
    if row["error"]:
        raise OpsError(
            f"The set {label} holds pages with wrong checksums: run pg_amcheck on the primary and keep the older sets.",
            changed=True,
            **{**row, **facts},
        )
    return {**row, **facts, "changed": True}


def main() -> None:
    """Take a backup and return its facts."""
    module = AnsibleModule(
        argument_spec={
            **COMMON_ARGUMENTS,
            "type": {"type": "str", "choices": ["full", "diff", "incr"], "default": "incr"},
            "annotation": {"type": "dict", "default": {}},
            "process_max": {"type": "int"},
            "wait_running_s": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        tool = Pgbackrest.of(module)
        result = backup(tool, params, check=module.check_mode)
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
