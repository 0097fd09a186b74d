# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal on disk: locked, whole after any crash, and found again."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import parse, state_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import (
    Owner,
    Store,
    drills_dir,
    expected_seconds,
    locked,
    new_drill_folder,
    release,
    unfinished,
)

ROOT = Path(__file__).resolve().parents[3]
ENTER = {"event": "enter", "step": "fence"}
LEAVE = {"event": "leave", "step": "fence", "status": "done"}
CLOSE: dict[str, Any] = {"event": "close", "verdict": "pass", "reasons": []}

WRITER = """
import os, sys
from pathlib import Path
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store
store = Store(Path(sys.argv[1]), owner=Owner.of(os.getpid()))
while True:
    store.append([{"event": "enter", "step": "fence"}, {"event": "leave", "step": "fence", "status": "failed"}])
"""


def test_entries_are_read_back(store: Store) -> None:
    written = store.append([ENTER])
    assert store.read().entries == written
    assert [entry["event"] for entry in written] == ["open", "enter"]


def test_a_journal_is_never_created_twice(store: Store) -> None:
    with pytest.raises(OpsError, match="already"):
        store.create([ENTER])


def test_a_closed_journal_takes_no_more(store: Store) -> None:
    store.append([CLOSE])
    with pytest.raises(OpsError, match="closed"):
        store.append([ENTER])


@pytest.mark.parametrize("kept", [0, 1, 40])
def test_a_line_cut_short_is_recorded_and_mended(store: Store, kept: int) -> None:
    whole = store.append([ENTER])
    data = store.path.read_bytes()
    cut = data[: data.index(b"\n") + 1 + kept]
    store.path.write_bytes(cut)
    if kept:
        with pytest.raises(OpsError, match="cut short"):
            store.append([LEAVE])
    entries = store.resume(plan=None, header={})
    assert [entry["event"] for entry in entries] == ["open", "interrupt", "resume"]
    assert entries[:1] == whole[:1]
    torn = entries[1].get("torn")
    assert (torn or {"bytes": 0})["bytes"] == kept
    assert parse(store.path.read_bytes(), name="journal").entries == entries


def test_a_whole_last_line_without_its_newline_stays(store: Store) -> None:
    store.append([ENTER])
    store.path.write_bytes(store.path.read_bytes()[:-1])
    entries = store.append([LEAVE])
    assert [entry["event"] for entry in entries] == ["open", "enter", "leave"]
    assert store.read().entries == entries


def test_a_writer_that_is_killed_leaves_a_journal_that_goes_on(store: Store) -> None:
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "collections"))
    release(store.folder.parent, owner=Owner.of(os.getpid()))
    with subprocess.Popen([sys.executable, "-c", WRITER, str(store.folder)], env=environment) as writer:
        deadline = time.monotonic() + 20
        while len(store.path.read_bytes()) < 4000 and time.monotonic() < deadline:
            time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
    before = store.read().entries
    assert len(before) > 3
    after = store.resume(plan=None, header={})
    assert after[: len(before)] == before
    assert [entry["event"] for entry in after[len(before) :]] == ["interrupt", "resume"]


def test_a_living_run_keeps_others_out(store: Store, owner: Owner) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        intruder = Owner.of(other.pid)
        with (
            pytest.raises(OpsError, match=f"Process {owner.pid}"),
            locked(store.folder.parent, owner=intruder, drill="x"),
        ):
            pass
        other.kill()


@pytest.mark.parametrize("change", [{"start": "1"}, {"boot": "another boot"}, {"pid": 2**22 + 1}])
def test_a_lock_of_a_run_that_is_gone_is_taken_over(store: Store, owner: Owner, change: dict[str, Any]) -> None:
    gone = dataclasses.replace(owner, **change)
    lock = store.folder.parent / ".lock"
    lock.write_text(json.dumps({**dataclasses.asdict(gone), "drill": "x"}))
    store.append([ENTER])
    assert json.loads(lock.read_text())["pid"] == owner.pid


def test_a_lock_of_another_machine_counts_as_held(store: Store, owner: Owner) -> None:
    far = dataclasses.replace(owner, host="elsewhere", start="1")
    (store.folder.parent / ".lock").write_text(json.dumps({**dataclasses.asdict(far), "drill": "x"}))
    with pytest.raises(OpsError, match="elsewhere"):
        store.append([ENTER])


def test_an_unreadable_lock_is_named(store: Store) -> None:
    (store.folder.parent / ".lock").write_text("{")
    with pytest.raises(OpsError, match="unreadable"):
        store.append([ENTER])


def test_only_the_holder_gives_the_lock_back(store: Store, owner: Owner) -> None:
    lock = store.folder.parent / ".lock"
    release(store.folder.parent, owner=dataclasses.replace(owner, pid=1))
    assert lock.exists()
    release(store.folder.parent, owner=owner)
    assert not lock.exists()


def test_a_drill_without_an_end_is_found_again(store: Store) -> None:
    base = store.folder.parent
    assert unfinished(base, scenario="site_lost") == store.folder
    with pytest.raises(OpsError, match="scenario site_lost") as caught:
        unfinished(base, scenario="dropped_table")
    assert caught.value.details["unfinished"] == str(store.folder)


@pytest.mark.parametrize(
    ("verdict", "sealed", "found"), [("pass", False, True), ("pass", True, False), ("aborted", False, False)]
)
def test_an_ended_drill_is_taken_up_only_to_be_sealed(store: Store, verdict: str, sealed: bool, found: bool) -> None:
    store.append([{**CLOSE, "verdict": verdict}])
    if sealed:
        (store.folder / "MANIFEST").write_text("x")
    assert (unfinished(store.folder.parent, scenario="site_lost") is not None) is found
    assert unfinished(store.folder.parent, scenario="dropped_table") is None


def test_expected_times_are_the_median_of_earlier_drills(tmp_path: Path, owner: Owner, store: Store) -> None:
    base = store.folder.parent
    store.append([ENTER, LEAVE, CLOSE])
    (base / "20200101T000000Z-site_lost").mkdir()
    (base / "20200101T000000Z-site_lost" / "journal.jsonl").write_bytes(store.path.read_bytes()[:-9] + b"}\n")
    expected = expected_seconds(base, scenario="site_lost")
    assert set(expected) == {"fence"}
    assert expected_seconds(base, scenario="dropped_table") == {}
    assert expected_seconds(tmp_path / "nowhere", scenario="site_lost") == {}


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "x" * 80, "a b"])
def test_names_that_are_no_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OpsError):
        drills_dir(str(tmp_path), name)
    with pytest.raises(OpsError):
        new_drill_folder(tmp_path, name)


def test_two_drills_in_one_second_get_two_folders(tmp_path: Path) -> None:
    first = new_drill_folder(tmp_path, "site_lost")
    first.mkdir()
    assert new_drill_folder(tmp_path, "site_lost") != first


def test_the_state_after_a_resumption_names_the_step_that_was_hit(store: Store) -> None:
    store.append([ENTER])
    state = state_of(store.resume(plan=[{"id": "fence"}, {"id": "new"}], header={}))
    assert state["current"] == "fence"
    assert state["interruptions"][0]["step"] == "fence"
    assert [item["id"] for item in state["plan"]] == ["fence", "new"]
