# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of the service: the ledger of acknowledged writes, and the observations."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from .pool import Link

_HASH = r"^[0-9a-f]{64}$"
_STORE = """
INSERT INTO ledger (run, worker, n, hash, previous) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING host(inet_server_addr())
"""
_STORED = """
SELECT hash, previous, committed_at, host(inet_server_addr()) FROM ledger WHERE run = %s AND worker = %s AND n = %s
"""
_COUNT = "SELECT count(*), host(inet_server_addr()) FROM ledger WHERE run = %s"
_OBSERVE = """
WITH added AS (INSERT INTO observation (subject, value) SELECT %s, unnest(%s::float8[]) RETURNING 1)
SELECT count(*), host(inet_server_addr()) FROM added
"""
_DIGEST = """
SELECT count(*), coalesce(sum(hashtextextended(concat_ws(' ', id, subject, value), 0)), 0)::text,
       host(inet_server_addr())
FROM observation
"""


class Entry(BaseModel):
    """One link of a hash chain: who wrote it (run and worker), its number, its hash and the hash before it."""

    run: str = Field(regex=r"^[A-Za-z0-9_.-]{1,64}$")
    worker: int = Field(ge=0, lt=2**31)
    n: int = Field(ge=0, lt=2**63)
    hash: str = Field(regex=_HASH)
    previous: str = Field(regex=_HASH)


class Observation(BaseModel):
    """Values observed of one subject."""

    subject: str = Field(min_length=1, max_length=200)
    values: list[float] = Field(min_items=1, max_items=10000)


async def store(link: Link, entry: Entry) -> tuple[bool, dict[str, Any]]:
    """Commit one entry. Returns (True, receipt), or (False, the row that already holds this key)."""
    row = await link.fetch(_STORE, (entry.run, entry.worker, entry.n, entry.hash, entry.previous))
    if row is not None:
        return True, {"committed": True, "server": row[0]}
    row = await link.fetch(_STORED, (entry.run, entry.worker, entry.n))
    if row is None:
        return False, {"committed": False, "reason": "the key was taken and given back meanwhile; try again"}
    key = {"run": entry.run, "worker": entry.worker, "n": entry.n}
    stored = {**key, "hash": row[0], "previous": row[1], "committed_at": row[2].isoformat()}
    return False, {"committed": False, "reason": "the key exists", "stored": stored, "server": row[3]}


async def count(link: Link, run: str) -> dict[str, Any]:
    """Return how many entries of one run are stored."""
    row = await link.fetch(_COUNT, (run,)) or (0, "")
    return {"run": run, "count": row[0], "server": row[1]}


async def observe(link: Link, observation: Observation) -> dict[str, Any]:
    """Commit the values of one subject."""
    row = await link.fetch(_OBSERVE, (observation.subject, observation.values)) or (0, "")
    return {"committed": True, "rows": row[0], "server": row[1]}


async def digest(link: Link) -> dict[str, Any]:
    """Return the number of observations and a digest that changes with any of them, whatever their order."""
    row = await link.fetch(_DIGEST) or (0, "0", "")
    return {"rows": row[0], "digest": row[1], "server": row[2]}
