# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAL names, positions, history files, and the continuity of an archive over timelines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import Fork, Segment, Stretch

MIB = 2**20
SIZES = st.integers(0, 10).map(lambda power: MIB * 2**power)


@st.composite
def segments(draw: st.DrawFn) -> tuple[Segment, int]:
    size = draw(SIZES)
    most = 2**32 * (2**32 // size) - 1
    return Segment(draw(st.integers(1, 2**32 - 1)), draw(st.integers(0, most))), size


@st.composite
def lineages(draw: st.DrawFn) -> tuple[int, list[Fork], Segment, int]:
    """Return a segment size, the forks that lead to the newest timeline, where recovery starts and the last segment."""
    size = draw(SIZES)
    position, forks = draw(st.integers(0, 4 * size)), []
    for timeline in range(1, draw(st.integers(1, 6))):
        position += draw(st.integers(0, 4 * size))
        forks.append(Fork(timeline, position, "promoted"))
    start = Segment(1, draw(st.integers(0, (forks[0].lsn if forks else position) // size)))
    return size, forks, start, position // size + draw(st.integers(0, 5))


@given(segments())
def test_a_name_and_its_segment_are_the_same_thing(case: tuple[Segment, int]) -> None:
    segment, size = case
    name = _wal.segment_name(segment, segment_size=size)
    assert len(name) == 24
    assert _wal.parse_segment(name, segment_size=size) == segment


def test_a_stretch_is_named_by_its_ends_once_when_they_are_the_same() -> None:
    assert _wal.span_name(Stretch(2, 17, 17), segment_size=MIB) == "000000020000000000000011"
    assert _wal.span_name(Stretch(2, 17, 19), segment_size=MIB) == "000000020000000000000011..000000020000000000000013"


@given(st.integers(0, 2**64 - 1))
def test_a_position_and_its_text_are_the_same_thing(position: int) -> None:
    assert _wal.parse_lsn(_wal.format_lsn(position)) == position


@pytest.mark.parametrize(
    ("name", "size", "number"),
    [
        ("000000010000000000000011", MIB, 17),
        ("000000010000000000000011", 16 * MIB, 17),
        ("0000000100000001000000FF", 16 * MIB, 511),
        ("000000010000000100000FFF", MIB, 8191),
        ("000000020000000100000003", 1024 * MIB, 7),
    ],
)
def test_segments_are_counted_from_the_first_byte(name: str, size: int, number: int) -> None:
    assert _wal.parse_segment(name, segment_size=size).number == number


@pytest.mark.parametrize("name", ["000000010000000000000100", "000000000000000000000001", "00000001", "x" * 24, ""])
def test_a_name_that_16_mib_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(OpsError, match="no WAL segment name"):
        _wal.parse_segment(name, segment_size=16 * MIB)


@pytest.mark.parametrize("size", [0, 1, 3 * MIB, MIB // 2, 2048 * MIB])
def test_an_impossible_segment_size_is_refused(size: int) -> None:
    with pytest.raises(OpsError, match="power of two"):
        _wal.check_segment_size(size)


@pytest.mark.parametrize(
    ("lsn", "number"), [("0/0", 0), ("0/3000148", 0x3000148), ("1/0", 1 << 32), (" A/ff\n", (10 << 32) + 255)]
)
def test_a_position_is_a_number(lsn: str, number: int) -> None:
    assert _wal.parse_lsn(lsn) == number


@pytest.mark.parametrize("text", ["", "0", "0/", "g/1", "0/123456789", "1 0/1", None])
def test_a_text_that_is_no_position_is_refused(text: Any) -> None:
    with pytest.raises(OpsError, match="no LSN"):
        _wal.parse_lsn(text)


def test_a_history_file_tells_its_forks() -> None:
    text = "1\t0/1800000\tno recovery target specified\n\n# remark\n2\t0/1A000D8\tbefore transaction 738\n"
    assert _wal.parse_history(text) == [
        Fork(1, 0x1800000, "no recovery target specified"),
        Fork(2, 0x1A000D8, "before transaction 738"),
    ]


@pytest.mark.parametrize("text", ["one\t0/1\tx", "1", "2\t0/2\tx\n1\t0/3\tx", "1\t0/3\tx\n2\t0/2\tx", "1\tnowhere\tx"])
def test_a_damaged_history_file_is_refused(text: str) -> None:
    with pytest.raises(OpsError):
        _wal.parse_history(text)


@given(lineages())
def test_recovery_reads_every_segment_once_and_in_order(case: tuple[int, list[Fork], Segment, int]) -> None:
    size, forks, start, last = case
    head = len(forks) + 1
    stretches = _wal.required_stretches(start=start, timeline=head, last=last, forks=forks, segment_size=size)
    numbers = [number for stretch in stretches for number in range(stretch.first, stretch.last + 1)]
    assert numbers == list(range(start.number, last + 1))
    assert [stretch.timeline for stretch in stretches] == sorted({stretch.timeline for stretch in stretches})


@given(lineages())
def test_the_segment_of_a_fork_comes_from_a_younger_timeline(case: tuple[int, list[Fork], Segment, int]) -> None:
    size, forks, start, last = case
    stretches = _wal.required_stretches(start=start, timeline=len(forks) + 1, last=last, forks=forks, segment_size=size)
    for fork in forks:
        holder = _wal.segment_of_lsn(fork.lsn, segment_size=size)
        readers = [row.timeline for row in stretches if row.first <= holder <= row.last]
        assert all(timeline > fork.timeline for timeline in readers)


@given(lineages(), st.data())
def test_exactly_the_removed_segments_are_missing(
    case: tuple[int, list[Fork], Segment, int], data: st.DataObject
) -> None:
    size, forks, start, last = case
    stretches = _wal.required_stretches(start=start, timeline=len(forks) + 1, last=last, forks=forks, segment_size=size)
    needed = [Segment(row.timeline, number) for row in stretches for number in range(row.first, row.last + 1)]
    removed = data.draw(st.sets(st.sampled_from(needed))) if needed else set()
    missing = _wal.missing_stretches(stretches, set(needed) - removed)
    told = [Segment(row.timeline, number) for row in missing for number in range(row.first, row.last + 1)]
    assert told == [segment for segment in needed if segment in removed]
    assert _wal.ranges(told) == missing


def test_a_foreign_file_with_a_far_name_costs_nothing() -> None:
    far = 2**32 * 4095
    stretches = _wal.required_stretches(start=Segment(1, 3), timeline=1, last=far, forks=[], segment_size=MIB)
    assert _wal.missing_stretches(stretches, [Segment(1, 3), Segment(1, far)]) == [Stretch(1, 4, far - 1)]


def test_the_older_copy_of_a_fork_segment_does_not_stand_in_for_the_younger() -> None:
    forks = [Fork(1, 5 * MIB + 100, "")]
    stretches = _wal.required_stretches(start=Segment(1, 3), timeline=2, last=6, forks=forks, segment_size=MIB)
    assert stretches == [Stretch(1, 3, 4), Stretch(2, 5, 6)]
    present = [Segment(1, 3), Segment(1, 4), Segment(1, 5), Segment(2, 6)]
    assert _wal.missing_stretches(stretches, present) == [Stretch(2, 5, 5)]


def test_a_timeline_that_lived_within_one_segment_needs_none_of_its_own() -> None:
    forks = [Fork(1, 5 * MIB + 100, ""), Fork(2, 5 * MIB + 900, "")]
    stretches = _wal.required_stretches(start=Segment(1, 4), timeline=3, last=5, forks=forks, segment_size=MIB)
    assert stretches == [Stretch(1, 4, 4), Stretch(3, 5, 5)]


@pytest.mark.parametrize("start", [Segment(4, 1), Segment(1, 9)])
def test_a_start_that_does_not_lead_there_is_refused(start: Segment) -> None:
    with pytest.raises(OpsError):
        _wal.required_stretches(start=start, timeline=2, last=12, forks=[Fork(1, 5 * MIB, "")], segment_size=MIB)


def test_a_listing_becomes_segments_histories_and_partials() -> None:
    checksum = "a" * 40
    names = {
        f"archive/main/15-1/0000000100000000/000000010000000000000002-{checksum}.zst": 900,
        f"archive/main/15-1/0000000100000000/000000010000000000000003.partial-{checksum}.gz": 700,
        "archive/main/15-1/0000000100000000/000000010000000000000002.00000028.backup": 300,
        "archive/main/15-1/00000002.history": 41,
        f"archive/other/15-1/0000000100000000/000000010000000000000009-{checksum}": 1,
    }
    listing = {path: {"type": "file", "size": size, "time": 7} for path, size in names.items()}
    archive = _wal.parse_archive(listing, prefix="archive/main/15-1", segment_size=MIB)
    assert list(archive.segments) == [Segment(1, 2)]
    assert archive.segments[Segment(1, 2)][0].format == "zst"
    assert list(archive.partials) == [Segment(1, 3)]
    assert archive.histories == {2: "archive/main/15-1/00000002.history"}
    assert archive.timelines() == [1, 2]
    assert archive.newest(1) == 2
    assert archive.newest(2) is None
