#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the state, timelines and LSNs of a PostgreSQL cluster, running or not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_controldata
short_description: Tell the state, timelines and LSNs of a PostgreSQL cluster, running or not
version_added: 0.1.0
description:
  - Reads the control file with C(pg_controldata), the names of the WAL files, and, when the server runs and answers,
    the server itself through its socket as the account that owns it.
  - After a promotion the control file names the old timeline until the next checkpoint; RV(wal_timeline) is right at
    once.
  - A directory without a cluster is no error; RV(present) is false then.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.attributes.read_only
options:
  data_dir:
    description: Data directory of the cluster.
    type: path
    required: true
  bin_dir:
    description: Directory of the programs of the cluster's version.
    type: path
    default: /usr/lib/postgresql/15/bin
  port:
    description:
      - Port whose socket is asked.
      - Without it, the one that the server wrote into C(postmaster.pid).
    type: int
  user:
    description: Account that owns the cluster and may connect through the socket as superuser.
    type: str
    default: postgres
seealso:
  - module: ccobservatory.ops.postgresql_promote
  - module: ccobservatory.ops.wal_audit
"""

EXAMPLES = r"""
- name: Look at the cluster
  ccobservatory.ops.postgresql_controldata:
    data_dir: /var/lib/postgresql/15/main
  become: true
  register: production

- name: Tell the timeline
  ansible.builtin.debug:
    msg: "{{ production.system_identifier }} is on timeline {{ production.wal_timeline }}"
"""

RETURN = r"""
present:
  description: Whether there is a cluster.
  returned: success
  type: bool
  sample: true
state:
  description: State in the control file.
  returned: when present
  type: str
  sample: in production
system_identifier:
  description: Number that this cluster and its copies share.
  returned: when present
  type: str
  sample: '7711481165364725715'
timeline:
  description: Timeline of the latest checkpoint.
  returned: when present
  type: int
  sample: 1
wal_timeline:
  description: Timeline of the server, or the highest one among the names in pg_wal when it does not run as a primary.
  returned: when present
  type: int
  sample: 2
checkpoint_lsn:
  description: LSN of the latest checkpoint.
  returned: when present
  type: str
  sample: 0/1C00060
redo_lsn:
  description: LSN from which redo starts.
  returned: when present
  type: str
  sample: 0/1C00028
checkpoint_time:
  description: When the latest checkpoint began, in UTC.
  returned: when present
  type: str
  sample: '2026-11-23T21:28:37.000Z'
min_recovery_lsn:
  description: LSN that recovery must reach before the cluster is consistent, C(0/0) when none is needed.
  returned: when present
  type: str
  sample: 0/0
min_recovery_timeline:
  description: Timeline of that LSN, 0 when none is needed.
  returned: when present
  type: int
  sample: 0
segment_size:
  description: Size of a WAL segment in bytes.
  returned: when present
  type: int
  sample: 16777216
checksums:
  description: Whether data pages carry checksums.
  returned: when present
  type: bool
  sample: true
standby_signal:
  description: Whether a C(standby.signal) lies there, with which a server starts as a standby and not for writes.
  returned: when present
  type: bool
  sample: false
running:
  description: Whether a server process works in the data directory.
  returned: success
  type: bool
  sample: true
accepting:
  description: Whether the server answers a query.
  returned: success
  type: bool
  sample: true
in_recovery:
  description: Whether the server is in recovery, null when it does not answer.
  returned: success
  type: bool
  sample: false
current_lsn:
  description: Where a primary writes, or up to where a standby has replayed; null when the server does not answer.
  returned: success
  type: str
  sample: 0/1C00100
version:
  description: Version of the running server, null when it does not answer.
  returned: success
  type: str
  sample: '15.18'
archiver:
  description: Last archived and failed segment and the count of failures, as the server tells them.
  returned: when the server answers
  type: dict
  sample: {"last_archived_wal": "00000002000000000000001C", "last_archived_age_s": 4.1, "failed_count": 0}
"""

import datetime
import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _datadir
from ansible_collections.ccobservatory.ops.plugins.module_utils._cluster import parse_control
from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Run, clean, runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms

_QUERY = """
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'version', split_part(current_setting('server_version'), ' ', 1),
  'current_lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
  'wal_name', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_walfile_name(pg_current_wal_lsn()) END,
  'archiver', (SELECT json_build_object(
      'last_archived_wal', last_archived_wal,
      'last_archived_age_s', extract(epoch FROM clock_timestamp() - last_archived_time),
      'last_failed_wal', last_failed_wal,
      'last_failed_age_s', extract(epoch FROM clock_timestamp() - last_failed_time),
      'archived_count', archived_count,
      'failed_count', failed_count) FROM pg_stat_archiver))
"""


def control(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of the control file; raises OpsError when it is there and cannot be read."""
    command = [os.path.join(params["bin_dir"], "pg_controldata"), "-D", params["data_dir"]]
    code, out, err = run(command)
    if code != 0:
        raise OpsError(
            f"{command[0]} cannot read {params['data_dir']} ({clean(err or out, limit=200)}); use the programs of the "
            "cluster's version, and the account that owns it."
        )
    values = parse_control(out)
    try:
        stamp = datetime.datetime.strptime(values["Time of latest checkpoint"] + " +0000", "%a %b %d %H:%M:%S %Y %z")
        return {
            "state": values["Database cluster state"],
            "system_identifier": values["Database system identifier"],
            "timeline": int(values["Latest checkpoint's TimeLineID"]),
            "checkpoint_lsn": values["Latest checkpoint location"],
            "redo_lsn": values["Latest checkpoint's REDO location"],
            "checkpoint_time": iso_ms(stamp),
            "min_recovery_lsn": values["Minimum recovery ending location"],
            "min_recovery_timeline": int(values["Min recovery ending loc's timeline"]),
            "segment_size": int(values["Bytes per WAL segment"]),
            "checksums": values["Data page checksum version"] != "0",
        }
    except (KeyError, ValueError) as exc:
        raise OpsError(f"{command[0]} printed no usable {exc}; use the programs of the cluster's version.") from exc


def server(run: Run, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the running server says of itself; None when it does not answer.

    Socket directory and port come from postmaster.pid, so that the right server is asked.
    """
    try:
        lines = Path(params["data_dir"], "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    if len(lines) < 5 or not lines[4].strip():
        return None
    command = [os.path.join(params["bin_dir"], "psql"), "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1"]
    port = str(params["port"] or lines[3].strip())
    command += ["-h", lines[4].strip(), "-p", port, "-d", "postgres", "-c", _QUERY]
    code, out, _err = run(["timeout", "10", *command])
    try:
        facts = json.loads(out) if code == 0 else None
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def look(run: Run, own: Run, params: dict[str, Any]) -> dict[str, Any]:
    """Return all facts; *own* runs as the module's account. Raises OpsError when the cluster cannot be read."""
    running = bool(_datadir.server_processes(params["data_dir"], run=own))
    facts: dict[str, Any] = {"running": running, "accepting": False, "in_recovery": None}
    facts.update(current_lsn=None, version=None)
    if _datadir.system_identifier(params["data_dir"]) is None:
        return {**facts, "present": False}
    facts.update(control(run, params), present=True, wal_timeline=_datadir.wal_timeline(params["data_dir"]))
    facts["standby_signal"] = os.path.exists(os.path.join(params["data_dir"], "standby.signal"))
    told = server(run, params) if running else None
    if told is not None:
        name = told.pop("wal_name")
        facts.update(told, accepting=True)
        facts["wal_timeline"] = int(name[:8], 16) if name else facts["wal_timeline"]
    return facts


def main() -> None:
    """Look at the cluster and return what it is."""
    module = AnsibleModule(
        argument_spec={
            "data_dir": {"type": "path", "required": True},
            "bin_dir": {"type": "path", "default": "/usr/lib/postgresql/15/bin"},
            "port": {"type": "int"},
            "user": {"type": "str", "default": "postgres"},
        },
        supports_check_mode=True,
    )
    try:
        facts = look(runner(module, user=module.params["user"]), runner(module, user=None), module.params)
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)
    module.exit_json(changed=False, **facts)


if __name__ == "__main__":
    main()
