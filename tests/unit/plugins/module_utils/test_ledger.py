# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison finds every loss, and whether it is one clean cut, in histories that a model of two servers makes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._ledger import (
    FIRST_PREVIOUS,
    DbRow,
    Journal,
    compare,
    read_journal,
)

START = 1_795_460_000_000_000_000
MS = 1_000_000


def digest(previous: str, worker: int, n: int) -> str:
    return hashlib.sha256(f"{previous}|r|{worker}|{n}".encode()).hexdigest()


@dataclass
class Estate:
    """Clients, a server that loses the end of its commits at a failover, and the journal of it all."""

    now: int = START
    events: list[dict[str, object]] = field(default_factory=list)
    rows: list[DbRow] = field(default_factory=list)
    chains: dict[int, tuple[int, str]] = field(default_factory=dict)
    pending: dict[int, int] = field(default_factory=dict)
    takeover: int = 0

    def write(self, worker: int, *, commit: bool = True, ack: bool = True) -> None:
        """A worker sends its next write, or the one in doubt again."""
        n, previous = self.chains.get(worker, (1, FIRST_PREVIOUS))
        mark = digest(previous, worker, n)
        self.event("S", worker, n, mark)
        if commit and (worker, n) not in {(row.worker, row.n) for row in self.rows}:
            self.rows.append(DbRow(worker, n, mark, previous))
        if commit and ack:
            self.event("A", worker, n, mark)
            self.chains[worker] = (n + 1, mark)
        else:
            self.event("E", worker, n, mark)

    def event(self, kind: str, worker: int, n: int, mark: str) -> None:
        self.now += MS
        self.events.append({"t": self.now, "e": kind, "w": worker, "n": n, "h": mark, "x": ""})

    def fail_over(self, keep: int) -> list[DbRow]:
        """The server dies; the next one has its first commits only."""
        lost = self.rows[keep:]
        self.rows = self.rows[:keep]
        self.now += 10_000 * MS
        self.takeover = self.now
        return lost

    def journal(self) -> Journal:
        return read_journal(json.dumps(event) + "\n" for event in self.events)


writes = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Estate, list[DbRow]]:
    """Writes, some in doubt at the end, a failover that keeps some commits, and writes on the next server."""
    estate = Estate()
    for worker in draw(writes):
        estate.write(worker)
    for worker in draw(st.sets(st.integers(0, 3))):
        estate.write(worker, commit=draw(st.booleans()), ack=False)
    acked_before = len(estate.rows)
    lost = estate.fail_over(draw(st.integers(0, acked_before)))
    for worker in draw(st.lists(st.integers(0, 3), max_size=30)):
        estate.write(worker)
    return estate, lost


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_a_failover_is_a_clean_suffix_with_the_exact_loss(history: tuple[Estate, list[DbRow]], shuffle: object) -> None:
    estate, lost = history
    journal = estate.journal()
    rows = list(estate.rows)
    shuffle.shuffle(rows)  # type: ignore[attr-defined]
    found = compare(journal, rows, [estate.takeover])
    stored = {(row.worker, row.n) for row in rows}
    expected = {(row.worker, row.n) for row in lost} & set(journal.acked) - stored
    assert found["lost"] == len(expected)
    assert (found["wrong"], found["ghosts"], found["duplicates"], found["journal_gaps"]) == (0, 0, 0, 0)
    assert found["clean_suffix"] is True
    doubt = found["in_doubt"]
    assert doubt["total"] == doubt["committed"] + doubt["not_committed"] == len(set(journal.sent) - set(journal.acked))
    assert found["acked"] - found["lost"] + doubt["committed"] == found["in_db"]
    assert (found["rpo_s"] > 0) == (found["lost"] > 0)
    assert found["rpo_s"] >= found["lost_window_s"]


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_kept_write_above_a_lost_one_is_a_hole(history: tuple[Estate, list[DbRow]], data: st.DataObject) -> None:
    estate, _lost = history
    journal = estate.journal()
    early = [row for row in estate.rows if journal.acked.get((row.worker, row.n), estate.takeover) < estate.takeover]
    tops = {row.worker: row.n for row in sorted(early, key=lambda row: row.n)}
    inner = [row for row in early if row.n < tops[row.worker]]
    if not inner:
        return
    gone = data.draw(st.sampled_from(inner))
    found = compare(journal, [row for row in estate.rows if row != gone], [estate.takeover])
    assert found["holes"] >= 1
    assert found["inversions"] >= 1
    assert found["clean_suffix"] is False


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_each_corruption_is_named(history: tuple[Estate, list[DbRow]], data: st.DataObject) -> None:
    estate, _lost = history
    if not estate.rows:
        return
    journal, rows = estate.journal(), list(estate.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    clean = compare(journal, rows, [estate.takeover])

    def changed(replacement: list[DbRow]) -> dict[str, object]:
        return compare(journal, rows[:at] + replacement + rows[at + 1 :], [estate.takeover])

    assert changed([rows[at], rows[at]])["duplicates"] == 1
    assert changed([rows[at]._replace(hash="f" * 64)])["wrong"] == 1
    assert changed([rows[at], DbRow(9, 1, "a" * 64, FIRST_PREVIOUS)])["ghosts"] == 1
    if rows[at].n > 1:
        assert changed([rows[at]._replace(previous="e" * 64)])["wrong"] == 1
    assert clean["wrong"] == 0


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_reordered_commits_are_wrong(history: tuple[Estate, list[DbRow]], data: st.DataObject) -> None:
    estate, _lost = history
    mine = [row for row in estate.rows if row.worker == 0]
    if len(mine) < 2:
        return
    one, two = data.draw(st.sampled_from(mine[:-1])), mine[-1]
    swapped = {one: one._replace(n=two.n), two: two._replace(n=one.n)}
    found = compare(estate.journal(), [swapped.get(row, row) for row in estate.rows], [estate.takeover])
    assert found["wrong"] >= 2


def long_run(count: int) -> tuple[Journal, list[DbRow]]:
    """A quiet run of four workers."""
    journal, rows = Journal(), []
    heads = dict.fromkeys(range(4), FIRST_PREVIOUS)
    for number in range(count):
        worker, n, at = number % 4, number // 4 + 1, START + number * MS
        mark = digest(heads[worker], worker, n)
        journal.sent[worker, n], journal.acked[worker, n], journal.hashes[worker, n] = at, at + MS // 2, mark
        journal.ack_times.append(at + MS // 2)
        rows.append(DbRow(worker, n, mark, heads[worker]))
        heads[worker] = mark
    return journal, rows


@pytest.mark.parametrize("where", [0, 1, 49_999, 99_998, 99_999])
def test_one_lost_row_in_a_hundred_thousand_is_found(where: int) -> None:
    journal, rows = long_run(100_000)
    gone = rows.pop(where)
    found = compare(journal, rows, [START + 10**15])
    assert found["lost"] == 1
    assert found["lost_sample"][0]["n"] == gone.n
    assert found["clean_suffix"] is (where == 99_999)


def test_the_cut_is_taken_from_the_longest_silence() -> None:
    estate = Estate()
    for _turn in range(5):
        estate.write(0)
        estate.write(1)
    estate.fail_over(7)
    for _turn in range(5):
        estate.write(0)
        estate.write(1)
    found = compare(estate.journal(), estate.rows)
    assert (found["lost"], found["clean_suffix"]) == (3, True)
    assert found["recovered_up_to"] == "2026-11-23T18:53:20.014Z"
    assert found["rpo_s"] == 0.006
    assert found["lost_window_s"] == 0.004


def test_without_a_loss_nothing_is_behind() -> None:
    estate = Estate()
    estate.write(0)
    found = compare(estate.journal(), estate.rows)
    assert (found["rpo_s"], found["lost_window_s"], found["first_lost"]) == (0.0, 0.0, None)
    assert found["recovered_up_to"] == "2026-11-23T18:53:20.002Z"


def test_when_nothing_was_kept_the_loss_counts_from_the_first_request() -> None:
    estate = Estate()
    for _turn in range(3):
        estate.write(0)
    estate.fail_over(0)
    found = compare(estate.journal(), estate.rows)
    assert (found["lost"], found["recovered_up_to"], found["rpo_s"]) == (3, None, 0.005)


def test_nothing_at_all_compares() -> None:
    found = compare(Journal(), [])
    assert (found["sent"], found["lost"], found["clean_suffix"], found["recovered_up_to"]) == (0, 0, True, None)


def test_a_line_cut_by_a_kill_is_counted_and_its_loss_told() -> None:
    estate = Estate()
    for _turn in range(3):
        estate.write(0)
    lines = [json.dumps(event) + "\n" for event in estate.events]
    lines[3] = lines[3][:20] + "\n"
    found = compare(read_journal(lines), estate.rows)
    assert (found["torn_lines"], found["journal_gaps"], found["in_doubt"]["committed"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "line", ["{}\n", "[]\n", "7\n", '{"t": 1, "e": "S"}\n', '{"t": "x", "e": "A", "w": 0, "n": 1}\n']
)
def test_a_file_that_is_no_journal_is_refused(line: str) -> None:
    with pytest.raises(OpsError, match="Line 1 of the journal is no event"):
        read_journal([line])


def test_a_client_that_contradicts_itself_is_wrong() -> None:
    lines = [json.dumps({"t": START, "e": "S", "w": 0, "n": 1, "h": mark}) for mark in ("a", "b")]
    found = compare(read_journal(lines), [DbRow(0, 1, "a", FIRST_PREVIOUS)])
    assert found["wrong_sample"] == [{"worker": 0, "n": 1, "reason": "the client's own journal has two hashes for it"}]
