# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proofs count what was proved, and leave nothing running."""

from __future__ import annotations

import importlib.util
import os
import platform
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
# A quick run of one short stage, with a bound.
LATE = """
import sys
sys.path.insert(0, {scripts!r})
import stages
from pathlib import Path
stages.LOGS = stages.ROOT = Path({root!r})
stages.QUICK, stages.ALL, stages.LIMITS_S = ("short",), False, {{"quick": {limit}}}
stages.STAGES = (stages.Stage("short", "-", ("true",)),)
sys.exit(stages.main(["quick"]))
"""


# One stage that is begun at its place and waited for at the end, between two that are run.
LAST = """
import sys
sys.path.insert(0, {scripts!r})
import stages
from pathlib import Path
stages.LOGS = stages.ROOT = Path({root!r})
stages.STAGES = (
    stages.Stage("first", "-", ("bash", "-c", "echo first >> order")),
    stages.Stage("rest", "-", ("bash", "-c", {rest!r}), late=True),
    stages.Stage("then", "-", ("bash", "-c", {then!r})),
    stages.Stage("last", "-", ("bash", "-c", "echo last >> order")),
)
sys.exit(stages.main(["first", "rest", "then", "last"]))
"""
THEN = "until [ -e begun ]; do sleep 0.05; done; sleep 0.3; [ ! -e breaks ] && echo then >> order"


@pytest.fixture
def stages() -> ModuleType:
    """The program, loaded."""
    return loaded()


def loaded() -> ModuleType:
    """Load the program anew: what it has for stages depends on the machine."""
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


@pytest.mark.parametrize(("every", "found", "runs"), [(True, True, True), (False, True, False), (False, False, False)])
def test_newer_releases_are_tried_by_all_proofs(
    stages: ModuleType, monkeypatch: pytest.MonkeyPatch, *, every: bool, found: bool, runs: bool
) -> None:
    monkeypatch.setattr(stages, "ALL", every)
    monkeypatch.setenv("NEWER_PYTHON", "/bin/true" if found else "/bin/false")
    assert ("cores" in [stage.name for stage in stages.choose(["full"])]) is runs
    assert [stage.name for stage in stages.choose(["cores"])] == ["cores"]


def test_all_proofs_do_not_begin_where_no_python_is_found_for_newer_releases(
    stages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "ALL", True)
    monkeypatch.setenv("NEWER_PYTHON", "/bin/false")
    with pytest.raises(SystemExit, match=r"no Python 3\.12 or later was found .* Nothing was begun"):
        stages.choose(["full"])
    assert [stage.name for stage in stages.choose(["quick"])] == list(stages.QUICK)


@pytest.mark.parametrize(
    ("names", "every", "limit_s"),
    [
        (["full"], False, 5400),
        (["full"], True, None),
        (["quick"], False, 180),
        (["ruff"], False, None),
        (["ruff", "mypy"], False, None),
    ],
)
def test_a_run_of_everything_and_a_quick_one_have_a_bound(
    stages: ModuleType, monkeypatch: pytest.MonkeyPatch, *, names: list[str], every: bool, limit_s: int | None
) -> None:
    monkeypatch.setattr(stages, "ALL", every)
    assert stages.limit_of(names) == limit_s


@pytest.mark.parametrize(("seconds", "late"), [(179.0, False), (180.0, False), (245.0, True)])
def test_a_run_past_its_bound_says_so_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stages: ModuleType, *, seconds: float, late: bool
) -> None:
    chosen = stages.choose(["ruff"])
    outcomes = [stages.Outcome(stage=chosen[0], seconds=seconds, passed=1, failed=0)]
    stages.table(outcomes, chosen, 180)
    said = capsys.readouterr().out
    assert f"{stages.elapsed(seconds)} of 3:00" in said
    assert ("This run took 4:05, longer than the 3 minutes that it may take." in said) is late
    stages.table(outcomes, chosen)
    assert "longer than" not in capsys.readouterr().out

    program = LATE.format(scripts=str(PROGRAM.parent), root=str(tmp_path), limit=0 if late else 60)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ("longer than" in done.stdout) is late
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed")


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


@pytest.mark.parametrize(("system", "proved"), [("debian", True), ("ubuntu", False)])
@pytest.mark.parametrize("every", [False, True])
def test_where_no_browser_reads_the_reports_their_stage_is_missing_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, system: str, proved: bool, every: bool
) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": system})
    monkeypatch.setenv("NEWER_PYTHON", "/bin/true")
    stages = loaded()
    monkeypatch.setattr(stages, "ALL", every)
    names = [stage.name for stage in stages.choose(["full"])]
    assert ("browser" in names) is proved
    assert "browser" not in stages.QUICK
    stages.table([], stages.choose(["full"]))
    assert ("Left out: browser." in capsys.readouterr().out) is not proved


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


def test_a_late_stage_begins_at_its_place_and_is_waited_for_at_the_end(tmp_path: Path) -> None:
    waits = "cat order; touch begun; until [ $(grep -c . order) = 3 ]; do sleep 0.05; done; echo rest >> order"
    done = late(tmp_path, waits)
    assert (tmp_path / "order").read_text(encoding="utf-8").split() == ["first", "then", "last", "rest"]
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "4 passed, 0 failed")
    assert done.stdout.index("last: -") < done.stdout.index("rest: - (begun before)")
    assert "not run" not in done.stdout


def test_a_late_stage_that_has_failed_ends_the_run_with_the_stage_that_runs(tmp_path: Path) -> None:
    done = late(tmp_path, "echo the reason; touch begun; exit 3")
    assert (tmp_path / "order").read_text(encoding="utf-8").split() == ["first", "then"]
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "2 passed, 1 failed")
    assert "the reason" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if line.endswith("not run")] == ["last"]


def test_a_late_stage_ends_with_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "breaks").touch()
    done = late(tmp_path, "echo $$ > pid; touch begun; sleep 60 & wait")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "1 passed, 1 failed")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.endswith("not run")] == ["rest", "last"]
    assert not alive(tmp_path)


def late(root: Path, rest: str) -> subprocess.CompletedProcess[str]:
    """Run three stages and a late one to their end."""
    program = LAST.format(scripts=str(PROGRAM.parent), root=str(root), rest=rest, then=THEN)
    asked = [sys.executable, "-c", program]
    return subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def test_everything_holds_each_stage_once(stages: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs beside the drills is asked for by one stage, and none of it a second time."""
    monkeypatch.setattr(stages, "ALL", False)
    names = [stage.name for stage in stages.choose(["full"])]
    assert set(names) & set(stages.REST) == set()
    assert set(names) | set(stages.REST) | {"cores"} == {stage.name for stage in stages.STAGES}
    assert list(stages.GENTLY[-len(stages.REST) :]) == list(stages.REST)
    assert names[-3:] == ["estate", "rest", "lab"]
