# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sealed packs of the green world: a live drill five days ago, and an activation in earnest two months ago."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from _world import DAY, HOUR, MINUTE, World, golden
from golden_records import at
from golden_repositories import BEFORE

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso

EXAMPLE = Path(__file__).resolve().parents[1] / "unit" / "report" / "example_drill.json"
DRILL = "20261120T090000Z-site_lost_repository"
ACTIVATION = "20260923T083000Z-activation"
RETURN = "20260923T190000Z-failback"
ACTIVATION_AGO = 63 * DAY
_IN_EARNEST = (
    *("activate_team", "notify", "approve", "decide", "fence", "restore", "promote", "redirect", "first_write"),
    *("verify", "coordinate", "watch", "document", "improve"),
)


@cache
def _example() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return found


def drill() -> dict[str, Any]:
    """Return the record of the drill: the example of the report's tests, signed by people of this world."""
    record = copy.deepcopy(_example())
    record |= {"id": DRILL, "environment": "golden", "stand_in": False}
    record["header"] |= {"lost_hosts": ["lb1", "app1", "db1"]}
    record["versions"]["git_commit"] = BEFORE
    for person in (*record["people"], *record["sign_off"]):
        person |= {"stand_in": False, "name": "platform A" if person["role"] == "drill lead" else "operations lead"}
    record["verdict_reasons"] = ["The run was interrupted 1 time(s) and resumed."]
    return record


def activation() -> dict[str, Any]:
    """Return the record of a disaster in earnest: the same steps on another day, without those of a drill."""
    record = drill()
    shift = parse_iso(at(ACTIVATION_AGO)) - parse_iso(record["started"])

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [moved(inner) for inner in value]
        if isinstance(value, str) and len(value) == len("2026-11-20T09:00:00.000Z") and value.endswith("Z"):
            return iso_ms(parse_iso(value) + shift)
        return value

    record = moved(record)
    survey = {**record["steps"][0], "id": "survey", "title": "Survey what is left"}
    record["steps"] = [survey, *(step for step in record["steps"] if step["id"] in _IN_EARNEST)]
    record |= {"id": ACTIVATION, "scenario": {"name": "activation", "title": "Activation of site B"}, "failback": None}
    record["steady_state"] = {"before": [], "after": []}
    return record


def failback() -> dict[str, Any]:
    """Return the record of the return, half a day later."""
    record = activation()
    start = ACTIVATION_AGO - 10.5 * HOUR
    record |= {"id": RETURN, "scenario": {"name": "failback", "title": "Return to site A"}}
    record |= {"started": at(start), "declared": None, "ended": at(start - 20 * MINUTE), "steps": []}
    record["failback"] = drill()["failback"]
    return record


@golden
def packs(world: World) -> None:
    """Three packs whose seals hold, and each signature in them."""
    rows = [
        {"name": one["id"], "intact": True, "faults": [], "record": one, "signed": signed(one)}
        for one in (activation(), failback(), drill())
    ]
    world.set("runs", "packs", {"packs": rows})


def signed(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the signatures of a pack vouch for, where each of them holds."""
    return [{**person, "fault": None} for person in record["people"]]


def change_pack(world: World, name: str, how: Callable[[dict[str, Any]], None]) -> None:
    """Change a pack in place by its name."""

    def change(body: Any) -> None:
        found = [pack for pack in body["packs"] if pack["name"] == name]
        assert found, f"there is no pack {name}"
        how(found[0])

    world.change("runs", "packs", change)


def add_copy(world: World) -> None:
    """Add a drill of a copy, a day after the live one: it passed and measured no loss."""
    record = drill() | {
        "id": "20261121T090000Z-copy",
        "mode": "copy",
        "started": at(4 * DAY),
        "ended": at(4 * DAY - HOUR),
    }
    record["achieved"] = {"rto_s": 41.0, "rpo_s": None, "lost_rows": None, "in_doubt_rows": None, "backup_age_s": 60.0}
    row = {"name": record["id"], "intact": True, "faults": [], "record": record, "signed": signed(record)}
    world.change("runs", "packs", lambda body: body["packs"].append(row))


def change_signatures(world: World, pack: str, which: Callable[[dict[str, Any]], bool], **keys: Any) -> None:
    """Change keys of some signatures of a pack, in its record and in what they vouch for."""

    def change(found: dict[str, Any]) -> None:
        rows = [row for row in (*found["record"]["people"], *found["signed"]) if which(row)]
        assert rows, "there is no such signature"
        for row in rows:
            row.update(keys)

    change_pack(world, pack, change)


def change_step(world: World, pack: str, step: str, **keys: Any) -> None:
    """Change keys of a step of a pack."""

    def change(found: dict[str, Any]) -> None:
        (row,) = [one for one in found["record"]["steps"] if one["id"] == step]
        row.update(keys)

    change_pack(world, pack, change)
