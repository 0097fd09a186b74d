# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all molecule scenarios in the order in which the roles build on one another, on one shared estate.

A single role is tried on an estate of its own with ``molecule test -s ROLE``; this program only saves building the same
hosts ten times. The last line has the form of pytest's, so that the scenarios are counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LAB = ["lab/lab", "--prefix", "mol", "--subnet", "10.84"]
HOSTS = ["lb1", "app1", "db1", "db2", "repo1", "mon1", "client1"]
ORDER = (
    "base",
    "pgbackrest",
    "postgresql",
    "wal_receiver",
    "pgbouncer",
    "app",
    "haproxy",
    "monitoring",
    "file_backup",
    "canary",
    "verify_access",
    "verify_daily",
)


def scenarios() -> list[str]:
    """Return the scenarios in their order; one that the order does not know ends the program."""
    present = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    if present != set(ORDER):
        sys.exit(f"The order in {Path(__file__).name} and molecule/ differ: {', '.join(sorted(present ^ set(ORDER)))}.")
    return list(ORDER)


def run(name: str) -> bool:
    """Run one scenario on the shared estate and return whether it passed."""
    environment = dict(os.environ, MOLECULE_SHARED="true", MOLECULE_GLOB="molecule/*/molecule.yml")
    environment["MOLECULE_EPHEMERAL_DIRECTORY"] = str(ROOT / ".cache" / "molecule" / name)
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    begun = time.monotonic()
    done = subprocess.run([str(BIN / "molecule"), "test", "-s", name], cwd=ROOT, env=environment, check=False)
    word = "passed" if done.returncode == 0 else "FAILED"
    print(f"molecule {name}: {word} in {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    """Build the estate, run every scenario until one fails, remove the estate; return the exit code."""
    begun, passed, failed = time.monotonic(), 0, 0
    names = scenarios()
    subprocess.run([*LAB, "destroy"], cwd=ROOT, check=True)
    subprocess.run([*LAB, "up", "--no-provision", *HOSTS], cwd=ROOT, check=True)
    for name in names:
        if not run(name):
            failed = 1
            break
        passed += 1
    if not failed:
        subprocess.run([*LAB, "destroy"], cwd=ROOT, check=True)
    counts = f"{passed} passed" + (f", {failed} failed" if failed else "")
    print(f"{counts} in {time.monotonic() - begun:.2f}s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
