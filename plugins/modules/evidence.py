#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence
short_description: Ask a host for the evidence of the verification
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Sends one program over the connection of the host and keeps what it answers in a file on the controller. Nothing is
    written on the host, and one exec is all, whatever is asked.
  - Only questions of the collection's own list can be asked, and commands that are known to only read. Questions that
    need another account go through C(sudo -n).
  - Verification uses this for hosts that are not reached by ssh; by hand it shows what verification would see.
  - The file holds what the host said as it said it, so keep it to yourself; verification takes secrets out before it
    keeps anything.
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
options:
  dest:
    description: File on the controller that receives the answer. Its directory must exist.
    type: path
    required: true
  facts:
    description:
      - Names of the questions to ask. All that concern the host and its groups when left out.
      - Each port that C(verify_ports) declares as TLS is a question too, C(tls_443) and C(tls_443_old) for port 443.
    type: list
    elements: str
  commands:
    description:
      - File on the controller with a JSON list of commands to ask instead, as tests of hosts have them.
      - A command that is not known to only read is refused, and with it all of them.
    type: path
"""

EXAMPLES = r"""
- name: See what the verification would see of sshd
  ccobservatory.ops.evidence:
    dest: /tmp/{{ inventory_hostname }}.json
    facts: [sshd, sockets]
"""

RETURN = r"""
answered:
  description: Names of the questions that the host answered.
  returned: success
  type: list
  elements: str
  sample: [sockets, sshd]
"""
