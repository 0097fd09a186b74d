# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent to a host, and how its answer is read.

One text serves both interpreters: the shell sees a null command, its program and ``exit``; Python sees a string and
then its program. The host picks Python where there is one, so one exec is enough whatever the host has.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ast
import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact

__all__ = ["COMMAND", "SHELL_COMMAND", "Answer", "Reply", "program", "question", "read_reply", "shell_preamble"]

HERE = Path(__file__).resolve().parent
COMMAND = "command -v python3 >/dev/null 2>&1 && exec python3 -IS -W ignore - || exec /bin/sh"
SHELL_COMMAND = "exec /bin/sh"
TIMED_OUT = 124
_TOKEN = b"%TOKEN%"
# How many words each line of the frame carries.
_WORDS = {b"H": 2, b"B": 2, b"X": 0, b"E": 3, b"Z": 0}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said to one question; times are seconds since its epoch, ``size`` is what it had to say in bytes."""

    name: str
    code: int
    output: bytes
    errors: bytes
    begun: float
    ended: float
    size: int

    @property
    def timed_out(self) -> bool:
        """Return whether the command was stopped at its deadline."""
        return self.code == TIMED_OUT


@dataclass(frozen=True, slots=True)
class Reply:
    """All that came from a host: its clock when it began, whether it came to the end, and the answers by name."""

    clock: float | None
    uid: int | None
    complete: bool
    answers: dict[str, Answer]


def program(facts: Iterable[HostFact], token: str) -> bytes:
    """Return the text for the standard input of a host. Raises ValueError for words that would break its quotes."""
    return _program(tuple(facts)).replace(_TOKEN, token.encode())


@lru_cache(maxsize=64)
def _program(facts: tuple[HostFact, ...]) -> bytes:
    """Return the text with a word in the place of the token: hosts of the same groups are asked the same."""
    token = _TOKEN.decode()
    lines = [f"T={token}", shell_preamble(), *(question(fact) for fact in facts)]
    shell = "\n".join([*lines, "printf '\\n%s Z\\n' \"$T\" >&8", "exit 0", ""])
    if "'''" in shell or any(escape in shell for escape in ("\\x", "\\u", "\\U", "\\N")):
        raise ValueError("the shell program cannot stand inside a Python string")
    plan = tuple(
        (fact.name, fact.user, fact.deadline_s, fact.cap, fact.words, bool(fact.path and not fact.argv))
        for fact in facts
    )
    return f"''':'\n{shell}'''\n{_python_source()}\nmain({token!r}, {plan!r})\n".encode()


def question(fact: HostFact) -> str:
    """Return the line by which the shell's half asks one question."""
    kind = "command" if fact.argv else "file"
    return shlex.join(["ask", fact.name, fact.user, str(fact.deadline_s), str(fact.cap), kind, *fact.words])


@cache
def shell_preamble() -> str:
    """Return the shell's half without the lines that only a reader of the repository needs; ``T`` is set before it."""
    lines = (HERE / "templates" / "on_host.shell").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


@cache
def _python_source() -> str:
    """Return the Python program without its docstrings: the shell's half stands where the first of them was."""
    tree = ast.parse((HERE / "_on_host.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.unparse(tree)


def read_reply(data: bytes, token: str) -> Reply:
    """Read the frame that a host sent.

    What stands before the first line of the frame (a banner of a login shell) is left out. An answer that was cut off
    is left out too: whoever asked finds it missing. Raises ValueError for a frame that contradicts itself.
    """
    mark = b"\n" + token.encode() + b" "
    _before, *parts = (b"\n" + data).split(mark)
    clock, uid, complete = None, None, False
    answers: dict[str, Answer] = {}
    open_answer: tuple[str, float, bytes] | None = None
    errors = b""
    for part in parts:
        head, _newline, body = part.partition(b"\n")
        words = head.split(b" ")
        kind, rest = words[0], [word.decode() for word in words[1:]]
        if len(rest) != _WORDS.get(kind, -1):
            raise ValueError(f"a line of the frame is malformed: {head[:60]!r}")
        if kind == b"H":
            clock, uid = _instant(rest[0]), int(rest[1])
        elif kind == b"B":
            open_answer, errors = (rest[0], _instant(rest[1]), body), b""
        elif kind == b"X":
            errors = body
        elif kind == b"E" and open_answer is not None:
            answer = _answer(open_answer, errors, rest)
            answers[answer.name], open_answer = answer, None
        elif kind == b"Z":
            complete = True
    return Reply(clock, uid, complete, answers)


def _instant(text: str) -> float:
    """Return an instant. Raises ValueError for what is no number: nothing would be older or younger than it."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text} is no instant")
    return found


def _answer(opened: tuple[str, float, bytes], errors: bytes, rest: Sequence[str]) -> Answer:
    name, begun, output = opened
    left = int(rest[2])
    if left < 0:
        raise ValueError(f"{name} has {left} bytes more to say")
    return Answer(name, int(rest[0]), output, errors.strip(), begun, _instant(rest[1]), len(output) + left)
