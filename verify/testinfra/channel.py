# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One open channel to one host: a shell that waits for questions, so that a question costs one round trip.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import time
from collections.abc import Sequence

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import (
    SHELL_COMMAND,
    Answer,
    question,
    read_reply,
    shell_preamble,
)

__all__ = ["Channel", "Silent"]

_CONNECT_S = 30.0


class Silent(Exception):
    """The host does not answer; the message says what ssh or the shell said last."""


class Channel:
    """A shell on a host, started at the first question and kept until `close`."""

    def __init__(self, argv: Sequence[str]) -> None:
        """``argv`` is the command that reaches the host, without what runs there."""
        self._argv = [*argv, SHELL_COMMAND]
        self._token = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._broken = ""

    def ask(self, fact: HostFact) -> Answer:
        """Return the answer to one question.

        Raises `Silent` when the host gives none in time; it is not asked again after that.
        """
        if self._broken:
            raise Silent(self._broken)
        process = self._process or self._start()
        until = time.monotonic() + fact.deadline_s + _CONNECT_S
        data = self._exchange(process, (question(fact) + "\n").encode(), until)
        answers = read_reply(data, self._token).answers
        if fact.name not in answers:
            self._give_up("it broke off in the middle of an answer")
        return answers[fact.name]

    def close(self) -> None:
        """End the shell and its connection."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as exc:
            self._broken = f"{self._argv[0]}: {exc.strerror}"
            raise Silent(self._broken) from exc
        self._write(self._process, f"T={self._token}\n{shell_preamble()}\n".encode())
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes, until: float) -> bytes:
        """Send a line and read to the line that ends its answer."""
        self._write(process, line)
        end = f"\n{self._token} E ".encode()
        data, told = b"", b""
        poll = select.poll()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                poll.register(stream, select.POLLIN)
        while not (end in data and data.endswith(b"\n")):
            left = until - time.monotonic()
            ready = poll.poll(left * 1000) if left > 0 else []
            if not ready:
                self._give_up("it does not answer")
            for number, _event in ready:
                piece = os.read(number, 65536)
                if process.stdout is not None and number == process.stdout.fileno():
                    if not piece:
                        self._give_up((told.decode("utf-8", "replace").strip().splitlines() or ["it hung up"])[-1])
                    data += piece
                elif piece:
                    told = (told + piece)[-4096:]
                else:
                    poll.unregister(number)
        return data

    def _write(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        try:
            if process.stdin is not None:
                process.stdin.write(data)
        except OSError:
            self._give_up("it hung up")

    def _give_up(self, why: str) -> None:
        self._broken = why
        self.close()
        raise Silent(why)
