# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the canary's journal while it is being written: counts, silences, the first acknowledgement after an instant.

The journal grows by two lines a write and may reach gigabytes, so nothing here parses more of it than the question
needs.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import itertools
import os
import re
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import NS, iso, seconds_between

__all__ = [
    "Tail",
    "counts",
    "errors_since",
    "gap_since",
    "rate",
    "seek_instant",
    "wait_acked",
    "wait_first_ack",
    "wait_silent",
]

POLL_S = 0.02
BLOCK = 4 * 1024 * 1024
# Lines of several threads are written in the order of a lock, their instants are taken a little before.
DISORDER_NS = 5 * NS

_EVENT = re.compile(rb'^\{"t": ?(\d+), ?"e": ?"([A-Z])"(?:, ?"w": ?(\d+), ?"n": ?(\d+))?', re.MULTILINE)


class Event(t.NamedTuple):
    """One line of the journal: instant in ns, kind (S, A, E, C), worker and number (-1 where the line has none)."""

    at: int
    kind: bytes
    worker: int
    n: int


def _event(match: re.Match[bytes]) -> Event:
    return Event(int(match[1]), match[2], int(match[3] or -1), int(match[4] or -1))


class Tail:
    """Complete lines of a growing file, from an offset on."""

    def __init__(self, path: str, offset: int = 0) -> None:
        try:
            self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as exc:
            raise OpsError(f"The journal {path} cannot be read ({exc.strerror}); start the canary first.") from exc
        self._file.seek(offset)
        self._rest = b""

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._file.close()

    def blocks(self) -> t.Iterator[bytes]:
        """Blocks of complete lines written since the last call."""
        while data := self._file.read(BLOCK):
            data = self._rest + data
            cut = data.rfind(b"\n") + 1
            self._rest = data[cut:]
            if cut:
                yield data[:cut]

    def events(self) -> t.Iterator[Event]:
        """Events written since the last call."""
        for block in self.blocks():
            for match in _EVENT.finditer(block):
                yield _event(match)


def counts(path: str) -> dict[str, int]:
    """Lines by kind: C(sent) (each try counts), C(acked), C(errors)."""
    found = {"sent": 0, "acked": 0, "errors": 0}
    names = {b"S": "sent", b"A": "acked", b"E": "errors"}
    with Tail(path) as tail:
        for block in tail.blocks():
            for kind, name in names.items():
                found[name] += block.count(b'"e":"%s"' % kind) + block.count(b'"e": "%s"' % kind)
    return found


def seek_instant(path: str, instant: int) -> int:
    """An offset at the start of a line such that all events later than the instant come after it."""
    with open(path, "rb") as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while high - low > 65536:
            middle = (low + high) // 2
            file.seek(middle)
            file.readline()
            match = _EVENT.match(file.readline())
            if match and int(match[1]) < instant - DISORDER_NS:
                low = middle
            else:
                high = middle
        if low == 0:
            return 0
        file.seek(low)
        file.readline()
        return file.tell()


def last_ack(path: str, window: int = 262144) -> int | None:
    """The latest acknowledgement, None when there is none at all."""
    size = os.stat(path).st_size
    while True:
        with open(path, "rb") as file:
            file.seek(max(0, size - window))
            data = file.read()
        times = [int(match[1]) for match in _EVENT.finditer(data) if match[2] == b"A"]
        if times:
            return max(times)
        if window >= size:
            return None
        window *= 8


def gap_since(path: str, since: int | None) -> dict[str, t.Any] | None:
    """The longest time without any acknowledgement, from the last one before C(since) on; None with fewer than two."""
    times = _ack_times(path, since)
    if len(times) < 2:
        return None
    seconds, start, end = max(((later - earlier, earlier, later) for earlier, later in itertools.pairwise(times)))
    return {"last_ack": iso(start), "first_ack": iso(end), "seconds": seconds_between(0, seconds)}


def _ack_times(path: str, since: int | None) -> list[int]:
    offset = 0 if since is None else seek_instant(path, since)
    with Tail(path, offset) as tail:
        times = sorted(event.at for event in tail.events() if event.kind == b"A")
    if since is None:
        return times
    later = [at for at in times if at > since]
    before = [at for at in times if at <= since][-1:]
    if not before and offset:
        before = [at for at in _ack_times(path, None) if at <= since][-1:]
    return before + later


def errors_since(path: str, since: int) -> dict[str, int]:
    """Errors later than an instant: lines, and distinct requests (a request retried five times is one)."""
    with Tail(path, seek_instant(path, since)) as tail:
        found = [event for event in tail.events() if event.kind == b"E" and event.at > since]
    return {"lines": len(found), "requests": len({(event.worker, event.n) for event in found if event.n >= 0})}


def rate(path: str, window_s: float = 5.0) -> float:
    """Acknowledgements a second in the last seconds before now."""
    start = time.time_ns() - int(window_s * NS)
    with Tail(path, seek_instant(path, start)) as tail:
        return round(sum(1 for event in tail.events() if event.kind == b"A" and event.at > start) / window_s, 1)


def wait_first_ack(path: str, after: int, timeout: float) -> int | None:
    """The first acknowledgement later than an instant; None when none came in time. A timeout of 0 looks once."""
    deadline = time.monotonic() + timeout
    with Tail(path, seek_instant(path, after)) as tail:
        while True:
            times = [event.at for event in tail.events() if event.kind == b"A" and event.at > after]
            if times:
                return min(times)
            if time.monotonic() >= deadline:
                return None
            time.sleep(POLL_S)


def wait_acked(path: str, wanted: int, timeout: float) -> int:
    """Wait for a number of acknowledgements since the start; the number there is in the end."""
    deadline = time.monotonic() + timeout
    found = 0
    with Tail(path) as tail:
        while True:
            found += sum(1 for event in tail.events() if event.kind == b"A")
            if found >= wanted or time.monotonic() >= deadline:
                return found
            time.sleep(POLL_S)


def wait_silent(path: str, silent_s: float, timeout: float) -> dict[str, str | None] | None:
    """Wait until no acknowledgement has come for some seconds: when that was seen, and the last one."""
    deadline = time.monotonic() + timeout
    size = os.stat(path).st_size
    latest = last_ack(path)
    heard = latest if latest is not None else time.time_ns()
    with Tail(path, size) as tail:
        while True:
            for event in tail.events():
                if event.kind == b"A":
                    heard = latest = max(heard, event.at)
            now = time.time_ns()
            if now - heard >= silent_s * NS:
                return {"detected": iso(now), "last_ack": iso(latest) if latest is not None else None}
            if time.monotonic() >= deadline:
                return None
            time.sleep(POLL_S)
