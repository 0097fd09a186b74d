# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results are chained lines: they read back as they were judged, and no edit, loss or swap of lines goes unseen."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import parse
from verify.engine.judge import ControlResult, Row
from verify.engine.results import Results, read_results, row_json, row_of, row_text
from verify.engine.words import EvidenceClass, Status

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e12, 1e12) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FAILED = st.fixed_dictionaries({"says": st.text(), "observed": VALUES, "expected": VALUES})
ROWS = st.builds(
    Row,
    kind=st.sampled_from(["host", "service", "estate"]),
    subject=st.text(),
    status=st.sampled_from(Status),
    says=st.text(),
    checked=st.integers(0, 9),
    failed_count=st.just(0),
    failed=st.just(()),
    observed=VALUES,
    expected=VALUES,
    evidence=st.lists(st.text(), max_size=3).map(tuple),
    collected=st.none() | st.floats(0, 4e9),
    klass=st.none() | st.sampled_from(EvidenceClass),
    original=st.none() | st.sampled_from(Status),
    waiver=st.text(),
)


@given(row=ROWS, failed=st.lists(FAILED, max_size=3))
def test_a_row_reads_back_as_it_was(row: Row, failed: list[dict[str, Any]]) -> None:
    whole = row._replace(failed=tuple(failed), failed_count=len(failed))
    assert row_of(row_json(whole)) == whole
    assert row_text(whole).encode("utf-8", "backslashreplace") == canonical_json(row_json(whole))


def test_defaults_are_left_out() -> None:
    row = Row("host", "web1", Status.PASS, "sshd refuses passwords")
    assert row_json(row) == {"kind": "host", "subject": "web1", "status": "pass", "says": "sshd refuses passwords"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (datetime.date(2026, 11, 26), "2026-11-26"),
        (("a", 1), ["a", 1]),
        (3.0, 3),
        ({1: "x"}, "{1: 'x'}"),
        (Status.PASS, "pass"),
    ],
)
def test_what_json_cannot_carry_is_shown_as_text(value: Any, shown: Any) -> None:
    row = Row("host", "web1", Status.FAIL, "s", 1, 1, ({"says": "s", "observed": value, "expected": None},), value)
    assert row_json(row)["observed"] == shown
    assert row_json(row)["failed"][0]["observed"] == shown


@pytest.fixture
def results(make: Any) -> list[ControlResult]:
    found: list[ControlResult] = make(
        {
            "INFRA-02": {"db1": "pass", "web1": "fail", "web2": "unknown"},
            "INFRA-03.api": {"api": "stale", "admin": "pass"},
            "TEAM-01": {"test": "manual_due"},
        }
    )
    return found


def written(path: Path, results: list[ControlResult], *, closed: bool = True) -> Path:
    with Results(path) as log:
        log.header({"id": "20261126T083000Z", "environment": "test"})
        for result in results:
            log.control(dataclasses.replace(result, bounds={"max_count": 3}))
        if closed:
            log.close(1, expected=6)
    return path


def test_a_run_reads_back_as_it_was_written(results: list[ControlResult], tmp_path: Path) -> None:
    found = read_results(written(tmp_path / "r.jsonl", results))
    assert found.header == {"id": "20261126T083000Z", "environment": "test"}
    assert [(one.control, one.item, one.status) for one in found.controls] == [
        ("INFRA-02", "INFRA-02", "fail"),
        ("INFRA-03.api", "INFRA-03", "stale"),
        ("TEAM-01", "TEAM-01", "manual_due"),
    ]
    assert [one.rows for one in found.controls] == [one.rows for one in results]
    assert found.close == {
        "exit": 1,
        "totals": {"pass": 2, "fail": 1, "unknown": 1, "stale": 1, "waived": 0, "not_applicable": 0, "manual_due": 1},
        "expected": 6,
        "decided": 6,
    }
    assert found.complete
    assert found.torn == b""


def test_the_lines_are_a_journal(results: list[ControlResult], tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", results)
    parsed = parse(path.read_bytes(), name="results")
    read = read_results(path)
    assert (len(parsed.entries), parsed.entries[-1]["hash"]) == (read.lines, read.head) == (5, read.head)
    assert parsed.entries[1]["procedure"] == "Say nothing."
    assert parsed.entries[1]["bounds"] == {"max_count": 3}


def test_a_results_file_is_never_written_again(results: list[ControlResult], tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", results)
    with pytest.raises(FileExistsError):
        Results(path)


def test_a_killed_run_is_incomplete(results: list[ControlResult], tmp_path: Path) -> None:
    found = read_results(written(tmp_path / "r.jsonl", results, closed=False))
    assert not found.complete
    assert len(found.controls) == 3


def test_a_file_cut_at_any_byte_keeps_every_whole_line(results: list[ControlResult], tmp_path: Path) -> None:
    whole = written(tmp_path / "r.jsonl", results).read_bytes()
    cut = tmp_path / "cut.jsonl"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        found = read_results(cut)
        assert found.lines == whole[:length].count(b"\n")
        assert found.torn == whole[:length].rpartition(b"\n")[2]
        assert not found.complete


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_any_line_removed_doubled_or_swapped_is_found(results: list[ControlResult], tmp_path: Path) -> None:
    lines = lines_of(written(tmp_path / "r.jsonl", results))
    damaged = [lines[:n] + lines[n + 1 :] for n in range(len(lines) - 1)]
    damaged += [[*lines[: n + 1], *lines[n:]] for n in range(len(lines))]
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        damaged.append(swapped)
    for number, changed in enumerate(damaged):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(b"".join(changed))
        with pytest.raises(OpsError, match="Line") as caught:
            read_results(path)
        assert caught.value.details["exit_code"] == 12


@pytest.mark.parametrize("number", range(5))
def test_a_status_turned_green_is_found(results: list[ControlResult], tmp_path: Path, number: int) -> None:
    lines = lines_of(written(tmp_path / "r.jsonl", results))
    entry = json.loads(lines[number])
    entry["status"] = entry["exit"] = "pass"
    lines[number] = canonical_json(entry) + b"\n"
    path = tmp_path / "edited.jsonl"
    path.write_bytes(b"".join(lines))
    with pytest.raises(OpsError, match=f"Line {number + 1} of .* does not match its own hash"):
        read_results(path)


def test_a_line_of_another_file_does_not_fit(results: list[ControlResult], tmp_path: Path) -> None:
    one = lines_of(written(tmp_path / "1.jsonl", results))
    other = lines_of(written(tmp_path / "2.jsonl", results[1:2]))
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"".join([*one[:2], other[-1]]))
    with pytest.raises(OpsError, match=r"Line 3 of .* does not follow line 2"):
        read_results(path)


def test_nothing_may_follow_the_closing_line(results: list[ControlResult], tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Results(path) as log:
        log.header({"id": "x"})
        log._write({"event": "close", "exit": 0, "totals": {}, "expected": 0, "decided": 0}, canonical_json)
        log.control(results[0])
    with pytest.raises(OpsError, match=r"Line 3 .* does not stand where it belongs"):
        read_results(path)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Results(path) as log:
        log.header({"id": "x"})
        log._write({"event": "control", "control": "INFRA-02", "rows": []}, canonical_json)
    with pytest.raises(OpsError, match=r"Line 2 .* it is no result of a control"):
        read_results(path)
