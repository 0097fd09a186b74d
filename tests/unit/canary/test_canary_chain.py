# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a worker, what an answer means for it, and how a journal is continued."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st


def body(**content: Any) -> bytes:
    return json.dumps(content).encode()


def journal_of(canary: ModuleType, events: list[tuple[str, int]], run: str = "r") -> list[bytes]:
    """Return the lines of one worker that sent and settled the given entries."""
    chains = {1: canary.Chain(run, 0)}
    lines = []
    for event, n in events:
        for known in range(1, n + 1):
            if known not in chains:
                chain = canary.Chain(run, 0, known - 1, chains[known - 1].previous)
                chain.advance()
                chains[known] = chain
        lines.append(json.dumps({"t": 1, "e": event, "w": 0, "n": n, "h": chains[n].hash, "x": "x"}).encode())
    return lines


def test_the_first_entry_follows_sixty_four_zeros(canary: ModuleType) -> None:
    chain = canary.Chain("r", 3)
    assert chain.entry() == {
        "run": "r",
        "worker": 3,
        "n": 1,
        "hash": hashlib.sha256(("0" * 64 + "|r|3|1").encode()).hexdigest(),
        "previous": "0" * 64,
    }


@given(worker=st.integers(0, 50), steps=st.integers(1, 60))
def test_every_entry_names_the_hash_before_it(canary: ModuleType, worker: int, steps: int) -> None:
    chain = canary.Chain("r", worker)
    previous = canary.FIRST
    for n in range(1, steps + 1):
        entry = chain.entry()
        assert (entry["n"], entry["previous"]) == (n, previous)
        previous = entry["hash"]
        chain.advance()


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (201, body(committed=True, server="10.0.0.1"), "acknowledged"),
        (201, body(committed=False), "failed"),
        (201, b"not json", "failed"),
        (201, b"[]", "failed"),
        (200, body(committed=True), "failed"),
        (409, body(committed=False, stored={"hash": "mine"}, server="10.0.0.1"), "acknowledged"),
        (409, body(committed=False, stored={"hash": "another"}), "conflict"),
        (409, body(committed=False, reason="taken and given back"), "failed"),
        (409, b"", "failed"),
        (503, body(committed=None, reason="gone"), "failed"),
        (504, b"<html>", "failed"),
    ],
)
def test_what_an_answer_means(canary: ModuleType, status: int, answer: bytes, outcome: str) -> None:
    assert canary.judge(status, answer, "mine").outcome == outcome


def test_an_acknowledgement_tells_the_database(canary: ModuleType) -> None:
    assert canary.judge(201, body(committed=True, server="10.0.0.1"), "mine").detail == "10.0.0.1"


def test_a_refusal_tells_its_reason(canary: ModuleType) -> None:
    assert canary.judge(503, body(reason="the database is read-only"), "mine").detail == "503 the database is read-only"


def test_no_journal_starts_fresh_chains(canary: ModuleType) -> None:
    assert [(chain.worker, chain.n) for chain in canary.continue_chains([], "r", 3)] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("events", "next_n"),
    [
        ([("S", 1)], 1),
        ([("S", 1), ("A", 1)], 2),
        ([("C", 1), ("S", 1), ("E", 1), ("S", 1), ("A", 1), ("S", 2)], 2),
        ([("S", 1), ("S", 2), ("A", 2)], 3),
        ([("S", 1), ("E", 1), ("S", 2), ("A", 2), ("S", 3), ("E", 3)], 3),
    ],
)
def test_a_journal_is_continued_at_the_entry_in_doubt(
    canary: ModuleType, events: list[tuple[str, int]], next_n: int
) -> None:
    chain = canary.continue_chains(journal_of(canary, events), "r", 1)[0]
    expected = canary.Chain("r", 0)
    while expected.n < next_n:
        expected.advance()
    assert chain == expected


def test_a_line_cut_short_is_passed_over(canary: ModuleType) -> None:
    lines = journal_of(canary, [("S", 1), ("A", 1), ("S", 2)])
    assert canary.continue_chains([*lines, lines[-1][:20], b"17", b"null"], "r", 1)[0].n == 2


def test_a_journal_of_another_run_is_refused(canary: ModuleType) -> None:
    with pytest.raises(canary.BadInput, match="not that of the run other"):
        canary.continue_chains(journal_of(canary, [("S", 1)]), "other", 1)


def test_a_journal_with_a_gap_is_refused(canary: ModuleType) -> None:
    with pytest.raises(canary.BadInput, match="never used"):
        canary.continue_chains(journal_of(canary, [("S", 1), ("S", 3)]), "r", 1)


def test_the_journal_ends_a_line_that_a_crash_cut_short(canary: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"t":1,"e":"S"')
    journal = canary.Journal(path, clock=lambda: 5)
    journal.write("S", canary.Chain("r", 0), "https://lb1")
    journal.close()
    first, second = path.read_bytes().splitlines()
    assert first == b'{"t":1,"e":"S"'
    assert json.loads(second) == {
        "t": 5,
        "e": "S",
        "w": 0,
        "n": 1,
        "h": canary.Chain("r", 0).hash,
        "x": "https://lb1",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--run", "a b", "--endpoints", "https://lb1", "--journal", "j"], "run name"),
        (["--run", "r", "--endpoints", "lb1", "--journal", "j"], "no endpoint"),
        (["--run", "r", "--endpoints", ",", "--journal", "j"], "empty list"),
        (["--run", "r", "--endpoints", "https://lb1", "--journal", "j", "--rate", "0"], "rate"),
        (["--run", "r", "--endpoints", "https://lb1", "--journal", "j", "--workers", "0"], "worker"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(canary: ModuleType, arguments: list[str], told: str) -> None:
    with pytest.raises(canary.BadInput, match=told):
        canary.arguments(arguments)


def test_an_authority_that_cannot_be_read_is_refused(canary: ModuleType, tmp_path: Path) -> None:
    options = canary.arguments(
        ["--run", "r", "--endpoints", "https://lb1", "--journal", "j", "--ca", str(tmp_path / "none")]
    )
    with pytest.raises(canary.BadInput, match="authority"):
        canary.trust(options)
