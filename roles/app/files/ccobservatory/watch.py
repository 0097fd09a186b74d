# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the database several times a second whether it takes writes, so that no request has to find out by waiting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import psycopg.rows

from .pool import Link, NotReplicated, connect
from .settings import Settings
from .state import DatabaseState, Probe, Verdict

T = TypeVar("T")

_CONSOLE_TIMEOUT_S = 0.3
_LOG = logging.getLogger("ccobservatory")
_QUESTION = (
    "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off', host(inet_server_addr())"
)


class Refused(Exception):
    """A request that cannot be served now. `sent` tells whether a statement may have reached the database."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class Watch:
    """Holds the verdict on the database and lets no request outwait it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._question: Link | None = None
        self._console: Link | None = None
        self.state = DatabaseState(pause_patience=settings.pause_patience)

    async def forever(self) -> None:
        """Probe until cancelled; faster while the database is away, so that its return is seen at once."""
        loop = asyncio.get_running_loop()
        while True:
            before = self.state.verdict
            verdict = self.state.judge(await self._probe(), loop.time())
            if verdict is not before:
                _LOG.warning("database is %s: %s", verdict.value, self.state.reason or f"server {self.state.server}")
            pause = self._settings.probe_interval
            await asyncio.sleep(pause if verdict is Verdict.READY else pause / 2)

    async def guard(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` for as long as the database is there or the pooler is paused, at most `pause_patience` seconds.

        Raises Refused with the reason; a statement that was cut off is reported as sent, its outcome is unknown.
        """
        if self.state.verdict is Verdict.GONE:
            raise Refused(self.state.reason, sent=False)
        task = asyncio.ensure_future(work())
        try:
            await self._outwait(task)
            return await task
        except (psycopg.Error, NotReplicated) as error:
            raise Refused(_one_line(error), sent=True) from error
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, psycopg.Error, NotReplicated):
                    await task

    async def _outwait(self, task: asyncio.Future[T]) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + self._settings.pause_patience
        while not (await asyncio.wait({task}, timeout=0.1))[0]:
            if self.state.verdict is Verdict.GONE:
                raise Refused(self.state.reason, sent=True)
            if loop.time() > limit:
                raise Refused(f"no answer within {self._settings.pause_patience:g} s", sent=True)

    async def _probe(self) -> Probe:
        """Look at the pooler's console first: while an operator holds the database, asking it would only wait."""
        if await self._is_paused():
            self._forget_question()
            return Probe(answered=False, paused=True)
        try:
            row = await asyncio.wait_for(self._ask(), self._settings.probe_timeout)
        except TimeoutError:
            reason, slow = f"the database did not answer within {self._settings.probe_timeout:g} s", True
        except (psycopg.Error, NotReplicated, OSError) as error:
            reason, slow = _one_line(error), False
        else:
            return Probe(answered=True, writable=bool(row[0]), server=str(row[1] or ""))
        self._forget_question()
        return Probe(answered=False, paused=await self._is_paused(), slow=slow, reason=reason)

    def _forget_question(self) -> None:
        if self._question is not None:
            self._question.drop()
            self._question = None

    async def _ask(self) -> tuple[object, ...]:
        if self._question is None:
            self._question = await connect(self._settings.dsn())
        row = await self._question.fetch(_QUESTION)
        return row or (False, "")

    async def _is_paused(self) -> bool:
        """Ask the pooler's console whether an operator holds our database; when it is too busy, nothing has changed."""
        try:
            return await asyncio.wait_for(self._ask_console(), _CONSOLE_TIMEOUT_S)
        except TimeoutError:
            paused = self.state.verdict is Verdict.PAUSED
        except (psycopg.Error, OSError):
            paused = False
        if self._console is not None:
            self._console.drop()
            self._console = None
        return paused

    async def _ask_console(self) -> bool:
        if self._console is None:
            self._console = await connect(self._settings.dsn("pgbouncer"))
        cursor = self._console.connection.cursor(row_factory=psycopg.rows.dict_row)
        await cursor.execute("SHOW DATABASES")
        rows = await cursor.fetchall()
        return any(row["name"] == self._settings.database and int(row["paused"]) for row in rows)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
