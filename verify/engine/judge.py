# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging: one control over all its subjects, from evidence alone. Every expected cell gets exactly one row.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from verify.engine.catalogue import Item, bounds_of
from verify.engine.control import Control, Expectation, Said, Verdict
from verify.engine.declared import Declared
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence, NotJudged, StaleEvidence
from verify.engine.words import GREEN, EvidenceClass, Status, worst

__all__ = ["ControlResult", "Row", "finding_id", "judge"]

_SHOWN = 8
_CLASSES = (EvidenceClass.DECLARED, EvidenceClass.ATTESTED, EvidenceClass.MACHINE)


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one cell.

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
    """What a control found: a row for each subject, and the status of the worst of them."""

    control: Control
    item: Item
    rows: tuple[Row, ...]

    @property
    def status(self) -> Status:
        """Return the worst status of all subjects; ``unknown`` when there are none."""
        return worst(row.status for row in self.rows)


def finding_id(control_id: str, kind: str, subject: str) -> str:
    """Return the name under which a cell that is not green is followed over runs, ``F-`` and ten hex digits."""
    return "F-" + hashlib.sha256(f"{control_id}\0{kind}\0{subject}".encode()).hexdigest()[:10]


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
    return ControlResult(control, item, tuple(rows) or (_nobody(control, estate),))


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
    estate.used.clear()
    subject = estate if declared.kind == "estate" else estate.view(declared)
    said: list[Said] = []
    stopped: NotJudged | None = None
    try:
        said.extend(control.check(subject, *arguments))
    except NotJudged as exc:
        stopped = exc
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as exc:
        # A check that stumbles over what a source said has decided nothing; the others go on.
        stopped = NoEvidence(f"The check could not read its evidence ({type(exc).__name__}: {exc}).")
    return _with_evidence(_row(declared, said, stopped), estate)


def _row(declared: Declared, said: list[Said], stopped: NotJudged | None) -> Row:
    """Return the row that a check's words make: a failure outranks a gap, a gap outranks what held."""
    held = [one for one in said if isinstance(one, Expectation)]
    broken = [one for one in held if not one.holds]
    if broken:
        first, shown = broken[0], broken[:_SHOWN]
        return Row(
            declared.kind,
            declared.name,
            Status.FAIL,
            first.says,
            len(held),
            len(broken),
            tuple({"says": one.says, "observed": one.observed, "expected": one.expected} for one in shown),
            first.observed,
            first.expected,
        )
    if stopped is not None:
        status = Status.STALE if isinstance(stopped, StaleEvidence) else Status.UNKNOWN
        return Row(declared.kind, declared.name, status, str(stopped), len(held))
    verdicts = [one for one in said if isinstance(one, Verdict)]
    # "Not applicable" of a part does not undo what other parts proved.
    telling = [one for one in verdicts if not (held and one.status is Status.NOT_APPLICABLE)]
    if telling:
        chief = worst(one.status for one in telling)
        said_it = next(one for one in telling if one.status is chief)
        return Row(declared.kind, declared.name, chief, said_it.says, len(held), observed=said_it.observed)
    if not held:
        return Row(declared.kind, declared.name, Status.UNKNOWN, "The check decided nothing about this subject.")
    last = held[-1]
    return Row(
        declared.kind, declared.name, Status.PASS, last.says, len(held), observed=last.observed, expected=last.expected
    )


def _with_evidence(row: Row, estate: Estate) -> Row:
    if not estate.used:
        if row.status is Status.PASS:
            # A claim that holds without any evidence is a constant, not a proof.
            return replace(row, status=Status.UNKNOWN, says="The check used no evidence, so it proves nothing.")
        return row
    keys = tuple(dict.fromkeys(fact.key for fact in estate.used))
    weakest = min((fact.klass for fact in estate.used), key=_CLASSES.index)
    oldest = min(fact.collected for fact in estate.used)
    return replace(row, evidence=keys, collected=oldest, klass=weakest)
