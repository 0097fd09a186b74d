# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices reach a real mail server and a real receiver on this host, once a change and not otherwise."""

from __future__ import annotations

import dataclasses
import email
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify_report.conftest import changed
from verify.report import notices
from verify.report.data import ReportData
from verify.report.notices import check_settings, notice, notify

LISTS = ("new", "fixed", "still", "flapping", "newly_unknown")
USER, PASSWORD, SECRET = "ops", "a-password-of-the-mail-server", "a-secret-of-the-web-hook"


def with_changes(data: ReportData, *names: str, **more: Any) -> ReportData:
    """Return a run that differs from the one before it by these lists only."""
    changes = dict(data.changes or {})
    kept = {name: changes.get(name, []) if name in names else [] for name in LISTS}
    return dataclasses.replace(data, changes={**changes, **kept, **more})


# When there is something to tell


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), None),
        (("still",), None),
        (("flapping", "still"), None),
        (("new",), {"new"}),
        (("fixed", "still"), {"fixed"}),
        (("newly_unknown",), {"newly_unknown"}),
    ],
)
def test_only_transitions_are_told(runs: dict[str, ReportData], names: tuple[str, ...], told: set[str] | None) -> None:
    found = notice(with_changes(runs["bad"], *names))
    assert (found and set(found["changes"])) == told


def test_a_run_that_did_not_end_is_always_told(runs: dict[str, ReportData]) -> None:
    found = notice(with_changes(runs["killed"]))
    assert found is not None
    assert (found["complete"], found["answer"], found["exit"]) == (False, "Incomplete", None)


def test_a_run_that_was_not_compared_is_told_while_anything_is_open(runs: dict[str, ReportData]) -> None:
    assert notice(with_changes(runs["bad"], comparable=False)) is not None
    assert notice(with_changes(runs["green"], comparable=False)) is None


@pytest.mark.parametrize(
    "header",
    [
        *({"replay_of": "20261120T083000Z"}, {"evidence_of": "20261120T083000Z"}),
        {"selection": {"items": ["ACCESS-01"]}},
    ],
)
def test_runs_that_are_nobodys_news(runs: dict[str, ReportData], header: dict[str, Any]) -> None:
    assert notice(changed(runs["bad"], **header)) is None


def test_a_notice_is_grouped_by_owner(runs: dict[str, ReportData]) -> None:
    found = notice(runs["bad"])
    assert found is not None
    roles = [owner["role"] for owner in found["owners"]]
    assert roles == sorted(set(roles))
    rows = [row for owner in found["owners"] for row in owner["changes"]]
    assert len(rows) == sum(found["changes"].values())
    for owner in found["owners"]:
        assert {runs["bad"].item(row["item"]).owner for row in owner["changes"]} == {owner["role"]}


def test_a_change_by_other_terms_is_told_as_one(runs: dict[str, ReportData]) -> None:
    fixed = [{**row, "terms": "clock_max_s is 99999, was 2"} for row in (runs["bad"].changes or {})["fixed"][:1]]
    found = notice(with_changes(runs["bad"], fixed=fixed))
    assert found is not None
    (line,) = [line for line in notices._lines(found) if "FIXED" in line]
    assert line.endswith("(judged by other terms than before: clock_max_s is 99999, was 2)")


# Settings


MAIL = {"host": "mail.example.org", "from": "ops@example.org", "to": ["duty@example.org"]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mail": {"host": "x", "from": "a@b"}}, "verify_notices.mail: "),
        ({"mail": {**MAIL, "tsl": "tls"}}, "verify_notices.mail: "),
        ({"mail": {**MAIL, "tls": "maybe"}}, "verify_notices.mail.tls: "),
        ({"mail": {**MAIL, "to": ["nobody"]}}, "verify_notices.mail.to.0: "),
        ({"mail": {**MAIL, "tls": "none", "user": "u", "password": "p"}}, "never sent without TLS"),
        ({"webhook": {"url": "http://chat.example.org/x"}}, "https only"),
        ({"webhook": {"url": "file:///etc/passwd"}}, "https only"),
        ({"pager": {}}, "verify_notices: "),
    ],
)
def test_settings_that_cannot_work_are_refused_without_repeating_them(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(OpsError) as refused:
        check_settings(settings)
    assert words in refused.value.message
    for value in ("nobody", "chat.example.org", "maybe", "etc/passwd"):
        assert value not in refused.value.message


def test_without_settings_nothing_is_sent(runs: dict[str, ReportData]) -> None:
    assert notify(runs["bad"], {}) == []


# Mail


@dataclasses.dataclass
class Box:
    """What a mail server received, and as whom."""

    messages: list[Message]
    users: list[str]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a message."""
        self.messages.append(email.message_from_bytes(envelope.content))
        return "250 taken"

    def check(self, _server: Any, _session: Any, _envelope: Any, _way: str, given: Any) -> AuthResult:
        """Let in whoever knows the password."""
        known = (
            isinstance(given, LoginPassword) and given.login == USER.encode() and given.password == PASSWORD.encode()
        )
        if known:
            self.users.append(USER)
        return AuthResult(success=known, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


def free_port() -> int:
    """Return a port that nobody listens on; the library cannot be asked which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def mail_server(certificate: Path) -> Iterator[tuple[Box, int]]:
    """A mail server that wants STARTTLS and a password."""
    box = Box([], [])
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context_of(certificate),
        require_starttls=True,
        authenticator=box.check,
        auth_required=True,
        auth_require_tls=True,
    )
    server.start()
    yield box, server.port
    server.stop()


def mail_settings(at: int, certificate: Path, **more: Any) -> dict[str, Any]:
    to = {"from": "ops@example.org", "to": ["duty@example.org", "lead@example.org"], "timeout_s": 20}
    way = {"host": "127.0.0.1", "port": at, "user": USER, "password": PASSWORD, "ca_file": str(certificate)}
    return {"mail": {key: value for key, value in {**way, **to, **more}.items() if value is not None}}


def test_one_mail_tells_all_owners(
    runs: dict[str, ReportData], mail_server: tuple[Box, int], certificate: Path
) -> None:
    box, port = mail_server
    assert notify(runs["bad"], mail_settings(port, certificate)) == [
        "notice: mail sent to duty@example.org, lead@example.org"
    ]
    [message] = box.messages
    assert box.users == [USER]
    assert "Do not sign" in str(message["Subject"])
    assert message["To"] == "duty@example.org, lead@example.org"
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = body.decode("utf-8")
    for words in ("DO NOT SIGN", "security <security@example.org>", "NEW ", "FIXED ", "NEWLY UNKNOWN "):
        assert words in text
    assert PASSWORD not in text
    notify(with_changes(runs["bad"], "still"), mail_settings(port, certificate))
    assert len(box.messages) == 1


def test_a_thousand_changes_are_one_short_mail(
    runs: dict[str, ReportData], mail_server: tuple[Box, int], certificate: Path
) -> None:
    row = (runs["bad"].changes or {})["new"][0]
    rows = [{**row, "subject": f"web{number}", "finding": f"F-{number:010x}"} for number in range(1000)]
    box, port = mail_server
    notify(with_changes(runs["bad"], new=rows), mail_settings(port, certificate))
    [message] = box.messages
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "and 980 more in the report" in body.decode("utf-8")
    assert len(body.splitlines()) < 40


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "wrong"}, "SMTPAuthenticationError"),
        ({"ca_file": None}, "certificate verify failed"),
        ({"port": 1}, "ConnectionRefusedError"),
    ],
)
def test_a_closed_way_is_told_and_changes_nothing(
    runs: dict[str, ReportData], mail_server: tuple[Box, int], certificate: Path, more: dict[str, Any], words: str
) -> None:
    box, port = mail_server
    [told] = notify(runs["bad"], mail_settings(port, certificate, **more))
    assert words in told
    assert "the mail was not sent" in told
    assert PASSWORD not in told
    assert box.messages == []


def test_a_hostile_name_cannot_write_a_header(
    runs: dict[str, ReportData], mail_server: tuple[Box, int], certificate: Path
) -> None:
    box, port = mail_server
    data = changed(runs["bad"], id="x\r\nBcc: thief@example.org", environment="prod\nBcc: thief@example.org")
    notify(data, mail_settings(port, certificate))
    [message] = box.messages
    assert "Bcc" not in message
    assert len(message.get_all("Subject") or []) == 1
    assert message["To"] == "duty@example.org, lead@example.org"


# Web hook


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is posted to /hook, sends /away elsewhere, refuses the rest."""

    taken: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        """Answer by the path."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).taken.append((dict(self.headers), body))
        path = urllib.parse.urlsplit(self.path).path
        self.send_response({"/hook": 204, "/away": 302}.get(path, 500))
        if path == "/away":
            self.send_header("Location", "/hook")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], str]]:
    """A receiver on this host and its address."""
    handler = type("Handler", (Receiver,), {"taken": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_web_hook_is_signed_so_that_its_receiver_can_tell(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str]
) -> None:
    handler, address = receiver
    told = notify(runs["bad"], {"webhook": {"url": f"{address}/hook", "secret": SECRET}})
    assert told == ["notice: web hook answered 204"]
    [(headers, body)] = handler.taken
    signed = f"{headers['X-Ops-Timestamp']}.".encode() + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Ops-Signature"] == f"sha256={expected}"
    content = json.loads(body)
    assert content["schema"] == "ccobservatory.ops/notice/1"
    assert content == json.loads(json.dumps(notice(runs["bad"])))
    assert SECRET.encode() not in body


@pytest.mark.parametrize(("path", "words"), [("/away", "answered 302"), ("/lost", "answered 500")])
def test_a_receiver_that_does_not_take_it_is_told(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str], path: str, words: str
) -> None:
    handler, address = receiver
    [told] = notify(runs["bad"], {"webhook": {"url": f"{address}{path}?token=hidden", "secret": SECRET}})
    assert words in told
    assert "hidden" not in told
    assert len(handler.taken) == 1, "a redirected notice is not followed"


def test_both_ways_are_tried_even_when_one_is_closed(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str], certificate: Path
) -> None:
    handler, address = receiver
    settings = {**mail_settings(1, certificate), "webhook": {"url": f"{address}/hook"}}
    mail, hook = notify(runs["bad"], settings)
    assert "not sent" in mail
    assert hook == "notice: web hook answered 204"
    assert "X-Ops-Signature" not in handler.taken[0][0]


# What a closed way kept from people


def rows_of(body: bytes) -> dict[str, dict[str, Any]]:
    """Return the changes of a notice by finding."""
    return {row["finding"]: row for owner in json.loads(body)["owners"] for row in owner["changes"]}


def hook_of(address: str, path: str = "/hook") -> dict[str, Any]:
    return {"webhook": {"url": f"{address}{path}"}}


def test_what_was_not_delivered_is_told_with_the_next_run(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str], tmp_path: Path
) -> None:
    handler, address = receiver
    monday = with_changes(runs["bad"], "new")
    quiet = changed(with_changes(runs["bad"], "still"), id="20261127T093000Z")
    notify(monday, {"webhook": {"url": "http://127.0.0.1:1/hook"}}, base=tmp_path)
    assert handler.taken == []
    assert notify(quiet, hook_of(address), base=tmp_path) == ["notice: web hook answered 204"]
    [(_headers, body)] = handler.taken
    new = {row["finding"] for row in (monday.changes or {})["new"]}
    assert set(rows_of(body)) == new
    assert {row["run"] for row in rows_of(body).values()} == {monday.run["id"]}
    told = json.loads(body)
    assert (told["run"], told["late"], told["changes"]) == (quiet.run["id"], [monday.run["id"]], {"new": len(new)})
    assert f"Not delivered before: {monday.run['id']}." in told["summary"]
    # Once is enough.
    assert notify(quiet, hook_of(address), base=tmp_path) == []
    assert len(handler.taken) == 1 and list(tmp_path.iterdir()) == []


def test_each_way_keeps_its_own_and_the_later_change_counts(
    runs: dict[str, ReportData],
    receiver: tuple[type[Receiver], str],
    mail_server: tuple[Box, int],
    certificate: Path,
    tmp_path: Path,
) -> None:
    handler, address = receiver
    box, port = mail_server
    monday = with_changes(runs["bad"], "new")
    rows = (monday.changes or {})["new"]
    fixed = {**rows[0], "says": "mended"}
    tuesday = changed(with_changes(runs["bad"], fixed=[fixed]), id="20261127T093000Z")
    wednesday = changed(with_changes(runs["bad"], "still"), id="20261128T093000Z")
    for run in (monday, tuesday):
        notify(run, {**mail_settings(1, certificate), **hook_of(address)}, base=tmp_path)
    assert len(handler.taken) == 2 and set(rows_of(handler.taken[1][1])) == {fixed["finding"]}
    notify(wednesday, {**mail_settings(port, certificate), **hook_of(address)}, base=tmp_path)
    assert len(handler.taken) == 2
    [message] = box.messages
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = body.decode("utf-8")
    assert f"Not delivered before: {monday.run['id']}, {tuesday.run['id']}." in text
    assert f"mended [{fixed['finding']}], not delivered by the run {tuesday.run['id']}" in text
    assert text.count(f"[{fixed['finding']}]") == 1
    assert f"{len(rows) - 1} new" in str(message["Subject"]).replace("\n", "") or len(rows) == 1


def test_a_replay_tells_nothing_of_it(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str], tmp_path: Path
) -> None:
    handler, address = receiver
    notify(with_changes(runs["bad"], "new"), {"webhook": {"url": "http://127.0.0.1:1/hook"}}, base=tmp_path)
    assert notify(changed(runs["bad"], replay_of="20261120T083000Z"), hook_of(address), base=tmp_path) == []
    assert handler.taken == [] and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("left", ["", "[]", '{"webhook": 3}', '{"webhook": {"run": "x"}}'])
def test_a_memory_that_is_damaged_keeps_nobody_from_hearing(
    runs: dict[str, ReportData], receiver: tuple[type[Receiver], str], tmp_path: Path, left: str
) -> None:
    handler, address = receiver
    (tmp_path / "undelivered.json").write_text(left, encoding="utf-8")
    notify(with_changes(runs["bad"], "new"), hook_of(address), base=tmp_path)
    assert len(handler.taken) == 1


def test_a_memory_that_cannot_be_written_is_told(runs: dict[str, ReportData], tmp_path: Path) -> None:
    told = notify(runs["bad"], {"webhook": {"url": "http://127.0.0.1:1/hook"}}, base=tmp_path / "nowhere")
    assert "cannot be kept" in told[0] and "not sent" in told[1]
