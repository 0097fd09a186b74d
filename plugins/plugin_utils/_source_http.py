# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading JSON over HTTP from a system of record: straight, or through the ssh of an inventory host (``ssh -W``).

Only GET is ever sent. TLS is verified always, redirects are refused (a login page is no answer), the whole exchange has
one deadline, and a body that is cut short or too large is an error, never a shorter answer. The clock of the other side
is compared with ours by its Date header (RFC 9110, 6.6.1).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["Answer", "Client", "Endpoint"]

MOST_BYTES = 64 * 1024 * 1024
_PIECE = 1 << 16
_KEYS = ("url", "ca_file", "user", "password", "token", "timeout_s")
_OTHER_KEYS = ("via", "host_label")


@dataclass(frozen=True)
class Endpoint:
    """Where a system answers and how it is asked: base URL, CA file, and either user and password or a token.

    ``via`` is the ssh command of a host through which the URL is reached, up to and with the host's address, and
    ``through`` that host's name. ``timeout_s`` bounds one exchange.
    """

    name: str
    url: str
    ca_file: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    via: tuple[str, ...] = ()
    through: str = ""
    timeout_s: float = 30.0

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any], *, via: Sequence[str] = ()) -> Endpoint:
        """Return the endpoint that a mapping of ``verify_sources`` describes.

        Raises `OpsError` naming the key and the mend.
        """
        foreign = sorted(set(settings) - {*_KEYS, *_OTHER_KEYS})
        if foreign:
            known = ", ".join((*_KEYS, *_OTHER_KEYS))
            raise OpsError(f"verify_sources.{name}.{foreign[0]} is no key of a source; use {known}.")
        given = {key: settings[key] for key in _KEYS if settings.get(key) not in (None, "")}
        endpoint = cls(name, **{"url": "", **given}, via=tuple(via), through=str(settings.get("via") or ""))
        parts = urlsplit(str(endpoint.url))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OpsError(f"verify_sources.{name}.url is {settings.get('url')!r}; give an http or https address.")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise OpsError(f"verify_sources.{name}.url holds more than an address; give user and password as keys.")
        if endpoint.token and (endpoint.user or endpoint.password):
            raise OpsError(f"verify_sources.{name} has a token and a user; keep one of them.")
        if bool(endpoint.user) != bool(endpoint.password):
            raise OpsError(f"verify_sources.{name} needs user and password together.")
        return endpoint


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system said: the JSON value, path asked, HTTP status, seconds, whom we spoke with, its clock's lead."""

    value: Any
    path: str
    status: int
    seconds: float
    identity: str
    offset_s: float | None


class Client:
    """One connection to an endpoint, kept open between questions. Not for several threads at once."""

    def __init__(self, endpoint: Endpoint, *, clock: Callable[[], float] = time.time) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._parts = urlsplit(endpoint.url)
        self._link: http.client.HTTPConnection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = ""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection and the ssh that carried it."""
        if self._link is not None:
            self._link.close()
        self._link = None
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._process = None

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Ask for a path below the URL and return the JSON that came.

        Raises `OpsError` with one sentence for everything else: refused, not let in, another status than 200, cut
        short, too late, too large, no JSON. Its details have ``silent`` where nothing answered, or the ``status``.
        """
        begun = time.monotonic()
        target = self._parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        status, headers, body = self._asked(target, begun)
        if status != 200:
            self.close()
            raise self._error(_refusal(status, body), status=status)
        value = self._json(body)
        seconds = time.monotonic() - begun
        return Answer(value, target, status, seconds, self._identity, self._offset(headers.get("Date")))

    def status(self, path: str) -> int:
        """Return only with which HTTP status a path is answered. Raises `OpsError` when there is no answer."""
        return self._asked(self._parts.path.rstrip("/") + path, time.monotonic())[0]

    def _asked(self, target: str, begun: float) -> tuple[int, http.client.HTTPMessage, bytes]:
        try:
            return self._exchange(target, begun + self.endpoint.timeout_s)
        except ssl.SSLCertVerificationError as exc:
            self.close()
            told = f"its certificate is not trusted ({exc.verify_message}); give ca_file"
            raise self._error(told, silent=True) from exc
        except (OSError, http.client.HTTPException) as exc:
            reason = self._reason(exc)
            self.close()
            raise self._error(reason, silent=True) from exc

    def _exchange(self, target: str, deadline: float) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._link is not None and self._link.sock is None:
            # The other side asked to close after its last answer.
            self.close()
        reused = self._link is not None
        link = self._link or self._connect(deadline)
        self._link = link
        try:
            self._rest(deadline)
            link.request("GET", target, headers=self._headers())
            answer = link.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if not reused:
                raise
            # A kept connection may have been closed by the other side meanwhile: once more on a fresh one.
            self.close()
            return self._exchange(target, deadline)
        body = bytearray()
        while True:
            self._rest(deadline)
            piece = answer.read1(_PIECE)
            if not piece:
                break
            body += piece
            if len(body) > MOST_BYTES:
                raise http.client.HTTPException(f"the answer is larger than {MOST_BYTES} bytes")
        answer.close()
        length = answer.headers.get("Content-Length")
        if length is not None and int(length) != len(body):
            raise http.client.IncompleteRead(bytes(body), int(length) - len(body))
        return answer.status, answer.headers, bytes(body)

    def _rest(self, deadline: float) -> None:
        """Give the socket the time that is left; raise TimeoutError when there is none."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if self._link is not None and self._link.sock is not None:
            self._link.sock.settimeout(left)

    def _connect(self, deadline: float) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port or (443 if self._parts.scheme == "https" else 80)
        left = max(0.1, deadline - time.monotonic())
        link = http.client.HTTPConnection(host, port, timeout=left)
        # It must never dial by itself: that way would be neither ssh nor TLS.
        link.auto_open = 0
        if self.endpoint.via:
            raw = self._through_ssh(host, port)
            raw.settimeout(left)
        else:
            raw = socket.create_connection((host, port), timeout=left)
        self._identity = f"{self._parts.scheme}://{host}:{port}"
        link.sock = self._secure(raw, host) if self._parts.scheme == "https" else raw
        if self.endpoint.through:
            self._identity += f" through ssh {self.endpoint.through}"
        return link

    def _through_ssh(self, host: str, port: int) -> socket.socket:
        """Start ssh as a pipe to host and port as that host sees them, and return our end of it."""
        words = list(self.endpoint.via)
        at = words.index("--") if "--" in words else len(words) - 1
        shown = f"[{host}]" if ":" in host else host
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*words[:at], "-W", f"{shown}:{port}", *words[at:]],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        return ours

    def _secure(self, raw: socket.socket, host: str) -> ssl.SSLSocket:
        if self.endpoint.ca_file:
            try:
                context = ssl.create_default_context(cafile=self.endpoint.ca_file)
            except OSError as exc:
                raise OSError(f"its ca_file {self.endpoint.ca_file} cannot be read ({exc})") from exc
        else:
            context = ssl.create_default_context()
        secured = context.wrap_socket(raw, server_hostname=host)
        certificate = secured.getpeercert(binary_form=True) or b""
        self._identity += f" certificate SHA256:{hashlib.sha256(certificate).hexdigest()}"
        return secured

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "ccobservatory.ops"}
        if self.endpoint.token:
            headers["Authorization"] = f"Bearer {self.endpoint.token}"
        elif self.endpoint.user:
            pair = f"{self.endpoint.user}:{self.endpoint.password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        return headers

    def _json(self, body: bytes) -> Any:
        try:
            return json.loads(body.decode("utf-8"), parse_constant=_not_json)
        except ValueError as exc:
            start = " ".join(body[:80].decode("utf-8", "replace").split())
            raise self._error(f"its answer is not JSON or was cut short (it begins {start!r})") from exc

    def _offset(self, date: str | None) -> float | None:
        """Return by how much the other clock is ahead of ours, to the second that the header has; None without one."""
        try:
            said = email.utils.parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return None
        ours = self._clock()
        # The header is cut to whole seconds: within its second there is no difference.
        return 0.0 if said <= ours < said + 1 else round(said - ours + (0 if said > ours else 1), 3)

    def _reason(self, exc: Exception) -> str:
        if isinstance(exc, TimeoutError):
            return f"it did not answer in {self.endpoint.timeout_s:g} s"
        if isinstance(exc, http.client.IncompleteRead):
            return "its answer was cut short"
        if self._process is not None:
            told = self._ssh_words()
            if told:
                return f"ssh to {self.endpoint.through or 'the host'} did not carry the question: {told}"
        return str(exc) or type(exc).__name__

    def _ssh_words(self) -> str:
        """Return what ssh said last, once it has ended."""
        process = self._process
        if process is None or process.stderr is None:
            return ""
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return ""
        said = process.stderr.read().decode("utf-8", "replace").splitlines()
        spoken = [line.strip() for line in said if not line.startswith(("debug", "OpenSSH_"))]
        told = [line.rstrip(".") for line in spoken if line]
        return "; ".join(told[-3:])[:240] if told else f"it ended with {process.returncode}"

    def _error(self, reason: str, **details: Any) -> OpsError:
        where = self.endpoint.url + (f" through {self.endpoint.through}" if self.endpoint.through else "")
        return OpsError(f"{self.endpoint.name} at {where} gave no usable answer: {reason}.", **details)


def _refusal(status: int, body: bytes) -> str:
    if status in (401, 403):
        return f"it does not let us in (HTTP {status}); renew the password or token, or ask for the right to read"
    if 300 <= status < 400:
        return f"it sends us elsewhere (HTTP {status}); give the address that answers itself"
    said = " ".join(re.sub(r"<[^>]*>", " ", body[:400].decode("utf-8", "replace")).split())[:160]
    return f"HTTP {status} ({said.rstrip('.')})" if said else f"HTTP {status}"


def _not_json(word: str) -> Any:
    raise ValueError(f"{word} is no number")
