#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: human_task
short_description: Have a person sign a step
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Writes a statement to a file on the controller and has it signed with an SSH key.
  - With O(key) it signs at once. Without a key it says how to sign, and waits for the signature until the deadline.
  - The signature is checked against O(allowed_signers), in the namespace C(ccobservatory.ops).
  - What is signed is the statement and, in a last line, the instant of the signature, so that the time of a file proves
    nothing. The one line that it prints for people adds the instant. A signature without one is refused, and so is one
    that was made before the statement was asked for, before O(not_before), or more than 60 seconds from now.
  - A statement that is signed already is accepted as it is, so a drill that was killed asks nobody twice.
notes:
  - Runs on the controller, once a task, however many hosts the play has.
  - Nobody but the holder of the key can answer. A stand-in is marked as such in the statement, in the result and in the
    report.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written and nobody is asked; the signer is not known.
  diff_mode:
    support: none
    details:
      - What it writes is returned in full.
  idempotent:
    support: full
options:
  step:
    description: The id of the step; it names the file of the statement.
    type: str
    required: true
  item:
    description: The line of the guide that the step carries out.
    type: str
  title:
    description: What the person is asked to do.
    type: str
    required: true
  person:
    description: Who is asked, as O(allowed_signers) lists them. Without it everybody listed there may sign.
    type: str
  person_role:
    description: The role that has to answer, for example V(incident commander).
    type: str
    required: true
  statement:
    description: What the person states by signing, in one or two sentences.
    type: str
    required: true
  environment:
    description: The environment that the statement is about.
    type: str
  context:
    description: Facts that are signed with the statement, for example the scenario and the targets.
    type: dict
    default: {}
  signatures_dir:
    description: The folder for the statement and its signature. Of an open drill it is the folder C(people) by default.
    type: path
    aliases: [dir]
  key:
    description: A private SSH key, or a public one whose private half an agent holds. It must not need a passphrase.
    type: path
  allowed_signers:
    description: The file that lists who may sign, as described in C(ssh-keygen(1\)).
    type: path
    required: true
  deadline_s:
    description: How many seconds to wait for the signature, from the moment it was first asked for.
    type: float
    default: 1800.0
  not_before:
    description: An instant in UTC before which nobody can have signed, for example the beginning of the drill.
    type: str
  stand_in:
    description: Whether O(key) stands in for a person. Refused without O(key).
    type: bool
    default: false
seealso:
  - module: ccobservatory.ops.drill_journal
"""

EXAMPLES = r"""
- name: Wait for the approval of the incident commander
  ccobservatory.ops.human_task:
    step: declare
    item: DR-02
    title: Approve the activation of the recovery site
    person_role: incident commander
    statement: I have seen the plan and its effects and approve it.
    environment: production
    allowed_signers: inventories/production/allowed_signers
    person: commander@example.org
    deadline_s: 1800
  register: __dr_approval

- name: Let the key of the rehearsal stand in for the business team
  ccobservatory.ops.human_task:
    step: coordinate
    item: DR-08
    title: Agree the return of the service with the business teams
    person_role: business continuity manager
    statement: The business teams have confirmed the service.
    allowed_signers: inventories/rehearsal/allowed_signers
    key: inventories/rehearsal/stand_in
    stand_in: true
"""

RETURN = r"""
role:
  description: The role that was asked.
  type: str
  returned: success
name:
  description: The principal who signed.
  type: str
  returned: success
  sample: commander@example.org
asked_at:
  description: When the statement was first asked for, UTC, ISO 8601 with milliseconds.
  type: str
  returned: success
signed_at:
  description: When the signature was made, as it was signed with the statement, UTC, ISO 8601 with milliseconds.
  type: str
  returned: success
comment:
  description: What the person had to say to it, signed with the statement; null where that is nothing.
  type: str
  returned: success
  sample: Go, but keep the batch jobs stopped until noon.
deadline_s:
  description: How many seconds there were for the signature.
  type: float
  returned: success
fingerprint:
  description: The fingerprint of the key.
  type: str
  returned: success
stand_in:
  description: Whether the key stands in for a person.
  type: bool
  returned: success
statement:
  description: What was signed.
  type: str
  returned: success
step:
  description: The id of the step.
  type: str
  returned: success
item:
  description: The line of the guide.
  type: str
  returned: success
person_record:
  description: The fields above as the record of a drill keeps them.
  type: dict
  returned: success
document:
  description: The file with the statement.
  type: str
  returned: success
signed_file:
  description: The file that was signed, the statement with its instant.
  type: str
  returned: success
signature_file:
  description: The signature.
  type: str
  returned: success
"""
