# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging: one control over all its subjects, from evidence alone. Every expected cell gets exactly one row.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from verify.engine.catalogue import Item, bounds_of
from verify.engine.control import Control, Expectation, Said, Verdict
from verify.engine.declared import Declared
from verify.engine.estate import Estate
from verify.engine.evidence import UNREADABLE, Fact, NoEvidence, NotJudged
from verify.engine.words import GREEN, WEAKEST_FIRST, EvidenceClass, Status, worst

__all__ = ["ControlResult", "Row", "finding_id", "judge"]

_SHOWN = 8
_PLACE = {klass: place for place, klass in enumerate(WEAKEST_FIRST)}
# Keys of the facts used, the instant of the oldest, the weakest class.
_Proof = tuple[tuple[str, ...], float | None, EvidenceClass | None]
_NO_PROOF: _Proof = ((), None, None)
# What only the inventory says: no fact was read.
_DECLARED: _Proof = ((), None, EvidenceClass.DECLARED)
_PASS = Status.PASS
_ROW = tuple.__new__


class Row(NamedTuple):
    """The result of one cell. A tuple, because a run makes hundreds of thousands.

    ``says`` is a sentence: the first failed expectation, the reason of an unknown, or the last claim that held.
    ``checked`` counts expectations, ``failed`` lists those that did not hold (at most eight, ``failed_count`` is their
    full number), ``evidence`` holds the keys of the facts used and ``collected`` is the oldest of them.
    """

    kind: str
    subject: str
    status: Status
    says: str
    checked: int = 0
    failed_count: int = 0
    failed: tuple[Mapping[str, Any], ...] = ()
    observed: Any = None
    expected: Any = None
    evidence: tuple[str, ...] = ()
    collected: float | None = None
    klass: EvidenceClass | None = None
    original: Status | None = None
    waiver: str = ""

    @property
    def green(self) -> bool:
        """Return whether this cell needs nobody."""
        return self.status in GREEN


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What a control found: a row for each subject, and the status of the worst of them.

    ``bounds`` are those that it was judged by, the environment's over the guide's.
    """

    control: Control
    item: Item
    rows: tuple[Row, ...]
    bounds: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """Return the worst status of all subjects; ``unknown`` when there are none."""
        return worst(row.status for row in self.rows)


def finding_id(control_id: str, kind: str, subject: str) -> str:
    """Return the name under which a cell that is not green is followed over runs, ``F-`` and ten hex digits."""
    return "F-" + hashlib.sha256(f"{control_id}\0{kind}\0{subject}".encode("utf-8", "surrogatepass")).hexdigest()[:10]


def judge(control: Control, item: Item, estate: Estate, *, subjects: Iterable[Declared] | None = None) -> ControlResult:
    """Judge a control over its declared subjects.

    Without any subject there is one row for the estate: not applicable when the environment declares why
    (``verify_empty``), unknown otherwise.
    """
    estate.freshness_s = item.freshness_s
    wanted = estate.environment.subjects(control.kind, control.group) if subjects is None else list(subjects)
    bounds = bounds_of(item, estate.declared("verify_bounds") or {})
    extra = {"estate": estate, "bounds": bounds}
    arguments = [extra[name] for name in control.wants]
    rows = [_cell(control, estate, declared, arguments) for declared in wanted]
    return ControlResult(control, item, tuple(rows) or (_nobody(control, estate),), vars(bounds))


def _nobody(control: Control, estate: Estate) -> Row:
    what = f"host of the group {control.group}" if control.group else control.kind
    reason = estate.environment.empty_reason(control.kind, control.group)
    if reason:
        return Row(
            "estate",
            estate.name,
            Status.NOT_APPLICABLE,
            f"{estate.name} declares no {what}: {reason}",
            klass=EvidenceClass.DECLARED,
        )
    told = f"{estate.name} has no {what}: nothing was looked at. Declare one, or say why there is none in verify_empty."
    return Row("estate", estate.name, Status.UNKNOWN, told)


def _cell(control: Control, estate: Estate, declared: Declared, arguments: list[Any]) -> Row:
    used = estate.used
    used.clear()
    subject = estate if declared.kind == "estate" else estate.view(declared)
    said: list[Said] = []
    stopped: NotJudged | None = None
    try:
        said.extend(control.check(subject, *arguments))
    except NotJudged as exc:
        stopped = exc
    except UNREADABLE as exc:
        # A check that stumbles over what a source said has decided nothing; the others go on.
        stopped = NoEvidence(f"The check could not read its evidence ({type(exc).__name__}: {exc}).")
    if said and stopped is None and _read(used):
        for one in said:
            if not isinstance(one, Expectation) or not one[0]:
                break
        else:
            # What nearly every cell is, and made by place, because there are hundreds of thousands.
            last: Any = said[-1]
            start = (declared.kind, declared.name, _PASS, last[1], len(said), 0, (), last[2], last[3])
            return _ROW(Row, (*start, *_proof(used), None, ""))
    return _row(declared, said, stopped, used)


def _read(used: list[Fact]) -> bool:
    """Return whether any of the facts used was had: a check that goes on without its evidence proves nothing."""
    return any(fact.error is None for fact in used)


def _row(declared: Declared, said: list[Said], stopped: NotJudged | None, used: list[Fact]) -> Row:
    """Return the row that a check's words make: a failure outranks a gap, a gap outranks what held."""
    held = [one for one in said if isinstance(one, Expectation)]
    proof = _proof(used) if used else _NO_PROOF
    if not all(one.holds for one in held):
        return _failed(declared, held, proof)
    if stopped is not None:
        return _decided(declared, stopped.status, str(stopped), len(held), proof)
    # "Not applicable" of a part does not undo what other parts proved.
    verdicts = [one for one in said if isinstance(one, Verdict)]
    telling = [one for one in verdicts if not (held and one.status is Status.NOT_APPLICABLE)]
    if telling:
        chief = worst(one.status for one in telling)
        said_it = next(one for one in telling if one.status is chief)
        if chief is Status.NOT_APPLICABLE and not used:
            # Then the environment's own word is all there is, and the row says so.
            proof = _DECLARED
        return _decided(declared, chief, said_it.says, len(held), proof, said_it.observed)
    if not held:
        return _decided(declared, Status.UNKNOWN, "The check decided nothing about this subject.", 0, proof)
    last = held[-1]
    if not _read(used):
        # A claim that holds without any evidence is a constant, not a proof; nor is a fact that nobody could have one.
        told = "The check used no evidence, so it proves nothing."
        return _decided(declared, Status.UNKNOWN, told, len(held), proof, last.observed, last.expected)
    return _decided(declared, Status.PASS, last.says, len(held), proof, last.observed, last.expected)


def _decided(
    declared: Declared,
    status: Status,
    says: str,
    checked: int,
    proof: _Proof,
    observed: Any = None,
    expected: Any = None,
) -> Row:
    return Row(declared.kind, declared.name, status, says, checked, 0, (), observed, expected, *proof)


def _failed(declared: Declared, held: list[Expectation], proof: _Proof) -> Row:
    broken = [one for one in held if not one.holds]
    first = broken[0]
    shown = tuple({"says": one.says, "observed": one.observed, "expected": one.expected} for one in broken[:_SHOWN])
    return Row(
        *(declared.kind, declared.name, Status.FAIL, first.says, len(held), len(broken), shown),
        *(first.observed, first.expected, *proof),
    )


def _proof(used: list[Fact]) -> _Proof:
    """Return the keys of the facts used, the instant of the oldest, and the weakest class among them."""
    oldest, weakest = used[0].collected, used[0].klass
    keys: dict[str, None] = {}
    for fact in used:
        keys[fact.key] = None
        if fact.collected < oldest:
            oldest = fact.collected
        if fact.klass is not weakest and _PLACE[fact.klass] < _PLACE[weakest]:
            weakest = fact.klass
    return tuple(keys), oldest, weakest
