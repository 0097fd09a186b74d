# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host loses its power in the middle of a drill, beside those that the scenario takes away."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import _drills
import pytest
from _lab import lab, sql, until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

SCENARIO = "site_lost_repository"
REGRANT = re.compile(r"is mended and ansible (.*) has run\.")
NOTED = {"db2": "db2 does not answer, was never told to promote", "repo1": "db1 may not archive"}


@pytest.fixture
def mended() -> Iterator[None]:
    """Give every host its power back in any case."""
    yield
    lab("--quiet", "heal", "--all")


@pytest.mark.usefixtures("mended")
@pytest.mark.thorough
@pytest.mark.parametrize("lost", ["db2", "repo1"])
def test_a_host_that_is_lost_in_mid_drill_leaves_one_writer(lost: str, tmp_path: Path) -> None:
    """Lost while the database is restored, the drill goes back to db1, and the report is written and sealed."""
    with _drills.Observer() as observer:
        process = _drills.start(*_drills.live(SCENARIO), cwd=tmp_path)
        until(lambda: _drills.entered("restore", cwd=tmp_path) or process.poll() is not None, _drills.RUN_TIMEOUT_S)
        assert process.poll() is None, "the drill ended before it restored"
        lab("--quiet", "fault", "host-kill", lost)
        code = process.wait(timeout=_drills.RUN_TIMEOUT_S)
    said = (tmp_path / "drill.log").read_text(encoding="utf-8", errors="replace")
    assert code != 0
    assert observer.two_writers() == []
    assert _drills.writable() == ["db1"], said[-3000:]

    (folder,) = _drills.drills(tmp_path)
    record = _drills.record(folder)
    assert record["verdict"] == "fail", said[-3000:]
    steps = {step["id"]: step for step in record["steps"]}
    assert (steps["restore"]["status"], steps["promote"]["status"]) == ("failed", "pending")
    notes = [entry["text"] for entry in _drills.entries(folder) if entry["event"] == "note" and "text" in entry]
    assert any(NOTED[lost] in text for text in notes), notes
    assert _drills.verified(folder).returncode == 0

    lab("--quiet", "heal", "--all")
    if lost == "repo1":
        mend = next(REGRANT.search(text) for text in notes if NOTED[lost] in text)
        assert mend, notes
        _drills.ad_hoc(*shlex.split(mend[1]), cwd=tmp_path)
    sql("SELECT pg_stat_reset_shared('archiver')")
    # A segment in which nothing was written is not switched.
    sql("SELECT pg_logical_emit_message(true, 'lab', 'archived again')", "SELECT pg_switch_wal()")
    until(lambda: sql("SELECT archived_count > 0 FROM pg_stat_archiver") == "t", 120)
    assert _drills.writable() == ["db1"]
