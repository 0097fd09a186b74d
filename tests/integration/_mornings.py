# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the morning share: running it as an operator does, and reading what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PREFIX = os.environ.get("OPS_LAB_PREFIX", "ops")
ENV = "lab" if PREFIX == "ops" else f"lab-{PREFIX}"
RUN_TIMEOUT_S = 900


@dataclass(frozen=True)
class Morning:
    """One run: exit code, what it printed, and its folder (None when it left none)."""

    code: int
    text: str
    folder: Path | None

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of results.jsonl."""
        assert self.folder is not None, self.text
        text = (self.folder / "results.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def statuses(self) -> dict[tuple[str, str, str], str]:
        """Return the status of each cell: control, kind and subject."""
        return {
            (line["control"], row["kind"], row["subject"]): row["status"]
            for line in self.lines()
            if line["event"] == "control"
            for row in line["rows"]
        }


def command(*arguments: str, reports: Path) -> list[str]:
    """Return the operator's command."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(ROOT / "verify")]
    return [*pytest, "--report-dir", str(reports), *arguments]


def morning(
    *arguments: str, reports: Path, cwd: Path = ROOT, prefix: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> Morning:
    """Run the morning to its end. ``prefix`` is a command that starts it, such as one that takes its network."""
    before = set(reports.glob("*/*/run.json"))
    done = subprocess.run(
        [*prefix, *command(*arguments, reports=reports)],
        cwd=cwd,
        env={**os.environ, "PWD": str(cwd), "NO_COLOR": "1", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )
    fresh = sorted(set(reports.glob("*/*/run.json")) - before)
    return Morning(done.returncode, done.stdout + done.stderr, fresh[-1].parent if fresh else None)
