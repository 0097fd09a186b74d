# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the green world: every type is there, and `add`, `drop` and `alter` are how others fill and break them.

A record is checked against the schema of its type as it is added, so that the green world cannot hold one that no
reader would accept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from _world import NOW, World, golden

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES, TYPES, validate
from verify.engine.words import EvidenceClass

PEOPLE, MACHINES = "records", "runs"


def at(seconds_ago: float) -> str:
    """Return an instant so many seconds before the world's now, as records write it."""
    return _utc.iso_ms(_utc.from_epoch(NOW - seconds_ago))


@golden
def every_type(world: World) -> None:
    """Both directories answer for every type, also where they hold nothing."""
    for subject in (PEOPLE, MACHINES):
        for kind in TYPES:
            body: dict[str, Any] = {"type": kind, "files": 0, "records": []}
            if subject == MACHINES:
                body["faults"] = []
            klass = EvidenceClass.DECLARED if subject == PEOPLE else EvidenceClass.MACHINE
            world.set(subject, kind, body, klass=klass)
    world.set(MACHINES, "packs", {"packs": []})


def add(world: World, kind: str, *rows: dict[str, Any], subject: str = PEOPLE, signed_by: str = "") -> None:
    """Add records of a type. ``id``, ``environment``, ``at`` and ``by`` are filled in where a row leaves them out."""
    body = json.loads(world.body(subject, kind))
    for row in rows:
        number = len(body["records"]) + 1
        common = {"id": f"{kind}-{number}", "environment": "golden"}
        if kind in RECORD_TYPES:
            common |= {"at": at(3600), "by": "operations"}
        record = {**common, **row}
        validate(record, kind)
        klass = "machine" if subject == MACHINES else "attested" if signed_by else "declared"
        file = f"{kind}/{record['id']}.json"
        body["records"].append({"file": file, "class": klass, "signed_by": signed_by, "record": record})
        body["files"] = number
    world.change(subject, kind, lambda _old: body)


def alter(world: World, kind: str, record_id: str, subject: str = PEOPLE, **keys: Any) -> None:
    """Change keys of the record with an id; a key set to ``...`` is taken out."""

    def change(body: Any) -> None:
        found = [row["record"] for row in body["records"] if row["record"]["id"] == record_id]
        assert found, f"there is no {kind} {record_id}"
        for record in found:
            record.update(keys)
            for key in [key for key, value in keys.items() if value is ...]:
                del record[key]

    world.change(subject, kind, change)


def drop(
    world: World, kind: str, subject: str = PEOPLE, *, unless: Callable[[dict[str, Any]], bool] | None = None
) -> None:
    """Take the records of a type out, but for those that ``unless`` keeps."""

    def change(body: Any) -> None:
        body["records"] = [row for row in body["records"] if unless and unless(row["record"])]
        body["files"] = len(body["records"])

    world.change(subject, kind, change)


def by_hand(world: World, kind: str, which: Callable[[dict[str, Any]], bool]) -> None:
    """Let people have written some records of a type that playbooks left."""
    rows = [row["record"] for row in json.loads(world.body(MACHINES, kind))["records"]]
    add(world, kind, *(row for row in rows if which(row)))
    drop(world, kind, MACHINES, unless=lambda row: not which(row))
