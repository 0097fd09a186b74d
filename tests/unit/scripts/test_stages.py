# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proofs count what was proved, and leave nothing running."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "scripts" / "stages.py"
# Two stages in place of the real ones: one that begins at once and hears of no Ctrl-C, one that is waited for.
SHORT = """
import sys
sys.path.insert(0, {scripts!r})
import stages
from pathlib import Path
stages.LOGS = stages.ROOT = Path({root!r})
stages.GRACE_S = 1
stages.STAGES = (
    stages.Stage("waits", "-", ("bash", "-c", "touch begun; {first}")),
    stages.Stage("beside", "-", ("bash", "-c", "{ignores} echo $$ > pid; sleep 60 & wait; sleep 60"), early=True),
)
sys.exit(stages.main(["waits", "beside"]))
"""


@pytest.fixture
def stages() -> ModuleType:
    """The program, loaded."""
    specification = importlib.util.spec_from_file_location("stages_under_test", PROGRAM)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["stages_under_test"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "code", "counted"),
    [
        ("5 passed in 1.00s", 0, (5, 0)),
        ("==== 1 failed, 4 passed in 1.00s ====", 1, (4, 1)),
        ("4 passed, 1 skipped in 1.00s", 0, (4, 1)),
        ("3 passed, 1 xfailed, 1 xpassed in 1.00s", 0, (3, 2)),
        ("2 skipped in 0.10s", 0, (0, 2)),
        ("1 xfailed in 0.10s", 0, (0, 1)),
        ("5 passed, 7 deselected in 1.00s", 0, (5, 0)),
        ("7 deselected in 1.00s", 5, (0, 1)),
        ("no tests ran in 0.01s", 5, (0, 1)),
        ("5 passed in 1.00s", 3, (5, 1)),
    ],
)
def test_what_was_not_proved_counts_as_failed(
    stages: ModuleType, line: str, code: int, counted: tuple[int, int]
) -> None:
    assert stages.count([line], code=code) == counted


@pytest.mark.parametrize(
    ("every", "name", "told"), [(False, "lab", True), (True, "lab", False), (False, "ruff", False)]
)
def test_a_run_says_what_it_left_out(
    stages: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    every: bool,
    name: str,
    told: bool,
) -> None:
    monkeypatch.setattr(stages, "ALL", every)
    stages.table([], stages.choose([name]))
    assert ("OPS_PROOFS=all runs them" in capsys.readouterr().out) is told


def begin(root: Path, *, first: str, ignores: str = "") -> subprocess.Popen[str]:
    """Start the two stages and wait until both run."""
    text = SHORT.format(scripts=str(PROGRAM.parent), root=str(root), first=first, ignores=ignores)
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-c", text], cwd=root, text=True, stdout=subprocess.PIPE
    )
    until = time.monotonic() + 30
    while not ((root / "begun").exists() and (root / "pid").exists() and (root / "pid").read_text(encoding="utf-8")):
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def alive(root: Path) -> bool:
    """Tell whether anything of the stage that ran beside the other is left, a moment after it was told to go."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.killpg(int((root / "pid").read_text(encoding="utf-8")), 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("first", ["exec sleep 2", "true"], ids=["before its turn", "while it is waited for"])
def test_who_interrupts_the_proofs_interrupts_all_of_them(tmp_path: Path, number: signal.Signals, first: str) -> None:
    process = begin(tmp_path, first=first)
    time.sleep(0.3)
    process.send_signal(number)
    said, _none = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "passed" not in said
    assert not alive(tmp_path)


def test_a_stage_that_fails_ends_the_one_beside_it_even_if_that_one_does_not_want_to(tmp_path: Path) -> None:
    process = begin(tmp_path, first="sleep 0.5; false", ignores="trap '' TERM;")
    said, _none = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.endswith("0 passed, 1 failed\n")
    assert not alive(tmp_path)
