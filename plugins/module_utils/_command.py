# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs as the account that owns a service, and say what they said without secrets.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now

__all__ = ["ENVIRONMENT", "Phases", "Run", "as_user", "clean", "mask", "runner"]

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]
"""Takes a command as a list, returns its exit code, standard output and standard error."""

ENVIRONMENT = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C", "TZ": "UTC"}

_SECRETS = (
    re.compile(r"(?P<key>password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s'\"]+)", re.IGNORECASE),
    re.compile(r"(?P<key>(?:cipher-pass|key-secret|s3-key|s3-token|azure-key)\s*=\s*)(?!<redacted>)\S+", re.IGNORECASE),
    re.compile(r"(?P<key>\bpostgres(?:ql)?://[^:/@\s]+:)[^@\s]+(?=@)", re.IGNORECASE),
)


def mask(text: str) -> str:
    """Return *text* with passwords and keys of connection strings and options replaced by three stars."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda match: match.group("key") + "***", text)
    return text


def clean(text: str, *, limit: int = 2000) -> str:
    """Return *text* as printable lines of at most *limit* characters, without secrets and without broken bytes."""
    printable = "".join(char if char.isprintable() or char == "\n" else "?" for char in text.replace("\r", ""))
    printable = printable.encode("ascii", "replace").decode("ascii")
    masked = mask(printable).strip()
    return masked if len(masked) <= limit else masked[: limit - 5] + " ..."


def as_user(command: Sequence[str], *, user: str) -> list[str]:
    """Return *command* so that it runs as *user*.

    Root hands it to C(runuser), which needs no password and no terminal; the user itself runs it as it is. Raises
    OpsError for an account that does not exist, or when another account than root asks for a foreign one.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError as exc:
        raise OpsError(f"The account {user} does not exist on this host; install its service.") from exc
    if os.geteuid() == entry.pw_uid:
        return list(command)
    if os.geteuid() != 0:
        raise OpsError(f"This must run as root or as {user}; set become: true.")
    return ["runuser", "-u", user, "--", *command]


def runner(module: Any, *, user: str | None, environment: Mapping[str, str] | None = None) -> Run:
    """Return a function that runs a command list as *user* through C(run_command), in the C locale and in UTC.

    Without a user the command runs as the account of the module. *environment* adds to the variables of the command.
    """
    variables = {**ENVIRONMENT, **(environment or {})}

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        words = as_user(command, user=user) if user else list(command)
        code, out, err = module.run_command(words, environ_update=variables, cwd="/")
        return int(code), str(out), str(err)

    return run


class Phases:
    """Collects the named phases of an action with their instants in UTC and their seconds."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what runs inside as the phase *name*; it is recorded even when it raises."""
        started = now()
        try:
            yield
        finally:
            ended = now()
            self.rows.append(
                {
                    "name": name,
                    "started": iso_ms(started),
                    "ended": iso_ms(ended),
                    "seconds": round((ended - started).total_seconds(), 3),
                }
            )
