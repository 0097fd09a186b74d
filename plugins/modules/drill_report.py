#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_report
short_description: Write and seal the report of a drill
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Writes C(drill.json) and C(drill.html) into the folder of a drill, adds the script that verifies the pack, and seals
    all of it with a manifest that names the pack before it and is signed with an SSH key.
  - The HTML file is complete in itself. It has no scripts, loads nothing, prints to A4, and the same record gives the
    same bytes.
  - What the record does not hold is shown as not measured.
  - A sealed pack is never written again.
notes:
  - Runs on the controller, once a task, however many hosts the play has. The Python library jsonschema is needed there.
  - Steps and interruptions are taken from the journal in the folder, which is closed with the verdict of the record
    when it is still open.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written.
  diff_mode:
    support: none
    details:
      - A report is written once and never changed.
  idempotent:
    support: full
options:
  record:
    description:
      - The record of the drill, as M(ccobservatory.ops.drill_record) returns it.
      - At least C(id), C(environment), C(mode), C(scenario), C(versions), C(started), C(targets), C(achieved),
        C(verdict) and C(verdict_reasons).
    type: dict
    required: true
  dir:
    description: The folder of the drill. Known from the journal that was opened in the same run.
    type: path
  history:
    description:
      - Earlier drills, oldest first, each with C(id), C(started), C(verdict), C(rto_s), C(rpo_s) and C(lost_rows).
      - By default those of the record; when it has none, the sealed packs beside this one.
    type: list
    elements: dict
  signing_key:
    description: The private SSH key that signs the manifest. It must not need a passphrase.
    type: path
    required: true
  allowed_signers:
    description: The file that lists who may sign; a copy goes into the pack.
    type: path
    required: true
  principal:
    description: The name of the signing key in O(allowed_signers).
    type: str
    required: true
  previous:
    description:
      - The pack that this one follows. V(auto) finds the one sealed last, V(none) begins a chain, anything else is the
        name of a pack beside this one.
    type: str
    default: auto
seealso:
  - module: ccobservatory.ops.drill_journal
  - module: ccobservatory.ops.record
"""

EXAMPLES = r"""
- name: Write and seal the report
  ccobservatory.ops.drill_report:
    record: "{{ __dr_record.record }}"
    signing_key: inventories/production/seal
    principal: seal@example.org
    allowed_signers: inventories/production/allowed_signers
  register: __dr_report

- name: Tell how to verify it
  ansible.builtin.debug:
    msg: "{{ __dr_report.verify_command }}"
"""

RETURN = r"""
dir:
  description: The folder of the pack.
  type: str
  returned: success
html:
  description: The report.
  type: str
  returned: success
json:
  description: The record.
  type: str
  returned: success
manifest:
  description: The manifest.
  type: str
  returned: when sealed
manifest_sha256:
  description: The SHA-256 of the manifest, which the next pack will name.
  type: str
  returned: when sealed
verify_command:
  description: The command that verifies the pack.
  type: str
  returned: success
"""
