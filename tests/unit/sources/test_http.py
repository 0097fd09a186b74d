# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: one whole JSON answer, or one sentence. Every way to be given less than the truth is an error."""

from __future__ import annotations

import email.utils
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _source_http
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Client, Endpoint

from .played import Played, Server

RELAY = """
import socket, sys, threading
where = sys.argv[sys.argv.index("-W") + 1]
host, _colon, port = where.rpartition(":")
print("debug1: Connecting", file=sys.stderr)
if sys.argv[-1] == "refused":
    sys.exit("channel 0: open failed: connect failed: Connection refused")
link = socket.create_connection((host.strip("[]"), int(port)))
def pump():
    while data := link.recv(65536):
        sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
    sys.stdout.close()
threading.Thread(target=pump, daemon=True).start()
while data := sys.stdin.buffer.read1(65536):
    link.sendall(data)
"""


def get(server: Server, path: str = "/x", **more: Any) -> Any:
    with Client(server.endpoint(**more)) as client:
        return client.get(path, [("a", "b c")]).value


def test_one_answer(server: Server) -> None:
    server.answers(lambda played, _path, query: played.say({"asked": query}))
    with Client(server.endpoint()) as client:
        answer = client.get("/x", [("a", "b c")])
    assert (answer.value, answer.status) == ({"asked": {"a": "b c"}}, 200)
    assert answer.identity == f"http://127.0.0.1:{server.port}"
    assert "Authorization" not in server.asked[0][2]


def test_many_questions_share_a_connection(server: Server) -> None:
    ports: set[int] = set()

    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        ports.add(played.client_address[1])
        played.say([])

    server.answers(answering)
    with Client(server.endpoint()) as client:
        assert [client.get("/x").value for _number in range(5)] == [[]] * 5
    assert len(ports) == 1


def test_a_connection_that_was_closed_is_made_again(server: Server) -> None:
    server.answers(lambda played, _path, _query: played.say([], Connection="close"))
    with Client(server.endpoint()) as client:
        assert [client.get("/x").value for _number in range(3)] == [[]] * 3


def test_a_connection_that_died_in_silence_is_made_again(server: Server) -> None:
    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        played.say([])
        played.close_connection = True

    server.answers(answering)
    with Client(server.endpoint()) as client:
        assert [client.get("/x").value for _number in range(3)] == [[]] * 3


@pytest.mark.parametrize(
    ("more", "header"),
    [({"token": "abc"}, "Bearer abc"), ({"user": "u", "password": "p"}, "Basic dTpw")],
)
def test_credentials(server: Server, more: dict[str, str], header: str) -> None:
    server.answers(lambda played, _path, _query: played.say([]))
    get(server, **more)
    assert server.asked[0][2]["Authorization"] == header


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b"<h1>Sign in</h1>", r"does not let us in \(HTTP 401\); renew the password or token"),
        (403, b"", r"does not let us in \(HTTP 403\)"),
        (302, b"", r"sends us elsewhere \(HTTP 302\)"),
        (500, b"<html><b>Bad</b> day</html>", r"HTTP 500 \(Bad day\)"),
        (503, b"", "HTTP 503"),
        (200, b"<html><form>login</form></html>", "not JSON or was cut short"),
        (200, b"", "not JSON or was cut short"),
        (200, b'{"a": NaN}', "not JSON"),
        (200, b'{"a": [1, 2', "not JSON or was cut short"),
        (200, b"\xff\xfe", "not JSON"),
    ],
)
def test_everything_else_than_json_is_an_error(server: Server, status: int, body: bytes, told: str) -> None:
    server.answers(lambda played, _path, _query: played.send(body, status, Location="/login"))
    with pytest.raises(OpsError, match=told):
        get(server, token="abc-secret")


def test_an_answer_that_is_cut_short_is_an_error(server: Server) -> None:
    """The body is whole JSON, but the header promised more."""

    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        played.send(b'{"result": []}', length=4000)
        played.close_connection = True

    server.answers(answering)
    with pytest.raises(OpsError, match="was cut short"):
        get(server)


def test_a_chunked_answer_that_is_cut_short_is_an_error(server: Server) -> None:
    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        played.send_response_only(200)
        played.send_header("Transfer-Encoding", "chunked")
        played.end_headers()
        played.wfile.write(b"e\r\n" + b'{"result": []}' + b"\r\n")
        played.close_connection = True

    server.answers(answering)
    with pytest.raises(OpsError, match="was cut short"):
        get(server)


def test_an_answer_that_drips_has_one_deadline(server: Server) -> None:
    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        played.send(b"[", length=4000)
        while True:
            time.sleep(0.05)
            played.wfile.write(b"1,")
            played.wfile.flush()

    server.answers(answering)
    with pytest.raises(OpsError, match=r"did not answer in 0\.4 s"):
        get(server, timeout_s=0.4)


def test_an_answer_that_is_too_large_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source_http, "MOST_BYTES", 100)
    server.answers(lambda played, _path, _query: played.say(["x" * 200]))
    with pytest.raises(OpsError, match="larger than 100 bytes"):
        get(server)


def test_nobody_there() -> None:
    with Client(Endpoint("prometheus", "http://127.0.0.1:1")) as client, pytest.raises(OpsError, match="refused"):
        client.get("/x")


def test_the_other_clock(server: Server) -> None:
    now = time.time()
    for ahead, least, most in ((0, -1, 1), (600, 598, 601), (-600, -601, -598)):
        said = email.utils.formatdate(now + ahead, usegmt=True)
        server.answers(lambda played, _path, _query, said=said: played.say([], Date=said))  # type: ignore[misc]
        with Client(server.endpoint(), clock=lambda: now) as client:
            offset = client.get("/x").offset_s
        assert offset is not None
        assert least <= offset <= most
    server.answers(lambda played, _path, _query: played.say([]))
    with Client(server.endpoint()) as client:
        assert client.get("/x").offset_s is None


def test_a_certificate_has_to_be_trusted(secure: Server, certificate: Path) -> None:
    secure.answers(lambda played, _path, _query: played.say([1]))
    with pytest.raises(OpsError, match="certificate is not trusted"):
        get(secure)
    with Client(secure.endpoint(ca_file=str(certificate.parent / "crt"))) as client:
        answer = client.get("/x")
    assert answer.value == [1]
    assert "certificate SHA256:" in answer.identity
    with pytest.raises(OpsError, match=r"ca_file .* cannot be read"):
        get(secure, ca_file=str(certificate.parent / "none"))


def test_a_certificate_of_another_name_is_refused(secure: Server, certificate: Path) -> None:
    secure.answers(lambda played, _path, _query: played.say([1]))
    where = Endpoint("prometheus", f"https://localhost:{secure.port}", ca_file=str(certificate.parent / "crt"))
    with Client(where) as client, pytest.raises(OpsError, match="not trusted"):
        client.get("/x")


@pytest.fixture
def relay(tmp_path: Path) -> tuple[str, ...]:
    """A program that carries bytes as ``ssh -W`` does."""
    program = tmp_path / "relay.py"
    program.write_text(RELAY, encoding="utf-8")
    return (sys.executable, str(program), "-T")


def test_through_a_pipe(server: Server, secure: Server, certificate: Path, relay: tuple[str, ...]) -> None:
    for played in (server, secure):
        played.answers(lambda played, _path, _query: played.say([1]))
        ca = {"ca_file": str(certificate.parent / "crt")} if played is secure else {}
        with Client(played.endpoint(via=(*relay, "--", "mon1"), through="mon1", **ca)) as client:
            answers = [client.get("/x") for _number in range(3)]
        assert [answer.value for answer in answers] == [[1]] * 3
        assert answers[0].identity.endswith("through ssh mon1")


def test_a_pipe_that_fails_tells_what_ssh_said(server: Server, relay: tuple[str, ...]) -> None:
    told = "ssh to mon1 did not carry the question: channel 0: open failed: connect failed: Connection refused"
    with pytest.raises(OpsError, match=told):
        get(server, via=(*relay, "--", "refused"), through="mon1")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "url is None"),
        ({"url": "http://x", "tokn": "t"}, "tokn is no key of a source"),
        ({"url": "prometheus:9090"}, "give an http or https address"),
        ({"url": "ftp://x"}, "give an http or https address"),
        ({"url": "http://u:p@x"}, "holds more than an address"),
        ({"url": "http://x?a=b"}, "holds more than an address"),
        ({"url": "http://x", "token": "t", "user": "u", "password": "p"}, "has a token and a user"),
        ({"url": "http://x", "user": "u"}, "needs user and password together"),
    ],
)
def test_a_wrong_declaration_names_its_key(settings: dict[str, str], told: str) -> None:
    with pytest.raises(OpsError, match=f"verify_sources.prometheus.*{told}"):
        Endpoint.of("prometheus", settings)


def test_secrets_stay_out_of_what_is_printed() -> None:
    endpoint = Endpoint.of("prometheus", {"url": "http://x", "token": "abc-secret", "host_label": "host"})
    assert "abc-secret" not in repr(endpoint)
