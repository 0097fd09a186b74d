# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal is read while it grows, and waits see what is written meanwhile."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _canary
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso

START = 1_795_460_000_000_000_000
S = 1_000_000_000


def line(at: int, kind: str, worker: int = 0, n: int = 1) -> str:
    event = {"t": at, "e": kind, "w": worker, "n": n, "h": "a" * 64, "x": 'https://lb1 "e":"A"'}
    return json.dumps(event, separators=(",", ":")) + "\n"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a journal of ten writes a second, with a silence of four seconds after the fifth second."""
    path = tmp_path / "run.jsonl"
    lines = [line(START, "C")]
    for number in range(100):
        at = START + number * S // 10 + (4 * S if number >= 50 else 0)
        lines.append(line(at, "S", number % 2, number // 2))
        if number == 50:
            lines += [line(at - 2 * S, "E", 0, 25), line(at - S, "E", 0, 25), line(at - S // 2, "E", 1, 25)]
        lines.append(line(at + S // 100, "A", number % 2, number // 2))
    path.write_text("".join(lines))
    return path


def test_counts_do_not_stumble_over_the_text_of_an_error(journal: Path) -> None:
    assert _canary.counts(str(journal)) == {"sent": 100, "acked": 100, "errors": 3}


def test_the_gap_is_the_longest_silence_since_an_instant(journal: Path) -> None:
    found = _canary.gap_since(str(journal), None)
    assert found == {"last_ack": iso(START + 491 * S // 100), "first_ack": iso(START + 901 * S // 100), "seconds": 4.1}
    assert _canary.gap_since(str(journal), START + 6 * S) == found, "the last one before the instant opens the gap"
    later = _canary.gap_since(str(journal), START + 10 * S)
    assert later is not None
    assert later["seconds"] == 0.1


def test_too_few_acknowledgements_make_no_gap(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(line(START, "A"))
    assert _canary.gap_since(str(path), None) is None


def test_errors_are_lines_and_requests(journal: Path) -> None:
    assert _canary.errors_since(str(journal), START) == {"lines": 3, "requests": 2}
    assert _canary.errors_since(str(journal), START + 8 * S + S // 4) == {"lines": 1, "requests": 1}


def test_the_first_acknowledgement_after_an_instant(journal: Path) -> None:
    assert _canary.wait_first_ack(str(journal), START + 6 * S, 0) == START + 901 * S // 100
    assert _canary.wait_first_ack(str(journal), START + 60 * S, 0) is None


def test_seeking_never_passes_the_instant(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text("".join(line(START + number * S, "A", 0, number) for number in range(5000)))
    for wanted in (0, 1, 2499, 4998):
        offset = _canary.seek_instant(str(path), START + wanted * S)
        with _canary.Tail(str(path), offset) as tail:
            first = next(iter(tail.events()))
        assert first.at <= START + wanted * S
    assert _canary.seek_instant(str(path), START + 4998 * S) > 0


def test_the_last_acknowledgement_is_found_behind_many_errors(tmp_path: Path) -> None:
    path = tmp_path / "down.jsonl"
    path.write_text(line(START, "A") + "".join(line(START + number, "E") for number in range(3000)))
    assert _canary.last_ack(str(path)) == START
    path.write_text(line(START, "S"))
    assert _canary.last_ack(str(path)) is None


def test_a_line_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    whole = line(START, "A")
    path.write_text(whole[:30])
    with _canary.Tail(str(path)) as tail:
        assert list(tail.events()) == []
        with path.open("a") as file:
            file.write(whole[30:])
        assert [event.at for event in tail.events()] == [START]


def writer(path: Path, seconds: float, delay: float = 0.0) -> threading.Thread:
    """Acknowledge a hundred writes a second for some time, from a thread."""

    def write() -> None:
        time.sleep(delay)
        end = time.monotonic() + seconds
        with path.open("a", buffering=1) as file:
            while time.monotonic() < end:
                file.write(line(time.time_ns(), "A"))
                time.sleep(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_silence_is_detected_from_the_last_acknowledgement(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(line(time.time_ns(), "A"))
    thread = writer(path, 0.4)
    found = _canary.wait_silent(str(path), 0.3, 5)
    thread.join()
    last = _canary.last_ack(str(path))
    assert found is not None
    assert last is not None
    assert found["last_ack"] == iso(last)
    assert str(found["detected"]) >= iso(last + int(0.3 * S))


def test_no_silence_ends_in_time_out(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(line(time.time_ns(), "A"))
    thread = writer(path, 1.0)
    assert _canary.wait_silent(str(path), 0.7, 0.2) is None
    thread.join()


def test_waits_see_what_is_written_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("")
    now = time.time_ns()
    thread = writer(path, 0.2, delay=0.2)
    first = _canary.wait_first_ack(str(path), now, 5)
    thread.join()
    assert first is not None
    assert first > now + S // 10
    assert _canary.wait_acked(str(path), 5, 1) >= 5
    assert _canary.wait_acked(str(path), 5000, 0.1) < 5000
    assert _canary.rate(str(path)) > 0


def test_a_journal_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="start the canary first"):
        _canary.Tail(str(tmp_path / "none"))
