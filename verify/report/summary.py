# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a run in a sentence: whether the day can be signed, and why; the words of page, mail and terminal.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verify.engine.words import Status
from verify.report.data import ReportData
from verify.report.text import age, clean, counted, thin

__all__ = ["TRANSITIONS", "Answer", "answer", "owner_of", "summary_text", "terms_of_changes", "transitions"]

TRANSITIONS = (
    *("new", "newly_unknown", "waiver_expired", "flapping", "still", "waived", "fixed", "scope_in", "scope_out"),
)

NOT_SEALED = "the pack is not sealed: no signing key (verify_signing_key)"
"""Why a run without a key cannot be signed: whoever can write its folder can make another one."""


@dataclass(frozen=True)
class Answer:
    """Whether the day can be signed. ``css`` is ok, warn or bad; ``why`` is one sentence."""

    sign: bool
    word: str
    why: str
    css: str
    mark: str


def answer(data: ReportData) -> Answer:
    """Return whether the day can be signed, and why."""
    reasons = _reasons(data)
    why = "; ".join(reasons)
    if not data.complete:
        return Answer(False, "Incomplete", f"The run did not come to its end: {why}.", "bad", "!")
    if why:
        if data.close_exit == 0 and not data.open_findings and data.decided == data.expected:
            # The exit code is that of the cells alone; whoever reads 0 there must not take it for the answer.
            why = f"all {counted(data.decided, 'cell')} are decided and green, so the exit code is 0, but {why}"
        failing = bool(data.totals[Status.FAIL]) or (data.close_exit not in (10, 11) and reasons != [NOT_SEALED])
        return Answer(False, "Do not sign", f"{why[0].upper()}{why[1:]}.", "bad" if failing else "warn", "✕")
    waived = data.totals[Status.WAIVED]
    excused = f", {counted(waived, 'cell')} of them under a waiver" if waived else ""
    return Answer(
        True, "You can sign", f"All {counted(data.decided, 'cell')} are decided and green{excused}.", "ok", "✓"
    )


def _reasons(data: ReportData) -> list[str]:
    """Return what stands against signing, the worst first; none when nothing does."""
    found = []
    if not data.complete:
        expected = f" of {counted(data.expected, 'cell')}" if data.expected is not None else ""
        found.append(f"{thin(data.decided)}{expected} were decided before it stopped")
    failing = [finding for finding in data.open_findings if finding.row.status is Status.FAIL]
    if failing:
        controls = len({finding.control.control for finding in failing})
        subjects = len({(finding.row.kind, finding.row.subject) for finding in failing})
        found.append(
            f"{counted(controls, 'control')} {'fails' if controls == 1 else 'fail'} on {counted(subjects, 'subject')}"
        )
    words = {Status.UNKNOWN: "unknown", Status.STALE: "on stale evidence", Status.MANUAL_DUE: "waiting for a person"}
    for status, word in words.items():
        if data.totals[status]:
            found.append(f"{counted(data.totals[status], 'cell')} {'is' if data.totals[status] == 1 else 'are'} {word}")
    if data.complete:
        found += _formal(data, bool(found))
    return found if data.signed else [*found, NOT_SEALED]


def _formal(data: ReportData, told: bool) -> Iterable[str]:
    """Return reasons that no cell shows: cells without a row, a selection, an exit code that nothing explains."""
    if not data.decided or (data.expected is not None and data.decided != data.expected):
        yield f"{data.decided} of {data.expected or 0} expected cells were decided"
    elif data.run.get("selection"):
        yield "the run looked at a selection only, which cannot stand for the day"
    elif data.close_exit and not told:
        yield f"the run ended with exit code {data.close_exit}"


def transitions(data: ReportData) -> dict[str, list[Mapping[str, Any]]]:
    """Return the lists of what changed, all of them empty when the run was compared with none."""
    changes = _compared(data)
    return {name: list(changes.get(name) or ()) for name in TRANSITIONS}


def _compared(data: ReportData) -> Mapping[str, Any]:
    changes = data.changes or {}
    return changes if changes.get("comparable") else {}


def terms_of_changes(data: ReportData) -> list[tuple[str, str]]:
    """Return the items that the compared run judged by other terms, such as another bound, and what differs."""
    return sorted((_compared(data).get("terms") or {}).items())


def owner_of(data: ReportData, role: str) -> str:
    """Return who an owner role is in this environment; empty when the environment does not say."""
    return str((data.run.get("owners") or {}).get(role) or "")


def summary_text(data: ReportData) -> str:
    """Return the run in one paragraph and a newline, for a terminal, a mail or a web hook."""
    said = answer(data)
    head = f"{data.run['environment']} {data.run['id']}: {said.word.upper()}. {said.why}"
    parts = [head if data.complete else f"INCOMPLETE. {head}", _changed(data), _who(data), _covered(data)]
    return clean(" ".join(part for part in parts if part)).replace("\u202f", " ") + "\n"


def _changed(data: ReportData) -> str:
    if not _compared(data):
        reason = (data.changes or {}).get("reason") or "there is no earlier run of the same scope"
        return f"Not compared: {str(reason).rstrip('.')}."
    lists = transitions(data)
    told = [f"{len(rows)} {name.replace('_', ' ')}" for name, rows in lists.items() if rows]
    oldest = max((row.get("age_s") or 0 for row in lists["still"]), default=0)
    since = f" (the oldest for {age(oldest)})" if oldest else ""
    terms = ", ".join(item for item, _what in terms_of_changes(data))
    other = f" Judged by other terms than then: {terms}." if terms else ""
    return f"Since {(data.changes or {}).get('previous')}: {', '.join(told) or 'no change'}{since}.{other}"


def _who(data: ReportData) -> str:
    owners = Counter(data.item(finding.control.item).owner for finding in data.open_findings)
    told = [f"{role} {number}" for role, number in sorted(owners.items(), key=lambda pair: (-pair[1], pair[0]))]
    return f"Must act: {', '.join(told)}." if told else ""


def _covered(data: ReportData) -> str:
    known = data.coverage
    return (
        f"Coverage: {known['machine']} of {known['items']} items rest on machines alone, {known['attested']} on signed "
        f"statements, {known['declared']} on what somebody wrote down, {known['undecided']} are undecided, "
        f"{known['gap']} without a control."
    )
