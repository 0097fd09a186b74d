# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of faults and the memory of those in effect."""

from __future__ import annotations

from typing import Any

import pytest

from lab import _faults, _records
from lab._console import LabError, LabRefused
from lab._estate import Estate
from lab._fault import Bench, Fault, host_target
from lab._records import Record


class FakePodman:
    """A lab that exists."""

    def states(self) -> dict[str, str]:
        return {"db1": "running"}


def make(estate: Estate, name: str, *targets: str, **options: str) -> list[tuple[Record, bool]]:
    """Make a fault on a lab that exists on paper only."""
    return _faults.make(FakePodman(), estate, name, targets, options)  # type: ignore[arg-type]


def heal(estate: Estate, name: str | None, *targets: str) -> list[str]:
    """Undo faults on that lab."""
    return _faults.heal(FakePodman(), estate, name, targets)  # type: ignore[arg-type]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace all faults by one that only notes what it was asked for."""
    noted: list[str] = []

    def act(bench: Bench, record: Record, settings: dict[str, str]) -> None:
        assert _records.find(bench.estate, record.name, record.targets) is not None, "remembered before it is made"
        if settings["fail"]:
            raise LabError("it did not work")
        noted.append(f"make {record.targets[0]}")

    def undo(bench: Bench, record: Record) -> str:
        noted.append(f"heal {record.targets[0]}")
        return "as before"

    for name, repeatable in (("once", False), ("again", True)):
        fault = Fault(
            name=name, title="", undo="", usage="HOST...", kinds=(host_target,), each=True, make=act, heal=undo,
            repeatable=repeatable, options={"fail": ("", "")},
        )  # fmt: skip
        monkeypatch.setitem(_faults.FAULTS, name, fault)
    return noted


def test_a_fault_is_made_once_and_undone_once(estate: Estate, calls: list[str]) -> None:
    assert [fresh for _record, fresh in make(estate, "once", "db1", "db2")] == [True, True]
    assert [fresh for _record, fresh in make(estate, "once", "db1")] == [False]
    assert heal(estate, "once", "db1") == ["once db1: undone (as before)"]
    assert heal(estate, "once", "db1") == ["once db1: not in effect, nothing to undo"]
    assert heal(estate, "once") == ["once db2: undone (as before)"]
    assert calls == ["make db1", "make db2", "heal db1", "heal db2"]


def test_a_repeatable_fault_is_made_sure_of(estate: Estate, calls: list[str]) -> None:
    (first,), (second,) = make(estate, "again", "db1"), make(estate, "again", "db1")
    assert (first[1], second[1]) == (True, False)
    assert first[0].at == second[0].at
    assert calls == ["make db1", "make db1"]


def test_all_are_undone_the_newest_first(estate: Estate, calls: list[str]) -> None:
    make(estate, "once", "db1")
    make(estate, "again", "app1")
    assert len(heal(estate, None)) == 2
    assert calls[-2:] == ["heal app1", "heal db1"]
    assert heal(estate, None) == ["any fault: not in effect, nothing to undo"]


def test_a_fault_that_could_not_be_made_is_not_remembered(estate: Estate, calls: list[str]) -> None:
    with pytest.raises(LabError, match="did not work"):
        make(estate, "once", "db1", fail="yes")
    assert _records.load(estate) == []
    assert calls == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no-such-fault", "db1"], "There is no fault"),
        (["host-kill"], "Usage: lab fault host-kill HOST"),
        (["host-kill", "site_a"], "no host 'site_a'"),
        (["site-kill", "db1"], "no site 'db1'"),
        (["link-cut", "db1"], "Usage: lab fault link-cut"),
        (["link-cut", "db1", "moon"], "neither a host"),
        (["service-stop", "db1"], "Usage: lab fault service-stop HOST UNIT"),
        (["disk-full", "db1", "/"], "cannot|not a directory"),
        (["disk-full", "db1", "var"], "absolute path"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_touched(estate: Estate, words: list[str], sentence: str) -> None:
    with pytest.raises(LabRefused, match=sentence):
        make(estate, *words)
    assert not estate.state.exists()


def test_a_fault_whose_command_was_killed_is_undone_and_made_again(estate: Estate, calls: list[str]) -> None:
    _records.save(estate, Record("once", ["db1"], "2026-01-01T00:00:00.000+00:00"))
    ((record, fresh),) = make(estate, "once", "db1")
    assert fresh
    assert record.complete
    assert calls == ["heal db1", "make db1"]


def test_options(estate: Estate) -> None:
    assert _faults.parse_options(["a=b", "c=d=e", "f="]) == {"a": "b", "c": "d=e", "f": ""}
    for word in ("a", "=b"):
        with pytest.raises(LabRefused, match="KEY=VALUE"):
            _faults.parse_options([word])
    with pytest.raises(LabRefused, match="no option 'sise'"):
        make(estate, "disk-full", "repo1", "/var/lib/x", sise="3")


def test_the_ends_of_a_link_have_no_order() -> None:
    link = _faults.FAULTS["link-cut"]
    assert link.split(["site_b", "site_a"]) == link.split(["site_a", "site_b"]) == [["site_a", "site_b"]]


def test_the_repository_is_the_default_target() -> None:
    assert _faults.FAULTS["remove-wal"].split([]) == [["repo1"]]


def test_the_list_explains_every_fault(estate: Estate) -> None:
    text = _faults.listing(estate)
    for fault in _faults.FAULTS.values():
        assert fault.title in text
        assert fault.undo in text


def test_records_survive_as_files(estate: Estate) -> None:
    record = Record("disk-full", ["repo1", "/var/lib/x"], "2026-01-01T00:00:00.000+00:00", {"rules": ["r"]})
    _records.save(estate, record)
    assert _records.load(estate) == [record]
    assert _records.cuts(estate) == [["r"]]
    _records.saved_original(estate, record.key).write_bytes(b"original")
    _records.forget(estate, ["disk-full"])
    assert [path.name for path in _records.directory(estate).iterdir()] == []


def test_without_a_lab_nothing_can_be_broken(estate: Estate) -> None:
    class Nothing:
        def states(self) -> dict[str, Any]:
            return {}

    with pytest.raises(LabRefused, match="does not exist; build it with: lab up"):
        _faults.make(Nothing(), estate, "host-kill", ["db1"], {})  # type: ignore[arg-type]
