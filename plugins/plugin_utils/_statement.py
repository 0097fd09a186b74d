# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement that a person signs: what was asked, of which role, and the signature that answers it.

An SSH signature says nothing about its time, and the time of a file is whatever its owner sets. What is signed is
therefore the document and, in one more line, the instant of the signature: ``STEP.json.signed``.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = [
    *("CLOCK_TOLERANCE_S", "PEOPLE", "SCHEMA", "Task"),
    *("ask", "keep", "sign_command", "sign_or_wait", "signed", "vouched"),
]

SCHEMA = "ccobservatory.ops/statement/1"
# The folder of a drill that holds its statements and their signatures.
PEOPLE = "people"
# How far the clock of the machine on which a person signs may be off the controller's, in seconds.
CLOCK_TOLERANCE_S = 60.0
_POLL_S = 0.2
_LINES = re.compile(rb"signed_at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)\n(?:comment([^\n]*)\n)?")
# What fits a cell of the report; more belongs into a record of its own.
_LONGEST_COMMENT = 500


class Task:
    """One signed task: its document in a folder, and who may answer it."""

    def __init__(
        self,
        folder: Path,
        body: dict[str, Any],
        *,
        allowed_signers: Path,
        principals: list[str],
        deadline_s: float,
        not_before: str | None = None,
    ) -> None:
        self.body = {"schema": SCHEMA, **body}
        self.document = folder / f"{body['step']}.json"
        self.dated = folder / f"{body['step']}.json.signed"
        self.signature = folder / f"{body['step']}.json.signed.sig"
        self.not_before = not_before
        self.allowed_signers = allowed_signers
        self.principals = principals
        self.deadline_s = deadline_s


def ask(task: Task) -> bool:
    """Write the document that is to be signed; False when the same document stands there already.

    Raises `OpsError` when another statement of the same step has been signed: a signed statement is never replaced.
    """
    if task.document.exists():
        if _asked(task) == task.body:
            return False
        if task.signature.exists():
            raise OpsError(
                f"{task.document} holds another statement, and it is signed; use another step or another folder."
            )
    task.document.parent.mkdir(parents=True, exist_ok=True)
    fresh = task.document.with_suffix(".new")
    fresh.write_bytes(canonical_json({**task.body, "asked_at": _utc.iso_ms(_utc.now())}) + b"\n")
    fresh.replace(task.document)
    return True


def signed(task: Task) -> dict[str, Any] | None:
    """Return who signed the document and when, as the signature itself vouches for; None while there is no signature.

    ``comment`` is what the person said to it, None when that is nothing.

    Raises `OpsError` when the signature does not hold, when what was signed is another document, carries no instant or
    a comment that is no text, and when the instant is before the statement was asked for, before ``not_before``, or
    still to come.
    """
    if not (task.signature.is_file() and task.dated.is_file()):
        return None
    signer = _sshsig.verify(
        task.dated, signature=task.signature, allowed_signers=task.allowed_signers, principals=task.principals
    )
    instant, comment = _added(task)
    told = {"name": signer.principal, "fingerprint": signer.fingerprint, "signed_at": _utc.iso_ms(instant)}
    return {**told, "comment": comment, "asked_at": _read(task).get("asked_at")}


def vouched(folder: Path, step: str, *, person: str, allowed_signers: Path) -> dict[str, Any]:
    """Return a statement that a person signed, as it was asked for, with what `signed` tells of its signature.

    Raises `OpsError` when there is none, and as `signed` does.
    """
    task = Task(folder, {"step": step}, allowed_signers=allowed_signers, principals=[person], deadline_s=0.0)
    if not task.document.is_file():
        raise OpsError(f"There is no statement at {task.document}.")
    told = signed(task)
    if told is None:
        raise OpsError(f"There is no signature at {task.signature}, or what it signs is gone.")
    return {**_read(task), **told}


def keep(task: Task, folder: Path) -> None:
    """Copy a statement and its signature into a folder, where they were left in another one."""
    if folder.resolve() == task.document.parent.resolve():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in (task.document, task.dated, task.signature):
        (folder / path.name).write_bytes(path.read_bytes())


def sign_command(task: Task) -> str:
    """Return the one line by which a person signs: it dates a copy of the document and signs that.

    What the shell's variable COMMENT holds is signed too.
    """
    document, dated = shlex.quote(str(task.document)), shlex.quote(str(task.dated))
    return (
        f"{{ cat {document}; date -u +'signed_at %Y-%m-%dT%H:%M:%SZ'; "
        f'echo "comment ${{COMMENT-}}"; }} > {dated} && '
        f"ssh-keygen -Y sign -f KEY -n {_sshsig.NAMESPACE} {dated}"
    )


def sign_or_wait(task: Task, *, key: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Sign with the key; without one, tell how to sign and wait for the signature until the deadline.

    The deadline counts from the moment the statement was first asked for, also across a run that was killed.
    """
    if key is not None:
        return _sign(task, key)
    until = _utc.parse_iso(_read(task)["asked_at"]) + datetime.timedelta(seconds=task.deadline_s)
    say(f"Waiting until {until:%H:%M:%S} UTC for the {task.body['role']} to sign: {sign_command(task)}")
    return _wait(task, until)


def _sign(task: Task, key: Path) -> dict[str, Any]:
    task.dated.write_bytes(task.document.read_bytes() + f"signed_at {_utc.iso_ms(_utc.now())}\n".encode("ascii"))
    _sshsig.sign(task.dated, key=key)
    try:
        answer = signed(task)
    except OpsError:
        task.signature.unlink(missing_ok=True)
        raise
    if answer is None:
        raise OpsError(f"The signature of {task.document} vanished while it was checked; sign again.")
    return answer


def _added(task: Task) -> tuple[datetime.datetime, str | None]:
    """Return the instant and the comment that were signed with the document; raise `OpsError` when they cannot be."""
    whole, document = task.dated.read_bytes(), task.document.read_bytes()
    if not whole.startswith(document):
        raise OpsError(f"{task.dated} is signed, but does not begin with {task.document}; sign again.")
    line = _LINES.fullmatch(whole[len(document) :])
    if not line:
        raise OpsError(
            f"{task.dated} is signed, but carries no instant, or more than a comment, behind the document; sign again."
        )
    comment = _comment(task, line[2] or b"")
    at, slack = _utc.parse_iso(line[1].decode("ascii")), datetime.timedelta(seconds=CLOCK_TOLERANCE_S)
    bounds = (("asked for", _read(task).get("asked_at")), ("to be asked for, when its drill began", task.not_before))
    for what, bound in bounds:
        if bound and at + slack < _utc.parse_iso(str(bound)):
            raise OpsError(f"{task.document} was signed at {line[1].decode('ascii')}, before it was {what} ({bound}).")
    if at > _utc.now() + slack:
        raise OpsError(f"{task.document} was signed at {line[1].decode('ascii')}, which is still to come.")
    return at, comment


def _comment(task: Task, raw: bytes) -> str | None:
    text = raw.decode("utf-8", errors="replace").strip()
    if "\ufffd" in text or not text.isprintable() or len(text) > _LONGEST_COMMENT:
        raise OpsError(
            f"The comment in {task.dated} is not one line of at most {_LONGEST_COMMENT} printable characters in UTF-8; "
            "sign again with another COMMENT."
        )
    return text or None


def _wait(task: Task, until: datetime.datetime) -> dict[str, Any]:
    reason = "nobody signed it"
    while True:
        try:
            answer = signed(task)
            if answer is not None:
                return answer
        except OpsError as exc:
            # It may be half written, or by the wrong person, who can be corrected until the deadline.
            reason = exc.message.rstrip(".")
        if _utc.now() >= until:
            raise OpsError(
                f"The task '{task.body['title']}' of the {task.body['role']} ended without a valid signature "
                f"({reason}). Run again with a longer deadline (now {task.deadline_s:g} s), or give the key. It is "
                f"signed with: {sign_command(task)}",
                document=str(task.document),
            )
        time.sleep(_POLL_S)


def _asked(task: Task) -> dict[str, Any]:
    return {key: value for key, value in _read(task).items() if key != "asked_at"}


def _read(task: Task) -> dict[str, Any]:
    try:
        found = json.loads(task.document.read_bytes())
    except ValueError as exc:
        raise OpsError(f"{task.document} is no statement; remove it and run again.") from exc
    return found if isinstance(found, dict) else {}
