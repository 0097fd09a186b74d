# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds of probes decide when a service is gone or back, and no endpoint hides another."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _probe
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

A, B = "https://lb1", "https://lb2"


def samples(text: str) -> list[_probe.Sample]:
    """Samples from words: a letter for the endpoint, + or - for the answer."""
    words = enumerate(text.split())
    return [_probe.Sample(at, A if word[0] == "a" else B, word[1] == "+", "", 0.01) for at, word in words]


@pytest.mark.parametrize(
    ("seen", "expect", "first"),
    [
        ("a- b- a- b- a- b-", "down", 1),
        ("a- b+ a- b- a- b- a-", "down", None),
        ("a- b+ a- b- a- b- a- b-", "down", 3),
        ("a- a- a- a- a-", "down", None),
        ("a- b- a- b- a+ b- a- b- a- b- a-", "down", 6),
        ("a- b- a- b- a+ b- a- b-", "down", None),
        ("a+ a+ a+", "up", 0),
        ("a+ b+ a+ b+", "up", None),
        ("a+ b- a+ b- a+", "up", 0),
        ("a+ a+ a- b+ a+ b+ b+", "up", 3),
        ("", "up", None),
        ("", "down", None),
    ],
)
def test_the_verdict(seen: str, expect: str, first: int | None) -> None:
    found = _probe.verdict(samples(seen), [A, B], expect, 3)
    assert (found["first"] if found else None) == first


def test_an_endpoint_that_hangs_does_not_delay_the_others() -> None:
    def probe(url: str) -> _probe.Sample:
        if url == B:
            time.sleep(5)
        return _probe.Sample(time.time_ns(), url, url == A, "", 0.0)

    observer = _probe.Observer([A, B], 0.01, probe)
    started = time.monotonic()
    assert observer.watch(lambda seen: _probe.verdict(seen, [A, B], "up", 3), 5) is not None
    assert time.monotonic() - started < 1


def test_without_a_decision_the_watch_ends_in_time() -> None:
    observer = _probe.Observer([A], 0.02, lambda url: _probe.Sample(0, url, False, "refused", 0.0))
    assert observer.watch(lambda seen: _probe.verdict(seen, [A], "up", 1), 0.2) is None
    assert 3 <= len(observer.samples) <= 12


def test_the_summary_has_a_line_for_each_endpoint() -> None:
    seen = [_probe.Sample(1_795_460_000_000_000_000, A, True, "200", 0.02), _probe.Sample(2, A, False, "503", 0.5)]
    assert _probe.summary(seen, [A, B]) == [
        {
            "url": A,
            "probes": 2,
            "ok": 1,
            "last_seen": "503",
            "last_ok": "2026-11-23T18:53:20.000Z",
            "median_s": 0.5,
            "longest_s": 0.5,
        },
        {"url": B, "probes": 0, "ok": 0, "last_seen": None, "last_ok": None, "median_s": 0.0, "longest_s": 0.0},
    ]


class Handler(http.server.BaseHTTPRequestHandler):
    """Ready says yes, everything else says no."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready?deep=1" else 503)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the address of a small web server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


@pytest.mark.parametrize(
    ("path", "ok", "seen"), [("/ready?deep=1", True, "200"), ("/live", False, "503"), ("", False, "503")]
)
def test_a_probe_is_the_answer_of_the_endpoint(server: str, path: str, ok: bool, seen: str) -> None:
    sample = _probe.probe_once(server + path, tls=ssl.create_default_context(), timeout=2, codes=[200])
    assert (sample.ok, sample.seen) == (ok, seen)
    assert sample.seconds < 2


def test_what_is_no_answer_is_a_failed_probe(server: str) -> None:
    tls = ssl.create_default_context()
    assert "refused" in _probe.probe_once("http://127.0.0.1:1", tls=tls, timeout=1, codes=[200]).seen
    assert "SSL" in _probe.probe_once(server.replace("http", "https"), tls=tls, timeout=1, codes=[200]).seen


@pytest.mark.parametrize("url", ["", "lb1", "ftp://lb1", "https://", "https://lb1:x/", "https://lb1:99999/"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(OpsError, match="is no web address"):
        _probe.check_url(url)


def test_an_authority_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(OpsError, match="cannot be read"):
        _probe.context("/no/such/ca.crt")
