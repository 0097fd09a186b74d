# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says on the terminal: every reason, failed ones first, grouped, within a screenful, in colour on one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from verify.engine.judge import ControlResult, Row
from verify.engine.terminal import reasons
from verify.engine.words import Status

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
RED, YELLOW = "\x1b[31m", "\x1b[33m"


def result(control: str, *rows: Row) -> ControlResult:
    known: Any = SimpleNamespace(id=control)
    return ControlResult(known, SimpleNamespace(), rows)  # type: ignore[arg-type]


def rows(status: Status, says: str, *hosts: str) -> list[Row]:
    return [Row("host", host, status, says.replace("HOST", host)) for host in hosts]


def test_one_reason_of_many_cells_is_one_line_with_their_number_and_the_first_of_them() -> None:
    hosts = [f"web{number}" for number in range(40)]
    (line,) = reasons([result("INFRA-02", *rows(Status.UNKNOWN, "HOST does not answer.", *hosts))], lines=20)
    assert line.status is Status.UNKNOWN
    assert line.text == ("UNKNOWN INFRA-02: 40 cells, host web0, web1, web2 and 37 more: <host> does not answer.")


def test_a_reason_that_several_controls_have_names_them_and_one_cell_keeps_its_words() -> None:
    lost = [
        result(name, *rows(Status.UNKNOWN, "There is no clock of HOST.", "web1")) for name in ("A-01", "B-01", "C-01")
    ]
    told = reasons([*lost, result("D-01", *rows(Status.STALE, "The page of HOST is old.", "web2"))], lines=None)
    assert [line.text for line in told] == [
        "UNKNOWN A-01, B-01 and 1 more: 3 cells, host web1: There is no clock of <host>.",
        "STALE D-01: host web2: The page of web2 is old.",
    ]


def test_failed_cells_come_first_and_green_ones_do_not_come() -> None:
    mixed = rows(Status.UNKNOWN, "Nobody knows.", "a1", "a2") + rows(Status.FAIL, "It is off.", "a3")
    green = rows(Status.PASS, "It is on.", "a4") + rows(Status.WAIVED, "It is off.", "a5")
    found = reasons([result("X-01", *mixed, *green)], lines=None)
    assert [line.status for line in found] == [Status.FAIL, Status.UNKNOWN]


@pytest.mark.parametrize(("failed", "unknown"), [(100, 0), (0, 100), (100, 100), (3, 100), (100, 2), (8, 4)])
def test_it_fits_a_screen_says_what_is_left_out_and_never_hides_that_something_is_unknown(
    failed: int, unknown: int
) -> None:
    many = [result("F-01", *rows(Status.FAIL, f"Reason {n}.", "host1")) for n in range(failed)]
    many += [result("U-01", *rows(Status.UNKNOWN, f"Cause {n}.", "host1")) for n in range(unknown)]
    found = reasons(many, lines=12)
    assert len(found) <= 12
    shown = [line.status for line in found if line.status]
    assert (Status.FAIL in shown) == bool(failed) and (Status.UNKNOWN in shown) == bool(unknown)
    left = failed + unknown - len(shown)
    counted = sum(int(line.text.split()[1]) for line in found if line.status is None)
    assert counted == left
    assert len(reasons(many, lines=None)) == failed + unknown


def test_what_a_host_said_cannot_write_on_the_terminal() -> None:
    (line,) = reasons([result("X-01", *rows(Status.FAIL, "\x1b[2J\n" + "long " * 100, "h1"))], lines=5)
    assert line.text.isprintable() and len(line.text) <= 160


def morning(tmp_path: Path, *words: str) -> list[str]:
    """Return the command of a morning that fails a cell: one host, which is this machine, and nothing watches it."""
    folder = tmp_path / "inventories" / "small"
    folder.mkdir(parents=True)
    about = {"ops_environment": "small", "ops_protected": False, "verify_hosts": "web1"}
    everything = {"all": {"hosts": {"web1": {"ansible_connection": "local"}}, "vars": about}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(everything), encoding="utf-8")
    own = ["-p", "no:cacheprovider", "-q", str(ROOT / "verify"), "-c", str(ROOT / "pyproject.toml")]
    return [sys.executable, "-m", "pytest", *own, "--env", "small", "--item", "CORE-04", "--item", "ACCESS-03", *words]


def test_the_run_tells_why_cells_are_unknown_without_colour_in_a_pipe(tmp_path: Path) -> None:
    command = morning(tmp_path)
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=surroundings())
    assert "\x1b" not in done.stdout
    _before, told = done.stdout.split("not green")
    assert told.index("\nFAIL ACCESS-03.anonymous: ") < told.index("\nUNKNOWN ")
    assert told.index("UNKNOWN ") < told.index("─ morning ─")
    assert len(told.splitlines()) <= 40
    assert "= FAILURES =" not in done.stdout and "remedy:" not in done.stdout


def test_v_tells_all_with_remedies(tmp_path: Path) -> None:
    done = subprocess.run(
        morning(tmp_path, "-vv"), check=False, capture_output=True, text=True, cwd=tmp_path, env=surroundings()
    )
    assert "more reasons" not in done.stdout
    assert "\nFAIL ACCESS-03.anonymous: " in done.stdout
    assert "= FAILURES =" in done.stdout and "remedy:" in done.stdout


def test_a_terminal_has_colours(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        morning(tmp_path), stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=surroundings()
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
        process.wait()
    os.close(ours)
    assert f"{YELLOW}UNKNOWN " in said.decode("utf-8", "replace")


def surroundings() -> dict[str, str]:
    """Return the environment without what asks for or against colour."""
    return {
        **{key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS")},
        "TERM": "xterm",
    }
