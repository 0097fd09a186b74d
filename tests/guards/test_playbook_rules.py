# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the playbooks: how they are named, found and guarded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
WRAPPERS = [path for path in [*ROOT.glob("*.yml"), *PLAYBOOKS] if "-" in path.stem]
IMPORT = "ansible.builtin.import_playbook"


def plays(path: Path) -> list[dict[str, Any]]:
    """Return the plays of a playbook."""
    loaded: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_playbooks() -> None:
    assert "playbooks/dr_drill.yml" in map(name, PLAYBOOKS)
    assert "dr-drill.yml" in map(name, WRAPPERS)


@pytest.mark.parametrize("path", PLAYBOOKS, ids=name)
def test_every_play_forces_its_handlers(path: Path) -> None:
    """Without it, a task that fails drops handlers that were notified before it, for ever."""
    own = [play for play in plays(path) if IMPORT not in play]
    assert [play.get("name") for play in own if not play.get("force_handlers")] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=name)
def test_no_play_that_can_go_back_ends_at_a_lost_host(path: Path) -> None:
    """The linear strategy ends a play with any_errors_fatal at an unreachable host, whatever ``ignore_unreachable``
    says; so within a rescue the way back would end without a word."""
    own = [play for play in plays(path) if play.get("hosts") == "localhost"]
    assert [play["name"] for play in own if play.get("any_errors_fatal")] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=name)
def test_every_play_says_what_it_does(path: Path) -> None:
    assert [play for play in plays(path) if not str(play.get("name", "")).strip()] == []


@pytest.mark.parametrize("path", WRAPPERS, ids=name)
def test_a_name_with_a_hyphen_imports_its_twin(path: Path) -> None:
    """A collection cannot address a name with a hyphen, so the play lives in the file with the underscore."""
    twin = ROOT / "playbooks" / f"{path.stem.replace('-', '_')}.yml"
    assert twin.is_file()
    (only,) = plays(path)
    assert set(only) <= {"name", IMPORT}
    assert (path.parent / only[IMPORT]).resolve() == twin


def test_the_example_inventory_has_every_group_that_playbooks_address() -> None:
    inventory = yaml.safe_load((ROOT / "inventories" / "example" / "hosts.yml").read_text(encoding="utf-8"))
    known = {*inventory["all"]["children"], "all", "localhost"}
    patterns = [str(play["hosts"]) for path in PLAYBOOKS for play in plays(path) if IMPORT not in play]
    addressed = {group for pattern in patterns for group in pattern.split(":")}
    assert addressed - known == set()
