#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which backups and which WAL a pgBackRest repository holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_info
short_description: Tell which backups and which WAL a pgBackRest repository holds
version_added: 0.1.0
description:
  - Reads C(pgbackrest info) as JSON and returns it in plain terms, with ages and instants in UTC.
  - What this command calls C(ok) says nothing about gaps, damage, expired certificates or full disks;
    use M(ccobservatory.ops.wal_audit) to find those.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.attributes.read_only
  - ccobservatory.ops.pgbackrest
options:
  digest_of:
    description:
      - Label of the backup whose digest is returned, or C(latest). It costs one more command.
    type: str
seealso:
  - module: ccobservatory.ops.pgbackrest_verify
  - module: ccobservatory.ops.wal_audit
"""

EXAMPLES = r"""
- name: Look at the backups of the stanza
  ccobservatory.ops.pgbackrest_info:
    stanza: main
  become: true
  register: backups

- name: Refuse to go on without a backup of the last day
  ansible.builtin.assert:
    that:
      - backups.newest is not none
      - backups.newest.age_s < 86400
"""

RETURN = r"""
status:
  description: State of the stanza as pgBackRest sees it.
  returned: success
  type: str
  sample: ok
status_message:
  description: The words pgBackRest uses for it.
  returned: success
  type: str
  sample: ok
backup_running:
  description: Whether a backup or an expiration holds the lock now.
  returned: success
  type: bool
  sample: false
cipher:
  description: Cipher of the repository, C(none) without one.
  returned: success
  type: str
  sample: aes-256-cbc
databases:
  description: The clusters this stanza knew, oldest first, each with id, system_identifier and version.
  returned: success
  type: list
  elements: dict
  sample: [{"id": 1, "system_identifier": "7711481165364725715", "version": "15"}]
backups:
  description: All kept backups, oldest first.
  returned: success
  type: list
  elements: dict
  contains: &backup
    label: {description: Name of the set., type: str, returned: always}
    type: {description: "C(full), C(diff) or C(incr).", type: str, returned: always}
    prior: {description: Label of the set it builds on., type: str, returned: always}
    start: {description: When it began (UTC)., type: str, returned: always}
    stop: {description: When it ended (UTC)., type: str, returned: always}
    seconds: {description: How long it took., type: int, returned: always}
    age_s: {description: Seconds since it ended., type: float, returned: always}
    size_bytes: {description: Size of the cluster., type: int, returned: always}
    delta_bytes: {description: Bytes of the cluster that this set added., type: int, returned: always}
    repo_size_bytes: {description: Size in the repository with the sets it builds on., type: int, returned: always}
    repo_delta_bytes: {description: Bytes in the repository that this set added., type: int, returned: always}
    lsn_start: {description: LSN at its start., type: str, returned: always}
    lsn_stop: {description: LSN at which it becomes consistent., type: str, returned: always}
    wal_min: {description: First WAL segment it needs., type: str, returned: always}
    wal_max: {description: Last WAL segment it needs to become consistent., type: str, returned: always}
    timeline: {description: Timeline it was taken on., type: int, returned: always}
    error: {description: Whether pages with wrong checksums were backed up., type: bool, returned: always}
    annotation: {description: Annotations it was given., type: dict, returned: always}
newest:
  description: The backup that ended last, null without any.
  returned: success
  type: dict
  contains: *backup
archive:
  description: Oldest and newest WAL segment by name, and the id of the archive.
  returned: success
  type: dict
  sample: {"id": "15-1", "min": "00000001000000000000000A", "max": "00000002000000000000001C"}
digest:
  description: SHA-256 of the manifest of the backup in O(digest_of), which names each file of it with its checksum.
  returned: success, when O(digest_of) names a backup that is there
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import COMMON_ARGUMENTS, Pgbackrest


def digest(tool: Pgbackrest, found: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """Return the digest of the wanted backup; nothing when none is wanted or it is not there. Raises OpsError."""
    newest = (found["newest"] or {}).get("label")
    label = newest if wanted == "latest" else wanted
    if not label or label not in [row["label"] for row in found["backups"]]:
        return {}
    return {"digest": tool.manifest_digest(label)}


def main() -> None:
    """Read the repository and return it."""
    module = AnsibleModule(
        argument_spec={**COMMON_ARGUMENTS, "digest_of": {"type": "str"}},
        supports_check_mode=True,
    )
    params = module.params
    try:
        tool = Pgbackrest.of(module)
        found = tool.info(at=time.time())
        result = {**found, **digest(tool, found, params["digest_of"])}
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
