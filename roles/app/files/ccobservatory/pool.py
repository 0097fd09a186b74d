# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to the pooler: few, reused, and thrown away at the first doubt.

Pooled transactions forbid server-side prepared statements, so none are made; each statement is its own transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")


class NotReplicated(Exception):
    """A commit returned although its promised copy was never confirmed; it must not be acknowledged."""


class Link:
    """One connection, and whether the server withdrew a promise on it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self._withdrawn = False
        connection.add_notice_handler(self._notice)

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if "synchronous replication" in (diagnostic.message_primary or ""):
            self._withdrawn = True

    async def fetch(self, statement: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """Run one statement to its end, commit included, and return its first row or None.

        Raises psycopg.Error, and NotReplicated when the server gave up waiting for the copy of this commit.
        """
        cursor = await self.connection.execute(statement, values)
        row = await cursor.fetchone() if cursor.description else None
        if self._withdrawn:
            raise NotReplicated("the server stopped waiting for the copy of this commit")
        return row

    def drop(self) -> None:
        """Close at once, without a word to the other side and without waiting."""
        self.connection.pgconn.finish()

    @property
    def usable(self) -> bool:
        """Whether the connection can carry another statement."""
        return not self.connection.closed


class Pool:
    """At most `size` connections; whoever finds none free waits."""

    def __init__(self, parameters: dict[str, str | int], size: int) -> None:
        self._parameters = parameters
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Link] = []

    async def run(self, work: Callable[[Link], Awaitable[T]]) -> T:
        """Lend a connection to `work` and return what it returns.

        After any error or cancellation the connection is dropped: nobody knows what is left in it.
        """
        async with self._slots:
            link = await self._take()
            try:
                result = await work(link)
            except BaseException:
                link.drop()
                raise
            self._idle.append(link)
            return result

    def drop_idle(self) -> None:
        """Forget the connections that wait for work."""
        while self._idle:
            self._idle.pop().drop()

    async def _take(self) -> Link:
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return await connect(self._parameters)


async def connect(parameters: dict[str, str | int]) -> Link:
    """Open one connection. Raises psycopg.OperationalError."""
    connection = await psycopg.AsyncConnection.connect(
        autocommit=True,
        prepare_threshold=None,
        **parameters,
    )
    return Link(connection)
