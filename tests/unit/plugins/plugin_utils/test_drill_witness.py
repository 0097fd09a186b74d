# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two writers are two hosts that take writes at one instant, by one clock; what nobody saw is no answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _drill_witness as witness

START = 1_795_000_000.0


def looks(answers: str, start: float = 0.0, step: float = 0.25) -> list[witness.Sample]:
    """Return the looks of a witness: w takes writes, r does not, . no answer."""
    said = {"w": True, "r": False, ".": None}
    return [(START + start + step * number, said[answer]) for number, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        (looks("wwww...."), looks("rrrr..ww"), 0),
        (looks("wwww...."), looks("rr.wwwww"), 1),
        (looks("wwwwwwww"), looks("r.w.w.r."), 2),
        (looks("w......."), looks(".......w"), 0),
        (looks("ww", step=30.0), looks("wwww", start=10.0), 0),  # half a minute without a look says nothing
        ([], looks("wwww"), 0),
    ],
    ids=["handed over", "overlap", "twice", "far apart", "no look between", "never answered"],
)
def test_two_writers(old: list[witness.Sample], new: list[witness.Sample], seen: int) -> None:
    found = witness.observed({"db1": old, "db2": new})
    assert found["two_writers_seen"] == seen == len(found["overlaps"])
    assert found["samples"] == len(old) + len(new)


def test_an_overlap_is_told_with_its_instants() -> None:
    overlap = witness.observed({"db1": looks("www"), "db2": looks("ww", start=0.25)})["overlaps"][0]
    assert overlap["hosts"] == ["db1", "db2"]
    assert overlap["from"].endswith(":40.250Z")
    assert overlap["to"].endswith(":40.500Z")


def test_the_files_are_read_by_the_controllers_clock(tmp_path: Path) -> None:
    """A clock that is five seconds ahead would hide that both wrote at once; a broken line is passed over."""
    (tmp_path / "evidence").mkdir()
    for host, start in (("db1", 0.0), ("db2", 5.0)):
        rows = [json.dumps({"t": round(at * 1e9), "w": said}) for at, said in looks("www", start=start)]
        (tmp_path / "evidence" / f"witness-{host}.jsonl").write_text("\n".join([*rows, '{"t": 17']), encoding="utf-8")
    apart = witness.witnessed(tmp_path, {})
    together = witness.witnessed(tmp_path, {"db2": 5.0})
    assert apart is not None and together is not None
    assert (apart["two_writers_seen"], together["two_writers_seen"]) == (0, 1)
    assert together["hosts"] == {"db1": 3, "db2": 3}


def test_one_host_alone_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "witness-db2.jsonl").write_text('{"t":1,"w":true}\n', encoding="utf-8")
    assert witness.witnessed(tmp_path, {}) is None
