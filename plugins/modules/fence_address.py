#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fence_address
short_description: Proves that a fenced server cannot be reached from this host any more
description:
  - Runs on each surviving host and proves two things. The address and port of the fenced server do not answer in
    several
    tries, and, on a host with PgBouncer, neither its file nor its console names that server and no connection to it
    is open.
  - Changes nothing. M(ccobservatory.ops.pgbouncer_target) points the poolers elsewhere before.
  - An answer, even a single one, fails the module, since a promotion must not follow it.
  - A host that refuses is up, and nothing takes connections there. One that is unreachable may only be cut off from
    here, so the proof says which of the two it was; ask from several places.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
  - ccobservatory.ops.pgbouncer
options:
  host:
    description: Fenced host, for the sentences and the proof.
    type: str
    required: true
  addresses:
    description: Addresses of the fenced host. Without any, its name is looked up.
    type: list
    elements: str
    default: []
    aliases: [address]
  port:
    description: Port of the database server.
    type: int
    default: 5432
  tries:
    description: Attempts to each address.
    type: int
    default: 3
  connect_timeout:
    description: Seconds that an attempt may take.
    type: float
    default: 0.5
  pgbouncer:
    description: Whether a PgBouncer runs here whose targets must be proved as well.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Prove that no application host reaches the old primary
  ccobservatory.ops.fence_address:
    host: db1
    pgbouncer: true
  delegate_to: "{{ item }}"
  loop: "{{ groups['pgbouncer'] }}"
  register: address
"""

RETURN = r"""
proof:
  description: The proof for the record, with what was observed and when.
  type: dict
  returned: always, unless nothing was observed
  sample:
    proof: address
    host: db1
    method: 3 connections to 10.0.1.11:5432, targets of PgBouncer
    observed: refused by the host, nothing listens; PgBouncer uses db2:5432
    at: "2026-11-23T21:04:05.678Z"
    proved: true
attempts:
  description: What each attempt met.
  type: list
  elements: dict
  returned: always, unless nothing was observed
"""

import concurrent.futures
import socket
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._fence import proof, try_connect
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbouncer import Console, read_targets

APART_S = 0.1


def addresses_of(host: str, given: list[str]) -> list[str]:
    """Addresses to try, looked up when none are given."""
    if given:
        return given
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except socket.gaierror as exc:
        raise OpsError(f"The name {host} cannot be resolved here ({exc.strerror}); set addresses.") from exc


def attempts(params: dict[str, t.Any], addresses: list[str]) -> list[dict[str, t.Any]]:
    """Try each address the given number of times, a tenth of a second apart; what nothing answered has a reason."""

    def attempt(number: int, address: str) -> dict[str, t.Any]:
        time.sleep(number * APART_S)
        return {"address": address, "reason": try_connect(address, params["port"], params["connect_timeout"])}

    wanted = [(number, address) for address in addresses for number in range(params["tries"])]
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(32, len(wanted))) as pool:
        return list(pool.map(lambda pair: attempt(*pair), wanted))


def words_of(reason: str) -> str:
    """What a failed attempt proves: a refusal comes from the host itself, anything else may come from the way there."""
    return "refused by the host, nothing listens" if reason == "refused" else f"unreachable from here ({reason})"


def pooler_findings(params: dict[str, t.Any], names: set[str]) -> tuple[list[str], list[str]]:
    """Where PgBouncer still names the host, and the targets it has in effect."""
    console = Console(
        socket_dir=params["socket_dir"],
        port=params["admin_port"],
        user=params["admin_user"],
        os_user=params["os_user"],
        timeout=3,
    )
    with open(params["file"], encoding="utf-8") as file:
        targets = read_targets(file.read())
    effective = console.databases()
    port = str(params["port"])
    found = [
        f"its file for {n}" for n, s in targets.items() if s.get("host") in names and s.get("port", "5432") == port
    ]
    found += [f"its target of {n}" for n, s in effective.items() if s["host"] in names and str(s["port"]) == port]
    open_now = [s for s in console.servers() if s["addr"] in names and str(s["port"]) == port]
    if open_now:
        found.append(f"{len(open_now)} open connections")
    return found, sorted({f"{s['host']}:{s['port']}" for s in effective.values()})


def judge(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Try, look and give the proof.

    Raises:
        OpsError: the server answers, or the pooler of this host names it.
    """
    host, port = params["host"], params["port"]
    addresses = addresses_of(host, params["addresses"])
    met = attempts(params, addresses)
    answered = sorted({a["address"] for a in met if a["reason"] is None})
    observed = ", ".join(sorted({words_of(a["reason"]) for a in met if a["reason"] is not None})) or "answered"
    found: list[str] = []
    method = f"{params['tries']} connections to {', '.join(f'{a}:{port}' for a in addresses)}"
    if params["pgbouncer"]:
        found, targets = pooler_findings(params, {host, *addresses})
        method += ", targets of PgBouncer"
        observed += f"; PgBouncer uses {', '.join(targets)}"
    facts = {"attempts": met, "proof": proof("address", host, method, observed, not answered and not found)}
    if answered:
        raise OpsError(
            f"{host} still answers at {', '.join(answered)} port {port}; take its power or its network.", **facts
        )
    if found:
        raise OpsError(f"PgBouncer here still names {host} in {', '.join(found)}; switch its target first.", **facts)
    return {"changed": False, **facts}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "default": [], "aliases": ["address"]},
            "port": {"type": "int", "default": 5432},
            "tries": {"type": "int", "default": 3},
            "connect_timeout": {"type": "float", "default": 0.5},
            "pgbouncer": {"type": "bool", "default": False},
            "file": {"type": "path", "default": "/etc/pgbouncer/databases.ini"},
            "socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "admin_port": {"type": "int", "default": 6432},
            "admin_user": {"type": "str", "default": "postgres"},
            "os_user": {"type": "str", "default": "postgres"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**judge(module.params))
    except (OpsError, OSError) as exc:
        module.fail_json(msg=str(exc), **getattr(exc, "details", {}))


if __name__ == "__main__":
    main()
