# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guards look at: the files that git would track, and the parts of the collection by kind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def names_known_to_git() -> list[str]:
    """Return every tracked or new path, relative to the root, without what .gitignore leaves out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return sorted({name for name in listed.split("\0") if name})


@pytest.fixture(scope="session")
def source_files() -> list[Path]:
    """Return the regular files of the source: no links, nothing that is ignored or deleted."""
    paths = [ROOT / name for name in names_known_to_git()]
    return [path for path in paths if path.is_file() and not path.is_symlink()]
