# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is sent to a host: both interpreters answer alike, with limits, and nobody can forge the frame."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import (
    COMMAND,
    SHELL_COMMAND,
    Reply,
    program,
    read_reply,
)

TOKEN = "t0ken"
BOTH = pytest.mark.parametrize("command", [COMMAND, SHELL_COMMAND], ids=["python", "shell"])


def ask(command: str, *facts: HostFact) -> Reply:
    ended = subprocess.run(
        ["/bin/sh", "-c", command], input=program(facts, TOKEN), capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    return read_reply(ended.stdout, TOKEN)


def fact(*argv: str, path: str = "", deadline_s: int = 10, cap: int = 1000) -> HostFact:
    return HostFact("one", "a test", argv=argv, path=path, deadline_s=deadline_s, cap=cap)


@BOTH
@pytest.mark.parametrize(
    ("argv", "code", "output", "errors"),
    [
        (("/bin/echo", "a  b", "$HOME", "it's", '"', "${x}\\t"), 0, b"a  b $HOME it's \" ${x}\\t\n", b""),
        (("/bin/sh", "-c", "printf 'no newline'"), 0, b"no newline", b""),
        (("/bin/sh", "-c", "printf 'a\\000b\\377'; echo told >&2; exit 7"), 7, b"a\x00b\xff", b"told"),
        (("/bin/sh", "-c", "cat"), 0, b"", b""),
    ],
)
def test_output_errors_and_exit_code_arrive_as_they_were(
    command: str, argv: tuple[str, ...], code: int, output: bytes, errors: bytes
) -> None:
    reply = ask(command, fact(*argv))
    answer = reply.answers["one"]
    assert (answer.code, answer.output, answer.errors, answer.size) == (code, output, errors, len(output))
    assert reply.complete
    # An answer's instants are told to a tenth of a millisecond.
    assert reply.clock is not None and reply.clock - 1e-4 <= answer.begun <= answer.ended


@BOTH
def test_what_is_cut_off_is_counted(command: str) -> None:
    answer = ask(command, fact("/bin/sh", "-c", "printf '%5000s' x", cap=100)).answers["one"]
    assert (len(answer.output), answer.size) == (100, 5000)


@BOTH
def test_a_command_is_stopped_at_its_deadline_and_the_next_is_asked(command: str) -> None:
    slow = HostFact("slow", "a test", argv=("/bin/sh", "-c", "echo begun; exec sleep 60"), deadline_s=1, cap=100)
    reply = ask(command, slow, fact("/bin/echo", "next"))
    assert (reply.answers["slow"].timed_out, reply.answers["slow"].output) == (True, b"begun\n")
    assert reply.answers["one"].output == b"next\n"


@BOTH
def test_files_are_read_and_what_is_missing_says_so(command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 300)
    there = ask(command, fact(path=str(tmp_path / "f"), cap=100)).answers["one"]
    assert (there.code, len(there.output), there.size) == (0, 100, 300)
    gone = ask(command, fact(path=str(tmp_path / "gone"))).answers["one"]
    assert gone.code == 1
    assert b"No such file" in gone.errors
    assert ask(command, fact(str(tmp_path / "gone"), "x")).answers["one"].code == 127


@BOTH
def test_nothing_is_written(command: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    subprocess.run(
        ["/bin/sh", "-c", command],
        input=program([fact("/bin/echo", "x")], TOKEN),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_an_answer_that_breaks_off_is_left_out() -> None:
    whole = b"\nt0ken H 5.0 0\n\nt0ken B a 5.1\nbody\nt0ken X\n\nt0ken E 0 5.2 0\n"
    reply = read_reply(b"motd\n" + whole + b"\nt0ken B b 5.3\nbo", TOKEN)
    assert (list(reply.answers), reply.complete) == (["a"], False)
    assert reply.answers["a"].output == b"body"


def test_a_host_cannot_end_an_answer_without_the_token() -> None:
    lying = b"\nother E 0 5.2 0\n\nother Z\n"
    reply = read_reply(
        b"\nt0ken H 5.0 0\n\nt0ken B a 5.1\n" + lying + b"\nt0ken X\n\nt0ken E 0 5.2 0\n\nt0ken Z\n", TOKEN
    )
    assert reply.answers["a"].output == lying


@pytest.mark.parametrize("rest", [b"E zero 5.2 0\n", b"E 0\n", b"B a\n", b"Q\n"])
def test_a_frame_that_contradicts_itself_is_refused(rest: bytes) -> None:
    with pytest.raises(ValueError, match=r"malformed|zero"):
        read_reply(b"\nt0ken H 5.0 0\n\nt0ken B a 5.1\nx\nt0ken X\n\nt0ken " + rest, TOKEN)


@pytest.mark.parametrize(
    "frame",
    [
        b"H nan 0\n",
        b"H inf 0\n",
        b"H 5.0 0\n\nt0ken B a nan\nx\nt0ken X\n\nt0ken E 0 5.2 0\n",
        b"H 5.0 0\n\nt0ken B a 5.1\nx\nt0ken X\n\nt0ken E 0 -inf 0\n",
        b"H 5.0 0\n\nt0ken B a 5.1\nx\nt0ken X\n\nt0ken E 0 5.2 -7\n",
    ],
)
def test_a_host_cannot_give_instants_and_sizes_that_are_none(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"no instant|bytes more"):
        read_reply(b"\nt0ken " + frame, TOKEN)


def test_words_that_would_break_the_quotes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        program([fact("/bin/echo", "\\x41")], TOKEN)
