# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sent to a host on standard input: asks what the plan says and prints the answers. Nothing is written there.

``TOKEN``, a random word that begins each line of the frame, and ``PLAN`` are set before ``main`` is called; an entry of
the plan holds name, account, deadline in seconds, cap in bytes, words, and whether the one word is a file to read.
Needs Python 3.8; few imports, because they are most of the cost. `templates/on_host.shell` does it without Python.
"""

from __future__ import annotations

import os
import select
import signal
import time

WORLD = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
STDERR_CAP = 4096
TIMED_OUT = 124
NOT_THERE = 127


def send(*parts: bytes) -> None:
    """Write bytes to the controller, all of them."""
    data = b"".join(parts)
    while data:
        data = data[os.write(1, data) :]


def read_file(path: str, cap: int) -> tuple[int, bytes, bytes, int]:
    """Return exit code (1 for a file that cannot be read), kept bytes, error and full size of a file."""
    kept: list[bytes] = []
    size = 0
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            while size <= 64 * cap:
                piece = os.read(handle, 65536)
                if not piece:
                    break
                if size < cap:
                    kept.append(piece[: cap - size])
                size += len(piece)
        finally:
            os.close(handle)
    except OSError as error:
        return 1, b"", f"{path}: {error.strerror}".encode(), 0
    return 0, b"".join(kept), b"", size


def start(words: tuple[str, ...]) -> tuple[int, int, int]:
    """Start a program in a process group of its own and return its number and the ends of its two pipes."""
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    actions: list[tuple[int, ...]] = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]  # type: ignore[list-item]
    actions += [(os.POSIX_SPAWN_DUP2, out_end, 1), (os.POSIX_SPAWN_DUP2, err_end, 2)]
    try:
        number = os.posix_spawn(words[0], words, WORLD, file_actions=actions, setpgroup=0)
    except OSError:
        os.close(out)
        os.close(err)
        raise
    finally:
        os.close(out_end)
        os.close(err_end)
    return number, out, err


def drain(out: int, err: int, cap: int, until: float) -> tuple[bytes, bytes, int, bool]:
    """Read both pipes to their ends or until the deadline; return kept output, errors, size, and whether they ended."""
    poll = select.poll()
    poll.register(out, select.POLLIN)
    poll.register(err, select.POLLIN)
    kept: list[bytes] = []
    told = b""
    size, open_ends = 0, 2
    while open_ends:
        left = until - time.monotonic()
        if left <= 0:
            break
        for number, _event in poll.poll(left * 1000):
            piece = os.read(number, 65536)
            if not piece:
                poll.unregister(number)
                open_ends -= 1
            elif number == err:
                told = (told + piece)[:STDERR_CAP]
            else:
                if size < cap:
                    kept.append(piece[: cap - size])
                size += len(piece)
    return b"".join(kept), told, size, not open_ends


def finish(number: int, until: float) -> int:
    """Return the exit code of a process, or stop its group when the deadline has passed."""
    pause = 0.0005
    while time.monotonic() < until:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
    try:
        os.killpg(number, signal.SIGKILL)
    except OSError:
        return TIMED_OUT  # it runs as another account; sudo ends it by the time limit of its own rule
    os.waitpid(number, 0)
    return TIMED_OUT


def run(words: tuple[str, ...], deadline: int, cap: int) -> tuple[int, bytes, bytes, int]:
    """Run a program and return exit code, kept output, errors and the size of all it printed."""
    until = time.monotonic() + deadline
    try:
        number, out, err = start(words)
    except OSError as error:
        return NOT_THERE, b"", f"{words[0]}: {error.strerror}".encode(), 0
    try:
        kept, told, size, ended = drain(out, err, cap, until)
    finally:
        os.close(out)
        os.close(err)
    return finish(number, until if ended else 0), kept, told, size


def as_account(user: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command so that it runs as the account that has to ask."""
    own = os.geteuid()
    if not user or (user == "root" and own == 0):
        return words
    return (("/usr/sbin/runuser", "-u", user, "--") if own == 0 else ("/usr/bin/sudo", "-n", "-u", user, "--")) + words


def main(token: str, plan: tuple[tuple[str, str, int, int, tuple[str, ...], bool], ...]) -> None:
    """Ask one question after the other and send each answer as soon as it is there."""
    mark = f"\n{token} ".encode()
    send(mark, f"H {time.time():.6f} {os.geteuid()}\n".encode())
    for name, user, deadline, cap, words, is_file in plan:
        begun, clock = time.time(), time.monotonic()
        if is_file and not (user and os.geteuid()):
            code, out, err, size = read_file(words[0], cap)
        else:
            argv = ("/usr/bin/cat", *words) if is_file else words
            code, out, err, size = run(as_account(user, argv), deadline, cap)
        ended = begun + time.monotonic() - clock
        about = f"E {code} {ended:.4f} {size - len(out)}\n".encode()
        send(mark, f"B {name} {begun:.4f}\n".encode(), out, mark, b"X\n", err, mark, about)
    send(mark, b"Z\n")
