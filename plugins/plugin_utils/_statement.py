# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement that a person signs: what was asked, of which role, and the signature that answers it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["SCHEMA", "Task", "ask", "sign_or_wait", "signed"]

SCHEMA = "ccobservatory.ops/statement/1"
_POLL_S = 0.2


class Task:
    """One signed task: its document in a folder, and who may answer it."""

    def __init__(
        self, folder: Path, body: dict[str, Any], *, allowed_signers: Path, principals: list[str], deadline_s: float
    ) -> None:
        self.body = {"schema": SCHEMA, **body}
        self.document = folder / f"{body['step']}.json"
        self.signature = folder / f"{body['step']}.json.sig"
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
    """Return who signed the document, or None while there is no signature; `OpsError` when the signature does "
    "not hold."""
    if not task.signature.is_file():
        return None
    signer = _sshsig.verify(
        task.document, signature=task.signature, allowed_signers=task.allowed_signers, principals=task.principals
    )
    at = datetime.datetime.fromtimestamp(task.signature.stat().st_mtime, tz=datetime.UTC)
    return {"name": signer.principal, "fingerprint": signer.fingerprint, "signed_at": _utc.iso_ms(at)}


def sign_or_wait(task: Task, *, key: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Sign with the key; without one, tell how to sign and wait for the signature until the deadline.

    The deadline counts from the moment the statement was first asked for, also across a run that was killed.
    """
    if key is not None:
        _sshsig.sign(task.document, key=key)
        try:
            answer = signed(task)
        except OpsError:
            task.signature.unlink(missing_ok=True)
            raise
        if answer is None:
            raise OpsError(f"The signature of {task.document} vanished while it was checked; sign again.")
        return answer
    until = _utc.parse_iso(_read(task)["asked_at"]) + datetime.timedelta(seconds=task.deadline_s)
    say(
        f"Waiting until {until:%H:%M:%S} UTC for the {task.body['role']} to sign: "
        f"ssh-keygen -Y sign -f KEY -n {_sshsig.NAMESPACE} {task.document}"
    )
    return _wait(task, until)


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
                f"({reason}). "
                f"Sign it with: ssh-keygen -Y sign -f KEY -n {_sshsig.NAMESPACE} {task.document} and run again with a "
                f"longer deadline (now {task.deadline_s:g} s), or give the key.",
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
