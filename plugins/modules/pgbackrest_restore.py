#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a cluster from a pgBackRest repository."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_restore
short_description: Restore a PostgreSQL cluster from a pgBackRest repository
version_added: 0.1.0
description:
  - Runs C(pgbackrest restore) into one data directory and leaves it ready to be started; it starts nothing.
  - Refuses while a PostgreSQL process works in the data directory. A C(postmaster.pid) that a killed server left behind
    is removed, after the working directories of all processes have proved that none uses the directory.
  - A restore of the same stanza into the same directory that is still running, as one left by a killed controller,
    is waited for.
  - Refuses a directory that holds files which are no cluster, or a cluster with another system identifier. A cluster of
    this stanza is overwritten only with O(delta=true). A restore that was interrupted, or that ended and was never
    started, is taken up by itself.
  - Afterwards C(postgresql.auto.conf) holds exactly one set of recovery settings. Each restore appends one and a backup
    carries those of earlier restores along, so old recovery targets and connections would pile up.
  - Nothing is copied besides what pgBackRest copies, so it takes as long as pgBackRest takes.
  - When the set itself is damaged, it fails within a second of the first damaged file, with RV(ignore:error_code),
    RV(ignore:set) and RV(ignore:set_damaged) in the result, so that a play can take an older set.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.pgbackrest
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - A restore always brings the data directory back to the state of the backup.
options:
  data_dir:
    description: Data directory to restore into, absolute. It is made when it is not there.
    type: path
    required: true
  type:
    description:
      - How far recovery goes once the server starts.
      - >-
        C(default) replays all WAL there is and stops without an error at a gap; prove the archive first with
        M(ccobservatory.ops.wal_audit). C(immediate) stops when the backup is consistent. C(time), C(lsn) and C(name)
        stop at O(target), and the server refuses to start when the archive ends before it. C(standby) follows a
        primary.
    type: str
    choices: [default, immediate, time, lsn, name, standby]
    default: default
  target:
    description:
      - Where recovery stops, for O(type=time), O(type=lsn) and O(type=name).
      - A time needs its zone, such as C(2026-11-23T21:28:36.250Z).
    type: str
  target_timeline:
    description:
      - Timeline to follow, a number, C(current) or C(latest).
      - Name the number of the production's timeline, so that a timeline that a restore test left in the archive is not
        taken for it.
    type: str
  target_action:
    description: What the server does at the target, for O(type=immediate), O(type=time), O(type=lsn) and O(type=name).
    type: str
    choices: [pause, promote, shutdown]
    default: promote
  target_exclusive:
    description: Whether to stop right before the target instead of right after it.
    type: bool
    default: false
  archive_mode:
    description:
      - C(off) keeps the restored server from archiving, as any restore test must; else its new timeline would enter the
        production's archive. C(on) keeps the setting of the cluster.
    type: str
    choices: ['on', 'off']
    default: 'on'
  delta:
    description: Whether to overwrite the cluster in O(data_dir), keeping files whose checksum is right.
    type: bool
    default: false
  process_max:
    description:
      - How many processes restore at the same time.
      - Without it, one for each processor.
    type: int
  set:
    description:
      - Label of the backup set.
      - Without it, or as C(latest), the newest one, or for a time or an LSN the newest before it.
    type: str
  recovery_options:
    description:
      - Further recovery settings, such as C(primary_conninfo) or C(restore_command).
      - Keep passwords in a password file of the account; what looks like one is masked in the result, but it would be
        visible in the list of processes.
    type: dict
    default: {}
  link_all:
    description: Whether to restore symbolic links of the cluster to where they pointed.
    type: bool
    default: false
  link_map:
    description: Where to restore symbolic links instead, by their name.
    type: dict
    default: {}
  tablespace_map:
    description: Where to restore tablespaces, by their number or name.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds after which an unfinished restore is ended; the next run goes on where it was. 0 sets no limit.
    type: int
    default: 0
  wait_running_s:
    description: How many seconds to wait for a restore that is still running.
    type: int
    default: 3600
seealso:
  - module: ccobservatory.ops.postgresql_promote
  - module: ccobservatory.ops.wal_audit
"""

EXAMPLES = r"""
- name: Restore the newest state on the recovery host
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/main
    target_timeline: "{{ production.wal_timeline }}"
  become: true

- name: Restore the moment before a table was dropped, for a test that must not archive
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/test
    type: time
    target: '2026-11-23T21:28:36Z'
    archive_mode: 'off'
  become: true

- name: Bring the old primary back as a standby of the new one
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/main
    type: standby
    delta: true
    recovery_options:
      primary_conninfo: host=db2 user=replicator application_name=db1
  become: true
"""

RETURN = r"""
label:
  description: Label of the backup set that was restored.
  returned: success
  type: str
  sample: 20261123-212530F
bytes:
  description: Size of the restored cluster as pgBackRest tells it, rounded as it rounds.
  returned: success
  type: int
  sample: 23278387
files:
  description: How many files the cluster has.
  returned: success
  type: int
  sample: 966
delta:
  description: Whether files that were there were kept.
  returned: always
  type: bool
  sample: false
command:
  description: The command that ran, without secrets.
  returned: always
  type: list
  elements: str
  sample: [pgbackrest, restore, --stanza=main]
phases:
  description: The phases C(preflight), C(wait), C(plan), C(restore), C(settings) with instants in UTC and seconds.
  returned: always
  type: list
  elements: dict
  sample:
    - name: restore
      started: '2026-11-23T21:32:22.024Z'
      ended: '2026-11-23T21:32:22.546Z'
      seconds: 0.522
started:
  description: When the module began, in UTC.
  returned: always
  type: str
  sample: '2026-11-23T21:32:22.001Z'
ended:
  description: When the module ended, in UTC.
  returned: always
  type: str
  sample: '2026-11-23T21:32:22.560Z'
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 0.559
recovery:
  description: The recovery settings that stand in C(postgresql.auto.conf) now, without secrets.
  returned: success
  type: dict
  sample: {"restore_command": "pgbackrest --stanza=main archive-get %f \"%p\""}
waited_for:
  description: Processes of running restores that were waited for.
  returned: always
  type: list
  elements: int
  sample: []
error_code:
  description: The error code of pgBackRest.
  returned: when the restore failed
  type: int
  sample: 29
set:
  description: Label of the backup set whose restore failed.
  returned: when the restore failed
  type: str
  sample: 20261123-212530F
set_damaged:
  description: Whether the error says that this set cannot be restored, so that an older one may be.
  returned: when the restore failed
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import COMMON_ARGUMENTS, Pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._restore import WITH_TARGET, Restore

_ARGUMENTS: dict[str, dict[str, Any]] = {
    **COMMON_ARGUMENTS,
    "data_dir": {"type": "path", "required": True},
    "type": {
        "type": "str",
        "choices": ["default", "immediate", "time", "lsn", "name", "standby"],
        "default": "default",
    },
    "target": {"type": "str"},
    "target_timeline": {"type": "str"},
    "target_action": {"type": "str", "choices": ["pause", "promote", "shutdown"], "default": "promote"},
    "target_exclusive": {"type": "bool", "default": False},
    "archive_mode": {"type": "str", "choices": ["on", "off"], "default": "on"},
    "delta": {"type": "bool", "default": False},
    "process_max": {"type": "int"},
    "set": {"type": "str"},
    "recovery_options": {"type": "dict", "default": {}},
    "link_all": {"type": "bool", "default": False},
    "link_map": {"type": "dict", "default": {}},
    "tablespace_map": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 0},
    "wait_running_s": {"type": "int", "default": 3600},
}


def main() -> None:
    """Restore, or fail with what is known about the failure."""
    module = AnsibleModule(
        argument_spec=_ARGUMENTS,
        required_if=[("type", kind, ("target",)) for kind in WITH_TARGET],
        supports_check_mode=True,
    )
    params = module.params
    restore: Restore | None = None
    try:
        tool = Pgbackrest.of(module)
        restore = Restore(params, tool, run=runner(module, user=None), check=module.check_mode)
        result = restore.run()
    except OpsError as exc:
        module.fail_json(msg=exc.message, **{**(restore.facts() if restore else {}), **exc.details})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
