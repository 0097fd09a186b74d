# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process that speaks with one host: fed once, read to its end, stopped at its deadline.

A host that stays silent must not hold up the others: after a while of silence its place among the busy ones is given
back, so any number of dead and hanging hosts together cost one deadline.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from verify.collect._ssh import COMMAND_SENT

__all__ = ["Limits", "Places", "Spoken", "talk"]

STDERR_CAP = 256 * 1024
SILENCE_S = 3.0


@dataclass(slots=True)
class Spoken:
    """What came of a conversation; instants are seconds since the epoch by the controller's clock."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    code: int | None = None
    begun: float = 0.0
    sent: float | None = None
    first: float | None = None
    ended: float = 0.0
    late: bool = False
    flooded: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until the first word and for the whole conversation, and the most bytes that a host may say."""

    deadline_s: float
    most_bytes: int
    first_s: float = 60.0


class Places:
    """How many hosts are spoken with: ``busy`` at the same time, ``waiting`` together with the silent ones.

    The second bound keeps a controller that is itself too slow from starting everything at once.
    """

    def __init__(self, busy: int, waiting: int) -> None:
        self.busy = asyncio.Semaphore(busy)
        self.waiting = asyncio.Semaphore(max(busy, waiting))


async def talk(
    argv: Sequence[str], stdin: bytes, limits: Limits, places: Places, *, now: Callable[[], float]
) -> Spoken:
    """Start a process, hand it its input and return what it said until it ended or its deadline passed.

    Raises OSError when the program cannot be started.
    """
    spoken = Spoken()
    async with places.waiting:
        await places.busy.acquire()
        place = _Place(places.busy, spoken)
        try:
            spoken.begun = now()
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True, limit=1 << 20
            )
            await _converse(process, stdin, limits, spoken, place, now)
        finally:
            place.give_back()
            spoken.ended = now()
    return spoken


class _Place:
    """A place among the busy hosts; it is given back early when nothing is heard of a host that nobody has reached yet.

    A host that was reached and is at work keeps its place: this machine may be the slow one.
    """

    def __init__(self, semaphore: asyncio.Semaphore, spoken: Spoken) -> None:
        self._semaphore: asyncio.Semaphore | None = semaphore
        self._spoken = spoken
        self._heard = 0.0

    def heard(self) -> None:
        """Note that the conversation goes on."""
        self._heard = asyncio.get_running_loop().time()

    def watch(self) -> None:
        """Give the place back after a while of silence, now or later."""
        loop = asyncio.get_running_loop()
        idle = loop.time() - self._heard
        if self._spoken.sent is not None:
            return
        if idle >= SILENCE_S:
            self.give_back()
        elif self._semaphore is not None:
            loop.call_later(SILENCE_S - idle + 0.01, self.watch)

    def give_back(self) -> None:
        if self._semaphore is not None:
            self._semaphore.release()
            self._semaphore = None


async def _converse(
    process: Process, stdin: bytes, limits: Limits, spoken: Spoken, place: _Place, now: Callable[[], float]
) -> None:
    loop = asyncio.get_running_loop()
    place.heard()
    place.watch()
    # A host that hangs before its first word will not recover: its time is not spent to the end.
    mute = loop.call_later(limits.first_s, _give_up, process, spoken)

    async def all_of_it() -> None:
        await asyncio.gather(
            _feed(process, stdin), _listen(process, limits, spoken, place, now), _overhear(process, spoken, place, now)
        )
        spoken.code = await process.wait()

    try:
        await asyncio.wait_for(all_of_it(), limits.deadline_s)
    except TimeoutError:
        spoken.late = True
    finally:
        mute.cancel()
        if process.returncode is None:
            await _stop(process)


async def _feed(process: Process, stdin: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    try:
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return  # the process ended first; its exit code and its errors tell why


async def _listen(process: Process, limits: Limits, spoken: Spoken, place: _Place, now: Callable[[], float]) -> None:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    while piece := await process.stdout.read(1 << 18):
        if spoken.first is None:
            spoken.first = now()
        place.heard()
        spoken.stdout += piece
        if len(spoken.stdout) > limits.most_bytes:
            spoken.flooded = True
            await _stop(process)
            return


async def _overhear(process: Process, spoken: Spoken, place: _Place, now: Callable[[], float]) -> None:
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    while piece := await process.stderr.read(1 << 16):
        place.heard()
        if len(spoken.stderr) < STDERR_CAP:
            spoken.stderr += piece
        if spoken.sent is None and COMMAND_SENT in spoken.stderr:
            spoken.sent = now()


def _give_up(process: Process, spoken: Spoken) -> None:
    if spoken.first is None:
        spoken.late = True
        _kill(process)


async def _stop(process: Process) -> None:
    """End a process and what it started (a proxy command), at once."""
    _kill(process)
    await process.wait()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
