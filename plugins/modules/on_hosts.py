#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: on_hosts
short_description: Runs a module on several hosts at the same instant
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - A loop that delegates goes from one host to the next, which takes seconds that clients wait for where poolers hold
    them. This runs a module on all hosts at once and ends when the last one has ended.
  - Connections and privileges are those of each host in the inventory.
notes:
  - Runs on the controller, once a task.
  - Works with modules that have no action plugin of their own.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details: As far as the module supports it.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: As far as the module is idempotent.
options:
  hosts:
    description: Names of hosts in the inventory.
    type: list
    elements: str
    required: true
  optional:
    description:
      - More hosts, which are not waited for. One that has not ended shortly after the last of O(hosts), or that fails,
        has failed in its row of RV(results) and does not fail the task.
    type: list
    elements: str
    default: []
  module:
    description: Full name of the module.
    type: str
    required: true
  arguments:
    description: Arguments of the module, the same for each host.
    type: dict
    default: {}
  also:
    description:
      - What runs at the same instant elsewhere, or with another module. It is waited for, and fails the task, as what
        runs on O(hosts).
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Name of a host in the inventory.
        type: str
        required: true
      module:
        description: Full name of the module.
        type: str
        required: true
      arguments:
        description: Arguments of the module.
        type: dict
        default: {}
  timeout:
    description: Seconds after which a host that has not ended counts as failed.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Hold the clients in all poolers at once
  ccobservatory.ops.on_hosts:
    hosts: "{{ groups['pgbouncer'] }}"
    module: ccobservatory.ops.pgbouncer_target
    arguments:
      action: pause
"""

RETURN = r"""
results:
  description: The result of the module for each host, in the order of O(hosts), with C(item), the name of the host.
  returned: success
  type: list
  elements: dict
also:
  description: The result of each module of O(also), in their order, with C(item), the name of the host.
  returned: success
  type: list
  elements: dict
"""
