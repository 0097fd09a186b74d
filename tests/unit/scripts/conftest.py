# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout that holds nothing but the shell scripts, and a search path on which only what they need is found."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
PROGRAMS = (
    "env",
    "bash",
    "sh",
    "dirname",
    "basename",
    "grep",
    "xargs",
    "rm",
    "find",
    "ls",
    "sleep",
    "touch",
    "awk",
    "id",
)
Run = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts; what they would touch outside it lies inside."""
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    (root / "bin").mkdir()
    for path in SCRIPTS.glob("*.sh"):
        text = path.read_text(encoding="utf-8").replace("no_cluster=/", f"no_cluster={root}/")
        text = text.replace("/ccobservatory-idle", "/nobodys-group")
        (root / "scripts" / path.name).write_text(text, encoding="utf-8")
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found, f"{name} is missing on this machine"
        (root / "bin" / name).symlink_to(found)
    return root


@pytest.fixture
def start(checkout: Path) -> Run:
    """Start a script of the checkout; its output comes on one stream."""

    def begin(name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["env", "--default-signal=INT", "bash", f"scripts/{name}"],
            cwd=checkout,
            env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return begin
