# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web service: health, version, the ledger of acknowledged writes and the observations."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any

from fastapi import FastAPI, Query
from fastapi.requests import Request
from fastapi.responses import JSONResponse

from . import __version__, records
from .pool import Pool
from .records import Entry, Observation
from .settings import from_environment
from .state import Verdict
from .watch import Refused, Watch

settings = from_environment()
pool = Pool(settings.dsn(), settings.pool_size)
watch = Watch(settings)
app = FastAPI(title="ccobservatory", version=__version__, docs_url=None, redoc_url=None)
_background: list[asyncio.Task[None]] = []


@app.on_event("startup")
async def start_watching() -> None:
    """Begin to watch the database."""
    _background.append(asyncio.create_task(watch.forever()))


@app.on_event("shutdown")
async def stop_watching() -> None:
    """Stop the watch and close what is open."""
    for task in _background:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    pool.drop_idle()


@app.exception_handler(Refused)
async def refused(request: Request, error: Refused) -> JSONResponse:
    """Say at once that a request was not served, and whether its outcome is known."""
    body = {"committed": None if error.sent else False, "reason": error.reason, "node": settings.node}
    return JSONResponse(body, status_code=503)


@app.get("/health/live")
async def live() -> dict[str, Any]:
    """The process answers."""
    return {"status": "live", "node": settings.node}


@app.get("/health/ready")
async def ready() -> JSONResponse:
    """200 when a database that takes writes answered within the last second, or is held by a pause that just began."""
    verdict = watch.state.verdict
    body = {"status": verdict.value, "node": settings.node, "server": watch.state.server, "reason": watch.state.reason}
    return JSONResponse(body, status_code=503 if verdict is Verdict.GONE else 200)


@app.get("/version")
async def version() -> dict[str, Any]:
    """What runs here."""
    return {"name": "ccobservatory", "version": __version__, "release": settings.release, "node": settings.node}


@app.post("/ledger")
async def write(entry: Entry) -> JSONResponse:
    """Store one ledger entry; 201 only after its commit, 409 with the stored row when the key is taken."""
    stored, body = await watch.guard(lambda: pool.run(partial(records.store, entry=entry)))
    return JSONResponse(body, status_code=201 if stored else 409)


@app.get("/ledger/count")
async def count(run: str = Query(max_length=64)) -> dict[str, Any]:
    """How many entries of a run are stored."""
    return await watch.guard(lambda: pool.run(partial(records.count, run=run)))


@app.post("/observations", status_code=201)
async def observe(observation: Observation) -> dict[str, Any]:
    """Store observed values; 201 only after their commit."""
    return await watch.guard(lambda: pool.run(partial(records.observe, observation=observation)))


@app.get("/observations/digest")
async def digest() -> dict[str, Any]:
    """Number and digest of all observations."""
    return await watch.guard(lambda: pool.run(records.digest))
