# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check that docs/checks.md writes in ten lines runs as it stands there, and its breaker breaks it."""

from __future__ import annotations

import re
from pathlib import Path

import _world
import pytest

from verify.engine import control as declaring
from verify.engine.judge import judge
from verify.engine.words import GREEN, Status

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
CHECK, BREAKER = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def run(block: str, module: str) -> None:
    """Run a block of the page as the module that it belongs into."""
    exec(compile(block, "docs/checks.md", "exec"), {"__name__": module})  # noqa: S102 - our own page


def test_the_check_of_the_page_is_green_and_its_breaker_turns_it_red(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = {result.control.id for result in _world.results(_world.fresh())}
    taken = [one.fault for one in _world.breakers()]
    # What the page declares stays in here.
    monkeypatch.setattr(declaring, "_REGISTRY", declaring.Registry())
    monkeypatch.setattr(_world, "_BREAKERS", [])
    run(CHECK, "verify.checks.infra")
    run(BREAKER, "breakers_infra")
    (control,), (breaker,) = declaring.registered(), _world.breakers()
    assert breaker.control == control.id
    assert control.id not in shipped and breaker.fault not in taken, "the page shows what can still be added"
    item = _world.catalogue()[control.item]
    assert judge(control, item, _world.fresh().estate()).status is Status.PASS
    world = _world.fresh()
    breaker.put(world)
    assert judge(control, item, world.estate()).status is Status.FAIL
    assert {one.control.id for one in _world.results(world) if one.status not in GREEN} == set(breaker.also)


def test_ten_lines_are_about_ten() -> None:
    assert len([line for line in CHECK.splitlines() if line.strip()]) <= 12
