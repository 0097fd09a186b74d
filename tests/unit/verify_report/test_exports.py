# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine formats say the same as the page, to readers that are not ours."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families
from trestle.oscal.assessment_results import Model, Result

from verify.engine import coverage
from verify.engine.words import Status
from verify.report import read_pack
from verify.report.data import DEADLINES_S, ReportData
from verify.report.junit import junit_xml
from verify.report.metrics import metrics_text
from verify.report.oscal import oscal_json
from verify.report.summary import summary_text

KINDS = ["bad", "green", "killed", "hostile"]


def suites(data: ReportData) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(data))  # noqa: S314 - our own


def metrics(data: ReportData) -> dict[tuple[str, str], float]:
    """Return samples by name and their last label."""
    found = {}
    for family in text_string_to_metric_families(metrics_text(data)):
        for sample in family.samples:
            labels = [value for key, value in sorted(sample.labels.items()) if key != "environment"]
            found[sample.name.removeprefix("ccobservatory_verify_"), "/".join(labels)] = sample.value
    return found


def result_of(data: ReportData) -> Result:
    return Model.model_validate_json(oscal_json(data)).assessment_results.results[0]


# JUnit


def test_every_format_says_how_the_items_are_covered(runs: dict[str, ReportData]) -> None:
    data = runs["bad"]
    known = {f"items_{kind}": str(data.coverage[kind]) for kind in coverage.KINDS}
    assert min(data.coverage[kind] for kind in ("machine", "declared", "gap")) > 0
    for suite in suites(data):
        told = {one.get("name"): one.get("value") for one in suite.iter("property")}
        assert known.items() <= told.items()
    samples = metrics(data)
    assert {kind: samples["catalogue_items", kind] for kind in coverage.KINDS} == {
        kind: data.coverage[kind] for kind in coverage.KINDS
    }
    props = Model.model_validate_json(oscal_json(data)).assessment_results.metadata.props or []
    assert {name.replace("_", "-"): value for name, value in known.items()}.items() <= {
        one.name: one.value for one in props
    }.items()


@pytest.mark.parametrize("kind", KINDS)
def test_junit_has_a_case_for_each_control_and_each_open_cell(runs: dict[str, ReportData], kind: str) -> None:
    root, data = suites(runs[kind]), runs[kind]
    cases = list(root.iter("testcase"))
    assert len(cases) == len(data.controls) + len(data.open_findings)
    assert int(root.get("tests") or 0) == len(cases)
    for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(root.get(attribute) or 0) == len(list(root.iter(element)))
        assert int(root.get(attribute) or 0) == sum(int(suite.get(attribute) or 0) for suite in root)
    names = [case.get("name") or "" for case in cases]
    assert [finding.id for finding in data.open_findings if not any(finding.id in name for name in names)] == []


def test_junit_tells_fail_from_unknown(runs: dict[str, ReportData]) -> None:
    root = suites(runs["bad"])
    [dead] = {row.subject for f in runs["bad"].open_findings if (row := f.row).status is Status.UNKNOWN}
    about = [case for case in root.iter("testcase") if (case.get("name") or "").startswith(f"host {dead} ")]
    assert about
    assert {case[0].tag for case in about} == {"error"}
    failed = [case for case in root.iter("testcase") if case.get("classname") == "ACCESS-01" and len(case)]
    assert {case[0].tag for case in failed} == {"failure", "error"}


def test_junit_of_a_run_that_cannot_be_signed_is_never_green(runs: dict[str, ReportData]) -> None:
    """A killed run all of whose results are green still has an error."""
    root = suites(dataclasses.replace(runs["green"], close=None))
    [error] = root.iter("error")
    assert "did not come to its end" in (error.get("message") or "")
    assert {one.get("value") for one in root.iter("property") if one.get("name") == "complete"} == {"false"}


# OSCAL


@pytest.mark.parametrize("kind", KINDS)
def test_oscal_is_valid_and_the_same_again(folders: dict[str, Path], runs: dict[str, ReportData], kind: str) -> None:
    first = oscal_json(runs[kind])
    Model.model_validate_json(first)
    assert oscal_json(read_pack(folders[kind])) == first


def test_oscal_identifiers_are_unique_and_all_that_is_referred_to_is_there(runs: dict[str, ReportData]) -> None:
    document = json.loads(oscal_json(runs["bad"]))
    own: list[str] = []
    referred: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "uuid":
                    own.append(inner)
                elif key.endswith("-uuid"):
                    referred.add(inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    assert len(own) == len(set(own))
    assert referred <= set(own)
    assert {text[14] for text in own} == {"5"}, "name-based identifiers"


def test_oscal_observations_carry_collected_expires_and_evidence(runs: dict[str, ReportData]) -> None:
    data, result = runs["bad"], result_of(runs["bad"])
    finding = next(f for f in data.open_findings if f.row.status is Status.FAIL and f.row.kind == "host")
    title = f"{finding.control.control}: {finding.row.subject}"
    [seen] = [one for one in result.observations or [] if one.title == title]
    assert finding.row.collected is not None
    assert abs(seen.collected.timestamp() - finding.row.collected) < 0.002
    freshness = timedelta(seconds=data.item(finding.control.item).freshness_s)
    assert seen.expires == seen.collected + freshness
    assert [str(method) for method in seen.methods] == ["TEST"]
    digests = {prop.value for one in seen.relevant_evidence or [] for prop in one.props or [] if prop.name == "sha256"}
    assert digests == {data.facts[key].digest for key in finding.row.evidence}


def test_oscal_risks_have_a_deadline_by_severity_from_when_they_began(runs: dict[str, ReportData]) -> None:
    data, result = runs["bad"], result_of(runs["bad"])
    risks = {str(one.title).partition(" ")[0]: one for one in result.risks or []}
    assert set(risks) == {finding.id for finding in data.findings}
    since = {row["finding"]: row["since"] for row in (data.changes or {})["still"]}
    old = next(finding for finding in data.open_findings if finding.id in since)
    severity = data.item(old.control.item).severity
    began = datetime.fromisoformat(since[old.id])
    assert risks[old.id].deadline == began + timedelta(seconds=DEADLINES_S[severity])
    waived = next(finding for finding in data.findings if finding.row.status is Status.WAIVED)
    assert risks[waived.id].model_dump(mode="json")["status"] == "deviation-approved"


def test_oscal_findings_are_satisfied_only_when_every_cell_is_green(runs: dict[str, ReportData]) -> None:
    for kind in KINDS:
        states = {str(one.title).partition(" ")[0]: one.target.status for one in result_of(runs[kind]).findings or []}
        for control in runs[kind].controls:
            green = all(row.green for row in control.rows)
            state = states[control.control]
            assert state is not None
            assert str(getattr(state.state, "value", state.state)) == ("satisfied" if green else "not-satisfied")


def test_oscal_of_a_killed_run_says_so(runs: dict[str, ReportData]) -> None:
    result = result_of(runs["killed"])
    assert result.description.startswith("INCOMPLETE")
    assert result.title.startswith("Incomplete")


# Metrics


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_count_what_the_results_hold(runs: dict[str, ReportData], kind: str) -> None:
    data, found = runs[kind], metrics(runs[kind])
    for status in Status:
        told = sum(
            value for (name, labels), value in found.items() if name == "cells" and labels.endswith(f"/{status}")
        )
        assert told == data.totals[status]
    assert found["run_complete", ""] == float(data.complete)
    assert found["run_can_sign", ""] == float(kind == "green")
    assert found["run_exit_code", ""] == (10 if kind == "killed" else (data.close or {})["exit"])
    assert found["oldest_evidence_timestamp_seconds", ""] == pytest.approx(
        min(fact.collected for fact in data.facts.values() if fact.error is None), abs=0.001
    )


def test_metrics_of_every_status_are_there_also_at_zero(runs: dict[str, ReportData]) -> None:
    found = metrics(runs["green"])
    assert found["cells", "ACCESS/fail"] == 0
    assert found["hosts", "unreachable"] == 0
    assert found["run_duration_seconds", ""] == pytest.approx(72.48)


# Summary


def test_the_summary_is_one_paragraph_with_all_answers(runs: dict[str, ReportData]) -> None:
    told = summary_text(runs["bad"])
    assert told.count("\n") == 1
    for words in ("DO NOT SIGN.", "Since 20261125T083000Z:", "newly unknown", "Must act: security", "Coverage:"):
        assert words in told
    assert summary_text(runs["green"]).startswith("prod 20261126T083000Z: YOU CAN SIGN. All ")
    assert summary_text(runs["killed"]).startswith("INCOMPLETE. ")
