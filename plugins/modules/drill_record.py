#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_record
short_description: Put the record of a disaster-recovery drill together
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Reads the journal of a drill and returns its record - the phases of the recovery time, lost and in-doubt
    writes, integrity,
    fencing, return to the primary site, forecast, verdict and its reasons.
  - What was not measured is C(null) in the record, never zero.
notes:
  - Runs on the controller, once a task.
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
options:
  dir:
    description: The folder of the drill, as M(ccobservatory.ops.drill_journal) returns it.
    type: path
    required: true
  targets:
    description:
      - The objectives, in seconds - C(rto_s), C(rpo_s), C(bound_s) (the bound that the forecast is held against),
        C(failback_gap_s) and C(backup_age_s), of the backup that a copy restores - and C(failback_errors), a number.
    type: dict
    required: true
  versions:
    description: Versions to record beside those of the collection, of Ansible and of Python.
    type: dict
    default: {}
  database_bytes:
    description: Size in bytes of the database that the forecast is for; V(0) takes the size of the backup that
      was restored.
    type: int
    default: 0
  stand_in:
    description: Whether people were represented by keys of the environment.
    type: bool
    default: false
  retention_days:
    description: Days that the record has to be kept.
    type: int
    default: 1095
  action_days:
    description:
      - Days from the end of the drill until a finding has to be mended, by its severity, C(high) or C(low). A severity
        that is not given has 14 or 90 days.
    type: dict
    default: {}
  interval_days:
    description: Days from the end of the drill until the environment has to be drilled again.
    type: int
    default: 90
seealso:
  - module: ccobservatory.ops.drill_journal
  - module: ccobservatory.ops.drill_report
"""

EXAMPLES = r"""
- name: Gather the record of the drill
  ccobservatory.ops.drill_record:
    dir: "{{ journal.dir }}"
    targets:
      rto_s: 7200
      rpo_s: 60
      bound_s: 7200
  register: gathered
"""

RETURN = r"""
record:
  description: The record, schema C(ccobservatory.ops/drill/1).
  returned: success
  type: dict
summary:
  description: The result in a few lines for a terminal.
  returned: success
  type: list
  elements: str
"""
