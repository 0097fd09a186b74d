# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs that a host can do no more harm. A proof is given or it is not; nothing between counts.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import now_iso

__all__ = ["proof", "read_power", "resolved", "run_bounded", "try_connect"]


def proof(kind: str, host: str, method: str, observed: str, proved: bool) -> dict[str, t.Any]:
    """A proof as the record of a drill has it."""
    return {"proof": kind, "host": host, "method": method, "observed": observed, "at": now_iso(), "proved": proved}


def read_power(output: str, off_words: t.Iterable[str], on_words: t.Iterable[str]) -> str:
    """C(off), C(on) or C(unknown) from what a power command printed.

    Words are compared whole and without case; longer ones first, so that C(not running) is not taken for C(running).
    Output
    that names both states, or none, is C(unknown).
    """
    text = " ".join(output.lower().split())
    meanings = sorted(((w.lower(), "off") for w in off_words), key=lambda pair: -len(pair[0]))
    meanings = sorted([*meanings, *((w.lower(), "on") for w in on_words)], key=lambda pair: -len(pair[0]))
    found: set[str] = set()
    for word, meaning in meanings:
        text, hits = re.subn(rf"(?<![\w-]){re.escape(word)}(?![\w-])", " ", text)
        if hits:
            found.add(meaning)
    return found.pop() if len(found) == 1 else "unknown"


def try_connect(address: str, port: int, timeout: float) -> str | None:
    """What a connection attempt met: None when something answered, else why not (for example C(refused))."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return None
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return f"no answer in {timeout:g} s"
    except socket.gaierror as exc:
        raise OpsError(f"The name {address} cannot be resolved ({exc.strerror}); give an address.") from exc
    except OSError as exc:
        return (exc.strerror or str(exc)).lower()


def resolved(names: t.Iterable[str]) -> set[str]:
    """The addresses of names and of addresses; a name that nobody here knows adds none."""
    found: set[str] = set()
    for name in names:
        with contextlib.suppress(socket.gaierror):
            found |= {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    return found


def run_bounded(module: t.Any, command: t.Sequence[str], seconds: float) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a command; one that has not ended after so many seconds is killed: no code."""
    timers: list[threading.Timer] = []
    killed = threading.Event()

    def bound(process: subprocess.Popen[bytes]) -> None:
        def kill() -> None:
            killed.set()
            process.kill()

        timers.append(threading.Timer(seconds, kill))
        timers[0].start()

    try:
        rc, out, err = module.run_command(list(command), before_communicate_callback=bound)
    finally:
        for timer in timers:
            timer.cancel()
    return None if killed.is_set() else int(rc), str(out), str(err)
