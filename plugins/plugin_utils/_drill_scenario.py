# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the file of a scenario, before anything of it is carried out. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["EXPECTED_OUTCOMES", "mistakes"]

_TEXTS = ("title", "threat", "hypothesis")
_WORDS = {
    "lost": ("site", "database"),
    "topology": ("repository", "standby_async", "standby_sync", "receivers"),
    "strategy": ("restore", "promote", "point_in_time"),
    # No scenario may do without its way back, and none has one of its own: it follows from what was done.
    "rollback": ("always",),
}
_SWITCHES = ("returns_early", "fresh_backup")
_NEEDED = (*_TEXTS, "blast_radius", *_WORDS, "faults", "stop_condition", "expect")
_FAULT = ("name", "target", "sql")
_EXPECT = ("outcome", "lost_rows", "finding", "fallback")
# How a drill of a scenario may end; the procedures in earnest have ends of their own.
EXPECTED_OUTCOMES = ("recovered", "refused")
_LOSSES = (0, "archive_interval")
# A fault is a word of a command and, for a statement, a part of a file's name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def mistakes(scenario: Any, *, conditions: Collection[str], faults: Collection[str]) -> list[str]:
    """Return what is wrong with a scenario, one part of a sentence each; empty where nothing is.

    Args:
        scenario: the content of the file, its templates not filled in.
        conditions: the names of the stop conditions that the role enforces.
        faults: the names of the faults that the environment's command makes.
    """
    if not isinstance(scenario, Mapping):
        return ["it holds no keys with values; see roles/dr/README.md for what a scenario is"]
    told = [
        *_foreign(scenario, (*_NEEDED, *_SWITCHES), "the scenario"),
        *(f"{key} is missing" for key in _NEEDED if key not in scenario),
        *_values(scenario),
    ]
    rows = scenario.get("faults", [])
    if not isinstance(rows, list) or not rows:
        told.append("faults must be a list with one fault or more")
    else:
        told += [text for place, row in enumerate(rows, 1) for text in _fault(row, f"fault {place}", faults)]
    told += _stops(scenario.get("stop_condition", []), conditions)
    told += _expect(scenario.get("expect", {}))
    return told


def _foreign(found: Mapping[Any, Any], known: Collection[str], where: str) -> Iterator[str]:
    for key in found:
        if key not in known:
            yield f"{where} has a key {key} that nobody reads: {_meant(key, known)}"


def _meant(word: Any, known: Collection[str]) -> str:
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f"was {close[0]} meant?" if close else f"use one of {', '.join(known)}"


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _values(scenario: Mapping[str, Any]) -> Iterator[str]:
    for key in _TEXTS:
        if key in scenario and not _text(scenario[key]):
            yield f"{key} must be a sentence"
    radius = scenario.get("blast_radius", [""])
    if "blast_radius" in scenario and not (isinstance(radius, list) and radius and all(map(_text, radius))):
        yield "blast_radius must be a list of sentences"
    for key, words in _WORDS.items():
        if key in scenario and scenario[key] not in words:
            yield f"{key} is {scenario[key]}: {_meant(scenario[key], words)}"
    for key in _SWITCHES:
        if not isinstance(scenario.get(key, False), bool):
            yield f"{key} must be true or false"


def _fault(row: Any, where: str, known: Collection[str]) -> Iterator[str]:
    if not isinstance(row, Mapping):
        yield f"{where} must have a name and a target"
        return
    yield from _foreign(row, _FAULT, where)
    name = row.get("name")
    if not _text(name) or not _NAME.match(str(name)):
        yield f"{where} needs a name of letters, digits, '.', '_' and '-'"
    elif "sql" not in row and name not in known:
        yield f"{where} is {name}, which no command makes: {_meant(name, known)} (own ones stand in dr_fault_names)"
    if not _text(row.get("target")):
        yield f"{where} needs a target"
    if "sql" in row and not _text(row["sql"]):
        yield f"{where} has no statement in sql"


def _stops(found: Any, known: Collection[str]) -> Iterator[str]:
    if not isinstance(found, list):
        yield f"stop_condition must be a list of names, of {', '.join(known)}"
        return
    for name in found:
        if name not in known:
            yield f"stop_condition names {name}, which nobody evaluates: {_meant(name, known)}"


def _expect(found: Any) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"expect must have the keys {', '.join(_EXPECT)}, as far as they apply"
        return
    yield from _foreign(found, _EXPECT, "expect")
    outcome = found.get("outcome", EXPECTED_OUTCOMES[0])
    if outcome not in EXPECTED_OUTCOMES:
        yield f"expect.outcome is {outcome}: {_meant(outcome, EXPECTED_OUTCOMES)}"
    # Without it nothing but the environment's own target would bound the loss.
    if "lost_rows" not in found:
        yield "expect.lost_rows is missing: say 0, or archive_interval"
    elif isinstance(found["lost_rows"], bool) or found["lost_rows"] not in _LOSSES:
        yield f"expect.lost_rows is {found['lost_rows']}: say 0, or archive_interval"
    if outcome == "refused" and not _text(found.get("finding")):
        yield "expect.finding is missing: a refusal has to name what it finds"
    if not isinstance(found.get("fallback", False), bool):
        yield "expect.fallback must be true or false"
