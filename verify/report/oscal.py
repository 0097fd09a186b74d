# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as OSCAL assessment results (https://pages.nist.gov/OSCAL-Reference/models/v1.2.1/assessment-results/).

An observation for each control and status, with when its evidence was collected and until when it is good; a finding
for each control; a risk with a deadline for each cell that is open or waived. Identifiers are version 5 UUIDs of what
they name, so the same run gives the same bytes whenever it is exported.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms
from verify.engine.catalogue import Item
from verify.engine.coverage import KINDS
from verify.engine.evidence import Fact
from verify.engine.judge import Row
from verify.engine.remedy import Remedy
from verify.engine.words import GREEN, Status
from verify.report.data import ControlRows, Finding, ReportData
from verify.report.summary import answer
from verify.report.text import clean, counted

__all__ = ["OSCAL_VERSION", "oscal_json"]

OSCAL_VERSION = "1.2.1"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ops.ccobservatory")
_NS = "https://ccobservatory.ops/ns/oscal"
_METHODS = {"test": "TEST", "examine": "EXAMINE", "interview": "INTERVIEW"}
_REASONS = {Status.FAIL: "fail", Status.PASS: "pass"}


def oscal_json(data: ReportData) -> bytes:
    """Return the assessment results as JSON, byte for byte the same for the same run."""
    document = {"assessment-results": _Export(data).document()}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() + b"\n"


class _Export:
    """One export; what is asked for more than once is computed once."""

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.run_id = str(data.run["id"])
        self.started = str(data.run["started"])
        self.ended = _iso(data.moment)
        self._subjects_known: dict[tuple[str, str], str] = {}

    def document(self) -> dict[str, Any]:
        """Return the value of ``assessment-results``."""
        run = self.data.run
        inventory = run.get("inventory") or {}
        catalogue = run.get("catalogue") or {}
        return {
            "uuid": _uuid("assessment", run["environment"], self.run_id),
            "metadata": {
                "title": _line(f"Daily verification of {run['environment']}, run {self.run_id}"),
                "last-modified": self.ended,
                "version": _line(self.run_id),
                "oscal-version": OSCAL_VERSION,
                "props": _props(
                    complete=str(self.data.complete).lower(),
                    commit=run.get("commit"),
                    dirty=str(bool(run.get("dirty"))).lower(),
                    inventory_sha256=inventory.get("digest"),
                    catalogue_sha256=catalogue.get("digest"),
                    **{f"items_{name}": self.data.coverage[name] for name in KINDS},
                ),
            },
            "import-ap": {"href": "rules/", "remarks": "The rules that this run judged by lie beside its results."},
            "results": [self._result()],
        }

    def _result(self) -> dict[str, Any]:
        said = answer(self.data)
        expected = self.data.expected if self.data.expected is not None else "an unknown number of"
        incomplete = "" if self.data.complete else "INCOMPLETE: the run did not come to its end. "
        found: dict[str, Any] = {
            "uuid": _uuid("result", self.data.run["environment"], self.run_id),
            "title": _line(f"{said.word}: {self.run_id}"),
            "description": _text(f"{incomplete}{said.why} {self.data.decided} of {expected} cells have a result."),
            "start": self.started,
            "end": self.ended,
            "local-definitions": self._subjects(),
            "reviewed-controls": {"control-selections": [self._selection()]},
            "observations": [one for control in self.data.controls for one in self._observations(control)],
            "risks": [self._risk(finding) for finding in self.data.findings],
            "findings": [self._finding(control) for control in self.data.controls],
            "attestations": [_attestation(row) for row in self.data.attestations],
        }
        return {key: value for key, value in found.items() if value}

    def _selection(self) -> dict[str, Any]:
        items = dict.fromkeys(control.item for control in self.data.controls)
        return {"include-controls": [{"control-id": item} for item in items]} if items else {"include-all": {}}

    def _subjects(self) -> dict[str, Any]:
        known = dict.fromkeys((row.kind, row.subject) for control in self.data.controls for row in control.rows)
        items = [
            {"uuid": self._subject(kind, name), "description": _text(name), "props": _props(kind=kind, name=name)}
            for kind, name in known
        ]
        return {"inventory-items": items} if items else {}

    def _subject(self, kind: str, name: str) -> str:
        known = self._subjects_known.get((kind, name))
        if known is None:
            known = self._subjects_known[kind, name] = _uuid("subject", self.data.run["environment"], kind, name)
        return known

    def _observations(self, control: ControlRows) -> Iterator[dict[str, Any]]:
        """Return one observation for all subjects that share a status, and one each for those that are open."""
        shared: dict[Status, list[Row]] = {}
        for row in control.rows:
            if row.status in GREEN and row.status is not Status.WAIVED:
                shared.setdefault(row.status, []).append(row)
            else:
                yield self._observation(control, [row], row.subject, row.says)
        for status, rows in shared.items():
            word = str(status).replace("_", " ")
            yield self._observation(
                control, rows, str(status), f"{counted(len(rows), 'subject')}: {word}. {rows[0].says}"
            )

    def _observation(self, control: ControlRows, rows: Sequence[Row], name: str, says: str) -> dict[str, Any]:
        item = self.data.item(control.item)
        dated = [row.collected for row in rows if row.collected is not None]
        collected = min(dated) if dated else None
        found = {
            "uuid": self._observation_uuid(control, *_name_of(rows[0])),
            "title": _line(f"{control.control}: {name}"),
            "description": _text(says),
            "methods": [_METHODS.get(item.method, "TEST")],
            "types": ["control-objective"],
            "subjects": [
                {"subject-uuid": self._subject(row.kind, row.subject), "type": "inventory-item"} for row in rows
            ],
            "relevant-evidence": list(self._evidence(rows)),
            "collected": self.ended if collected is None else _iso(collected),
            "expires": None if collected is None else _iso(collected + item.freshness_s),
            "remarks": "No evidence could be had; the instant is the end of the run." if collected is None else None,
            "props": _props(status=rows[0].status, evidence_class=rows[0].klass),
        }
        return {key: value for key, value in found.items() if value}

    def _observation_uuid(self, control: ControlRows, kind: str, name: str) -> str:
        return _uuid("observation", self.run_id, control.control, kind, name)

    def _evidence(self, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
        """Return the evidence of one subject fact by fact, of many subjects command by command."""
        keys = dict.fromkeys(key for row in rows for key in row.evidence)
        facts = [self.data.facts[key] for key in keys if key in self.data.facts]
        if len(rows) == 1:
            for fact in facts:
                yield _fact(fact)
            return
        commands: dict[str, list[Fact]] = {}
        for fact in facts:
            commands.setdefault(fact.command, []).append(fact)
        for command, shared in commands.items():
            distinct = len({fact.digest for fact in shared})
            told = f"{command}: {counted(len(shared), 'fact')}, {distinct} distinct"
            yield {"href": "evidence/index.jsonl", "description": _text(told)}

    def _finding(self, control: ControlRows) -> dict[str, Any]:
        item = self.data.item(control.item)
        satisfied = bool(control.rows) and all(row.status in GREEN for row in control.rows)
        reason = _REASONS.get(control.status, "other")
        state = {"state": "satisfied" if satisfied else "not-satisfied", "reason": reason}
        if reason == "other":
            state["remarks"] = _text(str(control.status).replace("_", " "))
        risks = [
            {"risk-uuid": self._risk_uuid(finding)} for finding in self.data.findings if finding.control is control
        ]
        names = dict.fromkeys(_name_of(row) for row in control.rows)
        found = {
            "uuid": _uuid("finding", self.run_id, control.control),
            "title": _line(f"{control.control} {item.title}"),
            "description": _text(control.procedure or item.objective),
            "target": {"type": "objective-id", "target-id": control.item, "status": state},
            "related-observations": [
                {"observation-uuid": self._observation_uuid(control, kind, name)} for kind, name in names
            ],
            "related-risks": risks,
        }
        return {key: value for key, value in found.items() if value}

    def _risk_uuid(self, finding: Finding) -> str:
        # The same finding is the same risk on every day.
        return _uuid("risk", self.data.run["environment"], finding.id)

    def _risk(self, finding: Finding) -> dict[str, Any]:
        item, row = self.data.item(finding.control.item), finding.row
        waived = row.status is Status.WAIVED
        return {
            "uuid": self._risk_uuid(finding),
            "title": _line(f"{finding.id} {finding.control.control} on {row.kind} {row.subject}"),
            "description": _text(row.says),
            "statement": _text(item.objective),
            "props": _props(finding=finding.id, severity=item.severity, owner=item.owner, waiver=row.waiver),
            "status": "deviation-approved" if waived else "open",
            "deadline": _iso(self.data.due(finding)),
            "remediations": [self._remediation(finding, item)],
            "related-observations": [
                {"observation-uuid": self._observation_uuid(finding.control, row.kind, row.subject)}
            ],
        }

    def _remediation(self, finding: Finding, item: Item) -> dict[str, Any]:
        return {
            "uuid": _uuid("remediation", self.data.run["environment"], finding.id),
            "lifecycle": "recommendation",
            "title": _line(f"Remedy of {item.id}"),
            "description": _text(item.remedy.text),
            **({"props": _remedy_props(item.remedy)} if item.remedy.playbook else {}),
        }


def _remedy_props(remedy: Remedy) -> list[dict[str, str]]:
    variables = " ".join(f"{name}={value}" for name, value in remedy.variables.items())
    return _props(playbook=remedy.playbook, tags=",".join(remedy.tags), variables=variables)


def _name_of(row: Row) -> tuple[str, str]:
    """Return the kind and name under which a row's observation is known."""
    shared = row.status in GREEN and row.status is not Status.WAIVED
    return ("", str(row.status)) if shared else (row.kind, row.subject)


def _fact(fact: Fact) -> dict[str, Any]:
    if fact.error is not None:
        return {"href": "evidence/index.jsonl", "description": _text(f"{fact.command}: {fact.error}")}
    props = _props(sha256=fact.digest, rc=fact.rc, collected=_iso(fact.collected), identity=fact.identity)
    return {"href": "evidence/blobs.jsonl", "description": _text(f"{fact.key}: {fact.command}"), "props": props}


def _attestation(row: Mapping[str, Any]) -> dict[str, Any]:
    told = [f"{key.replace('_', ' ')}: {value}" for key, value in sorted(row.items()) if value not in (None, "")]
    prose = _text("\n".join(told))
    return {"parts": [{"uuid": _uuid("attestation", prose), "name": "attestation", "prose": prose}]}


def _props(**values: Any) -> list[dict[str, str]]:
    told = {name.replace("_", "-"): _line(value) for name, value in values.items() if value not in (None, "")}
    return [{"name": name, "ns": _NS, "value": value} for name, value in told.items()]


def _line(value: Any) -> str:
    """Return a text as one line that neither begins nor ends with a blank, as the format wants it."""
    return clean(value).strip() or "-"


def _text(value: Any) -> str:
    return "\n".join(clean(line) for line in str(value).split("\n")).strip() or "-"


def _uuid(*names: Any) -> str:
    return str(
        uuid.uuid5(_NAMESPACE, "\0".join(str(name).encode("utf-8", "backslashreplace").decode() for name in names))
    )


def _iso(seconds: float) -> str:
    return iso_ms(datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC))
