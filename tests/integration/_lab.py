# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test on the lab shares: where it is, its program, and commands on its hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = os.environ.get("OPS_LAB_PREFIX", "ops")
INVENTORY = ROOT / "inventories" / ("lab" if PREFIX == "ops" else f"lab-{PREFIX}") / "hosts.yml"
LONGEST_S = 400


def lab(*arguments: str, code: int = 0) -> str:
    """Run the lab's program, insist on its exit code and return what it printed."""
    command = [sys.executable, str(ROOT / "lab" / "lab"), "--prefix", PREFIX, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == code, f"{' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_on(host: str, *command: str, data: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as root on a host."""
    return subprocess.run(
        ["podman", "exec", "-i", f"{PREFIX}-{host}", *command],
        input=data,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=LONGEST_S,
    )


def on(host: str, *command: str, data: str = "") -> str:
    """Run a command as root on a host and return its output; it has to succeed."""
    done = run_on(host, *command, data=data)
    assert done.returncode == 0, f"{host}: {' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout
