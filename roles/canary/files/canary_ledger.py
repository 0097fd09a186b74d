#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client outside the estate that keeps a ledger of what the service acknowledged.

Each worker writes a hash chain through the service and journals every entry as sent (S), acknowledged (A) or failed (E)
and every connection (C), one JSON line each with the wall clock in nanoseconds. After a recovery the journal tells what
the service had promised; the database tells what it kept. Only the standard library is used.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

FIRST = "0" * 64
CONNECT_TIMEOUT_S = 1.0
# How long an endpoint that nobody reaches is passed over: whoever knocks there meanwhile sees the others' return late.
REST_S = 5.0
# An answer may take as long as a pooler holds a client; a peer that is gone is told by TCP, in about three seconds.
READ_TIMEOUT_S = 45.0
GONE_AFTER_MS = 2000
KEEPALIVE = ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2))
ROUND_PAUSE_S = 0.05
LONGEST_ROUND_PAUSE_S = 0.2
_RUN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class BadInput(Exception):
    """What was asked cannot be done; the message says why and what to do."""


def chain_hash(previous: str, run: str, worker: int, n: int) -> str:
    """Return the hash of entry `n` of a worker, which covers the hash before it."""
    return hashlib.sha256(f"{previous}|{run}|{worker}|{n}".encode()).hexdigest()


@dataclass
class Chain:
    """The end of one worker's chain: the entry to write next. Nothing else of the past is kept."""

    run: str
    worker: int
    n: int = 1
    previous: str = FIRST

    @property
    def hash(self) -> str:
        """Hash of the entry to write next."""
        return chain_hash(self.previous, self.run, self.worker, self.n)

    def entry(self) -> dict[str, str | int]:
        """Return the entry to write next, as the service takes it."""
        return {"run": self.run, "worker": self.worker, "n": self.n, "hash": self.hash, "previous": self.previous}

    def advance(self) -> None:
        """The entry is settled: go on to the next one."""
        self.n, self.previous = self.n + 1, self.hash


@dataclass(frozen=True)
class Answer:
    """What one attempt came to. outcome: acknowledged, conflict (the key holds another hash) or failed."""

    outcome: str
    detail: str


def judge(status: int, body: bytes, expected_hash: str) -> Answer:
    """Decide what an HTTP answer means for an entry.

    201 acknowledges it. 409 acknowledges it when the stored hash is the entry's own: an earlier attempt had committed.
    Everything else, an unreadable body included, leaves it in doubt.
    """
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    server = str(told.get("server", "?"))
    if status == 201 and told.get("committed") is True:
        return Answer("acknowledged", server)
    stored = told.get("stored")
    if status == 409 and isinstance(stored, dict):
        if stored.get("hash") == expected_hash:
            return Answer("acknowledged", server)
        return Answer("conflict", f"409 stored {stored.get('hash')}")
    return Answer("failed", f"{status} {told.get('reason', '')}".strip())


class Journal:
    """JSON lines, each handed to the operating system by one write; safe for several threads.

    A last line that a crash cut short is ended first, so that it spoils no other.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, event: str, chain: Chain, detail: str) -> None:
        """Append one line; event is S, A, E or C."""
        line = {"e": event, "w": chain.worker, "n": chain.n, "h": chain.hash, "x": detail}
        with self._lock:
            data = json.dumps({"t": self._clock(), **line}, separators=(",", ":"))
            os.write(self._file, data.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def continue_chains(lines: Iterable[bytes], run: str, workers: int) -> list[Chain]:
    """Return the chains of a run as its journal left them; an empty journal gives fresh ones.

    The newest entry of a worker that was sent and not acknowledged is the next to write. A line cut short by a crash is
    passed over. Raises BadInput when a hash contradicts the run.
    """
    chains = {worker: Chain(run, worker) for worker in range(workers)}
    for raw in lines:
        try:
            line = json.loads(raw)
            event, worker, n, told = line["e"], line["w"], line["n"], line["h"]
        except (ValueError, KeyError, TypeError):
            continue
        chain = chains.setdefault(worker, Chain(run, worker))
        if n == chain.n + 1:
            chain.advance()
        if n != chain.n or told != chain.hash:
            raise BadInput(f"the journal is not that of the run {run}; choose a run name that was never used")
        if event == "A":
            chain.advance()
    return [chains[worker] for worker in range(workers)]


class Connection:
    """One kept connection to an endpoint, made when needed."""

    def __init__(self, endpoint: str, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
        self.endpoint = endpoint
        self.rests_until = 0.0
        self._http: http.client.HTTPConnection
        if parts.scheme == "https":
            self._http = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT_S, context=context)
        else:
            self._http = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_S)

    def ensure(self) -> bool:
        """Connect when there is no connection. Returns whether a new one was made; raises OSError."""
        if self._is_open():
            return False
        try:
            self._http.connect()
        except OSError:
            self.rests_until = time.monotonic() + REST_S
            raise
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER_MS)
        self._http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            self._http.sock.setsockopt(socket.IPPROTO_TCP, option, value)
        self._http.sock.settimeout(READ_TIMEOUT_S)
        return True

    def post(self, entry: dict[str, str | int]) -> tuple[int, bytes]:
        """Send one entry. Returns status and body; raises OSError or http.client.HTTPException."""
        self._http.request("POST", "/ledger", json.dumps(entry), {"Content-Type": "application/json"})
        response = self._http.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        """Drop the connection; the next use makes a new one."""
        self._http.close()

    def _is_open(self) -> bool:
        return self._http.sock is not None


@dataclass(kw_only=True)
class Worker:
    """Writes one chain, at a steady pace, to the endpoint that works."""

    chain: Chain
    endpoints: Sequence[Connection]
    journal: Journal
    interval_s: float
    first_after_s: float
    stop: threading.Event
    at: int = 0

    def run(self) -> None:
        """Write until told to stop. An outage is not caught up with: the pace starts anew after it."""
        due = time.monotonic() + self.first_after_s
        while not self.stop.is_set():
            now = time.monotonic()
            if due > now and self.stop.wait(due - now):
                break
            self._settle()
            due = max(due + self.interval_s, time.monotonic() - self.interval_s)
        self.endpoints[self.at].close()

    def _settle(self) -> None:
        """Repeat the entry until it is acknowledged or its key turns out to hold another hash."""
        failures = 0
        while not self.stop.is_set():
            answer = self._attempt()
            if answer.outcome == "acknowledged":
                self.journal.write("A", self.chain, answer.detail)
                self.chain.advance()
                return
            self.journal.write("E", self.chain, f"{self.endpoints[self.at].endpoint} {answer.detail}")
            if answer.outcome == "conflict":
                self.chain.advance()
                return
            failures += 1
            self._move_on(failures)

    def _attempt(self) -> Answer:
        connection = self.endpoints[self.at]
        try:
            if connection.ensure():
                self.journal.write("C", self.chain, connection.endpoint)
            self.journal.write("S", self.chain, connection.endpoint)
            status, body = connection.post(self.chain.entry())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer("failed", f"{type(error).__name__}: {error}")
        return judge(status, body, self.chain.hash)

    def _move_on(self, failures: int) -> None:
        """Turn to the next endpoint at once, past those that rest; after a full round without success take a short
        breath."""
        now, count = time.monotonic(), len(self.endpoints)
        order = [(self.at + step) % count for step in range(1, count + 1)]
        self.at = min(order, key=lambda at: max(0.0, self.endpoints[at].rests_until - now))
        rounds, rest = divmod(failures, count)
        if rest == 0:
            self.stop.wait(min(ROUND_PAUSE_S * rounds, LONGEST_ROUND_PAUSE_S))


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises BadInput."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--run", required=True, help="name of the run, never used before or to be continued")
    parser.add_argument("--workers", type=int, default=4, help="chains written side by side")
    parser.add_argument("--rate", type=float, default=50.0, help="entries a second, all workers together")
    parser.add_argument("--endpoints", required=True, help="URLs of the balancers, with commas between")
    parser.add_argument("--ca", type=Path, help="certificate of the authority that signed the endpoints'")
    parser.add_argument("--journal", type=Path, required=True, help="file of the journal; continued when it exists")
    options = parser.parse_args(argv)
    options.endpoints = [endpoint.strip().rstrip("/") for endpoint in options.endpoints.split(",") if endpoint.strip()]
    if not _RUN.fullmatch(options.run):
        raise BadInput(f"the run name {options.run!r} must be 1 to 64 letters, digits, dots, dashes or underscores")
    if options.workers < 1 or options.rate <= 0:
        raise BadInput("give at least one worker and a rate above zero")
    for endpoint in options.endpoints or [""]:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise BadInput(f"{endpoint or 'an empty list'} is no endpoint; write https://host or https://host:port")
    return options


def trust(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Return the TLS context that trusts the given authority, None when no endpoint uses TLS. Raises BadInput."""
    if not any(endpoint.startswith("https:") for endpoint in options.endpoints):
        return None
    try:
        return ssl.create_default_context(cafile=options.ca)
    except OSError as error:
        raise BadInput(f"the authority's certificate {options.ca} cannot be read: {error}") from error


def start(options: argparse.Namespace, stop: threading.Event) -> tuple[list[threading.Thread], Journal]:
    """Continue the journal and start the workers. Raises BadInput."""
    context = trust(options)
    try:
        old = options.journal.open("rb") if options.journal.exists() else None
        chains = continue_chains(old or [], options.run, options.workers)
        if old:
            old.close()
        journal = Journal(options.journal)
    except OSError as error:
        raise BadInput(f"the journal {options.journal} cannot be written: {error}") from error
    threads = []
    for chain in chains:
        worker = Worker(
            chain=chain,
            endpoints=[Connection(endpoint, context) for endpoint in options.endpoints],
            journal=journal,
            interval_s=options.workers / options.rate,
            first_after_s=chain.worker / options.rate,
            stop=stop,
        )
        threads.append(threading.Thread(target=worker.run, name=f"worker-{chain.worker}"))
    for thread in threads:
        thread.start()
    return threads, journal


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns 0 after a clean stop, 2 for bad input, 1 when a worker died."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        threads, journal = start(arguments(), stop)
    except BadInput as error:
        print(f"canary_ledger: {error}", file=sys.stderr)
        return 2
    died = False
    while not stop.wait(1.0):
        if not all(thread.is_alive() for thread in threads):
            died = True
            stop.set()
    for thread in threads:
        thread.join()
    journal.close()
    return 1 if died else 0


if __name__ == "__main__":
    sys.exit(main())
