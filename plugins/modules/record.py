#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: record
short_description: Leave the record of a procedure
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Checks the content against the schema of its type and writes it to C(<records_dir>/<type>/<UTC time>-<id>.json)
    on the controller.
  - Each record names the one before it of the same type and its SHA-256, so that editing or removing one leaves a mark.
  - A record that does not fit its schema is refused, and nothing is written.
notes:
  - Runs on the controller, once a host. The Python library jsonschema is needed there.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - The content is checked, nothing is written.
  diff_mode:
    support: none
    details:
      - What it writes is returned in full.
  idempotent:
    support: none
    details:
      - Each call leaves a record.
options:
  type:
    description: The type of the record.
    type: str
    required: true
    choices:
      - backup
      - restore
      - restore_test
      - drill
      - activation
      - failback
      - incident
      - alert_acknowledgement
      - postmortem
      - review
      - overnight_review
      - knowledge_session
      - roster
      - skills
      - vendor_contact
      - routine_task
      - routine_execution
      - developer_request
      - blocked_item
      - pipeline
      - pipeline_run
      - deployment
      - change
      - window
      - patch
      - exercise
      - healing
      - brief
      - vulnerability_scan
      - security_alert
      - access_grant
      - access_listing
      - document_review
      - cost
      - budget
      - resource_inventory
      - capacity_forecast
      - drift_check
      - workload_listing
      - repository_rules
      - firewall_listing
  environment:
    description: The environment that the record is about.
    type: str
    required: true
  content:
    description:
      - What the record holds. C(schema), C(type), C(environment), C(id), C(operator), C(collection_version) and the
        seconds of a phase are filled in where they lack.
      - A record of a backup, a restore or a restore test has C(asset), C(backup) (C(label), C(type), C(source),
        C(age_s), C(digest), C(size_bytes), C(repo_size_bytes)), C(phases), C(checks) (C(name), C(command), C(expected),
        C(observed),
        C(result)), C(result) (V(verified), V(differs) or V(could_not_run)), C(host), C(started), C(ended), C(operator)
        and C(collection_version).
      - The C(digest) identifies the content of the backup. For pgBackRest it is the SHA-256 of C(backup.manifest), for
        restic the tree of the snapshot. With V(could_not_run), C(reason) is the sentence of the failure, and the
        C(label) may be null.
      - A record of a drill, an activation or a fail-back is what M(ccobservatory.ops.drill_report) takes.
      - The keys of all other types stand in the page C(docs/records.md); C(at) is now and C(by) the operator where they
        lack.
    type: dict
    required: true
  records_dir:
    description: The folder on the controller that holds the records.
    type: path
    required: true
seealso:
  - module: ccobservatory.ops.drill_report
"""

EXAMPLES = r"""
- name: Leave the record of the restore test
  ccobservatory.ops.record:
    type: restore_test
    environment: production
    records_dir: records
    content:
      asset: database main
      backup:
        label: 20261123-010000F
        type: full
        source: repo1
        age_s: 39600
        size_bytes: 1073741824
      checks:
        - name: checksums
          command: pg_checksums --check
          expected: 0 bad blocks
          observed: 0 bad blocks
          result: verified
      result: verified
      host: restore1
      started: "2026-11-23T12:00:00.000Z"
      ended: "2026-11-23T12:01:10.000Z"
"""

RETURN = r"""
path:
  description: The file of the record; none in check mode.
  type: str
  returned: success
sha256:
  description: The SHA-256 of that file; none in check mode.
  type: str
  returned: success
record:
  description: The record as it was checked.
  type: dict
  returned: success
"""
