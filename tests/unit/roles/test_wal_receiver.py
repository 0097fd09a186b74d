# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver keeps what only it has; the watchdog lets no commit wait for the dead."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.verify_history import _postgresql

pytestmark = pytest.mark.slow

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
    done = watched(watchdog, views, tmp_path, monkeypatch)
    assert done == [("", True), (NAMES, True)]
    assert (tmp_path / "names").read_text() == NAMES


def test_a_file_that_does_not_prevail_is_outvoted(
    watchdog: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file sets the names after ours: the third try goes where nothing comes after it."""
    views = [view(watchdog, NAMES) for _try in range(3)] + [view(watchdog, ""), view(watchdog, NAMES)]
    done = watched(watchdog, views, tmp_path, monkeypatch)
    assert done == [("", True), ("", True), ("", False), ("", True)]


def watched(
    watchdog: ModuleType, views: list[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, bool]]:
    """Watch through these views, and return what was set and whether in the file of the procedures."""
    done: list[tuple[str, bool]] = []
    monkeypatch.setattr(watchdog.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(watchdog, "look", lambda connection: views.pop(0))
    monkeypatch.setattr(watchdog, "apply", lambda connection, names, file: done.append((names, file is not None)))
    with pytest.raises(IndexError):
        watchdog.watch(object(), watchdog.Watch(3.0), 0.5, folder / "names", folder / "60-synchronous.conf")
    return done


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """A session with a real server, and a directory of configuration that it includes."""
    with _postgresql.server() as url:
        link = _postgresql.connect(int(url.rpartition(":")[2]), "postgres")
        link.autocommit = True
        with contextlib.closing(link), link.cursor() as cursor:
            cursor.execute("SHOW config_file")
            main = Path(cursor.fetchone()[0])
            folder = main.parent / "conf.d"
            folder.mkdir(mode=0o755)
            main.write_text(main.read_text(encoding="utf-8") + f"include_dir = '{folder}'\n", encoding="utf-8")
            yield link, folder / "60-synchronous.conf"


def shown(link: Any, names: str) -> bool:
    """Tell whether the server comes to wait for these names."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with link.cursor() as cursor:
            cursor.execute("SHOW synchronous_standby_names")
            if cursor.fetchone()[0] == names:
                return True
        time.sleep(0.05)
    return False


def stray(link: Any, watchdog: ModuleType) -> list[Any]:
    with link.cursor() as cursor:
        cursor.execute(watchdog.STRAY)
        return list(cursor.fetchall())


def test_what_is_set_stands_outside_of_the_data(watchdog: ModuleType, place: tuple[Any, Path]) -> None:
    link, file = place
    with link.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (rx_old)'")
    watchdog.apply(link, NAMES, file)
    assert shown(link, NAMES)
    assert stray(link, watchdog) == []
    # A procedure that writes the same file afterwards is heard.
    file.write_text("synchronous_standby_names = ''\n", encoding="utf-8")
    with link.cursor() as cursor:
        cursor.execute("SELECT pg_reload_conf()")
    assert shown(link, "")


def test_without_its_file_it_still_frees_the_commits(watchdog: ModuleType, place: tuple[Any, Path]) -> None:
    link, file = place
    watchdog.apply(link, NAMES, file)
    assert shown(link, NAMES)
    watchdog.apply(link, "", file.parent / "missing" / file.name)
    assert shown(link, "")
    assert stray(link, watchdog) == [("",)]


@pytest.mark.parametrize(("left", "reset"), [(NAMES, True), ("", True), ('"db2"', False)])
def test_what_an_earlier_one_left_in_the_data_is_taken_out(
    watchdog: ModuleType, place: tuple[Any, Path], left: str, reset: bool
) -> None:
    link, _file = place
    assert watchdog.tidy(link) is False
    with link.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = %s", (left,))
    assert watchdog.tidy(link) is reset
    assert bool(stray(link, watchdog)) is not reset
