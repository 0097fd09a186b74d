# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare machine gets the packages that its distribution can use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str], subprocess.Popen[str]]
# Nothing is installed yet, and the installation fails, so that nothing comes after it.
APT = """#!/bin/bash
echo "$*" >> asked
[ "${*: -1}" = update ]
"""


@pytest.fixture
def bare(checkout: Path) -> Path:
    """A checkout on a machine without any package."""
    for name in ("mkdir", "mktemp", "tail", "tee"):
        found = shutil.which(name)
        assert found, f"{name} is missing on this machine"
        (checkout / "bin" / name).symlink_to(found)
    for name, text in {"apt-get": APT, "dpkg-query": "#!/bin/bash\n", "sudo": '#!/bin/bash\nexec "$@"\n'}.items():
        (checkout / "bin" / name).write_text(text, encoding="utf-8")
        (checkout / "bin" / name).chmod(0o755)
    return checkout


@pytest.mark.parametrize(
    ("told", "browser"), [("ID=debian", True), ("ID=ubuntu", False), ('ID="ubuntu"', False), ("ID=ubuntu-like", True)]
)
def test_the_browser_is_installed_where_it_is_no_snap(bare: Path, start: Run, told: str, *, browser: bool) -> None:
    script = bare / "scripts" / "bootstrap.sh"
    text = script.read_text(encoding="utf-8").replace("os_release=/etc/os-release", f"os_release={bare}/os-release")
    script.write_text(text, encoding="utf-8")
    (bare / "os-release").write_text(f"NAME=x\n{told}\nID_LIKE=ubuntu\n", encoding="utf-8")
    process = start("bootstrap.sh")
    said, _none = process.communicate(timeout=30)
    assert process.returncode == 1, said
    asked = (bare / "asked").read_text(encoding="utf-8").split()
    assert "podman" in asked
    assert ("chromium" in asked) is browser
