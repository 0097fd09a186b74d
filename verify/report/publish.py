# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing the figures of the newest finished morning to Prometheus: ``metrics.prom`` of its pack, in one step.

systemd starts this after a run (``ExecStartPost=`` of the role verify_daily). A run that was killed, narrowed or judged
again is no morning, so the instant that an alert looks at stays that of the last one that was.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import MANIFEST

__all__ = ["main", "newest_morning", "publish"]

_COMPLETE = re.compile(r"^ccobservatory_verify_run_complete\{[^}]*\} 1$", re.MULTILINE)
_NO_MORNING = ("selection", "replay_of", "evidence_of")


def newest_morning(reports: Path) -> Path | None:
    """Return the newest run of an environment's folder that looked at everything and came to its end; None without."""
    for manifest in sorted(reports.glob(f"*Z/{MANIFEST}"), reverse=True):
        folder = manifest.parent
        header = _header(folder / "run.json")
        if header is None or any(header.get(key) for key in _NO_MORNING):
            continue
        metrics = folder / "metrics.prom"
        if metrics.is_file() and _COMPLETE.search(metrics.read_text(encoding="utf-8")):
            return folder
    return None


def _header(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def publish(folder: Path, file: Path) -> None:
    """Replace a file by the metrics of a run at once, readable for everybody. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "wb") as stream:
        stream.write((folder / "metrics.prom").read_bytes())
    Path(name).chmod(0o644)
    Path(name).replace(file)


def main(words: Sequence[str]) -> int:
    """Read the command line, publish, say of which run; return 0, or 1 after one sentence."""
    parser = argparse.ArgumentParser(description="Show the newest finished morning to the node exporter.")
    parser.add_argument("reports", type=Path, help="the folder of the runs of one environment")
    parser.add_argument("file", type=Path, help="what the textfile collector reads")
    asked = parser.parse_args(words)
    folder = newest_morning(asked.reports)
    if folder is None:
        print(f"{asked.reports} holds no finished morning yet; {asked.file} stays as it is.")
        return 0
    try:
        publish(folder, asked.file)
    except OSError as exc:
        print(f"{asked.file} cannot be written: {exc.strerror}.", file=sys.stderr)
        return 1
    print(f"{asked.file} shows the morning {folder.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
