# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment of four hosts, a catalogue of three items and results made from a table of statuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from verify.engine.catalogue import Catalogue, Item, Remedy
from verify.engine.control import Control
from verify.engine.declared import Declared, Environment
from verify.engine.judge import ControlResult, Row
from verify.engine.waiver_files import load
from verify.engine.waivers import Waiver
from verify.engine.words import EvidenceClass, Status

NOW = 1_764_150_000.0  # 2025-11-26T09:40:00Z
HOSTS = ("db1", "db2", "web1", "web2")
ROW: dict[str, Any] = {
    "id": "W-1",
    "item": "INFRA-02",
    "subjects": {"kind": "host", "names": ["web1"]},
    "reason": "the vendor certifies the kernel in December",
    "compensating_control": "no route to the internet",
    "owner": "database",
    "requester": "a.adams",
    "approver": "b.brown",
    "approved_on": "2025-11-20T09:00:00Z",
    "expires_on": "2025-12-10T23:59:59Z",
    "ticket": "OPS-2211",
}
LoadWaivers = Callable[..., tuple[Waiver, ...]]


def nothing(host: Any) -> Iterator[Any]:
    """Say nothing."""
    yield from ()


def item_of(item_id: str, severity: str = "high", method: str = "test") -> Item:
    return Item(
        item_id,
        item_id.rpartition("-")[0],
        *("a title", "an objective", severity, "daily", "operations", method),
        ("host",),
        Remedy("mend it"),
        86400.0,
    )


@pytest.fixture
def environment() -> Environment:
    return Environment(
        name="test",
        inventory="inventories/test/hosts.yml",
        inventory_digest="1" * 64,
        hosts={name: Declared("host", name, {"ansible_host": f"127.0.0.{n}"}) for n, name in enumerate(HOSTS, 1)},
        groups={"all": (*HOSTS, "old1"), "managed": HOSTS, "web": ("web1", "web2"), "db": ("db1", "db2")},
        variables={"verify_services": [{"name": "api"}, {"name": "admin"}]},
        excluded={"old1": "not matched by verify_hosts (all:!old1)"},
    )


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(
        [item_of("INFRA-02"), item_of("INFRA-03", "critical"), item_of("TEAM-01", "low", "interview")],
    )


@pytest.fixture
def controls() -> dict[str, Control]:
    made = (
        Control("INFRA-02", "", "host", None, nothing, (), "checks.infra"),
        Control("INFRA-03", "disks", "host", None, nothing, (), "checks.infra"),
        Control("INFRA-03", "api", "service", None, nothing, (), "checks.infra"),
        Control("TEAM-01", "", "estate", None, nothing, (), "checks.team"),
    )
    return {one.id: one for one in made}


def row(status: Status | str, subject: str = "web1", kind: str = "host", **over: Any) -> Row:
    base: dict[str, Any] = {"says": f"{subject} is {status}", "checked": 1, "klass": EvidenceClass.MACHINE}
    return Row(kind, subject, Status(status), **{**base, **over})


Make = Callable[[Mapping[str, Mapping[str, str]]], list[ControlResult]]


@pytest.fixture
def make(controls: dict[str, Control], catalogue: Catalogue) -> Make:
    """Return a function that makes results from ``{control: {subject: status}}``."""

    def results(table: Mapping[str, Mapping[str, str]]) -> list[ControlResult]:
        found = []
        for control_id, subjects in table.items():
            control = controls[control_id]
            rows = tuple(row(status, subject, control.kind) for subject, status in subjects.items())
            found.append(ControlResult(control, catalogue[control.item], rows))
        return found

    return results


@pytest.fixture
def read(
    tmp_path: Path, controls: dict[str, Control], catalogue: Catalogue, environment: Environment
) -> Callable[..., tuple[Waiver, ...]]:
    """Return a function that loads waivers from rows, or from text, as of NOW."""

    def loaded(*rows: Any, text: str | None = None, env: Environment = environment, now: float = NOW) -> Any:
        path = tmp_path / "waivers.yml"
        path.write_text(json.dumps(rows) if text is None else text)
        return load([path], controls=controls, catalogue=catalogue, environment=env, now=now)

    return loaded
