# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start gate: what lets a cluster start after a boot, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLE = Path(__file__).resolve().parents[3] / "roles" / "postgresql"
CONTROL = """pg_control version number:            1300
Database cluster state:               in production
Latest checkpoint's TimeLineID:       {checkpoint}
Latest checkpoint's PrevTimeLineID:   {checkpoint}
Min recovery ending loc's timeline:   {minimum}
"""
REFUSED = """WARN: repo1: [AccessError] raised from remote-0 tls protocol on 'repo1': access denied
ERROR: [103]: unable to find a valid repository"""
SILENT = """WARN: repo1: [HostConnectError] unable to connect to 'repo1:8432': [113] No route to host
ERROR: [103]: unable to find a valid repository"""


class World:
    """A host and a repository: answers the two programs that the gate runs, and remembers what was asked."""

    def __init__(self, gate: ModuleType, root: Path) -> None:
        self.gate = gate
        self.data = root / "data"
        (self.data / "pg_wal").mkdir(parents=True)
        (self.data / "PG_VERSION").write_text("15\n")
        self.fence = root / "FENCED"
        self.checkpoint, self.minimum = 3, 0
        self.archive: set[int] = {2, 3}
        self.failures: list[str] = []
        self.asked: list[str] = []

    def run(self, command: Sequence[str], timeout: float) -> Any:
        if command[0].endswith("pg_controldata"):
            return self.gate.Answer(0, CONTROL.format(checkpoint=self.checkpoint, minimum=self.minimum))
        assert timeout > 0
        name = command[-2]
        self.asked.append(name)
        if self.failures:
            message = self.failures[0] if len(self.failures) == 1 else self.failures.pop(0)
            if message:
                return self.gate.Answer(103, message)
            self.failures = []
        return self.gate.Answer(0 if int(name[:8], 16) in self.archive else 1, "")

    def decide(self, *, stanza: str = "main", wait: float = 0.0, run: Callable[..., Any] | None = None) -> str:
        settings = self.gate.Settings(self.data, Path("/bin"), self.fence, stanza, 4, wait)
        reason: str = self.gate.decide(settings, run or self.run)
        return reason


@pytest.fixture
def world(gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(gate.time, "sleep", lambda seconds: None)
    return World(gate, tmp_path)


def test_a_cluster_with_the_newest_timeline_starts(world: World) -> None:
    assert "timeline 3" in world.decide()
    assert world.asked == [f"{number:08X}.history" for number in (4, 5, 6, 7)]


def test_a_newer_timeline_keeps_it_stopped(world: World) -> None:
    world.archive.add(4)
    with pytest.raises(world.gate.GateError, match="timeline 4, newer than timeline 3"):
        world.decide()


def test_a_timeline_after_a_missing_one_is_found(world: World) -> None:
    world.archive.add(6)
    with pytest.raises(world.gate.GateError, match="timeline 6"):
        world.decide()


def test_a_timeline_in_hexadecimal_is_understood(world: World) -> None:
    world.checkpoint = 15
    world.archive.add(16)
    with pytest.raises(world.gate.GateError, match="timeline 16, newer than timeline 15"):
        world.decide()
    assert world.asked == ["00000010.history"]


@pytest.mark.parametrize("name", ["000000040000000000000012", "000000040000000000000012.partial"])
def test_the_log_knows_a_promotion_before_the_control_file(world: World, name: str) -> None:
    world.archive.add(4)
    (world.data / "pg_wal" / name).touch()
    assert "timeline 4" in world.decide()


def test_a_standby_counts_the_timeline_it_replayed(world: World) -> None:
    world.minimum = 4
    world.archive.add(4)
    assert "timeline 4" in world.decide()


def test_a_fence_says_why(world: World) -> None:
    world.fence.write_text("drill 7\n2026-11-23T21:00:00Z\n")
    with pytest.raises(world.gate.GateError, match="drill 7 2026-11-23T21:00:00Z"):
        world.decide()
    assert world.asked == []


def test_an_empty_fence_holds_as_well(world: World) -> None:
    world.fence.touch()
    with pytest.raises(world.gate.GateError, match="no reason given"):
        world.decide()


def test_an_empty_directory_starts_nothing(world: World) -> None:
    (world.data / "PG_VERSION").unlink()
    with pytest.raises(world.gate.GateError, match="holds no cluster"):
        world.decide()


@pytest.mark.parametrize("name", ["recovery.signal", "backup_label"])
def test_an_unfinished_restore_belongs_to_its_procedure(world: World, name: str) -> None:
    (world.data / name).touch()
    with pytest.raises(world.gate.GateError, match=name):
        world.decide()


def test_a_refusal_is_an_answer_and_is_not_asked_again(world: World) -> None:
    world.failures = [REFUSED]
    with pytest.raises(world.gate.GateError, match=r"refuses this host: .*access denied"):
        world.decide(wait=30)
    assert len(world.asked) == 1


def test_a_network_that_comes_late_is_waited_for(world: World) -> None:
    world.failures = [SILENT, SILENT, SILENT, ""]
    assert "no newer timeline" in world.decide(wait=30)
    assert world.asked.count("00000004.history") == 4


def test_a_repository_that_stays_silent_keeps_it_stopped(world: World) -> None:
    world.failures = [SILENT]
    with pytest.raises(world.gate.NoAnswer, match=r"no answer within 0 s: .*No route to host"):
        world.decide()


def test_a_broken_control_file_keeps_it_stopped(world: World) -> None:
    def broken(command: Sequence[str], timeout: float) -> Any:
        return world.gate.Answer(1, "pg_controldata: error: could not open file")

    with pytest.raises(world.gate.GateError, match="could not open file"):
        world.decide(run=broken)


def test_without_a_repository_only_the_host_is_asked(world: World) -> None:
    assert "no backup repository to ask" in world.decide(stanza="")
    assert world.asked == []


def test_a_program_that_hangs_or_is_missing_is_no_answer(gate: ModuleType) -> None:
    assert gate.run(["sleep", "5"], 0.05).status == -1
    assert gate.run(["/nonexistent/program"], 1).status == -2


@pytest.mark.parametrize(
    ("fenced", "status", "line"), [(False, 1, "<4>PostgreSQL stays stopped: "), (True, 1, "fenced")]
)
def test_the_decision_is_one_line_for_the_journal(
    world: World, capsys: pytest.CaptureFixture[str], fenced: bool, status: int, line: str
) -> None:
    if fenced:
        world.fence.touch()
    arguments = ["--data-dir", str(world.data), "--bin-dir", "/nonexistent", "--fence-file", str(world.fence)]
    assert world.gate.main(arguments) == status
    written = capsys.readouterr().out
    assert line in written
    assert written.count("\n") == 1


def test_no_answer_is_a_failure_that_systemd_repeats(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all exit statuses of a condition only 255 fails the unit; the others skip its start."""
    world.failures = [SILENT]
    monkeypatch.setattr(world.gate.decide, "__defaults__", (world.run,))
    arguments = ["--data-dir", str(world.data), "--bin-dir", "/bin", "--fence-file", str(world.fence)]
    assert world.gate.main([*arguments, "--stanza", "main", "--wait", "0"]) == 255
    assert "<4>PostgreSQL stays stopped for now: " in capsys.readouterr().out
    unit = (ROLE / "templates" / "start-gate.service.j2").read_text(encoding="utf-8")
    assert "Restart=on-failure" in unit
    world.failures = [REFUSED]
    assert world.gate.main([*arguments, "--stanza", "main", "--wait", "0"]) == 1


def test_a_wrong_call_is_not_a_decision(gate: ModuleType) -> None:
    with pytest.raises(SystemExit) as caught:
        gate.main(["--data-dir", "/data"])
    assert caught.value.code == 2
