# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to files: exactly what was asked for, and undone to the last byte and time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab import _on_host
from lab._fault import ON_HOST

SEGMENTS = [f"00000001000000000000000{n}-{hashlib.sha1(bytes([n])).hexdigest()}.zst" for n in range(1, 6)]  # noqa: S324


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Return a small repository with two backups and five segments."""
    for label, size in (("20260101-000000F", 400), ("20260101-000000F_20260102-000000I", 100)):
        bundle = tmp_path / "backup" / "main" / label / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "1").write_bytes(os.urandom(size))
        (bundle / "2").write_bytes(os.urandom(size * 2))
    (tmp_path / "backup" / "main" / "latest").symlink_to("20260101-000000F")
    (tmp_path / "backup" / "main" / "backup.history").mkdir()
    archive = tmp_path / "archive" / "main" / "15-1" / "0000000100000000"
    archive.mkdir(parents=True)
    for name in SEGMENTS:
        (archive / name).write_bytes(os.urandom(64))
    (archive / "000000010000000000000002.00000028.backup").write_text("x", encoding="utf-8")
    return tmp_path


def fingerprint(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return content, mode and time of every file."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def differing(root: Path, before: dict[str, Any]) -> list[str]:
    """Return the files that changed, came or went."""
    after = fingerprint(root)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_flipping_back_restores_every_byte(tmp_path: Path, content: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, len(content)))
    offset = data.draw(st.integers(0, len(content) - length))
    file = tmp_path / "file"
    file.write_bytes(content)
    before = fingerprint(tmp_path)
    made = _on_host.flip(path=str(file), offset=offset, length=length)
    changed = file.read_bytes()
    assert [n for n, (a, b) in enumerate(zip(content, changed, strict=True)) if a != b] == list(
        range(offset, offset + length)
    )
    assert _on_host.unflip(**made) == {"healed": True, "why": ""}
    assert fingerprint(tmp_path) == before


def test_a_plan_changes_nothing_and_tells_what_undoing_needs(repo: Path) -> None:
    segment = _on_host.wal_segment(repo=str(repo), stanza="main")["path"]
    before = fingerprint(repo)
    plans = [
        _on_host.flip(path=segment, plan=True),
        _on_host.duplicate(path=segment, plan=True),
        _on_host.orphan_timeline(repo=str(repo), stanza="main", plan=True),
    ]
    assert _on_host.unflip(**plans[0]) == {"healed": True, "why": ""}, (
        "what was planned only is undone by doing nothing"
    )
    assert fingerprint(repo) == before
    assert plans == [
        _on_host.flip(path=segment),
        _on_host.duplicate(path=segment),
        _on_host.orphan_timeline(repo=str(repo), stanza="main"),
    ]


def test_flipping_back_leaves_a_file_written_anew_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"first content")
    made = _on_host.flip(path=str(file))
    file.write_bytes(b"OTHER CONTENT")
    assert _on_host.unflip(**made)["why"].endswith("was written anew")
    assert file.read_bytes() == b"OTHER CONTENT"
    file.unlink()
    assert _on_host.unflip(**made) == {"healed": False, "why": f"{file} no longer exists"}


def test_a_flip_beyond_the_end_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"short")
    with pytest.raises(_on_host.Impossible, match="only 5 bytes"):
        _on_host.flip(path=str(file), offset=4, length=8)
    assert file.read_bytes() == b"short"


def test_the_newest_backup_is_the_one_that_ended_last(repo: Path) -> None:
    found = _on_host.backup_file(repo=str(repo), stanza="main", bundle=True)
    assert found["label"] == "20260101-000000F_20260102-000000I"
    assert found["path"].endswith("bundle/2")


def test_without_backups_or_segments_there_is_nothing_to_damage(tmp_path: Path) -> None:
    with pytest.raises(_on_host.Impossible, match="no backup"):
        _on_host.backup_file(repo=str(tmp_path), stanza="main", bundle=False)
    with pytest.raises(_on_host.Impossible, match="only 0 segments"):
        _on_host.wal_segment(repo=str(tmp_path), stanza="main")
    with pytest.raises(_on_host.Impossible, match="no segment"):
        _on_host.orphan_timeline(repo=str(tmp_path), stanza="main")


def test_the_default_segment_leaves_a_gap(repo: Path) -> None:
    assert _on_host.wal_segment(repo=str(repo), stanza="main")["path"].endswith(SEGMENTS[-2])
    named = _on_host.wal_segment(repo=str(repo), stanza="main", segment=SEGMENTS[1][:24])
    assert named["path"].endswith(SEGMENTS[1])
    with pytest.raises(_on_host.Impossible, match="no segment 0000000900000000"):
        _on_host.wal_segment(repo=str(repo), stanza="main", segment="000000090000000000000001")


def test_each_damage_touches_one_file(repo: Path) -> None:
    segment = _on_host.wal_segment(repo=str(repo), stanza="main")["path"]
    before = fingerprint(repo)
    made = _on_host.duplicate(path=segment)
    (added,) = differing(repo, before)
    assert added.split("/")[-1][:24] == Path(segment).name[:24]
    _on_host.unlink(**made)
    assert differing(repo, before) == []
    made = _on_host.orphan_timeline(repo=str(repo), stanza="main")
    (added,) = differing(repo, before)
    assert added.split("/")[-2] == "0000000800000000"
    _on_host.unlink(**made)
    assert differing(repo, before) == []
    assert not (repo / "archive" / "main" / "15-1" / "0000000800000000").exists()
    _on_host.truncate(path=segment)
    assert [len(fingerprint(repo)[name][0]) for name in differing(repo, before)] == [32]
    _on_host.remove(path=segment)
    assert not Path(segment).exists()


def test_values_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "pgbackrest.conf"
    file.write_text(
        "[global]\nrepo1-cipher-pass=secret word\ntls-server-cert-file = /x/server.crt \n", encoding="utf-8"
    )
    found = _on_host.config_value(directory=str(tmp_path), key="tls-server-cert-file")
    assert found == {"path": str(file), "value": "/x/server.crt"}
    _on_host.change_key(path=str(file))
    assert "secret word" not in file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8").count("\n") == 3
    with pytest.raises(_on_host.Impossible, match="No configuration file"):
        _on_host.config_value(directory=str(tmp_path), key="repo9-path")


def test_it_runs_as_a_program_and_answers_errors_as_sentences(tmp_path: Path) -> None:
    def ask(**request: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-", json.dumps(request)], input=ON_HOST.read_bytes(), capture_output=True, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    assert ask(verb="usage", path=str(tmp_path))["uid"] == os.getuid()
    assert "No such file" in ask(verb="flip", path=str(tmp_path / "none"))["error"]
    assert ask(verb="usage", path=str(tmp_path / "none"))["error"].endswith("is not a directory.")
