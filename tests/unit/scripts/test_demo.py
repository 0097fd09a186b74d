# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo` takes back the faults that it plants, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str], subprocess.Popen[str]]
HEALED = "--quiet heal --all"
# The second morning waits to be interrupted, where the test says so.
MORNING = """#!/bin/bash
echo morning >> said
[ "$(grep -c morning said)" -lt 2 ] || [ ! -e waits ] || sleep 60
"""


@pytest.fixture
def story(checkout: Path) -> Path:
    """A checkout in which every program of the story only notes that it was called."""
    tools = {name: f'#!/bin/bash\necho "{name} $*" >> said\n' for name in ("ansible-playbook", "python")}
    tools["pytest"] = MORNING
    files = {f".venv/bin/{name}": text for name, text in tools.items()}
    files["lab/lab"] = '#!/bin/bash\necho "$*" >> said\n'
    files |= {f"scripts/{name}.sh": "" for name in ("bootstrap", "estate")}
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text, encoding="utf-8")
        (checkout / name).chmod(0o755)
    return checkout


def said(root: Path) -> list[str]:
    """Return what was called, in order."""
    path = root / "said"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_morning_leaves_no_fault(story: Path, start: Run, number: signal.Signals) -> None:
    (story / "waits").touch()
    process = start("demo.sh")
    end = time.monotonic() + 30
    while said(story).count("morning") < 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)
    assert HEALED not in said(story)
    os.killpg(process.pid, number)
    assert process.wait(timeout=30) != 0
    assert said(story)[-1] == HEALED


def test_the_whole_story_takes_them_back_once(story: Path, start: Run) -> None:
    told, _none = start("demo.sh").communicate(timeout=60)
    assert "every fault is taken back" in told
    assert said(story).count(HEALED) == 1
