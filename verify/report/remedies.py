# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must act, and with which command: the open findings by owner, and causes that many of them share.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from verify.engine.catalogue import SEVERITIES, Item
from verify.engine.remedy import commands, hosts_of
from verify.engine.words import Status
from verify.report.data import Finding, ReportData
from verify.report.groups import CSS
from verify.report.names import SUBJECT, anchor, claim, natural, ranges
from verify.report.summary import owner_of
from verify.report.text import WORDS, age, counted, time_of

__all__ = ["ages_of", "causes", "look_of", "owners", "shared_ids", "undecided_items"]

_FEW = 6
_ORDER = (Status.FAIL, Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE)


def ages_of(data: ReportData) -> dict[str, float]:
    """Return for how long each finding has been open before this run, in seconds, by its name."""
    rows = (data.changes or {}).get("still") or ()
    return {str(row["finding"]): float(row["age_s"]) for row in rows if row.get("age_s") is not None}


def shared_ids(data: ReportData) -> frozenset[str]:
    """Return the findings whose reason is one of the causes that several controls share."""
    return frozenset(finding.id for found in _shared(data).values() for finding, _about in found)


def causes(data: ReportData) -> list[dict[str, Any]]:
    """Return reasons that leave cells of several controls undecided, such as a host that did not answer."""
    told = [_cause(data, key, found) for key, found in _shared(data).items()]
    return sorted(told, key=lambda cause: -cause["number"])


def undecided_items(data: ReportData) -> list[tuple[str, int]]:
    """Return the items with cells that are not decided for a reason of their own, and how many: the most first."""
    elsewhere = shared_ids(data)
    found: dict[str, int] = {}
    for finding in data.open_findings:
        if finding.row.status is not Status.FAIL and finding.id not in elsewhere:
            found[finding.control.item] = found.get(finding.control.item, 0) + 1
    return sorted(found.items(), key=lambda one: (-one[1], natural(one[0])))


_Reason = tuple[Status, str]


def _shared(data: ReportData) -> dict[_Reason, list[tuple[Finding, str]]]:
    """Return reasons with their findings, each with the name that its reason is about."""
    found: dict[_Reason, list[tuple[Finding, str]]] = {}
    for finding in data.open_findings:
        if finding.row.status in (Status.UNKNOWN, Status.STALE):
            says, about = _reason(data, finding)
            found.setdefault((finding.row.status, says), []).append((finding, about))
    return {key: rows for key, rows in found.items() if len({one.control.control for one, _about in rows}) > 1}


def _reason(data: ReportData, finding: Finding) -> tuple[str, str]:
    """Return a reason with the name taken out that it is about: the subject's, or a host's that was asked about it."""
    row = finding.row
    asked = (key.rpartition("/")[0] for key in row.evidence)
    for name in dict.fromkeys([row.subject, *(one for one in asked if one in data.host_names)]):
        says = claim(row.says, name)
        if SUBJECT in says:
            return says, name
    return row.says, ""


def _cause(data: ReportData, key: _Reason, found: Sequence[tuple[Finding, str]]) -> dict[str, Any]:
    status, says = key
    about = sorted({name for _finding, name in found if name}, key=natural)
    hosts = [name for name in about if name in data.host_names]
    rows = {(finding.row.kind, finding.row.subject) for finding, _name in found}
    subjects = [("host", name) for name in hosts] if hosts else sorted(rows, key=lambda one: natural(one[1]))
    kinds = {kind for kind, _name in subjects}
    return {
        "status": WORDS[status],
        "css": CSS[status],
        "says": says.replace(SUBJECT, subjects[0][1] if len(subjects) == 1 else "each of them"),
        "subjects": [(name, anchor(kind, name)) for kind, name in subjects],
        "count": counted(len(subjects), kinds.pop() if len(kinds) == 1 else "subject"),
        "number": len(found),
        "cells": counted(len(found), "cell"),
        "controls": counted(len({finding.control.control for finding, _name in found}), "control"),
        "commands": _ask_again(data, hosts),
    }


def _ask_again(data: ReportData, hosts: Sequence[str]) -> list[dict[str, str]]:
    """Return how to see whether hosts answer, and how to judge them again."""
    again = f"pytest verify/ --env {_environment(data)}"
    if not hosts:
        return [{"what": "Then test again", "line": again}]
    again += "".join(f" --host {shlex.quote(host)}" for host in hosts)
    ping = f"ansible -i {shlex.quote(_inventory(data))} {shlex.quote(','.join(hosts))} -m ping"
    return [{"what": "See whether they answer", "line": ping}, {"what": "Then test again", "line": again}]


def owners(data: ReportData, ages: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the owners of open findings with what each has to do, the one with the most severe findings first."""
    elsewhere = shared_ids(data)
    by_owner: dict[str, list[Finding]] = {}
    for finding in data.open_findings:
        by_owner.setdefault(data.item(finding.control.item).owner, []).append(finding)
    found = [_owner(data, role, rows, elsewhere, ages) for role, rows in by_owner.items()]
    return sorted(found, key=lambda one: (one["rank"], -one["open"], one["role"]))


def _owner(
    data: ReportData, role: str, found: Sequence[Finding], elsewhere: frozenset[str], ages: Mapping[str, float]
) -> dict[str, Any]:
    by_control: dict[str, list[Finding]] = {}
    for finding in found:
        if finding.id not in elsewhere:
            by_control.setdefault(finding.control.control, []).append(finding)
    tasks = [_task(data, rows, ages) for rows in by_control.values()]
    tasks.sort(key=lambda task: (task["rank"], -task["number"], task["control"]))
    return {
        "role": role,
        "address": owner_of(data, role),
        "open": len(found),
        "elsewhere": sum(finding.id in elsewhere for finding in found),
        "tasks": tasks,
        "rank": min((task["rank"] for task in tasks), default=(9, 9)),
    }


def _task(data: ReportData, found: Sequence[Finding], ages: Mapping[str, float]) -> dict[str, Any]:
    """Return what has to be done about the open cells of one control."""
    control, item = found[0].control, data.item(found[0].control.item)
    worst = min((finding.row.status for finding in found), key=_ORDER.index)
    counts = {status: sum(finding.row.status is status for finding in found) for status in _ORDER}
    oldest = max((ages[finding.id] for finding in found if finding.id in ages), default=None)
    chief = next(finding for finding in found if finding.row.status is worst)
    due = min(data.due(finding) for finding in found)
    one = len({claim(finding.row.says, finding.row.subject) for finding in found}) == 1
    return {
        "control": control.control,
        "item": item.id,
        "title": item.title,
        "severity": item.severity,
        "says": chief.row.says if len(found) == 1 else claim(chief.row.says, chief.row.subject),
        "others": "" if one else "and other reasons",
        "css": CSS[worst],
        "counts": [(CSS[status], f"{number} {WORDS[status]}") for status, number in counts.items() if number],
        "number": len(found),
        "names": ranges(finding.row.subject for finding in found),
        "age": "" if oldest is None else age(oldest),
        "due": time_of(due),
        "late": due < data.moment,
        "remedy": item.remedy.text,
        "reason": item.remedy.reason,
        "commands": _commands(data, item, found),
        "rank": (SEVERITIES.index(item.severity), _ORDER.index(worst)),
        "ids": [finding.id for finding in found],
    }


def _commands(data: ReportData, item: Item, found: Sequence[Finding]) -> list[dict[str, str]]:
    """Return the remedy as commands: look first, then act, then test again."""
    environment = _environment(data)
    few = len(found) <= _FEW
    only = " ".join(f"--only {finding.id}" for finding in found) if few else f"--item {item.id}"
    again = {"what": "Then test again", "line": f"pytest verify/ --env {environment} {only}"}
    told = commands(
        item.remedy,
        inventory=_inventory(data),
        hosts=hosts_of((finding.row.kind, finding.row.subject) for finding in found),
    )
    if told is None:
        return [again]
    return [{"what": told.look_says, "line": told.look}, {"what": told.act_says, "line": told.act}, again]


def look_of(data: ReportData, item: Item) -> str:
    """Return the command that looks at what an item's remedy would do, on all hosts; empty without a playbook."""
    told = commands(item.remedy, inventory=_inventory(data))
    return told.look if told else ""


def _inventory(data: ReportData) -> str:
    told = (data.run.get("inventory") or {}).get("path")
    return str(told or f"inventories/{data.run['environment']}")


def _environment(data: ReportData) -> str:
    # The name of the inventory, which several copies of an environment may differ in.
    return shlex.quote(str(data.run.get("env") or data.run["environment"]))
