# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a drill: hash-chained lines, and the state they add up to. Pure: no file is touched here.

A line is the canonical JSON of an entry. Its ``prev`` is the ``hash`` of the line before it (64 zeros first) and its
``hash`` is the SHA-256 of the entry without ``hash``. A line cut short by a crash is recognised and kept apart; any
other irregularity is an error that names the line.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, digest, sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import elapsed_text, seconds_between

__all__ = [
    *("GENESIS", "NOTE_KINDS", "VERDICTS", "Parsed"),
    *("chain", "line_of", "parse", "plan_lines", "progress_line", "read_line", "state_of", "step_index"),
]

GENESIS = "0" * 64
# Names a step, and the files that it leaves.
STEP_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
# The way back of a drill: each has a note when it begins, and one of its own kind when it has ended.
WAYS_BACK = ("rollback", "hold")
NOTE_KINDS = ("deviation", "finding", "salvage", "info", *WAYS_BACK, *(f"{way}_begun" for way in WAYS_BACK))
VERDICTS = ("pass", "pass_with_conditions", "fail", "aborted")
_FINISHED = ("done", "skipped")


@dataclass(frozen=True)
class Parsed:
    """What a journal file holds: whole entries, and the bytes of a last line that a crash cut short."""

    entries: list[dict[str, Any]]
    torn: bytes


def chain(entries: list[dict[str, Any]], new: Iterable[Mapping[str, Any]], *, at: str) -> list[dict[str, Any]]:
    """Return the new entries as they follow the old ones: numbered, dated ``at``, linked and hashed."""
    prev, seq = (entries[-1]["hash"], entries[-1]["seq"]) if entries else (GENESIS, 0)
    linked = []
    for body in new:
        seq += 1
        line, prev = line_of(body, seq=seq, prev=prev, at=at)
        # What is kept in memory is what a reader of the file would see.
        linked.append(json.loads(line))
    return linked


def line_of(
    body: Mapping[str, Any], *, seq: int, prev: str, at: str, text: Callable[[Any], bytes] = canonical_json
) -> tuple[bytes, str]:
    """Return the line of an entry, without its newline, and the hash that the next line names as ``prev``.

    ``text`` writes one value of the body; a caller whose values are plain already may give a faster writer of the same
    spelling.
    """
    parts = {key: canonical_json(key) + b":" + text(value) for key, value in body.items()}
    for key, value in (("seq", seq), ("at", at), ("prev", prev)):
        parts[key] = canonical_json(key) + b":" + canonical_json(value)
    if not all(isinstance(key, str) for key in parts):
        raise OpsError(f"An entry of the journal has a key that is not text: {list(body)!r}.")
    # The hash of an entry is that of its line without the member "hash", so the values are written once for both.
    own = sha256_bytes(_joined(parts))
    parts["hash"] = b'"hash":' + canonical_json(own)
    return _joined(parts), own


def _joined(parts: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(parts[key] for key in sorted(parts)) + b"}"


def parse(data: bytes, *, name: str) -> Parsed:
    """Read a journal; raise `OpsError` naming the first line that does not belong where it stands.

    A last line without its newline is what a crash leaves: it counts as an entry when it is whole, else it is ``torn``.
    """
    lines = data.split(b"\n")
    tail = lines.pop()
    entries: list[dict[str, Any]] = []
    for line in lines:
        entries.append(_entry(line, entries, name))
    if not tail:
        return Parsed(entries, b"")
    try:
        return Parsed([*entries, _entry(tail, entries, name)], b"")
    except OpsError:
        return Parsed(entries, tail)


def _entry(line: bytes, before: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return read_line(line, number=len(before) + 1, prev=before[-1]["hash"] if before else GENESIS, name=name)


def read_line(
    line: bytes, *, number: int, prev: str, name: str, text: Callable[[Any], bytes] | None = canonical_json
) -> dict[str, Any]:
    """Read line ``number`` of a chain whose line before it has the hash ``prev``.

    Raises `OpsError` when the line is none, does not match its hash, is spelled otherwise than canonical, or does not
    belong there. ``text`` writes the canonical spelling; without it only the hash vouches for the bytes.
    """
    mend = "It was edited or damaged: keep its folder as evidence, move it away and start again."
    try:
        entry: dict[str, Any] = json.loads(line.decode("utf-8"))
        claimed = entry["hash"]
        whole, _found, rest = line.partition(b'"hash":"' + claimed.encode() + b'",')
        intact = sha256_bytes(whole + rest) == claimed and (text is None or text(entry) == line)
    except (ValueError, KeyError, AttributeError, TypeError) as exc:
        raise OpsError(f"Line {number} of {name} is not a line of a journal. {mend}", line=number) from exc
    if not intact:
        raise OpsError(f"Line {number} of {name} does not match its own hash. {mend}", line=number)
    if entry.get("prev") != prev or entry.get("seq") != number:
        raise OpsError(f"Line {number} of {name} does not follow line {number - 1}. {mend}", line=number)
    return entry


def state_of(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the entries up: header, plan, steps with times and results, notes, interruptions, verdict.

    ``current`` is the step that is open (or was, when the run was killed); ``done`` are the steps that need not run
    again; ``retreat`` is the way back that was begun, and when it ended.
    """
    state = _State()
    for entry in entries:
        getattr(state, f"on_{entry['event']}", state.on_unknown)(entry)
    return state.as_dict(entries)


class _State:
    """The fold over the entries; one method an event."""

    def __init__(self) -> None:
        self.opened: dict[str, Any] = {}
        self.plan: list[dict[str, Any]] = []
        self.steps: dict[str, dict[str, Any]] = {}
        self.current: str | None = None
        self.interruptions: list[dict[str, Any]] = []
        self.notes: dict[str, list[dict[str, Any]]] = {kind: [] for kind in NOTE_KINDS}
        self.retreat: dict[str, Any] | None = None
        self.closed: dict[str, Any] = {}

    def on_open(self, entry: dict[str, Any]) -> None:
        """Take the header and the first plan."""
        self.opened = entry
        self._take_plan(entry["plan"])

    def on_resume(self, entry: dict[str, Any]) -> None:
        """Take the plan that the run goes on with, where it names one."""
        if entry.get("plan"):
            self._take_plan(entry["plan"])

    def on_enter(self, entry: dict[str, Any]) -> None:
        """Begin an attempt at a step; the first one says since when the step runs."""
        step = self._step(entry["step"])
        step["attempts"] += 1
        step["started"] = step["started"] or entry["at"]
        step.update(status="running", attempt_started=entry["at"], ended=None, seconds=None, error=None)
        if entry.get("text"):
            step["text"] = entry["text"]
        if entry.get("commands"):
            step["commands"] = entry["commands"]
        self.current = entry["step"]

    def on_leave(self, entry: dict[str, Any]) -> None:
        """End a step with its status and result; times are seconds of the whole step and of its last attempt."""
        step = self._step(entry["step"])
        step["result"] = {**step["result"], **entry.get("result", {})}
        step["digest"] = digest(step["result"]) if step["result"] else None
        step.update(status=entry["status"], error=entry.get("error"))
        if step["started"]:
            step.update(ended=entry["at"], seconds=seconds_between(step["started"], entry["at"]))
            step["attempt_seconds"] = seconds_between(step["attempt_started"], entry["at"])
        if self.current == entry["step"]:
            self.current = None

    def on_note(self, entry: dict[str, Any]) -> None:
        """Keep what is told beside the steps, what it adds to the result of one, and how far a way back has come."""
        if entry.get("result") and entry.get("step"):
            step = self._step(entry["step"])
            step["result"] = {**step["result"], **entry["result"]}
        if entry.get("text"):
            told = {"at": entry["at"], "step": entry.get("step"), "text": entry["text"]}
            self.notes[entry["kind"]].append({**entry.get("result", {}), **entry.get("data", {}), **told})
        way = entry.get("kind", "").removesuffix("_begun")
        if way in WAYS_BACK:
            ended = entry["at"] if way == entry["kind"] else None
            self.retreat = {"begun": entry["at"], **(self.retreat or {}), "way": way, "ended": ended}

    def on_interrupt(self, entry: dict[str, Any]) -> None:
        """Mark the step that a run was in when it ended without saying so."""
        kept: dict[str, Any] = {key: entry[key] for key in ("last_seen", "torn") if key in entry}
        self.interruptions.append({"at": entry["last_seen"], "noticed": entry["at"], "step": entry["step"], **kept})
        if entry["step"]:
            self._step(entry["step"])["status"] = "interrupted"

    def on_close(self, entry: dict[str, Any]) -> None:
        """Keep the verdict that ended the journal."""
        self.closed = entry

    def on_unknown(self, entry: dict[str, Any]) -> None:
        """Raise OpsError: what this version does not know it must not fold away."""
        raise OpsError(
            f"Line {entry['seq']} of the journal has the unknown event {entry['event']!r}; read it with the "
            "version of the "
            "collection that wrote it."
        )

    def _take_plan(self, plan: list[dict[str, Any]]) -> None:
        self.plan = plan
        for item in plan:
            self._step(item["id"]).update(item)

    def _step(self, step_id: str) -> dict[str, Any]:
        blank: dict[str, Any] = {
            "id": step_id,
            "status": "pending",
            "attempts": 0,
            "result": {},
            "commands": [],
            **dict.fromkeys(("item", "title", "phase", "actor", "deadline_s", "expected_s", "started", "ended")),
            **dict.fromkeys(("seconds", "attempt_started", "attempt_seconds", "error", "digest")),
        }
        return self.steps.setdefault(step_id, blank)

    def as_dict(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        steps = list(self.steps.values())
        return {
            **{key: self.opened.get(key) for key in ("drill_id", "environment", "scenario", "mode")},
            "header": self.opened.get("header", {}),
            "plan": self.plan,
            "started": self.opened.get("at"),
            "current": self.current,
            "done": [step["id"] for step in steps if step["status"] in _FINISHED],
            "results": {step["id"]: step["result"] for step in steps if step["result"]},
            "entered": {step["id"]: step["started"] for step in steps if step["started"]},
            "left": {step["id"]: step["ended"] for step in steps if step["ended"]},
            "steps": steps,
            "interruptions": self.interruptions,
            "deviations": self.notes["deviation"],
            "findings": self.notes["finding"],
            **{kind: self.notes[kind] for kind in ("salvage", "info", "rollback", "hold")},
            "retreat": self.retreat,
            "closed": bool(self.closed),
            "ended": self.closed.get("at"),
            "verdict": self.closed.get("verdict"),
            "reasons": self.closed.get("reasons", []),
            "lines": len(entries),
            "head": entries[-1]["hash"] if entries else GENESIS,
        }


def step_index(state: Mapping[str, Any], step_id: str) -> int:
    """Return the place of a step in the plan, from 1; raise `OpsError` for a step the plan does not have."""
    ids = [item["id"] for item in state["plan"]]
    if step_id not in ids:
        raise OpsError(f"The step {step_id!r} is not in the plan of this drill, which has: {', '.join(ids)}.")
    return ids.index(step_id) + 1


def progress_line(state: Mapping[str, Any], step_id: str, *, at: str) -> str:
    """Write the one line that tells where the drill stands when it enters a step.

    Example: ``[ 7/22] 00:41 restore db2 · expected 12 s, deadline 60 min, about 38 s left in all``.
    """
    steps = {step["id"]: step for step in state["steps"]}
    step = steps[step_id]
    title = _printable(step.get("text") or step.get("title") or step_id)
    facts = []
    if step.get("expected_s") is not None:
        facts.append(f"expected {_duration(step['expected_s'])}")
    if step.get("deadline_s"):
        facts.append(f"deadline {_duration(step['deadline_s'])}")
    ahead = [steps[item["id"]] for item in state["plan"] if steps[item["id"]]["status"] not in _FINISHED]
    known = [other["expected_s"] for other in ahead if other.get("expected_s") is not None]
    if known:
        facts.append(f"about {_duration(sum(known))} left in all")
    place, total = step_index(state, step_id), len(state["plan"])
    clock = elapsed_text(seconds_between(state["started"], at))
    return f"[{place:>{len(str(total))}}/{total}] {clock} {title}" + (f" · {', '.join(facts)}" if facts else "")


def plan_lines(plan: list[dict[str, Any]]) -> list[str]:
    """Write a plan for a terminal: a line a step with its item, actor and times, then what is expected in all."""
    width = len(str(len(plan)))
    lines = []
    for place, item in enumerate(plan, start=1):
        facts = [item["actor"]] if item.get("actor") else []
        timed = item.get("expected_s") is not None
        facts.append(f"expected {_duration(item['expected_s'])}" if timed else "not timed yet")
        facts += [f"deadline {_duration(item['deadline_s'])}"] if item.get("deadline_s") else []
        facts += ["DESTRUCTIVE"] if item.get("destructive") else []
        name = f"{item.get('item') or '-':<6} {_printable(item.get('title') or item['id'])}"
        lines.append(f"{place:>{width}}. {name} · {', '.join(facts)}")
    known = [item["expected_s"] for item in plan if item.get("expected_s") is not None]
    untimed = len(plan) - len(known)
    total = f"Expected in all: {_duration(sum(known))}" if known else "Expected in all: unknown"
    noun = "step" if untimed == 1 else "steps"
    return [*lines, total + (f", and {untimed} {noun} that no earlier run has timed" if untimed else "")]


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "under 1 s"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
