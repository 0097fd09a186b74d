# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that are set one by one, with bodies as real systems send them."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES, TYPES
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.engine.words import EvidenceClass

NOW = 1_795_600_000.0
DAY = 86400.0


def at(seconds_ago: float) -> str:
    """An instant so long before now, as records write it."""
    return _utc.iso_ms(_utc.from_epoch(NOW - seconds_ago))


class World:
    """Facts that are set one by one."""

    def __init__(self, **variables: Any) -> None:
        hosts = {name: Declared("host", name, {}) for name in ("db1", "lb1", "repo1")}
        declared = {"verify_records_dir": "/r", "verify_runs_dir": "/u", **variables}
        self.environment = Environment("production", "inventories/production", "", hosts, {}, declared)
        self.evidence = Evidence()
        for subject in ("records", "runs"):
            for kind in TYPES:
                self.put(subject, kind, {"type": kind, "files": 0, "records": [], "faults": []})

    def put(self, subject: str, name: str, body: Any, **about: Any) -> None:
        """Set a fact."""
        about = {"source": "test", "collected": NOW, "command": "test", **about}
        self.evidence.record(json.dumps(body), subject=subject, name=name, **about)

    def add(self, kind: str, *rows: dict[str, Any], subject: str = "records", **about: Any) -> None:
        """Set the records of a type, on top of the type's example."""
        found = []
        klass = about.pop("record_class", "declared")
        for number, row in enumerate(rows):
            common = {"id": f"{kind}-{number}", "environment": "production", "at": at(3600 - number), "by": "x"}
            example = RECORD_TYPES[kind].example if kind in RECORD_TYPES else {}
            record = {**common, **example, **row}
            found.append({"file": f"{kind}/{number}.yml", "class": klass, "signed_by": "", "record": record})
        faults = about.pop("faults", [])
        body = {"type": kind, "files": len(rows), "records": found, "faults": faults}
        self.put(subject, kind, body, klass=EvidenceClass.DECLARED)

    @property
    def estate(self) -> Estate:
        """Return what a check is given."""
        return Estate(self.environment, self.evidence, now=NOW)

    def vector(self, name: str, *rows: tuple[dict[str, str], str]) -> None:
        """Set the answer to a question for an instant."""
        result = [{"metric": labels, "value": [NOW, value]} for labels, value in rows]
        self.put("prometheus", f"query:{name}", {"query": name, "time": NOW, "result": result})

    def series(self, name: str, step: float, *rows: tuple[dict[str, str], list[list[Any]]], end: float = NOW) -> None:
        """Set the answer to a question for a window, as runs."""
        result = [{"metric": labels, "runs": found} for labels, found in rows]
        about = {"query": name, "start": end - 90 * DAY, "end": end, "step": step}
        self.put("prometheus", f"query:{name}", {**about, "result": result})
