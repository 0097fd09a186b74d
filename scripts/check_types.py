# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the types of the collection's plugins, under their collection names, and of the programs beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ansible_collections.ccobservatory.ops.plugins"


def programs() -> list[str]:
    """Return the Python files outside the plugins: the lab, the scripts and the programs that roles install."""
    found = [path for room in ("lab", "scripts", "roles", "verify") for path in sorted((ROOT / room).rglob("*.py"))]
    return [str(path.relative_to(ROOT)) for path in found]


def main() -> int:
    """Run mypy for the plugins, then for the programs one by one name; return the first exit code that is not zero."""
    mypy = [sys.executable, "-m", "mypy", "--cache-dir", ".cache/mypy"]
    commands = [[*mypy, "-p", PACKAGE], [*mypy, "--scripts-are-modules", *programs()]]
    return next((code for code in (subprocess.call(command, cwd=ROOT) for command in commands) if code), 0)


if __name__ == "__main__":
    sys.exit(main())
