#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the backups of a stanza into a file that the node exporter reads: `backup_metrics.py STANZA FILE`.

A repository that cannot be read leaves the file with ops_backup_readable 0 and without the rest, so that nothing old is
taken for new.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TYPES = ("full", "diff", "incr")


def ask(stanza: str) -> list[dict[str, Any]]:
    """Return pgBackRest's own description of the stanza. Raises OSError, ValueError or SubprocessError."""
    command = ["runuser", "-u", "postgres", "--", "pgbackrest", f"--stanza={stanza}", "info", "--output=json"]
    answered = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    return list(json.loads(answered.stdout))


def describe(stanzas: list[dict[str, Any]], stanza: str) -> dict[str, float]:
    """Return the figures of one stanza by metric name and labels; times are UTC seconds, sizes bytes."""
    found = next((entry for entry in stanzas if entry.get("name") == stanza), {})
    figures: dict[str, float] = {"ops_backup_status": float(found.get("status", {}).get("code", 99))}
    good = [backup for backup in found.get("backup", []) if not backup.get("error")]
    figures["ops_backup_erroneous"] = float(len(found.get("backup", [])) - len(good))
    for kind in TYPES:
        figures[f'ops_backup_kept{{type="{kind}"}}'] = float(sum(backup["type"] == kind for backup in good))
    if good:
        figures['ops_backup_last_completed_timestamp_seconds{type="any"}'] = float(_stop(good[-1]))
        figures["ops_backup_last_size_bytes"] = float(good[-1]["info"]["size"])
        figures["ops_backup_last_duration_seconds"] = float(_stop(good[-1]) - good[-1]["timestamp"]["start"])
    full = [backup for backup in good if backup["type"] == "full"]
    if full:
        figures['ops_backup_last_completed_timestamp_seconds{type="full"}'] = float(_stop(full[-1]))
    return figures


def _stop(backup: dict[str, Any]) -> int:
    return int(backup["timestamp"]["stop"])


def render(figures: dict[str, float], stanza: str) -> str:
    """Return the figures in the exposition format, every one with the stanza as a label."""
    lines = []
    for name, value in figures.items():
        metric, _brace, labels = name.partition("{")
        inner = ",".join(part for part in (f'stanza="{stanza}"', labels.rstrip("}")) if part)
        lines.append(f"{metric}{{{inner}}} {value:.0f}\n")
    return "".join(lines)


def write(path: Path, text: str) -> None:
    """Replace the file at once. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)


def main() -> int:
    """Return 0 after writing figures, 1 when the repository could not be read, 2 for another command line."""
    if len(sys.argv) != 3:
        print("usage: backup_metrics.py STANZA FILE", file=sys.stderr)
        return 2
    stanza, path = sys.argv[1], Path(sys.argv[2])
    figures: dict[str, float] = {}
    problem = ""
    try:
        figures = describe(ask(stanza), stanza)
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        problem = f"the repository could not be read: {error}"
    figures["ops_backup_readable"] = 0.0 if problem else 1.0
    figures["ops_backup_collected_timestamp_seconds"] = time.time()
    write(path, render(figures, stanza))
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
