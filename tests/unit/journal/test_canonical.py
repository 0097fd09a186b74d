# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical text: one spelling a value, and nothing that JSON cannot carry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, digest, plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_reading_and_writing_again_gives_the_same_bytes(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_a_whole_number_is_written_without_a_fraction() -> None:
    assert canonical_json({"b": 1.0, "a": -0.0, "c": 0.5}) == b'{"a":0,"b":1,"c":0.5}'


def test_text_stays_readable_and_a_broken_byte_survives() -> None:
    assert canonical_json("grün") == '"grün"'.encode()
    assert json.loads(canonical_json("\udc80")) == "\udc80"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": b"x"}, {"a": {"b": object()}}])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(OpsError):
        canonical_json(value)


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(OpsError, match=r"\.steps\[1\]\.result"):
        plain({"steps": [{}, {"result": {1, 2}}]})


def test_nesting_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(OpsError, match="nested deeper"):
        digest(value)
