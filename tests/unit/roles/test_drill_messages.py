# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each message to stakeholders stands in the journal with its way, its instant and what came of it, and no secret."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now
from tests.unit.roles._estate import Estate

pytestmark = pytest.mark.slow

TOKEN = "a-token-that-must-not-be-told"
CLOSED = "http://127.0.0.1:9"


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes what is posted to /hook, refuses anything else."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.posted.append(json.loads(self.rfile.read(length)))  # type: ignore[attr-defined]
        self.send_response(204 if self.path.startswith("/hook") else 403)
        self.end_headers()

    def log_message(self, *_unused: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook's address, and what was posted to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.posted = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server.posted  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def entries(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("reports/test/drills/*/journal.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_way_is_on_record_with_its_instant(tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]) -> None:
    url, posted = hook
    begin = iso_ms(now())
    estate = Estate(tmp_path)
    webhooks = [
        {"name": "chat", "url": f"{url}/hook?{TOKEN}", "headers": {"X-Token": TOKEN}, "recipients": "executives"},
        {"name": "pager", "url": f"{CLOSED}/{TOKEN}"},
        {"name": "board", "url": f"{url}/closed/{TOKEN}"},
    ]
    given = {
        **{"dr_environment": "test", "__dr_message": "Service is back.", "__dr_result": {}},
        **{"dr_notify_webhooks": webhooks, "dr_notify_mail": {}},
    }
    assert estate.run("message.yml", step="coordinate", **given) == 0, estate.said[-3000:]
    lines = entries(tmp_path)
    sent = [line for line in lines if line.get("result", {}).get("messages")][-1]["result"]["messages"]
    told = [[row[key] for key in ("channel", "name", "recipients", "outcome", "answer")] for row in sent]
    assert told == [
        ["webhook", "chat", "executives", "accepted", "HTTP 204"],
        ["webhook", "pager", None, "failed", "no answer"],
        ["webhook", "board", None, "failed", "HTTP 403"],
    ]
    instants = [begin, *(row["at"] for row in sent), iso_ms(now())]
    assert instants == sorted(instants)
    assert {row["text"] for row in sent} == {"Service is back."} == {row["text"] for row in posted}
    missed = [line["text"] for line in lines if line.get("kind") == "deviation"]
    assert [text.partition(";")[0] for text in missed] == [
        "This message did not go out by webhook pager",
        "This message did not go out by webhook board",
    ]
    assert TOKEN not in estate.said + json.dumps(lines)


def test_a_run_that_goes_on_adds_to_what_was_sent(tmp_path: Path, hook: tuple[str, list[dict[str, Any]]]) -> None:
    estate = Estate(tmp_path)
    given = {
        **{"dr_environment": "test", "__dr_message": "It begins.", "__dr_result": {}, "dr_notify_mail": {}},
        "dr_notify_webhooks": [{"name": "chat", "url": f"{hook[0]}/hook"}],
    }
    for _turn in range(2):
        assert estate.run("message.yml", step="notify", **given) == 0, estate.said[-3000:]
    sent = [line for line in entries(tmp_path) if line.get("result", {}).get("messages")][-1]["result"]["messages"]
    assert len(sent) == 2 == len(hook[1])


def test_mail_is_counted_and_never_quoted(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    mail = {"host": "127.0.0.1", "port": 9, "sender": "a@example.org", "to": ["b@example.org", "c@example.org"]}
    given = {
        **{"dr_environment": "test", "__dr_message": "It begins.", "__dr_result": {}, "dr_notify_webhooks": []},
        "dr_notify_mail": {**mail, "recipients": "continuity", "username": "drill", "password": TOKEN},
    }
    assert estate.run("message.yml", step="notify", **given) == 0, estate.said[-3000:]
    lines = entries(tmp_path)
    (sent,) = [line for line in lines if line.get("result", {}).get("messages")][-1]["result"]["messages"]
    assert (sent["channel"], sent["addresses"], sent["recipients"]) == ("mail", 2, "continuity")
    assert (sent["outcome"], sent["answer"]) == ("failed", "not taken")
    assert "example.org" not in json.dumps(sent)
    (missed,) = [line["text"] for line in lines if line.get("kind") == "deviation"]
    assert "mail b@example.org, mail c@example.org" in missed
    assert TOKEN not in estate.said + json.dumps(lines)
