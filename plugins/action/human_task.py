# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a person to sign a step. Documented in plugins/modules/human_task.py."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import STEP_ID
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import drill_fact, outcome
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._statement import (
    PEOPLE,
    Task,
    ask,
    keep,
    sign_or_wait,
    signed,
)

display = Display()


ARGUMENTS: dict[str, dict[str, Any]] = {
    "step": {"type": "str", "required": True},
    "item": {"type": "str"},
    "title": {"type": "str", "required": True},
    "person": {"type": "str"},
    "person_role": {"type": "str", "required": True},
    "statement": {"type": "str", "required": True},
    "environment": {"type": "str"},
    "context": {"type": "dict", "default": {}},
    "signatures_dir": {"type": "path", "aliases": ["dir"]},
    "key": {"type": "path", "no_log": False},
    "allowed_signers": {"type": "path", "required": True},
    "deadline_s": {"type": "float", "default": 1800.0},
    "not_before": {"type": "str"},
    "stand_in": {"type": "bool", "default": False},
}

# What the record of a drill keeps of a signature.
PERSON = (
    *("role", "name", "item", "step", "asked_at", "signed_at", "deadline_s"),
    *("fingerprint", "stand_in", "statement", "comment"),
)


class ActionModule(ActionBase):
    """One signed statement a task; runs once, however many hosts the play has."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Have the statement signed and return who signed it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        work = partial(self._carry_out, plain(args), drill_fact(task_vars))
        return {**result, **outcome(work, otherwise="The statement cannot be written or read")}

    def _carry_out(self, args: dict[str, Any], fact: dict[str, Any]) -> dict[str, Any]:
        task = _task(args, fact)
        answer = {"role": args["person_role"], "step": args["step"], "item": args["item"], "stand_in": args["stand_in"]}
        answer.update(statement=args["statement"], document=str(task.document), signed_file=str(task.dated))
        answer.update(signature_file=str(task.signature), deadline_s=task.deadline_s)
        if self._task.check_mode:
            nobody = dict.fromkeys(("asked_at", "signed_at", "fingerprint", "comment"))
            return _complete({**answer, "name": args["person"], **nobody}, changed=True)
        asked = ask(task)
        # A statement that was signed before the run was killed is not asked for twice.
        signer = None if asked else _signed_before(task)
        before = signer is not None
        if signer is None:
            key = Path(args["key"]) if args["key"] else None
            signer = sign_or_wait(task, key=key, say=display.display)
        if fact.get("dir"):
            keep(task, Path(fact["dir"]) / PEOPLE)
        return _complete({**answer, **signer}, changed=not before)


def _complete(answer: dict[str, Any], *, changed: bool) -> dict[str, Any]:
    return {**answer, "person_record": {key: answer[key] for key in PERSON}, "changed": changed}


def _signed_before(task: Task) -> dict[str, Any] | None:
    try:
        return signed(task)
    except OpsError as exc:
        display.warning(f"{exc.message} It is asked for again.")
        return None


def _task(args: dict[str, Any], fact: dict[str, Any]) -> Task:
    if not STEP_ID.match(args["step"]):
        raise OpsError(f"The step {args['step']!r} cannot name a file; use letters, digits, '.', '_' and '-'.")
    if args["stand_in"] and not args["key"]:
        raise OpsError("A stand-in signs with a key of the environment; give the key, or let a person sign.")
    folder = args["signatures_dir"] or (f"{fact['dir']}/{PEOPLE}" if fact.get("dir") else None)
    if not folder:
        raise OpsError(
            "No drill is open in this run, so there is no folder for the signature; give it in 'signatures_dir'."
        )
    asked = {key: args[key] for key in ("step", "item", "title", "statement", "environment", "stand_in", "context")}
    return Task(
        Path(folder),
        {**asked, "role": args["person_role"], "drill_id": Path(fact["dir"]).name if fact.get("dir") else None},
        allowed_signers=Path(args["allowed_signers"]),
        principals=[args["person"]] if args["person"] else [],
        deadline_s=args["deadline_s"],
        not_before=args["not_before"] or None,
    )
