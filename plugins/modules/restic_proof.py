#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore the newest snapshot of a restic repository into a scratch directory and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restic_proof
short_description: Restore the newest snapshot of a restic repository and prove what came back
version_added: 0.1.0
description:
  - Restores the newest snapshot into an empty directory and returns checks for a record of type C(restore_test).
    Whoever made the directory removes it.
  - The repository is checked with C(restic check), which reads a share of the stored data back; C(restic restore
    --verify) compares each file with the content that was saved; each file, directory and link that the snapshot lists
    is looked for; the probe that each backup of the role C(file_backup) writes anew has to be that of this very backup.
  - Damage is a check that differs. What keeps anything from being said makes the module fail, with the snapshot in
    RV(ignore:snapshot) where one was found.
  - The repository is only read; not even a lock is written there. A C(prune) at the same time can look like damage, so
    a difference counts only when the repository was not changed meanwhile; otherwise the module fails.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is read or restored.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run restores again, and needs an empty directory.
options:
  repository:
    description: The repository, as restic takes it, for example C(sftp:backup@host:/restic).
    type: str
    required: true
  password:
    description: The password of the repository; it is handed over in the environment of restic and never written.
    type: str
    required: true
  sftp_command:
    description: Command that opens the sftp connection, for a repository that is entered by a key of its own.
    type: str
  target:
    description: Empty directory to restore into, absolute.
    type: path
    required: true
  cache_dir:
    description: Directory for what restic keeps of the repository meanwhile, outside of O(target).
    type: path
    required: true
  check_subset:
    description: Share of the stored data that is read back, as restic takes it.
    type: str
    default: 5%
  max_age_s:
    description: Age in seconds beyond which the newest snapshot is refused.
    type: int
    default: 86400
  probe:
    description: Path of the file that each backup writes anew; empty leaves that check out.
    type: path
    default: /var/lib/ccobservatory/file_backup/probe
  timeout_s:
    description: Bound of each command of restic, in seconds.
    type: int
    default: 3600
  executable:
    description: The program.
    type: str
    default: restic
"""

EXAMPLES = r"""
- name: Prove that the files of a host come back
  ccobservatory.ops.restic_proof:
    repository: sftp:fb_lb1@repo1:/restic
    password: "{{ file_backup_password }}"
    sftp_command: ssh -i /var/lib/restore_test/key fb_lb1@repo1 -s sftp
    target: /var/lib/restore_test/files
    cache_dir: /var/lib/restore_test/cache
  become: true
  register: proof
"""

RETURN = r"""
snapshot:
  description: The snapshot, with id, short_id, tree (a SHA-256 that all its content enters), time, hostname and age_s.
  returned: success, not in check mode
  type: dict
  sample: {"short_id": "1f0e21c4", "hostname": "lb1", "age_s": 3600.5}
size_bytes:
  description: Bytes of the files of the snapshot.
  returned: success, not in check mode
  type: int
  sample: 2318336
repo_size_bytes:
  description: Bytes that the snapshot takes in the repository, with what it shares with others.
  returned: success, not in check mode
  type: int
  sample: 1204224
files:
  description: How many files the snapshot has.
  returned: success, not in check mode
  type: int
  sample: 1432
checks:
  description: The checks, as M(ccobservatory.ops.record) takes them.
  returned: success, not in check mode
  type: list
  elements: dict
  sample: [{"name": "the repository is whole", "result": "verified"}]
result:
  description: C(verified), or C(differs) when a check does.
  returned: success, not in check mode
  type: str
  sample: verified
phases:
  description: The phases C(read), C(check), C(restore), C(compare) with instants in UTC and seconds.
  returned: success, not in check mode
  type: list
  elements: dict
  sample: [{"name": "restore", "seconds": 1.2}]
started:
  description: When it began, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:32:22.001Z'
ended:
  description: When it ended, in UTC.
  returned: success, not in check mode
  type: str
  sample: '2026-11-23T21:32:28.560Z'
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Phases, runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._restic import Restic, prove


def main() -> None:
    """Restore and check, or fail with what keeps anything from being said."""
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "sftp_command": {"type": "str"},
            "target": {"type": "path", "required": True},
            "cache_dir": {"type": "path", "required": True},
            "check_subset": {"type": "str", "default": "5%"},
            "max_age_s": {"type": "int", "default": 86400},
            "probe": {"type": "path", "default": "/var/lib/ccobservatory/file_backup/probe"},
            "timeout_s": {"type": "int", "default": 3600},
            "executable": {"type": "str", "default": "restic"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    phases = Phases()
    try:
        restic = Restic(
            runner(module, user=None, environment={"RESTIC_PASSWORD": params["password"]}),
            repository=params["repository"],
            sftp_command=params["sftp_command"],
            cache_dir=params["cache_dir"],
            timeout_s=params["timeout_s"],
            executable=params["executable"],
        )
        result = prove(restic, params, phases)
    except OpsError as exc:
        module.fail_json(msg=exc.message, phases=phases.rows, **exc.details)
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
