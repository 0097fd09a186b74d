#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: canary_ledger
short_description: Runs the client that journals acknowledged writes and tells what it sees
description:
  - Starts and stops one run of the canary client, which writes a hash-chained ledger through the public endpoints and
    journals each request and each acknowledgement with its time.
  - Answers from the journal what only a client can know. When the last write was acknowledged, how long nothing was,
    when
    the first one came through again. Waits look at the end of the journal every 20 ms.
  - Runs on the canary host.
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
    support: partial
    details:
      - O(state=exported) writes a new copy while the canary runs, since its journal has grown.
options:
  state:
    description:
      - V(started) writes the settings of the run and starts it. A run that goes with the same settings stays.
      - V(stopped) ends it cleanly; the journal stays.
      - V(status) changes nothing and answers.
      - V(exported) writes a compressed copy of the journal to O(export), for the comparison and as evidence.
    type: str
    choices: [started, stopped, status, exported]
    default: status
  run:
    description:
      - Name of the run. A new name for each run; rows of two runs with one name cannot be told apart.
    type: str
    required: true
  workers:
    description: Number of writers, each with a chain of its own.
    type: int
    default: 4
  rate:
    description: Writes a second, all workers together.
    type: float
    default: 50
  endpoints:
    description: Base URLs in the order of preference. Required to start.
    type: list
    elements: str
    default: []
  ca_file:
    description: Certificate authority of the endpoints, on the canary host. Required to start.
    type: path
  journal:
    description: Journal of the run. The default is C(/var/lib/canary/<run>.jsonl).
    type: path
  config_dir:
    description: Directory of the settings that the unit reads.
    type: path
    default: /etc/ccobservatory/canary
  export:
    description: File to write for O(state=exported); its name ends in C(.gz).
    type: path
  since:
    description: Instant from which RV(gap) and RV(errors_since) count. Without it, the start of the journal.
    type: str
  after:
    description: Instant after which RV(first_ack_after) looks, without waiting.
    type: str
  wait_ack_after:
    description: Wait for the first acknowledgement later than this instant.
    type: str
  wait_silent_s:
    description: Wait until no acknowledgement has come for so many seconds.
    type: float
  wait_acked:
    description: Wait until so many writes are acknowledged since the start of the run.
    type: int
  timeout:
    description: Seconds that a wait may take; after that the module fails.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Start the ledger and wait for the first hundred acknowledged writes
  ccobservatory.ops.canary_ledger:
    state: started
    run: drill-20261123
    endpoints: [https://lb1, https://lb2]
    ca_file: /etc/ccobservatory/ca.crt
    wait_acked: 100

- name: Detect the outage as the client sees it
  ccobservatory.ops.canary_ledger:
    run: drill-20261123
    wait_silent_s: 1
    timeout: 30
  register: outage

- name: Wait for the first write on the new primary and take the length of the gap
  ccobservatory.ops.canary_ledger:
    run: drill-20261123
    since: "{{ outage.last_ack }}"
    wait_ack_after: "{{ outage.detected }}"
  register: back
"""

RETURN = r"""
running:
  description: Whether the client is running.
  type: bool
  returned: always
journal:
  description: Path of the journal.
  type: str
  returned: always
sent:
  description: Requests sent, each try counted.
  type: int
  returned: when there is a journal
acked:
  description: Acknowledged writes.
  type: int
  returned: when there is a journal
errors:
  description: Errors the client met, each try counted.
  type: int
  returned: when there is a journal
errors_since:
  description: Errors later than O(since), C(lines) each counted and C(requests) distinct ones.
  type: dict
  returned: when O(since) is given
last_ack:
  description: Instant of the latest acknowledgement.
  type: str
  returned: when there is one
first_ack_after:
  description: First acknowledgement later than O(after) or O(wait_ack_after).
  type: str
  returned: when there is one
detected:
  description: Instant at which the silence of O(wait_silent_s) was complete.
  type: str
  returned: when O(wait_silent_s) is given
gap:
  description: The longest time without any acknowledgement, from the last one before O(since) on.
  type: dict
  returned: when two acknowledgements exist
  sample: {"last_ack": "2026-11-23T21:04:05.100Z", "first_ack": "2026-11-23T21:04:15.300Z", "seconds": 10.2}
silent_s:
  description: Seconds since the latest acknowledgement.
  type: float
  returned: when there is one
rate_per_s:
  description: Acknowledgements a second over the last five seconds.
  type: float
  returned: when there is a journal
sha256:
  description: Digest of the exported file.
  type: str
  returned: on O(state=exported)
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._canary_run import CanaryRun
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped", "status", "exported"], "default": "status"},
            "run": {"type": "str", "required": True},
            "workers": {"type": "int", "default": 4},
            "rate": {"type": "float", "default": 50},
            "endpoints": {"type": "list", "elements": "str", "default": []},
            "ca_file": {"type": "path"},
            "journal": {"type": "path"},
            "config_dir": {"type": "path", "default": "/etc/ccobservatory/canary"},
            "export": {"type": "path"},
            "since": {"type": "str"},
            "after": {"type": "str"},
            "wait_ack_after": {"type": "str"},
            "wait_silent_s": {"type": "float"},
            "wait_acked": {"type": "int"},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        canary = CanaryRun(module.params, module.run_command, module.check_mode)
        acts = {"started": canary.start, "stopped": canary.stop, "exported": canary.export, "status": dict}
        result: dict[str, t.Any] = {"changed": False, **acts[module.params["state"]]()}
        waited = canary.wait()
        result.update({**canary.status(), **waited})
        module.exit_json(**result)
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
