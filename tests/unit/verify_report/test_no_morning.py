# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets the morning's mail hears that there was none, by a real mail server: once a reason, and when it ends."""

from __future__ import annotations

import email
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.report.no_morning import after_run, why

ROOT = Path(__file__).resolve().parents[3]


def ended(result: str, status: str = "") -> dict[str, str]:
    return {"SERVICE_RESULT": result, "EXIT_CODE": "exited", "EXIT_STATUS": status}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (ended("exit-code", "2"), "interrupted"),
        (ended("exit-code", "3"), "error of its own"),
        (ended("exit-code", "4"), "refused its command line, its inventory"),
        (ended("exit-code", "12"), "not intact"),
        (ended("exit-code", "203"), "could not be started as it is set up (exit code 203)"),
        (ended("timeout", "TERM"), "time limit"),
        (ended("signal", "KILL"), "signal KILL"),
        (ended("oom-kill", "KILL"), "oom-kill"),
    ],
)
def test_each_end_without_a_result_has_its_words(how: dict[str, str], words: str) -> None:
    assert words in str(why(how))


@pytest.mark.parametrize("status", ["0", "1", "10", "11"])
def test_a_run_with_a_result_is_told_by_itself(status: str) -> None:
    """systemd calls those codes a success, because the unit does."""
    unit = (ROOT / "roles/verify_daily/templates/verify-daily.service.j2").read_text(encoding="utf-8")
    (line,) = [line for line in unit.splitlines() if line.startswith("SuccessExitStatus=")]
    assert status in ["0", *line.partition("=")[2].split()]
    assert why(ended("success", status)) is None
    # What the unit does after the run may fail without taking the result back.
    assert why(ended("exit-code", status)) is None


def test_started_by_hand_it_says_so() -> None:
    with pytest.raises(OpsError, match="SERVICE_RESULT is not set"):
        why({})


class Box:
    """What a mail server received."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a message."""
        self.messages.append(email.message_from_bytes(envelope.content))
        return "250 taken"


@pytest.fixture
def served() -> Iterator[tuple[Box, dict[str, Any]]]:
    """A mail server, and the settings that reach it."""
    box = Box()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    way = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "ops@example.org", "to": ["duty@example.org"]}
    yield box, {"mail": way}
    server.stop()


def test_each_transition_is_told_once(tmp_path: Path, served: tuple[Box, dict[str, Any]]) -> None:
    box, settings = served
    state = tmp_path / "no-morning.json"
    for how in (
        *(ended("success", "1"), ended("success", "0")),
        *(ended("exit-code", "4"), ended("exit-code", "4")),
        *(ended("timeout"), ended("timeout")),
        *(ended("success", "10"), ended("success", "0")),
    ):
        after_run("prod", how, settings, state)
    subjects = [str(message["Subject"]).strip() for message in box.messages]
    assert [subject.split(":")[0] for subject in subjects] == [
        "[prod] No morning",
        "[prod] No morning",
        "[prod] Mornings again",
    ]
    body = box.messages[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    text = " ".join(body.decode("utf-8").split())
    assert "it refused its command line, its inventory" in text and "journalctl -u verify-daily.service" in text
    assert not state.exists()


def test_what_reached_nobody_is_told_again(tmp_path: Path, served: tuple[Box, dict[str, Any]]) -> None:
    box, settings = served
    state = tmp_path / "no-morning.json"
    closed = {"mail": {**settings["mail"], "port": 1}}
    (told,) = after_run("prod", ended("exit-code", "4"), closed, state)
    assert "the mail was not sent" in told and not state.exists()
    after_run("prod", ended("exit-code", "4"), settings, state)
    assert len(box.messages) == 1
    since = json.loads(state.read_text(encoding="utf-8"))["since"]
    after_run("prod", ended("exit-code", "3"), settings, state)
    assert json.loads(state.read_text(encoding="utf-8"))["since"] == since


def test_without_a_way_it_says_that_nobody_hears_of_it(tmp_path: Path) -> None:
    (told,) = after_run("prod", ended("exit-code", "4"), {}, tmp_path / "state")
    assert told.startswith("nobody is told")


def test_a_state_that_cannot_be_read_silences_nobody(tmp_path: Path, served: tuple[Box, dict[str, Any]]) -> None:
    box, settings = served
    state = tmp_path / "no-morning.json"
    state.write_text("{", encoding="utf-8")
    after_run("prod", ended("exit-code", "4"), settings, state)
    assert len(box.messages) == 1


def run(tmp_path: Path, settings: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start it as the unit does: from the folder of the suite, by the module's name."""
    path = tmp_path / "notices.json"
    path.write_text(settings, encoding="utf-8")
    command = ["env", f"--chdir={ROOT}", sys.executable, "-m", "verify.report.no_morning", "prod"]
    words = ["--settings", str(path), "--state", str(tmp_path / "state.json")]
    surroundings = {**os.environ, **environment}
    return subprocess.run(
        [*command, *words], env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_the_program_of_the_unit(tmp_path: Path, served: tuple[Box, dict[str, Any]]) -> None:
    box, settings = served
    good = run(tmp_path, json.dumps(settings), SERVICE_RESULT="success", EXIT_STATUS="0")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = run(tmp_path, json.dumps(settings), SERVICE_RESULT="exit-code", EXIT_STATUS="4")
    assert (bad.returncode, bad.stdout) == (0, "notice: mail sent to duty@example.org\n")
    assert len(box.messages) == 1
    for wrong in ("{", "[]", '{"mail": {"host": "x", "password": "hidden-word"}}'):
        refused = run(tmp_path, wrong, SERVICE_RESULT="success")
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1 and "hidden-word" not in refused.stderr
