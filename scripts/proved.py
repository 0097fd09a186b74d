# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in a few lines what the newest drill and the newest mornings proved, and where the proof lies.

``proved.py REPORTS [FAULT ...]``: each fault is what was planted between the two newest mornings and the cell that has
to turn, ``expire-certificate repo1: SECURITY-02 repo1 fail``. One that was not found ends the program with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

WORDS = {"pass": "hold", "fail": "fail", "unknown": "unknown", "stale": "stale", "waived": "waived"}


def newest(directory: Path) -> Path:
    """Return the folder of the drill that started last; end the program when there is none."""
    drills = sorted(directory.glob("*/drill.json"), key=lambda path: json.loads(path.read_text("utf-8"))["started"])
    if not drills:
        sys.exit(f"There is no drill in {directory}; run: ansible-playbook dr-drill.yml -e dr_drill_confirm=lab")
    return drills[-1].parent


def against(measured: Any, target: Any) -> str:
    """Return a measured number of seconds beside its target, or say that it was not measured."""
    return "not measured" if measured is None else f"{measured:.1f} s (target {target:g} s)"


def told(drill: dict[str, Any], folder: Path) -> list[str]:
    """Return the lines about one drill."""
    achieved, targets, ledger = drill["achieved"], drill["targets"], drill["ledger"]
    return [
        f"What was proved: {drill['scenario']['title']} - verdict {drill['verdict'].replace('_', ' ')}",
        *(f"  because             {reason}" for reason in drill["verdict_reasons"]),
        f"  recovery time       {against(achieved['rto_s'], targets['rto_s'])}, as clients saw it",
        f"  loss in time        {against(achieved['rpo_s'], targets['rpo_s'])}",
        f"  loss in writes      {achieved['lost_rows']} of {ledger['acked']} acknowledged",
        f"  in doubt            {achieved['in_doubt_rows']} sent without an answer, listed apart",
        f"  return              {drill['failback'].get('lost', 'not measured')} writes lost on the way back",
        "Where it lies:",
        f"  report              {folder}/drill.html",
        f"  record              {folder}/drill.json",
        f"  check its seal      python3 verify/verify_pack.py {folder}",
    ]


def newest_mornings(directory: Path, most: int = 2) -> list[Path]:
    """Return the folders of the newest sealed mornings, the newest first."""
    found = sorted(path.parent for path in directory.glob("*/results.jsonl") if (path.parent / "MANIFEST").exists())
    return found[: -most - 1 : -1]


def mornings(folders: Iterable[Path]) -> list[str]:
    """Return a line about each of some mornings; none when there are none."""
    lines = []
    for folder in folders:
        last = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        totals = json.loads(last).get("totals", {})
        counts = ", ".join(f"{totals[status]} {word}" for status, word in WORDS.items() if totals.get(status))
        lines.append(f"  {folder}/audit.html  {counts}")
    return ["The mornings, the newest first:", *lines] if lines else []


class Planted(NamedTuple):
    """A fault, and the cell that has to turn because of it: its control, its subject and what it becomes."""

    fault: str
    control: str
    subject: str
    status: str


class Cell(NamedTuple):
    """What a morning decided about one subject by one control."""

    status: str
    says: str


Cells = dict[tuple[str, str], Cell]


def planted(text: str) -> Planted:
    """Return a fault as the command line writes it; raises ValueError for anything else."""
    fault, colon, cell = text.partition(": ")
    words = cell.split()
    if not colon or len(words) != 3:
        raise ValueError(f"{text!r} is no fault with its cell, such as 'host-kill app3: INFRA-02 app3 unknown'")
    return Planted(fault, *words)


def cells(morning: Path) -> Cells:
    """Return what a morning decided, by control and subject."""
    found = {}
    for line in (morning / "results.jsonl").read_text(encoding="utf-8").splitlines():
        told_of = json.loads(line)
        for row in told_of.get("rows", ()):
            found[told_of["control"], row["subject"]] = Cell(row["status"], row["says"])
    return found


def seen(one: Planted, before: Cells, after: Cells) -> tuple[bool, str]:
    """Return whether the cell of a fault is what the fault makes of it, and was not so before; and a line about it."""
    key = (one.control, one.subject)
    was, now = before.get(key), after.get(key)
    if was is None or now is None:
        return False, f"  NOT FOUND  {one.fault}: {one.control} was not judged on {one.subject} in both mornings"
    turned = f"{one.control} on {one.subject}, {was.status} before, {now.status} now"
    if now.status != one.status or was.status == now.status:
        return False, f"  NOT FOUND  {one.fault}: {turned}; it should have turned to {one.status}"
    return True, f"  found      {one.fault}: {turned}: {now.says}"


def main() -> int:
    """Print the lines about mornings, faults and the newest drill; return 1 when a planted fault was not found."""
    parser = argparse.ArgumentParser(description="Say what the newest drill and the newest mornings proved.")
    parser.add_argument("reports", type=Path, help="the reports of one environment")
    parser.add_argument("faults", type=planted, nargs="*", help="FAULT: CONTROL SUBJECT STATUS")
    asked = parser.parse_args()
    folder, days = newest(asked.reports / "drills"), newest_mornings(asked.reports)
    drill = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
    before, after = ([cells(day) for day in reversed(days)] + [{}, {}])[:2]
    found = [seen(one, before, after) for one in asked.faults]
    faults = ["What the newest one found of the planted faults:", *(line for _well, line in found)] if found else []
    print("\n".join(["", *mornings(days), *faults, *told(drill, folder), ""]))
    return 0 if all(well for well, _line in found) else 1


if __name__ == "__main__":
    sys.exit(main())
