# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of the journal: any edit is found, and a crash loses nothing that was written."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import GENESIS, chain, parse

same_journal = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def text_of(entries: list[dict[str, Any]]) -> bytes:
    return b"".join(canonical_json(entry) + b"\n" for entry in entries)


def test_a_whole_journal_is_read(entries: list[dict[str, Any]]) -> None:
    parsed = parse(text_of(entries), name="journal")
    assert parsed.entries == entries
    assert parsed.torn == b""
    assert entries[0]["prev"] == GENESIS
    assert all(later["prev"] == earlier["hash"] for earlier, later in itertools.pairwise(entries))


def test_a_journal_cut_at_any_byte_keeps_every_whole_line(entries: list[dict[str, Any]]) -> None:
    whole = text_of(entries)
    for cut in range(len(whole) + 1):
        parsed = parse(whole[:cut], name="journal")
        kept = text_of(parsed.entries)
        # What is not an entry is the torn tail; only the newline of a whole last line may be missing.
        assert whole[:cut] in (kept + parsed.torn, kept[:-1])


@same_journal
@given(data=st.data())
def test_a_changed_byte_is_always_found(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = bytearray(text_of(entries))
    place = data.draw(st.integers(0, len(whole) - 2))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    whole[place] = value
    with pytest.raises(OpsError, match="Line"):
        parse(bytes(whole), name="journal")


@same_journal
@given(data=st.data())
def test_removed_added_and_swapped_lines_are_found(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = text_of(entries).splitlines(keepends=True)
    first = data.draw(st.integers(0, len(lines) - 2))
    second = data.draw(st.integers(first + 1, len(lines) - 1))
    swapped = list(lines)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    removed = lines[:first] + lines[first + 1 :]
    doubled = lines[: first + 1] + lines[first:]
    for changed in (swapped, removed, doubled):
        with pytest.raises(OpsError, match="Line"):
            parse(b"".join(changed), name="journal")


def test_a_forged_line_with_a_right_hash_of_its_own_does_not_fit(entries: list[dict[str, Any]]) -> None:
    forged = chain([], [{"event": "close", "verdict": "pass", "reasons": []}], at="2026-11-23T21:17:00.000Z")
    with pytest.raises(OpsError, match="does not follow line 12"):
        parse(text_of(entries) + text_of(forged), name="journal")


def test_the_same_values_in_another_spelling_are_an_edit(entries: list[dict[str, Any]]) -> None:
    loose = text_of(entries).replace(b'","', b'", "', 1)
    with pytest.raises(OpsError, match="Line 1 of journal"):
        parse(loose, name="journal")
