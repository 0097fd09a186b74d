# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, its refusals, and what it does before it touches anything."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from lab import _cli, _image, _inventory, _lifecycle, _podman, _snapshot
from lab._console import Console, LabError, LabRefused, table
from lab._estate import DEFAULT_SUBNET, LABEL, Estate

PROGRAM = Path(__file__).resolve().parents[3] / "lab" / "lab"


def test_help_runs_without_anything_installed() -> None:
    done = subprocess.run([sys.executable, "-I", str(PROGRAM), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for word in ("snapshot", "fault", "exit codes"):
        assert word in done.stdout


def test_the_program_can_be_executed() -> None:
    assert PROGRAM.stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--prefix", "Bad", "status"], 3, "prefix"),
        (["--subnet", "8.8", "status"], 3, "private network"),
        (["power", "off", "db9"], 3, "There is no host 'db9'"),
        (["up", "db9"], 3, "There is no host 'db9'"),
        (["heal"], 3, "Name the fault to undo"),
        (["fault", "nonsense"], 3, "There is no fault 'nonsense'"),
        (["snapshot", "../x"], 3, "is no name for a snapshot"),
        (["restore", "none"], 3, "There is no snapshot 'none'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    code: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_cli, "PROGRAM", tmp_path / "lab" / "lab")
    monkeypatch.setattr(_cli, "become_root", lambda *_: None)
    monkeypatch.setattr(_cli, "check_machine", lambda **_: None)
    monkeypatch.setattr(_podman.Podman, "containers", lambda _: {})
    monkeypatch.setattr(_lifecycle, "require_complete", lambda *_: None)
    assert _cli.main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert sentence in printed.err
    assert not (tmp_path / ".lab" / "ops").exists()


def test_prefix_and_subnet_come_from_flag_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_LAB_PREFIX", "fromenv")
    monkeypatch.setenv("OPS_LAB_SUBNET", "10.97")
    read = _cli.parser().parse_args(["status"])
    assert (read.prefix, read.subnet) == ("fromenv", "10.97")
    read = _cli.parser().parse_args(["--prefix", "flag", "--subnet", "10.96", "status"])
    assert (read.prefix, read.subnet) == ("flag", "10.96")
    monkeypatch.delenv("OPS_LAB_SUBNET")
    assert _cli.make_estate("neverbuilt", None).subnet == DEFAULT_SUBNET


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nft" else f"/usr/bin/{name}")
    with pytest.raises(LabRefused, match=r"needs nft, .*apt-get install nftables"):
        _podman.check_machine()


def test_podman_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "podman" else f"/usr/bin/{name}")
    with pytest.raises(LabRefused, match="apt-get install podman"):
        _podman.check_machine()


@pytest.mark.parametrize(
    ("version", "systemd", "holds"),
    [(1, True, 'runtime = "runc"'), (2, True, ""), (2, False, 'cgroup_manager = "cgroupfs"')],
)
def test_podman_gets_the_settings_of_the_machine(
    version: int, systemd: bool, holds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_podman, "cgroup_version", lambda: version)
    monkeypatch.setattr(Path, "exists", lambda _: systemd)
    assert holds in _podman.own_settings()
    assert bool(_podman.own_settings()) is bool(holds)


def test_rootless_podman_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(_podman.os, "geteuid", lambda: 1000)
    with pytest.raises(LabRefused, match="Rootless podman"):
        _podman.check_machine()


def test_too_little_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 10**10, 5_900_000_000))
    with pytest.raises(LabRefused, match=r"Only 5\.9 GB are free"):
        _podman.check_disk(tmp_path / "not" / "yet" / "there")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 0, 6_000_000_000))
    _podman.check_disk(tmp_path)


class FakePodman:
    """Lists what it was given."""

    def __init__(self, states: dict[str, str]) -> None:
        self.given = states

    def states(self) -> dict[str, str]:
        return self.given


def test_a_lab_half_up_is_named(estate: Estate) -> None:
    states = dict.fromkeys(_lifecycle.ALL_HOSTS, "running")
    _lifecycle.require_complete(FakePodman(states), estate)  # type: ignore[arg-type]
    states["app2"] = "exited"
    del states["db1"]
    with pytest.raises(LabRefused, match=r"half up \(db1 missing; app2 not running\); complete it with: lab up"):
        _lifecycle.require_complete(FakePodman(states), estate)  # type: ignore[arg-type]
    with pytest.raises(LabRefused, match="does not exist; build it with: lab up"):
        _lifecycle.require_complete(FakePodman({}), estate)  # type: ignore[arg-type]


def test_the_lab_of_another_checkout_is_left_alone(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = _podman.Podman(estate)

    def listed(root: str) -> list[str]:
        labels = {LABEL: "unit", f"{LABEL}.host": "db1", f"{LABEL}.root": root}
        monkeypatch.setattr(podman, "run", lambda *_: json.dumps([{"Labels": labels, "State": "running"}]))
        return list(podman.states())

    assert listed(str(estate.root)) == ["db1"]
    with pytest.raises(LabRefused, match=r"belongs to the checkout /; use another --prefix\.$"):
        listed("/")
    with pytest.raises(LabRefused, match=r"/elsewhere, which is gone; .*: podman rm --force \$\(podman ps"):
        listed("/elsewhere")


def test_a_user_goes_on_through_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(_cli.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_cli.os, "execvp", lambda program, argv: started.append(argv))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(_cli.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    monkeypatch.setenv("OPS_LAB_SUBNET", "10.97")
    words = ["--prefix", "unit", "power", "off", "db1"]
    _cli.become_root(_cli.parser().parse_args(words), words)
    assert started[0][0] == "sudo"
    # sudo drops the environment, so what was read from it is told by flags; those given later win.
    assert started[0][3:] == [str(_cli.PROGRAM), "--prefix", "unit", "--subnet", "10.97", *words]
    _cli.become_root(_cli.parser().parse_args(["ssh", "db1"]), ["ssh", "db1"])
    assert len(started) == 1, "a shell on a host needs no root here"


def test_two_commands_do_not_rebuild_one_lab(estate: Estate) -> None:
    with (
        _lifecycle.exclusive(estate),
        pytest.raises(LabRefused, match="Another command is at work"),
        _lifecycle.exclusive(estate),
    ):
        raise AssertionError("both commands hold the lab")


def test_failures_of_parallel_work_are_all_told_after_all_ended() -> None:
    ended: list[int] = []

    def work(number: int) -> int:
        ended.append(number)
        if number % 2:
            raise LabError(f"number {number} failed")
        return number * 10

    with pytest.raises(LabError, match="number 1 failed; number 3 failed"):
        _podman.in_parallel(work, [0, 1, 2, 3, 4])
    assert sorted(ended) == [0, 1, 2, 3, 4]
    assert _podman.in_parallel(work, [0, 2, 4]) == [0, 20, 40]
    assert _podman.in_parallel(work, []) == []


def test_the_image_changes_its_tag_with_its_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _image.tag()
    assert first == _image.tag()
    monkeypatch.setenv("OPS_LAB_MIRROR", "http://mirror.example/debian")
    assert _image.tag() != first


def test_the_setup_of_the_image_is_valid_shell(tmp_path: Path) -> None:
    script = tmp_path / "setup.sh"
    script.write_text(_image.SETUP, encoding="utf-8")
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_a_snapshot_of_other_addresses_is_refused(estate: Estate) -> None:
    folder = _snapshot.folder(estate, "clean")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"subnet": "10.50"}), encoding="utf-8")
    assert _snapshot.known(estate) == ["clean"]
    with pytest.raises(LabRefused, match=r"taken with the subnet 10\.50"):
        _snapshot.read_manifest(estate, "clean")


def test_progress_has_elapsed_time_and_no_colour_in_a_file() -> None:
    stream = io.StringIO()
    console = Console(stream=stream)
    with console.step("building"):
        console.say("half-way")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "00:00 building ..."
    assert lines[-1].startswith("00:00 building: done in ")
    assert "\x1b" not in stream.getvalue()


def test_a_table_is_aligned() -> None:
    assert table(["A", "LONG"], [["wide one", "x"]]) == "A         LONG\nwide one  x"


def test_the_template_directory_is_part_of_the_lab() -> None:
    assert (_inventory.TEMPLATES / "group_vars" / "all" / "main.yml").is_file()
