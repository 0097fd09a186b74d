#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: record_draft
short_description: Write the draft of a person's record, or file one that was completed
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - With O(kind), writes a draft to C(<records_dir>/<kind>/<name>.draft.yml) with every key that a record of this type
    has to have, empty, and what each means.
  - With O(file), checks what a person completed against the schema of its type, and files a draft as
    C(<records_dir>/<kind>/<name>.yml). A record that is there already is only checked.
  - A draft is neither evidence nor an error, by its name; one that is only renamed is refused, because it says
    C(draft=true).
  - Never overwrites a file.
notes:
  - Runs on the controller. The Python library jsonschema is needed there.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - Everything is checked, nothing is written.
  diff_mode:
    support: full
    details:
      - Shows the text of the draft, or of the record.
  idempotent:
    support: full
    details:
      - While a draft of that name is there, another call leaves it as it is.
options:
  kind:
    description:
      - The type of the record, one of those in the page C(docs/records.md). What playbooks leave has no draft.
      - Exactly one of O(kind) and O(file) is needed.
    type: str
  name:
    description: Name of the file, without what it ends in. When empty, the day in UTC, with a number where it is taken.
    type: str
    default: ''
  file:
    description: The draft that was completed, or a record that was edited.
    type: path
  environment:
    description: The environment that the record is about.
    type: str
    required: true
  environments:
    description: Further environments whose records lie in the same folder.
    type: list
    elements: str
    default: []
  records_dir:
    description: The folder on the controller that holds people's records.
    type: path
    required: true
seealso:
  - module: ccobservatory.ops.record
"""

EXAMPLES = r"""
- name: Write the draft of a postmortem
  ccobservatory.ops.record_draft:
    kind: postmortem
    environment: production
    records_dir: inventories/prod/records

- name: File it
  ccobservatory.ops.record_draft:
    file: inventories/prod/records/postmortem/2026-11-26.draft.yml
    environment: production
    records_dir: inventories/prod/records
"""

RETURN = r"""
path:
  description: The file of the draft, or of the record.
  type: str
  returned: success
msg:
  description: What to do next, or a sentence for each mistake.
  type: str
  returned: always
mistakes:
  description: What is wrong with the record, one by one.
  type: list
  elements: str
  returned: when the record does not fit its schema
"""
