# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write and read the journal of a drill. Documented in plugins/modules/drill_journal.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import (
    NOTE_KINDS,
    STEP_ID,
    VERDICTS,
    chain,
    plan_lines,
    progress_line,
    state_of,
    step_index,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import (
    Store,
    drills_dir,
    expected_seconds,
    foreign,
    is_sealed,
    locked,
    new_drill_folder,
    outlived,
    release,
    unfinished,
    unsealed,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._orphans import end
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import (
    DRILL_FACT,
    drill_fact,
    failure,
    insist_on_room,
    run_owner,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_commands import command_lines

display = Display()

_BRIEF = (
    *("drill_id", "environment", "scenario", "mode", "started", "ended", "closed", "verdict"),
    *("current", "done", "results", "entered", "left", "interruptions", "retreat"),
)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "action": {
        "type": "str",
        "required": True,
        "choices": ["find", "plan", "open", "enter", "leave", "note", "close", "read"],
    },
    "environment": {"type": "str"},
    "scenario": {"type": "str"},
    "mode": {"type": "str", "choices": ["live", "copy"], "default": "live"},
    "plan": {"type": "list", "elements": "dict", "default": []},
    "header": {"type": "dict", "default": {}},
    "reports_dir": {"type": "path"},
    "overtakes": {"type": "str"},
    "resume": {"type": "str", "choices": ["auto", "never"], "default": "auto"},
    "dir": {"type": "path"},
    "step": {"type": "str"},
    "text": {"type": "str"},
    "commands": {"type": "list", "elements": "dict", "default": []},
    "result": {"type": "dict", "default": {}},
    "status": {"type": "str", "choices": ["done", "failed", "skipped"], "default": "done"},
    "error": {"type": "str"},
    "kind": {"type": "str", "choices": list(NOTE_KINDS), "default": "info"},
    "data": {"type": "dict", "default": {}},
    "verdict": {"type": "str", "choices": list(VERDICTS)},
    "reasons": {"type": "list", "elements": "str", "default": []},
}
REQUIRED_IF = (
    ("action", "find", ("environment", "reports_dir")),
    ("action", "plan", ("environment", "scenario", "plan", "reports_dir")),
    ("action", "open", ("environment", "scenario", "plan", "reports_dir")),
    ("action", "enter", ("step",)),
    ("action", "close", ("verdict",)),
)


class ActionModule(ActionBase):
    """One entry of the journal a task; runs once, however many hosts the play has."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Carry the action out and return the journal's state."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS, required_if=REQUIRED_IF)
        try:
            args = plain(args)
            clerk = _Clerk(args, drill_fact(task_vars), check=bool(self._task.check_mode))
            result.update(getattr(clerk, f"do_{args['action']}")())
        except OpsError as exc:
            result.update(failure(exc))
        except OSError as exc:
            result.update(failure(OpsError(f"The journal cannot be used: {exc}.")))
        return result


class _Clerk:
    """Turns the arguments of one task into entries, and the entries into the result. In check mode nothing is
    written."""

    def __init__(self, args: dict[str, Any], fact: dict[str, Any], *, check: bool) -> None:
        self.args = args
        self.check = check
        self.owner = run_owner()
        self.simulated: list[dict[str, Any]] | None = plain(fact.get("simulated") or []) if check else None
        self.dir = args["dir"] or fact.get("dir")

    # What a task may ask for

    def do_find(self) -> dict[str, Any]:
        """Return the drill that has no end, or an empty name, and those without a pack; nothing is written."""
        base = drills_dir(self.args["reports_dir"], self.args["environment"])
        folder = unfinished(base, scenario=self.args["scenario"], others=True)
        state = state_of(Store(folder, owner=self.owner).read().entries) if folder else {}
        told: dict[str, Any] = {key: state.get(key) or "" for key in ("scenario", "mode")}
        told["unsealed"] = [left.name for left in unsealed(base)]
        return {"changed": False, "unfinished": folder.name if folder else "", **told}

    def do_plan(self) -> dict[str, Any]:
        """Return the plan with the times of earlier drills; nothing is written. A new drill needs room for its own."""
        args = self.args
        base = drills_dir(args["reports_dir"], args["environment"])
        plan = _checked_plan(args["plan"], expected_seconds(base, scenario=args["scenario"]))
        expected = sum(item["expected_s"] or 0 for item in plan)
        left = unfinished(base, scenario=args["scenario"], others=bool(args["overtakes"]))
        if left is None:
            insist_on_room(base)
        told = {"lines": plan_lines(plan), "expected_s": round(expected, 1), "unfinished": left.name if left else ""}
        return {"changed": False, "plan": plan, **told}

    def do_open(self) -> dict[str, Any]:
        """Start a drill, or take up the one that a killed run left."""
        args = self.args
        base = drills_dir(args["reports_dir"], args["environment"])
        plan = _checked_plan(args["plan"], expected_seconds(base, scenario=args["scenario"]))
        if self.check:
            return self._open_simulated(base, plan)
        self._end_outlived(base)
        overtaken = self._overtake(base) if args["overtakes"] else []
        with locked(base, owner=self.owner, drill=f"of scenario {args['scenario']}"):
            folder = self._left_behind(base)
        if folder is None:
            folder = new_drill_folder(base, args["scenario"])
            entries = Store(folder, owner=self.owner).create([self._open_body(folder, plan), *overtaken])
            return self._answer(folder, entries, plan=True, resumed=False)
        store = Store(folder, owner=self.owner)
        entries = store.read().entries
        if not state_of(entries)["closed"]:
            entries = store.resume(plan=plan, header=args["header"])
        self._say(f"Taking up the drill {folder.name} where it was interrupted.")
        return self._answer(folder, entries, plan=True, resumed=True)

    def do_enter(self) -> dict[str, Any]:
        """Close the open step as done, open the next one and say so."""
        step = self.args["step"]
        state = state_of(self._entries())
        step_index(state, step)
        status = {other["id"]: other["status"] for other in state["steps"]}
        if status[step] == "done":
            raise OpsError(f"The step {step!r} is done already; a step is entered again only when it did not end well.")
        bodies = []
        if state["current"] and status[state["current"]] == "running" and state["current"] != step:
            bodies.append(self._leave_body(state["current"], "done"))
        commands = command_lines(self.args["commands"])
        bodies.append(_lean({"event": "enter", "step": step, "text": self.args["text"], "commands": commands}))
        entries = self._append(bodies)
        line = progress_line(state_of(entries), step, at=entries[-1]["at"])
        self._say(line)
        return self._answer(self._folder(), entries, progress=line)

    def do_leave(self) -> dict[str, Any]:
        """Close a step with its status and result."""
        state = state_of(self._entries())
        step, status = self.args["step"] or state["current"], self.args["status"]
        if not step:
            raise OpsError("No step is open; name the step that is left.")
        step_index(state, step)
        if step != state["current"] and status != "skipped":
            raise OpsError(f"The step {step!r} is not open (open: {state['current'] or 'none'}); enter it first.")
        return self._answer(self._folder(), self._append([self._leave_body(step, status)]))

    def do_note(self) -> dict[str, Any]:
        """Record a deviation, a finding, a piece of salvage or a fact; or what the open step has found so far."""
        args, state = self.args, state_of(self._entries())
        step = args["step"] or state["current"]
        if not args["text"] and not args["result"]:
            raise OpsError("A note needs a text or a result.")
        if args["result"] and not step and not args["text"]:
            raise OpsError("No step is open; name the step that the result belongs to.")
        if step:
            step_index(state, step)
        body = _lean({"event": "note", "step": step, **{key: args[key] for key in ("text", "result", "data")}})
        return self._answer(self._folder(), self._append([{**body, "kind": args["kind"]}]))

    def do_close(self) -> dict[str, Any]:
        """End the drill with its verdict and give the lock back."""
        args, state = self.args, state_of(self._entries())
        bodies = []
        if state["current"]:
            if args["verdict"] == "pass":
                raise OpsError(
                    f"The step {state['current']!r} is still open, so the drill cannot pass; leave the step first."
                )
            self.args["error"] = "the drill was closed while this step was open"
            bodies.append(self._leave_body(state["current"], "failed"))
        bodies.append({"event": "close", "verdict": args["verdict"], "reasons": args["reasons"]})
        entries = self._append(bodies)
        if not self.check:
            release(self._folder().parent, owner=self.owner)
        return self._answer(self._folder(), entries)

    def do_read(self) -> dict[str, Any]:
        """Return everything the journal tells."""
        entries = self._entries()
        return {**self._answer(self._folder(), entries), **state_of(entries), "changed": False}

    # How it is done

    def _left_behind(self, base: Path) -> Path | None:
        folder = unfinished(base, scenario=self.args["scenario"])
        if folder is None:
            return None
        if self.args["resume"] == "never":
            raise OpsError(
                f"The drill {folder.name} has no end yet and resume is 'never'; let it resume, or take it back with "
                "-e dr_drill_abort=true."
            )
        mode = state_of(Store(folder, owner=self.owner).read().entries)["mode"]
        if mode != self.args["mode"]:
            raise OpsError(
                f"The drill {folder.name} was started in the mode {mode!r} and has no end; finish it in that mode, "
                "or take it back with -e dr_drill_abort=true."
            )
        return folder

    def _overtake(self, base: Path) -> list[dict[str, Any]]:
        """Close what other scenarios left without an end, for the reason that is given; return a note of each."""
        note = {"event": "note", "kind": "deviation"}
        told: list[dict[str, Any]] = []
        for folder in foreign(base, scenario=self.args["scenario"]):
            store = Store(folder, owner=self.owner)
            state = state_of(store.resume(plan=None, header={}))
            text = self.args["overtakes"]
            left = [{"event": "leave", "step": state["current"], "status": "failed", "error": text}]
            close = {"event": "close", "verdict": "aborted", "reasons": [text]}
            store.append([{**note, "text": text}, *(left if state["current"] else []), close])
            self._say(f"The drill {folder.name} had no end and is closed: {text}")
            told.append({**note, "text": f"{text} The drill {folder.name} was closed by it."})
        return told

    def _end_outlived(self, base: Path) -> None:
        """Let the last task of a run that was killed come to its end before another run looks at the hosts."""
        for pid in outlived(base, owner=self.owner):
            self._say(f"Process {pid} outlived the run that was killed: it may end its task, or is ended soon.")
            if end([pid]):
                self._say(f"Process {pid} was ended.")

    def _open_simulated(self, base: Path, plan: list[dict[str, Any]]) -> dict[str, Any]:
        folder = self._left_behind(base)
        resumed = folder is not None
        if folder is None:
            folder = new_drill_folder(base, self.args["scenario"])
            self.simulated = chain([], [self._open_body(folder, plan)], at=_utc.iso_ms(_utc.now()))
        else:
            self.simulated = Store(folder, owner=self.owner).read().entries
        return self._answer(folder, self.simulated, plan=True, resumed=resumed)

    def _open_body(self, folder: Path, plan: list[dict[str, Any]]) -> dict[str, Any]:
        known = {key: self.args[key] for key in ("environment", "scenario", "mode", "header")}
        return {"event": "open", "drill_id": folder.name, "plan": plan, **known}

    def _leave_body(self, step: str, status: str) -> dict[str, Any]:
        kept = _lean({"result": self.args["result"], "error": self.args["error"]})
        return {"event": "leave", "step": step, "status": status, **kept}

    def _folder(self) -> Path:
        if not self.dir:
            raise OpsError("No drill is open in this run; open it first, or give its folder in 'dir'.")
        return Path(self.dir)

    def _entries(self) -> list[dict[str, Any]]:
        if self.simulated:
            return self.simulated
        return Store(self._folder(), owner=self.owner).read().entries

    def _append(self, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not self.check:
            return Store(self._folder(), owner=self.owner).append(bodies)
        before = self._entries()
        self.simulated = before + chain(before, bodies, at=_utc.iso_ms(_utc.now()))
        return self.simulated

    def _say(self, line: str) -> None:
        if not self.check:
            display.display(line, color="bright blue")

    def _answer(
        self, folder: Path, entries: list[dict[str, Any]], *, plan: bool = False, **more: Any
    ) -> dict[str, Any]:
        state = state_of(entries)
        fact: dict[str, Any] = {"dir": str(folder)}
        if self.check:
            fact["simulated"] = entries
        return {
            "changed": True,
            "dir": str(folder),
            "at": entries[-1]["at"],
            "sealed": is_sealed(folder),
            **{key: state[key] for key in _BRIEF},
            **({"plan": state["plan"]} if plan else {}),
            **more,
            "ansible_facts": {DRILL_FACT: fact},
        }


def _checked_plan(plan: list[dict[str, Any]], expected: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the plan with the expected times of earlier drills; raise `OpsError` for a step without a proper id."""
    if not plan:
        raise OpsError("The plan is empty; a drill has at least one step.")
    seen: set[str] = set()
    for item in plan:
        step = item.get("id")
        if not isinstance(step, str) or not STEP_ID.match(step):
            raise OpsError(f"A step of the plan has the id {step!r}; use letters, digits, '.', '_' and '-'.")
        if step in seen:
            raise OpsError(f"The plan names the step {step!r} twice.")
        seen.add(step)
    return [{**item, "expected_s": expected.get(item["id"], item.get("expected_s"))} for item in plan]


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value not in (None, "", {}, [])}
