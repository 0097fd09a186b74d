# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is played, and a repository."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Endpoint

Answering = Callable[["Played", str, dict[str, str]], None]


class Played(BaseHTTPRequestHandler):
    """Answers as the test says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Note the question and answer it."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        self.server.asked.append((parts.path, query, dict(self.headers)))  # type: ignore[attr-defined]
        self.server.answering(self, parts.path, query)  # type: ignore[attr-defined]

    def say(self, value: Any, status: int = 200, **headers: str) -> None:
        """Send a value as JSON."""
        self.send(json.dumps(value).encode(), status, **headers)

    def send(self, body: bytes, status: int = 200, *, length: int | None = None, **headers: str) -> None:
        """Send a body; ``length`` is what the header claims."""
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Print nothing."""


class Server:
    """The played server: its address, what it was asked, and how it answers."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
        self._server.daemon_threads = True
        self._server.asked = []  # type: ignore[attr-defined]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.scheme = "https" if certificate is not None else "http"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def asked(self) -> list[tuple[str, dict[str, str], dict[str, str]]]:
        """Return path, query and headers of every question."""
        found: list[tuple[str, dict[str, str], dict[str, str]]] = self._server.asked  # type: ignore[attr-defined]
        return found

    def answers(self, how: Answering) -> None:
        """Set how it answers."""
        self._server.answering = how  # type: ignore[attr-defined]

    def endpoint(self, **more: Any) -> Endpoint:
        """Return where it answers."""
        return Endpoint("prometheus", f"{self.scheme}://127.0.0.1:{self.port}", **{"timeout_s": 5.0, **more})

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class Checkout:
    """A git repository with a bare remote beside it."""

    def __init__(self, base: Path) -> None:
        self.base, self.path, self.remote = base, base / "work", base / "remote.git"
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote), at=base)
        self.git("init", "-q", "-b", "main", str(self.path), at=base)
        self.git("config", "user.name", "Operations")
        self.git("config", "user.email", "ops@example.com")
        self.git("config", "commit.gpgsign", "false")
        self.git("remote", "add", "origin", f"file://{self.remote}")

    def git(self, *arguments: str, at: Path | None = None, **more: Any) -> str:
        """Run git there."""
        command = ["git", "-C", str(at or self.path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, **more)
        return done.stdout.strip()

    def put(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self, subject: str, *options: str) -> str:
        """Commit everything and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject, *options)
        return self.git("rev-parse", "HEAD")
