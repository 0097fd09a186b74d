# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore of files proves: damage is a check that differs, and what keeps it from being said is a failure."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.modules import restic_proof

Run = Callable[..., dict[str, Any]]
PROBE = "/var/lib/ccobservatory/file_backup/probe"
TREE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PASSWORD = "correct horse battery"


def written(ago_s: float) -> str:
    return datetime.datetime.fromtimestamp(time.time() - ago_s, tz=datetime.UTC).isoformat()


class Restic:
    """Answers as restic 0.14 does for one repository, and restores files that a test can spoil."""

    def __init__(self, *, ago_s: float = 600, probe_before_s: float = 5, host: str = "lb1") -> None:
        probe_ns = time.time_ns() - int((ago_s + probe_before_s) * 1e9)
        self.files = {"/etc/hostname": "lb1\n", "/etc/long name": "x" * 70, PROBE: f"{host} {probe_ns}\n"}
        old = {"id": "aa" * 32, "short_id": "aaaaaaaa", "tree": "00" * 32, "time": written(ago_s + 90000)}
        new = {"id": "bb" * 32, "short_id": "bbbbbbbb", "tree": TREE, "time": written(ago_s), "hostname": "lb1"}
        self.snapshots: list[dict[str, Any]] | None = [new, old]
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.spoil: Callable[[Path], Any] = lambda _target: None
        self.calls: list[list[str]] = []
        self.indexes = ["1a" * 32, "2b" * 32]

    def __call__(self, command: Sequence[str]) -> tuple[int, str, str]:
        words = list(command)
        self.calls.append(words)
        verb = next(word for word in words if word in ("snapshots", "ls", "stats", "list", "check", "restore"))
        if verb in self.answers:
            return self.answers[verb]
        if verb == "restore":
            self._restore(Path(words[words.index("--target") + 1]))
        nodes = [{"struct_type": "node", "type": "dir", "path": "/etc"}, {"struct_type": "snapshot"}]
        nodes += [{"struct_type": "node", "type": "socket", "path": "/etc/socket"}]
        nodes += [
            {"struct_type": "node", "type": "file", "path": path, "size": len(text)}
            for path, text in self.files.items()
        ]
        said = {
            "snapshots": json.dumps(self.snapshots),
            "ls": "\n".join(json.dumps(node) for node in nodes),
            "stats": json.dumps({"total_size": 4711}),
            "list": "\n".join(self.indexes),
        }
        return 0, said.get(verb, ""), ""

    def _restore(self, target: Path) -> None:
        for path, text in self.files.items():
            there = target / path.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text, encoding="utf-8")
        self.spoil(target)


@pytest.fixture
def proof(run_module: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the module on an empty directory."""
    (tmp_path / "files").mkdir()
    arguments = {
        "repository": "sftp:fb_lb1@repo1:/restic",
        "password": PASSWORD,
        "sftp_command": "ssh -i key repo1 -s sftp",
        "target": str(tmp_path / "files"),
        "cache_dir": str(tmp_path / "cache"),
    }
    return lambda restic, **more: run_module(restic_proof, {**arguments, **more}, run=restic)


def results(result: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["result"] for check in result["checks"]}


def test_the_newest_snapshot_is_restored_and_proved(proof: Any) -> None:
    restic = Restic()
    result = proof(restic)
    assert (result["result"], result["changed"]) == ("verified", True)
    assert list(results(result).values()) == ["verified"] * 4
    assert (result["snapshot"]["short_id"], result["snapshot"]["tree"]) == ("bbbbbbbb", TREE)
    assert result["snapshot"]["age_s"] == pytest.approx(600, abs=30)
    assert (result["size_bytes"], result["repo_size_bytes"]) == (sum(map(len, restic.files.values())), 4711)
    assert (result["files"], [row["name"] for row in result["phases"]]) == (3, ["read", "check", "restore", "compare"])
    restored = next(call for call in restic.calls if "restore" in call)
    assert "--verify" in restored
    assert restored[restored.index("restore") + 1] == "bb" * 32
    # Only reading: a lock that a killed test left would keep the next backup out.
    assert all("--no-lock" in call and PASSWORD not in " ".join(call) for call in restic.calls)


def short(target: Path) -> None:
    (target / "etc/hostname").write_text("", encoding="utf-8")


def gone(target: Path) -> None:
    (target / "etc/long name").unlink()


def other_kind(target: Path) -> None:
    (target / "etc/hostname").unlink()
    (target / "etc/hostname").mkdir()


@pytest.mark.parametrize("spoil", [short, gone, other_kind])
def test_what_did_not_come_back_differs(proof: Any, spoil: Callable[[Path], None]) -> None:
    restic = Restic()
    restic.spoil = spoil
    result = proof(restic)
    assert result["result"] == "differs"
    assert [name for name, told in results(result).items() if told == "differs"] == [
        "every entry of the snapshot is there"
    ]
    assert "1 missing or of another size: /etc/" in result["checks"][2]["observed"]


@pytest.mark.parametrize(
    ("verb", "name"),
    [("check", "the repository is whole"), ("restore", "every restored file has the content that was saved")],
)
def test_what_restic_itself_finds_differs(proof: Any, verb: str, name: str) -> None:
    restic = Restic()
    restic.answers[verb] = (1, "", "pack 12ab34cd: not found\nFatal: repository contains errors\n")
    result = proof(restic)
    assert result["result"] == "differs"
    assert results(result)[name] == "differs"
    assert next(row for row in result["checks"] if row["name"] == name)["observed"].startswith(
        "exit 1 Fatal: repository"
    )


def test_what_differs_in_a_repository_that_was_pruned_meanwhile_proves_nothing(proof: Any) -> None:
    restic = Restic()

    def prune(target: Path) -> None:
        short(target)
        restic.indexes = ["3c" * 32]

    restic.spoil = prune
    result = proof(restic)
    assert result["failed"]
    assert "was changed while it was read" in result["msg"]
    assert result["snapshot"]["short_id"] == "bbbbbbbb"


def test_a_backup_meanwhile_takes_nothing_from_what_is_whole(proof: Any) -> None:
    restic = Restic()
    restic.spoil = lambda _target: restic.indexes.append("3c" * 32)
    assert proof(restic)["result"] == "verified"


@pytest.mark.parametrize(
    "restic",
    [Restic(probe_before_s=90000), Restic(probe_before_s=-30), Restic(host="db1")],
    ids=["of an older backup", "of a later one", "of another host"],
)
def test_a_probe_of_another_backup_differs(proof: Any, restic: Restic) -> None:
    result = proof(restic)
    assert [name for name, told in results(result).items() if told == "differs"] == ["the probe is that of this backup"]


def test_a_snapshot_without_files_proves_nothing(proof: Any) -> None:
    restic = Restic()
    restic.files = {}
    result = proof(restic, probe="")
    assert result["result"] == "differs"
    assert result["checks"][-1]["observed"] == "the snapshot lists no file"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"snapshots": (1, "", "Fatal: wrong password or no key found\n")}, "wrong password"),
        ({"snapshots": (1, "", "Is there a repository at the following location?\n")}, "cannot be reached"),
        ({"snapshots": (0, "null", "")}, "holds no snapshot"),
        ({"snapshots": (0, "what", "")}, "did not answer with JSON"),
        ({"snapshots": (127, "", "")}, "restic cannot be run on this host: install restic"),
        ({"ls": (124, "", "")}, "restic ls did not end within 3600 s"),
        ({"ls": (1, "", "tree 12 not found\n")}, "restic ls ended with 1: tree 12 not found"),
    ],
)
def test_what_keeps_it_from_being_said_is_a_failure(proof: Any, answers: dict[str, Any], told: str) -> None:
    restic = Restic()
    restic.answers.update(answers)
    result = proof(restic)
    assert result["failed"]
    assert told in result["msg"]
    assert not any("restore" in call for call in restic.calls)


def test_an_old_snapshot_is_named_and_refused(proof: Any) -> None:
    result = proof(Restic(ago_s=7200), max_age_s=3600)
    assert "bbbbbbbb is 72" in result["msg"]
    assert result["snapshot"]["tree"] == TREE


def test_a_disk_that_is_too_small_and_a_directory_that_is_not_empty_are_refused(proof: Any, tmp_path: Path) -> None:
    restic = Restic()
    big = [{"struct_type": "node", "type": "file", "path": "/etc/big", "size": 2**60}]
    restic.answers["ls"] = (0, json.dumps(big[0]), "")
    assert "has room for" in proof(restic)["msg"]
    (tmp_path / "files" / "left").touch()
    assert "is not empty" in proof(Restic())["msg"]


def test_a_check_run_reads_nothing(run_module: Run, tmp_path: Path) -> None:
    restic = Restic()
    arguments = {"repository": "r", "password": PASSWORD, "target": str(tmp_path), "cache_dir": str(tmp_path)}
    assert run_module(restic_proof, arguments, run=restic, check=True)["changed"]
    assert restic.calls == []
