#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_compare
short_description: Compares what a client was promised with what the database has
description:
  - Reads the canary's journal and the rows of the same run and counts what was lost, changed or invented, with the
    requests in doubt apart.
  - Runs on the database host with a copy of the journal (M(ccobservatory.ops.canary_ledger) with
    O(ignore:state=exported),
    fetch, copy), and streams the rows through the unix socket. Two hundred thousand writes take about three seconds.
  - With O(rows_file) in place of a database it runs anywhere, so that a kept journal and kept rows can be compared
    again long after.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
    details:
      - O(keep_rows) is not written in check mode.
  diff_mode:
    support: none
    details:
      - The result is the comparison itself.
  idempotent:
    support: full
options:
  run:
    description: Name of the run.
    type: str
    required: true
  journal:
    description: Journal of the client on this host, plain or with a name that ends in C(.gz).
    type: path
    required: true
  rows_file:
    description:
      - Rows of an earlier O(keep_rows) to compare with, instead of a database.
    type: path
  keep_rows:
    description: Write the rows that were compared to this file, compressed; its name ends in C(.gz).
    type: path
  takeovers:
    description:
      - Instants at which another server took over the writes. A loss must be a clean suffix of the time before each.
      - Without it, the end of the longest silence in the journal is taken.
    type: list
    elements: str
  database:
    description: Database that holds the table.
    type: str
    default: ccobservatory
  table:
    description: Table of the ledger, as schema and name with a dot between them or as a name alone.
    type: str
    default: ledger
  port:
    description: Port of the server, which names its socket.
    type: int
    default: 5432
  socket_dir:
    description: Directory of the server's socket.
    type: path
    default: /var/run/postgresql
  max_lost:
    description: Fail when more acknowledged writes than this are lost. Without it, a loss is only reported.
    type: int
  sample:
    description: How many lost or wrong writes to list.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Count what the failover cost
  ccobservatory.ops.ledger_compare:
    run: drill-20261123
    journal: /var/tmp/drill-20261123.jsonl.gz
    keep_rows: /var/tmp/drill-20261123.rows.gz
  register: ledger

- name: Compare again from the kept evidence, without any host
  ccobservatory.ops.ledger_compare:
    run: drill-20261123
    journal: evidence/drill-20261123.jsonl.gz
    rows_file: evidence/drill-20261123.rows.gz
  delegate_to: localhost
"""

RETURN = r"""
comparison:
  description:
    - What the comparison found. Instants are UTC, by the client's clock.
  type: dict
  returned: when both sides could be read
  contains:
    sent:
      description: Distinct requests the client sent.
      type: int
    acked:
      description: Distinct requests that were acknowledged.
      type: int
    in_db:
      description: Rows of the run in the database.
      type: int
    lost:
      description: Acknowledged writes that the database does not have, the first of them in C(lost_sample).
      type: int
    wrong:
      description: Rows with another content than was sent, or that break the chain, the first in C(wrong_sample).
      type: int
    ghosts:
      description: Rows that the client never sent.
      type: int
    duplicates:
      description: Rows stored more than once.
      type: int
    holes:
      description: Missing writes below a kept one of the same worker and the same server.
      type: int
    inversions:
      description: Lost writes that were acknowledged before a kept one was sent, over all workers of a server.
      type: int
    journal_gaps:
      description: Writes that the journal itself lacks; with any, the comparison is not complete.
      type: int
    clean_suffix:
      description: Whether the loss is one clean cut, so that one point in time says what was recovered.
      type: bool
    in_doubt:
      description: Requests without an answer, C(total), C(committed) and C(not_committed).
      type: dict
    rpo_s:
      description: Seconds from the last kept acknowledgement before the loss to the last lost one.
      type: float
    lost_window_s:
      description: Seconds from the first lost acknowledgement to the last.
      type: float
    first_lost:
      description: Instant of the first lost acknowledgement.
      type: str
    last_lost:
      description: Instant of the last lost acknowledgement.
      type: str
    recovered_up_to:
      description: Instant of the last acknowledgement before the loss that the database kept.
      type: str
seconds:
  description: How long the comparison took.
  type: float
  returned: success
"""

import gzip
import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _ledger
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import parse_instant
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, identifier, literal


def parse_rows(lines: t.Iterable[bytes]) -> t.Iterator[_ledger.DbRow]:
    """Rows from lines of worker, n, hash and previous with tabs between them.

    Raises:
        OpsError: a line has another shape.
    """
    for number, line in enumerate(lines, 1):
        try:
            worker, n, digest, previous = line.decode("ascii").rstrip("\n").split("\t")
            yield _ledger.DbRow(int(worker), int(n), digest, previous)
        except ValueError as exc:
            raise OpsError(f"Line {number} of the rows is not worker, n, hash and previous; export again.") from exc


def database_lines(params: dict[str, t.Any]) -> t.Iterator[bytes]:
    """The rows of the run as lines, straight from the server."""
    table = ".".join(identifier(part) for part in params["table"].split("."))
    columns = "worker, n, hash, previous"
    with Connection(
        socket_dir=params["socket_dir"], port=params["port"], database=params["database"], timeout=60
    ) as connection:
        yield from connection.copy_out(
            f"COPY (SELECT {columns} FROM {table} WHERE run = {literal(params['run'])}) TO STDOUT"  # noqa: S608
        )


def keep(lines: t.Iterable[bytes], path: str) -> t.Iterator[bytes]:
    """Pass the lines on and write them, compressed; the file appears under its name only when it is complete."""
    with open(path + ".part", "wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as packed:
        for line in lines:
            packed.write(line)
            yield line
    os.replace(path + ".part", path)


def compare(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Read both sides and compare them."""
    with _ledger.open_lines(params["journal"]) as file:
        journal = _ledger.read_journal(file)
    takeovers = None if params["takeovers"] is None else [parse_instant(text) for text in params["takeovers"]]
    if params["rows_file"]:
        with _ledger.open_lines(params["rows_file"]) as file:
            return _ledger.compare(journal, parse_rows(file), takeovers, params["sample"])
    lines = database_lines(params)
    if params["keep_rows"] and not check_mode:
        lines = keep(lines, params["keep_rows"])
    return _ledger.compare(journal, parse_rows(lines), takeovers, params["sample"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "journal": {"type": "path", "required": True},
            "rows_file": {"type": "path"},
            "keep_rows": {"type": "path"},
            "takeovers": {"type": "list", "elements": "str"},
            "database": {"type": "str", "default": "ccobservatory"},
            "table": {"type": "str", "default": "ledger"},
            "port": {"type": "int", "default": 5432},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "max_lost": {"type": "int"},
            "sample": {"type": "int", "default": 20},
        },
        mutually_exclusive=[("rows_file", "keep_rows")],
        supports_check_mode=True,
    )
    started = time.monotonic()
    try:
        comparison = compare(module.params, module.check_mode)
        limit = module.params["max_lost"]
        if limit is not None and comparison["lost"] > limit:
            raise OpsError(
                f"{comparison['lost']} acknowledged writes of {module.params['run']} are lost, allowed are {limit}; "
                "look at the recovery point and salvage the old server's data before anything rewinds it.",
                comparison=comparison,
            )
        seconds = round(time.monotonic() - started, 3)
        module.exit_json(changed=False, comparison=comparison, seconds=seconds)
    except (OpsError, OSError) as exc:
        module.fail_json(msg=str(exc), **getattr(exc, "details", {}))


if __name__ == "__main__":
    main()
