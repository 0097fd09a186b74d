# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo` takes back the faults that it plants, however it ends, and ends red unless each was found."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import proved

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"

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
    planted = [line for line in said(story) if line.startswith("--quiet fault ")]
    assert planted == ["--quiet fault " + one.fault for one in map(proved.planted, FAULTS)]
    asked = next(line for line in said(story) if "proved.py" in line)
    assert asked == " ".join(["python scripts/proved.py reports/lab", *FAULTS])


def test_a_morning_that_misses_a_planted_fault_ends_the_story_red(story: Path, start: Run) -> None:
    (story / ".venv/bin/python").write_text('#!/bin/bash\necho "python $*" >> said\n[[ $* != *proved* ]]\n')
    process = start("demo.sh")
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert said(story)[-2] == HEALED


FAULTS = re.findall(r'^    "(.*: .*)"$', (SCRIPTS / "demo.sh").read_text(encoding="utf-8"), re.MULTILINE)
BEFORE = {("SECURITY-02", "repo1"): "pass", ("INFRA-04", "app2"): "unknown", ("INFRA-02", "app3"): "pass"}


def morning(folder: Path, statuses: dict[tuple[str, str], str]) -> None:
    """Write a sealed morning that decided so."""
    folder.mkdir(parents=True)
    (folder / "MANIFEST").touch()
    lines: list[dict[str, Any]] = [{"event": "run"}]
    for (control, subject), status in statuses.items():
        rows = [{"kind": "host", "subject": subject, "status": status, "says": f"{subject} is fit"}]
        lines.append({"event": "control", "control": control, "rows": rows})
    lines.append({"event": "close", "totals": {"pass": 1}})
    (folder / "results.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def told_of(base: Path, after: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how `proved.py` ends over two mornings; an older one says what the newest does."""
    for name, statuses in (("20261125T1Z", after), ("20261126T1Z", BEFORE), ("20261126T2Z", after)):
        morning(base / name, statuses)
    drill = json.loads((ROOT / "tests/unit/report/example_drill.json").read_text(encoding="utf-8"))
    (base / "drills" / "one").mkdir(parents=True)
    (base / "drills" / "one" / "drill.json").write_text(json.dumps(drill), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["proved.py", str(base), *FAULTS])
    return proved.main()


TURNED = {("SECURITY-02", "repo1"): "fail", ("INFRA-04", "app2"): "fail", ("INFRA-02", "app3"): "unknown"}


def test_each_planted_fault_is_named_with_what_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(FAULTS) == 3
    assert told_of(tmp_path, TURNED, monkeypatch) == 0
    told = capsys.readouterr().out
    assert "found      expire-certificate repo1: SECURITY-02 on repo1, pass before, fail now: repo1 is fit" in told
    assert told.count("  found  ") == 3 and "NOT FOUND" not in told


def test_the_first_lines_are_the_paths_of_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told_of(tmp_path, TURNED, monkeypatch)
    first, newest, before, *_rest = capsys.readouterr().out.strip().splitlines()
    assert first == "The mornings, the newest first:"
    assert newest.split()[0] == f"{tmp_path}/20261126T2Z/audit.html"
    assert before.split()[0] == f"{tmp_path}/20261126T1Z/audit.html"


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({("SECURITY-02", "repo1"): "pass"}, "pass before, pass now; it should have turned to fail"),
        ({("INFRA-02", "app3"): "stale"}, "pass before, stale now; it should have turned to unknown"),
        # What was so in the morning before proves nothing.
        ({("INFRA-04", "app2"): "unknown"}, "unknown before, unknown now; it should have turned to fail"),
    ],
)
def test_a_planted_fault_that_no_cell_shows_is_an_error(
    over: dict[tuple[str, str], str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told_of(tmp_path, {**TURNED, **over}, monkeypatch) == 1
    told = capsys.readouterr().out
    assert told.count("  found  ") == 2 and f"{words}\n" in told


def test_a_cell_that_only_one_morning_judged_is_no_finding() -> None:
    one = proved.planted("host-kill app3: INFRA-02 app3 unknown")
    cell = proved.Cell("unknown", "app3 does not answer")
    assert proved.seen(one, {}, {("INFRA-02", "app3"): cell}) == (
        False,
        "  NOT FOUND  host-kill app3: INFRA-02 was not judged on app3 in both mornings",
    )


def test_a_fault_without_its_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="is no fault with its cell"):
        proved.planted("host-kill app3")
