# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for what roles do with their input: a switch is read as a switch, and the first of many is always the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
CONDITIONS = {"when", "that", "until", "failed_when", "changed_when"}
EXPRESSION = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
QUOTED = re.compile(r"'[^']*'")
# A set has no order, so its first member is another one in each run.
FIRST_OF_A_SET = re.compile(r"(?:difference|union|symmetric_difference)\([^)]*\)\s*\|\s*(?:first|last)\b")


def switches(role: Path) -> set[str]:
    """Return the options of a role that its specification calls boolean."""
    path = role / "meta" / "argument_specs.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
    named = (pair for entry in entries for pair in entry.get("options", {}).items())
    return {name for name, option in named if option.get("type") == "bool"}


def expressions(value: Any, key: str = "") -> Iterator[str]:
    """Yield every expression below a value of YAML: whole conditions, and what stands in braces."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from expressions(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner, key)
    elif isinstance(value, str):
        found = [first or second for first, second in EXPRESSION.findall(value)]
        yield from found or ([value] if key in CONDITIONS else [])


def of_role(role: Path) -> Iterator[str]:
    """Yield every expression of a role: of its tasks, handlers, variables and templates."""
    for room in ("tasks", "handlers", "vars", "defaults"):
        for path in sorted((role / room).rglob("*.yml")):
            yield from expressions(yaml.safe_load(path.read_text(encoding="utf-8")))
    for path in sorted((role / "templates").rglob("*.j2")):
        yield from expressions(path.read_text(encoding="utf-8"))


def unread(expression: str, names: set[str]) -> list[str]:
    """Return the switches that an expression decides by without reading them; one alone is for a module to read."""
    bare = QUOTED.sub("''", expression).strip()
    return [name for name in names if name != bare and re.search(rf"(?<![\w.]){name}\b(?!\s*\|\s*bool\b)", bare)]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_switch_of_the_command_line_is_read(role: Path) -> None:
    """`-e switch=false` is a text, and a text that is not empty is true."""
    names = switches(role)
    assert [(name, text.strip()) for text in of_role(role) for name in unread(text, names)] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_first_of_a_set_is_never_taken(role: Path) -> None:
    assert [text.strip() for text in of_role(role) if FIRST_OF_A_SET.search(text)] == []


def test_the_rules_find_what_they_are_for() -> None:
    names = {"x_on"}
    assert unread("not x_on or y", names) == unread("x_on | ternary('a', 'b')", names) == ["x_on"]
    assert unread("x_on | bool", names) == unread(" x_on ", names) == unread("'set x_on' if y", names) == []
    assert list(expressions({"that": "not x_on", "msg": "x_on, {{ y }}"})) == ["not x_on", " y "]
    assert FIRST_OF_A_SET.search("a | difference([b]) | first")
