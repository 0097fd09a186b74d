# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small plan, a journal with every event, and the owner of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import chain
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store

PLAN: list[dict[str, Any]] = [
    {"id": "fence", "item": "DR-04", "title": "Fence the old primary", "actor": "ansible", "deadline_s": 300},
    {"id": "restore", "item": "DR-05", "title": "Restore", "deadline_s": 28800, "expected_s": 40, "destructive": True},
    {"id": "verify", "item": "DR-07", "title": "Verify", "deadline_s": 600, "expected_s": 4.5},
]
OPEN: dict[str, Any] = {
    "event": "open",
    "drill_id": "20261123T211500Z-site_lost",
    "environment": "staging",
    "scenario": "site_lost",
    "mode": "live",
    "header": {"lead": "lead@example.org"},
    "plan": PLAN,
}


@pytest.fixture
def entries() -> list[dict[str, Any]]:
    """A journal with each event: interrupted once, closed."""
    made: list[dict[str, Any]] = []
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("21:15:00.000", OPEN),
        ("21:15:01.000", {"event": "enter", "step": "fence"}),
        ("21:15:02.000", {"event": "note", "kind": "info", "step": "fence", "result": {"t0": "x"}}),
        ("21:15:03.500", {"event": "leave", "step": "fence", "status": "done", "result": {"proofs": 3, "size": 1.5}}),
        ("21:15:03.500", {"event": "enter", "step": "restore"}),
        ("21:16:00.000", {"event": "interrupt", "step": "restore", "last_seen": "2026-11-23T21:15:03.500Z"}),
        ("21:16:00.000", {"event": "resume", "step": "restore", "header": {}}),
        ("21:16:01.000", {"event": "enter", "step": "restore"}),
        ("21:16:10.000", {"event": "note", "kind": "deviation", "step": "restore", "text": "older backup"}),
        ("21:16:40.000", {"event": "leave", "step": "restore", "status": "done", "result": {"label": "F"}}),
        ("21:16:41.000", {"event": "leave", "step": "verify", "status": "skipped", "error": "not asked for"}),
        ("21:16:42.000", {"event": "close", "verdict": "fail", "reasons": ["late"]}),
    ]
    for at, body in bodies:
        made += chain(made, [body], at=f"2026-11-23T{at}Z")
    return made


@pytest.fixture
def owner() -> Owner:
    """This test run as the owner of a lock."""
    return Owner.of(os.getpid())


@pytest.fixture
def store(tmp_path: Path, owner: Owner) -> Store:
    """A journal on disk that was opened."""
    made = Store(tmp_path / "drills" / "20261123T211500Z-site_lost", owner=owner)
    made.create([OPEN])
    return made
