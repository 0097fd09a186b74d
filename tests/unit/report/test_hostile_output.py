# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host, a backup or a person wrote stays text, and what is hidden in it becomes visible."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report import render
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import clean

from .conftest import EXAMPLE, Page

pytestmark = pytest.mark.slow

KEPT = ("verdict", "mode", "status", "result", "schema", "phase")
ATTACKS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></svg><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus=alert(1) x='",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!-- --><b>bold</b>&amp;&lt;",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "\x1b[2J\x1b]0;title\x07\r\x00",
    "\udc80 broken byte",
    "x" * 5000,
]


def poisoned(value: Any, attack: str) -> Any:
    """Return the record with every text in it followed by the attack; words that choose a branch stay."""
    if isinstance(value, dict):
        return {
            key: item if key in KEPT and isinstance(item, str) else poisoned(item, attack)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [poisoned(item, attack) for item in value]
    return f"{value}{attack}" if isinstance(value, str) else value


@pytest.mark.parametrize("attack", ATTACKS)
def test_poison_in_every_field_changes_no_element(attack: str) -> None:
    clean_page = Page(render(EXAMPLE))
    page = Page(render(poisoned(EXAMPLE, attack)))
    assert page.elements <= clean_page.elements | {"wbr"}
    assert page.attributes <= clean_page.attributes
    assert {value for name, value in page.values if name == "class"} <= {
        *(value for name, value in clean_page.values if name == "class"),
        *("bar-late", "pill mute", "c-text", "line"),
    }
    assert [value for name, value in page.values if name == "href" and not value.startswith("#")] == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_hidden_reaches_the_page(attack: str) -> None:
    markup = render(poisoned(EXAMPLE, attack)).decode("utf-8")
    hidden = {char for char in markup if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"}
    assert hidden == set()


def test_the_text_itself_is_still_readable(record: dict[str, Any]) -> None:
    record["deviations"] = [{"at": "2026-11-20T09:03:00.000Z", "step": "x", "text": "<b>rm -rf</b> \u202eabc & more"}]
    assert "<b>rm -rf</b> ⟨U+202E⟩abc & more" in Page(render(record)).section("findings")


def test_a_long_text_is_cut_and_says_so() -> None:
    told = clean("y" * 4100)
    assert told.endswith("(100 more characters; the whole text is in drill.json)")


@pytest.mark.parametrize("value", [[], {}, "x", 7, -1.5, True, None, [None], ["x", 3], {"a": {"b": []}}])
@pytest.mark.parametrize("key", sorted(EXAMPLE))
def test_a_part_of_a_wrong_kind_never_breaks_the_page(record: dict[str, Any], key: str, value: Any) -> None:
    record[key] = value
    assert b"</html>" in render(record)
