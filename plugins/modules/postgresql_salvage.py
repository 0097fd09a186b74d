#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_salvage
short_description: Saves commits that only an old primary's disk still holds
description:
  - Copies the data directory of a stopped server, starts the copy apart from everything (no network, a private socket,
    archiving off, read only), writes the rows that the new primary does not have as lines of JSON for review, and
    removes
    the copy. The data directory itself is not touched.
  - Do this before anything rewinds or restores over the old disk. Nothing is written back; people decide about the
    rows.
  - To learn what the new primary has, run it there with O(action=keys) and copy the file. Rows are compared by
    primary key and by a digest of all columns, without a primary key by that digest alone.
  - What holds data and was not compared is named in RV(uncovered); keep the old data directory for it.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The rows are production data and do not belong into an output.
  idempotent:
    support: full
    details:
      - A second run writes the same rows and is unchanged when they are the same.
options:
  action:
    description:
      - V(export) reads a copy of the stopped server in O(data_dir) and writes the rows to O(dest).
      - V(keys) asks the running server of this host for the keys of its rows and writes them to O(dest).
    type: str
    choices: [export, keys]
    default: export
  database:
    description: Database that holds the tables.
    type: str
    required: true
  tables:
    description:
      - Tables, as names, or as schema and name with a dot between them.
      - Without any, all tables of the database that outlive a crash. O(action=keys) then leaves out those that do not
        fit into O(max_bytes); hand them to O(action=export) as O(left_out).
    type: list
    elements: str
    default: []
  left_out:
    description: Tables that were not compared, though O(tables) is empty, for O(action=export).
    type: list
    elements: str
    default: []
  max_bytes:
    description:
      - How large the tables may be together that are compared when O(tables) is empty; the smallest come first.
        All their keys are held in memory.
    type: int
    default: 134217728
  dest:
    description: File to write, readable by root alone.
    type: path
    required: true
  keys_file:
    description: Keys of the new primary. Without it, all rows later than O(since) are written.
    type: path
  since:
    description: Only rows whose O(time_column) is later than this instant. Without it, all rows are compared.
    type: str
  time_column:
    description: Column that O(since) is about.
    type: str
    default: committed_at
  data_dir:
    description: Data directory of the stopped server.
    type: path
    default: /var/lib/postgresql/15/main
  bin_dir:
    description: Directory of the programs of its version.
    type: path
    default: /usr/lib/postgresql/15/bin
  config_dir:
    description:
      - Directory of its configuration, which is not used for the copy.
    type: path
  scratch_dir:
    description: Directory for the copy, on a file system with room for it.
    type: path
    default: /var/lib/postgresql
  os_user:
    description: Account that owns the data directory.
    type: str
    default: postgres
  port:
    description: Port of the running server, for O(action=keys).
    type: int
    default: 5432
  socket_dir:
    description: Directory of the running server's socket, for O(action=keys).
    type: path
    default: /var/run/postgresql
  timeout:
    description: Seconds that the crash recovery of the copy may take.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Learn what the new primary has
  ccobservatory.ops.postgresql_salvage:
    action: keys
    database: ccobservatory
    tables: [ledger]
    since: "2026-11-23T20:00:00Z"
    dest: /var/tmp/keys.tsv
  delegate_to: db2

- name: Save what only the old one has
  ccobservatory.ops.postgresql_salvage:
    database: ccobservatory
    tables: [ledger]
    since: "2026-11-23T20:00:00Z"
    keys_file: /var/tmp/keys.tsv
    dest: /var/lib/postgresql/salvage.jsonl
  delegate_to: db1
"""

RETURN = r"""
dest:
  description: The file written.
  type: str
  returned: success
rows:
  description: Rows in it.
  type: int
  returned: success
absent:
  description: Rows that the new primary does not have.
  type: int
  returned: on O(action=export)
differs:
  description: Rows that the new primary has with other content.
  type: int
  returned: on O(action=export)
unchecked:
  description: Rows written without a comparison, since there was no O(keys_file).
  type: int
  returned: on O(action=export)
sha256:
  description: Digest of the file.
  type: str
  returned: success
bytes:
  description: Size of the file.
  type: int
  returned: success
tables:
  description: The tables that were compared.
  type: list
  elements: str
  returned: success
left_out:
  description: The tables that did not fit into O(max_bytes).
  type: list
  elements: str
  returned: on O(action=keys)
uncovered:
  description: What holds data and was not compared, as tables, large objects and other databases.
  type: list
  elements: str
  returned: on O(action=export)
  sample: [table public.clicks, database reports]
origin:
  description: The old cluster, with its C(system_identifier), C(timeline), C(state) and C(end_lsn).
  type: dict
  returned: on O(action=export)
seconds:
  description: Seconds for C(copy), C(start) and C(all).
  type: dict
  returned: success
"""

import hashlib
import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster, _salvage, _salvage_tables
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso, parse_instant
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection


def tables_of(session: Connection, names: list[str], params: dict[str, t.Any]) -> list[_salvage.Table]:
    """The tables of these names, as this session sees them."""
    _salvage.prepare(session)
    since = iso(parse_instant(params["since"])) if params["since"] else None
    return [_salvage.Table(session, name, since, params["time_column"]) for name in names]


def digest(path: str) -> str | None:
    """Digest of a file, None when there is none."""
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keys(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Write the keys that the running server has."""
    with Connection(socket_dir=params["socket_dir"], port=params["port"], database=params["database"]) as session:
        session.settimeout(120)
        names, left_out = (
            (params["tables"], []) if params["tables"] else _salvage_tables.choose(session, params["max_bytes"])
        )
        descriptor = os.open(params["dest"] + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            found = _salvage.write_keys(tables_of(session, names, params), file.write)
    os.replace(params["dest"] + ".part", params["dest"])
    told = {"sha256": digest(params["dest"]), "bytes": os.stat(params["dest"]).st_size}
    return {"rows": sum(found.values()), "tables": names, "left_out": left_out, **told}


def export(module: AnsibleModule) -> dict[str, t.Any]:
    """Write the rows of the stopped server."""
    params = module.params
    known = None
    if params["keys_file"]:
        with open(params["keys_file"], "rb") as file:
            known = _salvage.read_keys(file)
    origin = _cluster.control_facts(module.run_command, params["bin_dir"], params["data_dir"])
    with _salvage.IsolatedCopy(module.run_command, params) as copy, copy.session(params["database"]) as session:
        end = session.value("SELECT coalesce(pg_last_wal_replay_lsn(), pg_current_wal_lsn())")
        every = [table.name for table in _salvage_tables.all_tables(session) if table.nameable]
        names = params["tables"] or [name for name in every if name not in params["left_out"]]
        found = _salvage.export_rows(tables_of(session, names, params), known, params["dest"])
        rest = _salvage_tables.uncovered(session, names, copy.session)
        seconds = copy.seconds
    kept = {name: origin[name] for name in ("system_identifier", "timeline", "state")}
    told = {"tables": names, "uncovered": rest, "origin": {**kept, "end_lsn": end}}
    return {**found, **told, "seconds": seconds}


def act(module: AnsibleModule) -> dict[str, t.Any]:
    """Do what is asked.

    Raises:
        OpsError: the server to copy runs, or anything on the way fails.
    """
    params = module.params
    started = time.monotonic()
    if params["action"] == "export" and _cluster.postmaster_pid(params["data_dir"]) is not None:
        raise OpsError(f"A server runs on {params['data_dir']}; stop it first, a running one cannot be copied.")
    if module.check_mode:
        return {"changed": True, "dest": params["dest"]}
    before = digest(params["dest"])
    result = keys(params) if params["action"] == "keys" else export(module)
    seconds = {**result.get("seconds", {}), "all": round(time.monotonic() - started, 3)}
    return {**result, "changed": result["sha256"] != before, "dest": params["dest"], "seconds": seconds}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["export", "keys"], "default": "export"},
            "database": {"type": "str", "required": True},
            "tables": {"type": "list", "elements": "str", "default": []},
            "left_out": {"type": "list", "elements": "str", "default": []},
            "max_bytes": {"type": "int", "default": 134217728},
            "dest": {"type": "path", "required": True},
            "keys_file": {"type": "path", "no_log": False},
            "since": {"type": "str"},
            "time_column": {"type": "str", "default": "committed_at"},
            "data_dir": {"type": "path", "default": "/var/lib/postgresql/15/main"},
            "bin_dir": {"type": "path", "default": "/usr/lib/postgresql/15/bin"},
            "config_dir": {"type": "path"},
            "scratch_dir": {"type": "path", "default": "/var/lib/postgresql"},
            "os_user": {"type": "str", "default": "postgres"},
            "port": {"type": "int", "default": 5432},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "timeout": {"type": "float", "default": 600},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module))
    except (OpsError, OSError) as exc:
        module.fail_json(msg=str(exc), **getattr(exc, "details", {}))


if __name__ == "__main__":
    main()
