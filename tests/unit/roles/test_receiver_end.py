# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Among receivers, the one whose log goes furthest is the one that is restored from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "dr" / "files" / "receiver_end.py"
OLD, NEW = "00000001000000000000000A", "00000001000000000000000B"
SIZE = 3 << 20


def end_of(folder: Path) -> str:
    """Return what the program prints."""
    done = subprocess.run([sys.executable, str(PROGRAM), str(folder)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"\1" * 10 + b"\0" * (SIZE - 10), "0000000010"),
        (b"\1" + b"\0" * (1 << 20) + b"\2" + b"\0" * 5, f"{(1 << 20) + 2:010d}"),
        (b"\0" * SIZE, "0000000000"),
        (b"\1" * SIZE, f"{SIZE:010d}"),
    ],
    ids=["prefix", "zeros within", "nothing yet", "full"],
)
def test_the_end_is_the_last_byte_that_was_written(content: bytes, end: str, tmp_path: Path) -> None:
    (tmp_path / OLD).write_bytes(b"\1" * SIZE)
    (tmp_path / f"{NEW}.partial").write_bytes(content)
    (tmp_path / "00000002.history").write_bytes(b"not a segment")
    assert end_of(tmp_path) == f"{NEW}.{end}"


def test_a_receiver_that_got_further_sorts_last(tmp_path: Path) -> None:
    ends = []
    for name, length in (("behind", 100), ("ahead", 2_000_000)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{NEW}.partial").write_bytes(b"\1" * length + b"\0" * (SIZE - length))
        ends.append(end_of(folder))
    assert sorted(ends) == ends


def test_without_a_segment_it_says_nothing(tmp_path: Path) -> None:
    assert end_of(tmp_path) == ""
