#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_replication
short_description: Tells how replication stands, and waits for it
description:
  - Tells the role of the server, its timeline and positions, on a primary who streams from it, how far behind and how
    synchronous, and its slots; on a standby what it receives and replays.
  - Waits, polling every 50 ms, until a named standby streams within a bound, or until this standby has replayed to a
    position.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
options:
  port:
    description: Port of the server, which names its socket.
    type: int
    default: 5432
  socket_dir:
    description: Directory of the server's socket.
    type: path
    default: /var/run/postgresql
  standby:
    description: Wait on a primary until the standby or receiver with this C(application_name) streams.
    type: str
  max_lag_bytes:
    description:
      - Bytes of the log that O(standby) may be behind, in replay, or in flush where it does not replay. Without a
        standby
        named, all that stream must be within it, and at least one must stream.
    type: int
  sync:
    description: Wait until O(standby) counts for synchronous commits.
    type: bool
    default: false
  replay_lsn:
    description: Wait on a standby until it has replayed to this position.
    type: str
  timeout:
    description: Seconds that the wait may take, the start of the server included; after that the module fails.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Wait until the rejoined server follows closely
  ccobservatory.ops.postgresql_replication:
    standby: db1
    max_lag_bytes: 65536
    timeout: 120

- name: Learn whether the receivers make commits synchronous
  ccobservatory.ops.postgresql_replication:
  register: replication
"""

RETURN = r"""
role:
  description: Either V(primary) or V(standby), the latter for any server in recovery.
  type: str
  returned: success
timeline:
  description: Timeline of the server, on a standby the one it receives or last replayed at a checkpoint.
  type: int
  returned: success
lsn:
  description: Position written on a primary, replayed on a standby.
  type: str
  returned: success
senders:
  description: Who streams from this server.
  type: list
  elements: dict
  returned: success
  sample:
    - name: db2
      state: streaming
      sync_state: async
      address: 10.0.2.11
      lag_bytes: 0
      sent_lsn: 0/5000060
      flush_lsn: 0/5000060
      replay_lsn: 0/5000060
slots:
  description: Replication slots with the bytes of log that they keep.
  type: list
  elements: dict
  returned: success
receiver:
  description: What a standby receives, null without a stream.
  type: dict
  returned: success
replay:
  description: What a standby replays, with C(lag_bytes) behind what it has received, null on a primary.
  type: dict
  returned: success
synchronous_standby_names:
  description: The setting in effect.
  type: str
  returned: success
waited_s:
  description: Seconds waited.
  type: float
  returned: success
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _replication
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, PgUnavailable

POLL_S = 0.05


def look(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """How replication stands now."""
    with Connection(socket_dir=params["socket_dir"], port=params["port"]) as session:
        return _replication.facts(session)


def wait(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Look until nothing is missing any more.

    Raises:
        OpsError: something was missing in the end; the sentence says what.
    """
    asks = _replication.asks(params)
    started = time.monotonic()
    while True:
        facts: dict[str, t.Any] = {}
        try:
            facts = look(params)
            missing = _replication.missing(facts, params)
        except PgUnavailable as exc:
            if not asks:
                raise
            missing = str(exc)
        waited = round(time.monotonic() - started, 3)
        if missing is None:
            return {"changed": False, **facts, "waited_s": waited}
        if waited >= params["timeout"]:
            raise OpsError(f"After {params['timeout']:g} s {missing}", **facts)
        time.sleep(POLL_S)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 5432},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "standby": {"type": "str"},
            "max_lag_bytes": {"type": "int"},
            "sync": {"type": "bool", "default": False},
            "replay_lsn": {"type": "str"},
            "timeout": {"type": "float", "default": 60},
        },
        mutually_exclusive=[("replay_lsn", "standby"), ("replay_lsn", "max_lag_bytes")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**wait(module.params))
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
