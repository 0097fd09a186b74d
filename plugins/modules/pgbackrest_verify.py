#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify the content of a pgBackRest repository and fail when it is damaged."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_verify
short_description: Verify the content of a pgBackRest repository and fail when it is damaged
version_added: 0.1.0
description:
  - Runs C(pgbackrest verify), which reads every file of the repository, and judges what it writes.
  - The command itself exits 0 whatever it finds, so a play that looks at the exit code never learns of damage.
  - It finds changed and cut files and WAL segments stored twice. It does not find a WAL segment, a manifest or a whole
    backup set that is not there, nor a timeline that production never followed; M(ccobservatory.ops.wal_audit) does.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.attributes.read_only
  - ccobservatory.ops.pgbackrest
options:
  process_max:
    description:
      - How many processes read at the same time.
      - Without it, one for each processor.
    type: int
  timeout_s:
    description: Seconds after which an unfinished run is ended and reported as a failure.
    type: int
    default: 3600
  fail_on_findings:
    description: Whether findings fail the task; the findings are returned in both cases.
    type: bool
    default: true
seealso:
  - module: ccobservatory.ops.wal_audit
"""

EXAMPLES = r"""
- name: Read the whole repository and fail on any damage
  ccobservatory.ops.pgbackrest_verify:
    stanza: main
  become: true
"""

RETURN = r"""
status:
  description: The verdict pgBackRest writes, C(ok) or C(error); C(none) when it wrote nothing.
  returned: always
  type: str
  sample: ok
findings:
  description: One entry for each damaged file, with our name for the fault, the file and the words of pgBackRest.
  returned: always
  type: list
  elements: dict
  sample:
    - code: bit_flip
      name: 15-1/0000000100000000/000000010000000000000011-d54a3c16969563473c058ddcebb12e30e799ee90.zst
      text: invalid checksum
totals:
  description: For each archive and backup set, how many files were checked and how many of them are valid.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "15-1", "wal": true, "checked": 14, "valid": 13}]
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 2.4
"""

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import COMMON_ARGUMENTS, Pgbackrest


def verify(tool: Pgbackrest, params: dict[str, Any]) -> dict[str, Any]:
    """Run the command, return its findings; raises OpsError when it cannot run or does not end in time."""
    began = time.monotonic()
    result = tool.verify(processes=params["process_max"] or os.cpu_count() or 1, timeout_s=params["timeout_s"])
    result["seconds"] = round(time.monotonic() - began, 3)
    if result["findings"] and params["fail_on_findings"]:
        first = result["findings"][0]
        raise OpsError(
            f"The repository of stanza {params['stanza']} is damaged: {len(result['findings'])} finding(s), first "
            f"{first['code']} at {first['name'] or 'the repository'}; take a full backup and restore from a sound set.",
            **result,
        )
    return result


def main() -> None:
    """Verify the repository and return the findings, or fail with them."""
    module = AnsibleModule(
        argument_spec={
            **COMMON_ARGUMENTS,
            "process_max": {"type": "int"},
            "timeout_s": {"type": "int", "default": 3600},
            "fail_on_findings": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        tool = Pgbackrest.of(module)
        module.exit_json(changed=False, **verify(tool, params))
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)


if __name__ == "__main__":
    main()
