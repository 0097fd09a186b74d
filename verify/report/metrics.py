# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as a textfile for Prometheus' node exporter.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.engine.coverage import KINDS
from verify.engine.words import Status
from verify.report.data import ReportData
from verify.report.summary import answer, transitions

__all__ = ["metrics_text"]

_PREFIX = "ccobservatory_verify"


def metrics_text(data: ReportData) -> str:
    """Return the metrics of a run: when, how it ended, cells by status and section, age of the oldest evidence."""
    environment = {"environment": str(data.run["environment"])}
    started = parse_iso(str(data.run["started"])).timestamp()
    ended = parse_iso(str(data.run["ended"])).timestamp() if data.run.get("ended") else data.moment
    oldest = min((fact.collected for fact in data.facts.values() if fact.error is None), default=None)
    groups: list[tuple[str, str, Iterable[tuple[dict[str, str], Any]]]] = [
        ("run_start_timestamp_seconds", "Start of the run.", [(environment, started)]),
        ("run_end_timestamp_seconds", "End of the run, or its newest evidence.", [(environment, ended)]),
        ("run_duration_seconds", "Length of the run.", [(environment, ended - started)]),
        ("run_complete", "1 when the run came to its end.", [(environment, int(data.complete))]),
        ("run_can_sign", "1 when every cell is decided and green.", [(environment, int(answer(data).sign))]),
        # A run that was killed has no exit code of its own; 10 is the code of an incomplete run.
        ("run_exit_code", "Exit code of the run.", [(environment, 10 if data.close is None else data.close_exit)]),
        ("cells_expected", "Cells that the run had to decide.", [(environment, data.expected)]),
        ("cells", "Decided cells by status and section.", _cells(data, environment)),
        (
            "catalogue_items",
            "Items of the catalogue by the weakest evidence behind them.",
            _coverage(data, environment),
        ),
        ("hosts", "Hosts by what became of them.", _hosts(data, environment)),
        ("changes", "Findings by change since the last comparable run.", _changes(data, environment)),
        ("oldest_evidence_timestamp_seconds", "When the oldest evidence was read.", [(environment, oldest)]),
    ]
    lines: list[str] = []
    for name, about, samples in groups:
        told = [_sample(name, labels, value) for labels, value in samples if value is not None]
        if told:
            lines += [f"# HELP {_PREFIX}_{name} {about}", f"# TYPE {_PREFIX}_{name} gauge", *told]
    return "\n".join(lines) + "\n"


def _cells(data: ReportData, labels: dict[str, str]) -> list[tuple[dict[str, str], Any]]:
    """Return every status of every section, zeros too: an alert on a series that is absent never fires."""
    sections = dict.fromkeys(data.item(control.item).section for control in data.controls)
    found = {(section, status): 0 for section in sections for status in Status}
    for control in data.controls:
        for row in control.rows:
            found[data.item(control.item).section, row.status] += 1
    return [
        ({**labels, "section": section, "status": str(status)}, number) for (section, status), number in found.items()
    ]


def _coverage(data: ReportData, labels: dict[str, str]) -> list[tuple[dict[str, str], Any]]:
    return [({**labels, "coverage": kind}, data.coverage[kind]) for kind in KINDS]


def _hosts(data: ReportData, labels: dict[str, str]) -> list[tuple[dict[str, str], Any]]:
    hosts = data.hosts
    told = {"expected": hosts.expected, "reached": hosts.reached}
    told |= {"unreachable": len(hosts.unreachable), "excluded": len(hosts.excluded)}
    return [({**labels, "state": state}, number) for state, number in told.items()]


def _changes(data: ReportData, labels: dict[str, str]) -> list[tuple[dict[str, str], Any]]:
    if not (data.changes or {}).get("comparable"):
        return []
    return [({**labels, "change": name}, len(rows)) for name, rows in transitions(data).items()]


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{_PREFIX}_{name}{{{told}}} {_figure(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _figure(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"
