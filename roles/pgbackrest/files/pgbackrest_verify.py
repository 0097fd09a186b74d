#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run "pgbackrest verify" and fail when it finds something.

pgBackRest ends with status 0 whether its repository is sound or not; what it found stands in its output only.

Exit status: 0 sound; 1 findings, one line each on standard output; 2 the verification could not run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence

# "status: ok" for the stanza, "backup: <label>, status: valid" for a set, counts of faults; log lines have levels.
STATUS = re.compile(r"^(?P<what>.*)\bstatus:\s*(?P<status>[\w-]+)", re.M)
SOUND = {"ok", "valid"}
COUNTS = re.compile(r"(?P<what>missing|checksum invalid|size invalid|other):\s*(?P<count>\d+)")
BROKEN = re.compile(r"\b(?:ERROR|WARN):\s*(?P<text>.+)$", re.M)


def findings(output: str) -> list[str]:
    """Return what a verification found, one sentence an entry; an output without a status is a finding itself."""
    found = [match["text"].strip() for match in BROKEN.finditer(output)]
    statuses = [(match["what"].strip(" ,") or "stanza", match["status"]) for match in STATUS.finditer(output)]
    found += [f"{what}: status {status}" for what, status in statuses if status not in SOUND]
    found += [f"{match['count']} files: {match['what']}" for match in COUNTS.finditer(output) if int(match["count"])]
    if not statuses:
        found.append("the verification gave no status")
    return list(dict.fromkeys(found))


def main(arguments: Sequence[str]) -> int:
    """Verify one stanza and return the exit status."""
    parser = argparse.ArgumentParser(description="Verify a pgBackRest repository; fail on findings.")
    parser.add_argument("--stanza", required=True)
    stanza = parser.parse_args(arguments).stanza
    command = ["pgbackrest", f"--stanza={stanza}", "--output=text", "--verbose", "--log-level-console=warn", "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"<3>pgbackrest verify could not run ({done.returncode}): {(done.stderr or done.stdout).strip()}")
        return 2
    found = findings(done.stdout + done.stderr)
    for text in found:
        print(f"<3>{text}")
    if not found:
        print(f"<5>stanza {stanza}: every file is there and whole")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
