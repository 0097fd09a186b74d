# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real receivers of messages to stakeholders, on this machine: a mail server with STARTTLS, and a webhook."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP


class Mailbox(AsyncMessage):
    """Keeps what was delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []

    def prepare_message(self, session: Any, envelope: Any) -> EmailMessage:
        """Parse a mail with today's rules."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        mail["X-Encrypted"] = "no" if session.ssl is None else "yes"
        return mail

    async def handle_message(self, message: Any) -> None:
        """Keep a mail."""
        self.mails.append(message)


def text_of(mail: EmailMessage) -> str:
    """Return the text of a mail, which mailers wrap in a multipart message."""
    body = mail.get_body(("plain",))
    assert body is not None, mail
    return str(body.get_content()).strip()


class _MailServer(Controller):
    def __init__(self, mailbox: Mailbox, context: ssl.SSLContext) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=0)
        self._context = context

    def factory(self) -> SMTP:
        return SMTP(self.handler, tls_context=self._context, require_starttls=True)

    def _trigger_server(self) -> None:
        """Take the port that the system chose before the first connection is made to it."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(folder: Path) -> Iterator[tuple[Mailbox, int]]:
    """Serve mail with STARTTLS on a free port of the loopback; yield the mailbox and the port."""
    key, certificate = folder / "mail.key", folder / "mail.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    mailbox = Mailbox()
    server = _MailServer(mailbox, context)
    server.start()
    try:
        yield mailbox, server.port
    finally:
        server.stop()


@contextmanager
def webhook(token: str) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Serve a webhook that wants a token, on a free port of the loopback; yield the messages taken and the port."""
    taken: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            allowed = self.headers.get("Authorization") == f"Bearer {token}"
            if allowed:
                taken.append(json.loads(body))
            self.send_response(204 if allowed else 403)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield taken, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
