#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_promote
short_description: Makes a recovered or standby server the primary and proves it
description:
  - Starts the server when it is stopped and O(start_unit) is given, waits for the end of its replay, promotes it
    where it
    does not promote itself, and proves the result, all in one call that polls every 30 ms.
  - The proof is threefold. The server is not in recovery, a committed row is read back by another session, and the
    timeline
    in the names of its log files is higher than before. The value that C(pg_promote) returns is checked and then not
    trusted.
  - A receiver that hangs on a vanished sender and blocks the promotion is ended after O(stall_s), first gently.
  - A checkpoint is requested in the end and not waited for, since until then backups and rewinds see the old timeline.
  - Fence the old primary first. This module does not know about other hosts.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A server that is the primary already only gets the probe row and a checkpoint, and is reported as unchanged.
options:
  data_dir:
    description: Data directory of the server.
    type: path
    default: /var/lib/postgresql/15/main
  bin_dir:
    description: Directory of the programs of its version.
    type: path
    default: /usr/lib/postgresql/15/bin
  log_file:
    description: Log of the server in UTC, for the figures of the recovery and the reason of a failure.
    type: path
    default: /var/log/postgresql/postgresql-15-main.log
  port:
    description: Port of the server, which names its socket.
    type: int
    default: 5432
  socket_dir:
    description: Directory of the server's socket.
    type: path
    default: /var/run/postgresql
  start_unit:
    description:
      - Unit to start when the server is stopped, for example V(postgresql@15-main.service).
      - A data directory without C(recovery.signal) and C(standby.signal) is refused, because that start would open
        an old
        primary for writes.
    type: str
  wait_for:
    description:
      - V(recovery_target) waits until the recovery target is reached, which shows in a replay that paused there or
        in a
        server that has promoted itself.
      - V(standby) and V(consistency) promote as soon as the server takes sessions. A standby still replays all that
        it has
        received and all that its archive has before it opens.
    type: str
    choices: [recovery_target, standby, consistency]
    default: recovery_target
  replay_lsn:
    description:
      - Position of a record that must have been replayed before the promotion, so the replay must stand beyond it.
      - In a planned switch, RV(ccobservatory.ops.postgresql_stop#module:shutdown_checkpoint_lsn) of the old primary,
        which can then follow the new one without being rewound.
    type: str
  timeline_before:
    description:
      - Timeline that the new one must exceed. The default is the one the server recovers on.
    type: int
  timeout:
    description: Seconds for the start and the replay.
    type: float
    default: 3600
  promote_timeout:
    description: Seconds for the promotion proper.
    type: float
    default: 120
  stall_s:
    description: Seconds after which a promotion without progress has the receiver of the log ended.
    type: float
    default: 5
  write_timeout:
    description: Seconds that the committed write may take.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Open the restored cluster as the primary
  ccobservatory.ops.postgresql_promote:
    start_unit: postgresql@15-main.service
    timeout: 900
  register: promotion

- name: Promote the standby in a planned switch
  ccobservatory.ops.postgresql_promote:
    wait_for: standby
    replay_lsn: "{{ stopped.shutdown_checkpoint_lsn }}"
"""

RETURN = r"""
started:
  description: When the start was requested, null when the server ran already. All instants are UTC.
  type: str
  returned: success
accepting:
  description: When the server took its first session.
  type: str
  returned: success
replay_end:
  description: When the replay ended, by the server's log where it tells.
  type: str
  returned: success
promoted:
  description: When the server was seen out of recovery, null when it was the primary already.
  type: str
  returned: success
first_write:
  description: When the committed row was read back by another session.
  type: str
  returned: success
timeline_before:
  description: Timeline before.
  type: int
  returned: success
timeline_after:
  description: Timeline after, from the names of the log files.
  type: int
  returned: success
fork_timeline:
  description: Timeline that the new one left, from its history file.
  type: int
  returned: success
fork_lsn:
  description: Position at which the new timeline left the old one.
  type: str
  returned: success
lsn:
  description: Position of the log after the write.
  type: str
  returned: success
checkpoint_requested:
  description: When the checkpoint was requested.
  type: str
  returned: success
unblocked:
  description: Processes that were ended because they blocked the promotion.
  type: list
  elements: dict
  returned: success
recovery:
  description:
    - Figures of the recovery from the server's log, C(segments_restored), and where it says so C(replay_start),
      C(consistent), C(replay_end), C(stopped), C(last_transaction). Empty where the server logs elsewhere.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._promotion import Promotion


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "data_dir": {"type": "path", "default": "/var/lib/postgresql/15/main"},
            "bin_dir": {"type": "path", "default": "/usr/lib/postgresql/15/bin"},
            "log_file": {"type": "path", "default": "/var/log/postgresql/postgresql-15-main.log"},
            "port": {"type": "int", "default": 5432},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "start_unit": {"type": "str"},
            "wait_for": {
                "type": "str",
                "choices": ["recovery_target", "standby", "consistency"],
                "default": "recovery_target",
            },
            "replay_lsn": {"type": "str"},
            "timeline_before": {"type": "int"},
            "timeout": {"type": "float", "default": 3600},
            "promote_timeout": {"type": "float", "default": 120},
            "stall_s": {"type": "float", "default": 5},
            "write_timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    try:
        promotion = Promotion(module.params, module.run_command)
        result = promotion.plan() if module.check_mode else promotion.perform()
        before = "recovery" if result["changed"] else "primary"
        module.exit_json(**result, diff={"before": {"role": before}, "after": {"role": "primary"}})
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
