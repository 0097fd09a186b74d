# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver keeps what only it has; the watchdog lets no commit wait for the dead."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NAMES = 'ANY 1 ("rx_mon1", "rx_repo1")'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("FATAL: requested starting point 0/9000000 on timeline 1 is not in this server's history", True),
        ("ERROR: requested starting point 0/9000000 is ahead of the WAL flush position of this server 0/8", True),
        ("ERROR: requested WAL segment 000000010000000000000003 has already been removed", True),
        ('pg_receivewal: error: could not send replication command "START_REPLICATION": \n', True),
        ('pg_receivewal: error: could not send replication command "START_REPLICATION": ERROR: slot is active', False),
        ("could not connect to server: Connection refused", False),
        ("pg_receivewal: error: disconnected", False),
    ],
)
def test_a_history_that_parted_is_recognised(receiver: ModuleType, line: str, expected: bool) -> None:
    assert receiver.parted(["pg_receivewal: starting log streaming", line]) is expected


def test_what_only_the_receiver_has_is_set_aside(receiver: ModuleType, tmp_path: Path) -> None:
    wanted = ["000000010000000000000001", "000000010000000000000002.partial", "00000002.history"]
    for name in [*wanted, "notes.txt"]:
        (tmp_path / name).write_text(name)
    assert receiver.set_aside(tmp_path, "20261123T210000Z") == wanted
    aside = tmp_path / "former" / "20261123T210000Z"
    assert sorted(path.name for path in aside.iterdir()) == sorted(wanted)
    assert (aside / wanted[0]).read_text() == wanted[0]
    assert (tmp_path / "notes.txt").exists()


def test_nothing_received_leaves_nothing_behind(receiver: ModuleType, tmp_path: Path) -> None:
    assert receiver.set_aside(tmp_path, "20261123T210000Z") == []
    assert list(tmp_path.iterdir()) == []


def test_messages_pass_through_with_the_status(receiver: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    status, last = receiver.receive(["sh", "-c", "echo one >&2; echo two >&2; exit 3"])
    assert (status, last) == (3, ["one\n", "two\n"])


def view(watchdog: ModuleType, names: str, *receivers: tuple[int, str], in_recovery: bool = False) -> Any:
    return watchdog.View(in_recovery, names, receivers)


def test_commits_wait_while_a_receiver_replies(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    assert [watch.decide(view(watchdog, NAMES, (7, f"t{second}")), second) for second in range(10)] == [None] * 10


def test_without_a_receiver_commits_go_on_at_once(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    assert watch.decide(view(watchdog, NAMES), 0.0) == ""
    assert watch.wanted == NAMES


def test_a_frozen_receiver_is_dead_after_its_silence(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    answers = [watch.decide(view(watchdog, NAMES, (7, "t0")), moment / 2) for moment in range(9)]
    assert answers == [None] * 7 + ["", ""]


def test_one_of_two_receivers_is_enough(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    for second in range(10):
        assert watch.decide(view(watchdog, NAMES, (7, "t0"), (8, f"t{second}")), second) is None


def test_a_receiver_that_returns_is_waited_for_again(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    assert watch.decide(view(watchdog, NAMES), 0.0) == ""
    assert watch.decide(view(watchdog, ""), 1.0) is None
    assert watch.decide(view(watchdog, "", (9, "t2")), 2.0) == NAMES


def test_what_was_wanted_from_the_start_is_set_when_a_receiver_streams(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0, NAMES)
    assert watch.decide(view(watchdog, ""), 0.0) is None
    assert watch.decide(view(watchdog, "", (9, "t1")), 1.0) == NAMES


def test_what_procedures_cleared_stays_cleared(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    assert watch.decide(view(watchdog, "", (9, "t1")), 0.0) is None


@pytest.mark.parametrize("names", ['"db2"', "ANY 1 (db2, db3)"])
def test_the_names_of_standbys_belong_to_others(watchdog: ModuleType, names: str) -> None:
    watch = watchdog.Watch(3.0, NAMES)
    assert watch.decide(view(watchdog, names), 0.0) is None
    assert watch.wanted == NAMES


def test_a_standby_is_never_touched(watchdog: ModuleType) -> None:
    watch = watchdog.Watch(3.0)
    assert watch.decide(view(watchdog, NAMES, in_recovery=True), 0.0) is None


def test_the_watch_acts_and_remembers(watchdog: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = [view(watchdog, NAMES), view(watchdog, ""), view(watchdog, "", (9, "t2"))]
    done: list[str] = []
    monkeypatch.setattr(watchdog.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(watchdog, "look", lambda connection: views.pop(0))
    monkeypatch.setattr(watchdog, "apply", lambda connection, names: done.append(names))
    with pytest.raises(IndexError):
        watchdog.watch(object(), watchdog.Watch(3.0), 0.5, tmp_path / "names")
    assert done == ["", NAMES]
    assert (tmp_path / "names").read_text() == NAMES
