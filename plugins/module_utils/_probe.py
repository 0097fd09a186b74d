# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probing web endpoints side by side and deciding, from the rounds, when a service went away or came back.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
import typing as t
import urllib.parse

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso

__all__ = ["Observer", "Sample", "check_url", "context", "probe_once", "summary", "verdict"]


class Sample(t.NamedTuple):
    """One probe: when it began (ns), its endpoint, whether it succeeded, what came, and its seconds."""

    at: int
    url: str
    ok: bool
    seen: str
    seconds: float


def context(ca_file: str | None) -> ssl.SSLContext:
    """A context that accepts certificates of this authority alone, or of the system's when there is none."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise OpsError(f"The certificate authority {ca_file} cannot be read ({exc}); give a PEM file.") from exc


def probe_once(url: str, *, tls: ssl.SSLContext, timeout: float, codes: t.Container[int]) -> Sample:
    """Ask one endpoint once, on a new connection. Nothing that the endpoint does raises."""
    at, clock = time.time_ns(), time.monotonic()
    parts = check_url(url)
    connection = _connection(parts, tls, timeout)
    try:
        connection.request(
            "GET",
            urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")),
            headers={"Connection": "close"},
        )
        status = connection.getresponse().status
        ok, seen = status in codes, str(status)
    except (OSError, http.client.HTTPException) as exc:
        ok, seen = False, f"{type(exc).__name__}: {exc}"[:120]
    finally:
        connection.close()
    return Sample(at, url, ok, seen, round(time.monotonic() - clock, 4))


def check_url(url: str) -> urllib.parse.SplitResult:
    """The parts of a web address.

    Raises:
        OpsError: it is none.
    """
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    raise OpsError(f"{url!r} is no web address; write it like https://lb1/health/ready.")


def _connection(parts: urllib.parse.SplitResult, tls: ssl.SSLContext, timeout: float) -> http.client.HTTPConnection:
    if parts.scheme == "https":
        return http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=timeout, context=tls)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)


def verdict(
    samples: t.Iterable[Sample], urls: t.Sequence[str], expect: str, consecutive: int
) -> dict[str, t.Any] | None:
    """Whether the service is down or up, from samples in the order of their ends.

    Down means that each endpoint failed so many times in a row, up that one of them succeeded so many times in a row.

    Returns:
        C(first) and C(last) sample of the row that decided, in ns, or None as long as nothing is decided.
    """
    rows: dict[str, list[Sample]] = {url: [] for url in urls}
    wanted = expect == "up"
    for sample in samples:
        row = rows[sample.url]
        if sample.ok == wanted:
            row.append(sample)
        else:
            row.clear()
        full = [len(row) >= consecutive for row in rows.values()]
        if wanted and any(full):
            decided = next(row for row in rows.values() if len(row) >= consecutive)
            return {"first": decided[0].at, "last": sample.at}
        if not wanted and all(full):
            return {"first": max(row[0].at for row in rows.values()), "last": sample.at}
    return None


class Observer:
    """Probes each endpoint in a thread of its own until C(stop), so that one that hangs does not hide another."""

    def __init__(self, urls: t.Sequence[str], interval: float, probe: t.Callable[[str], Sample]) -> None:
        self._urls = urls
        self._interval = interval
        self._probe = probe
        self._lock = threading.Condition()
        self._ended = threading.Event()
        self.samples: list[Sample] = []

    def watch(self, decide: t.Callable[[list[Sample]], t.Any], timeout: float) -> t.Any:
        """Probe until the samples decide or time is out; what was decided, or None."""
        deadline = time.monotonic() + timeout
        threads = [threading.Thread(target=self._loop, args=(url,), daemon=True) for url in self._urls]
        for thread in threads:
            thread.start()
        with self._lock:
            while True:
                decided = decide(self.samples)
                left = deadline - time.monotonic()
                if decided is not None or left <= 0:
                    self._ended.set()
                    return decided
                self._lock.wait(left)

    def _loop(self, url: str) -> None:
        following = time.monotonic()
        while not self._ended.is_set():
            sample = self._probe(url)
            with self._lock:
                if self._ended.is_set():
                    return
                self.samples.append(sample)
                self._lock.notify_all()
            following = max(following + self._interval, time.monotonic())
            time.sleep(max(0.0, following - time.monotonic()))


def summary(samples: t.Sequence[Sample], urls: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """A line for each endpoint: how often it was asked and fine, the last answer, the median and longest time."""
    lines = []
    for url in urls:
        mine = [sample for sample in samples if sample.url == url]
        times = sorted(sample.seconds for sample in mine) or [0.0]
        last_ok = max((sample.at for sample in mine if sample.ok), default=None)
        lines.append(
            {
                "url": url,
                "probes": len(mine),
                "ok": sum(sample.ok for sample in mine),
                "last_seen": mine[-1].seen if mine else None,
                "last_ok": iso(last_ok) if last_ok is not None else None,
                "median_s": times[len(times) // 2],
                "longest_s": times[-1],
            }
        )
    return lines
