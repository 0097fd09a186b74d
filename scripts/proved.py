# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in a few lines what the newest drill and the newest mornings proved, and where the proof lies."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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


def mornings(directory: Path, most: int = 2) -> list[str]:
    """Return a line about each of the newest sealed mornings, the newest first; none when there are none."""
    found = sorted(path.parent for path in directory.glob("*/results.jsonl") if (path.parent / "MANIFEST").exists())
    lines = []
    for folder in reversed(found[-most:]):
        last = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        totals = json.loads(last).get("totals", {})
        counts = ", ".join(f"{totals[status]} {word}" for status, word in WORDS.items() if totals.get(status))
        lines.append(f"  {folder}/audit.html  {counts}")
    return ["The mornings, the newest first:", *lines] if lines else []


def main() -> int:
    """Print the lines about the newest mornings and the newest drill of the environment whose reports are named."""
    base = Path(sys.argv[1])
    folder = newest(base / "drills")
    drill = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
    print("\n".join(["", *mornings(base), *told(drill, folder), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
