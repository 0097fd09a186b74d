# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of scanners and providers: one shape for all, and a report that looked at nothing is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_forms import focus_lines, foreign_record
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import load_records
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_scans import debsecan, grype, sarif, trivy

DATA = Path(__file__).resolve().parent / "data"


def text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def short(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Id, severity, package, installed and fixed version of each finding."""
    keys = ("id", "severity", "package", "installed", "fixed_version")
    return [tuple(row.get(key) for key in keys) for row in report["findings"]]


def test_trivy() -> None:
    report = trivy(text("host.trivy.json"))
    assert report["scanner"] == {"name": "trivy", "version": "0.67.2", "database_built": None}
    told = json.dumps({**json.loads(text("host.trivy.json")), "VulnerabilityDB": {"UpdatedAt": "2026-11-25T00:10:00Z"}})
    assert trivy(told)["scanner"]["database_built"] == "2026-11-25T00:10:00.000Z"
    assert (report["scanned"], report["packages"]) == ("2026-11-25T05:00:00.123Z", 2)
    assert short(report) == [
        ("CVE-2026-1111", "critical", "libssl3", "3.0.15-1~deb12u1", "3.0.17-1~deb12u2"),
        ("CVE-2026-4444", "low", "tar", "1.34+dfsg-1.2", None),
    ]
    # Go's zero time is no date.
    assert [row["published"] for row in report["findings"]] == ["2026-11-20T17:15:00.000Z", None]


def test_grype() -> None:
    report = grype(text("image.grype.json"))
    assert report["scanner"]["database_built"] == "2026-11-25T01:30:00.000Z"
    assert report["target"]["name"] == "registry.example.com/ledger:2.4.1"
    assert (report["scanned"], report["packages"]) == ("2026-11-25T05:10:00.500Z", None)
    assert short(report) == [
        ("CVE-2026-1111", "critical", "libssl3", "3.0.15-1~deb12u1", "3.0.17-1~deb12u2"),
        ("CVE-2026-5555", "low", "zlib1g", "1:1.2.13", None),
    ]


def test_sarif() -> None:
    report = sarif(text("repository.sarif"))
    assert report["scanned"] == "2026-11-25T05:20:00.000Z"
    assert short(report) == [
        ("CVE-2026-1111", "critical", "libcrypto3", "3.0.15", "3.0.17"),
        ("CVE-2026-4444", "medium", "app/Dockerfile", None, None),
        ("no-severity", "high", "no-severity", None, None),
        ("unknown-rule", "unknown", "unknown-rule", None, None),
    ]
    assert report["findings"][1]["status"] == "suppressed"


def test_debsecan() -> None:
    report = debsecan(text("debsecan_detail.txt"))
    assert short(report) == [
        ("CVE-2026-2222", "low", "bash", "5.2.15-2+b8", None),
        ("CVE-2026-1111", "high", "libssl-dev", "3.0.19-1~deb12u2", "99:0.9"),
        ("CVE-2026-1111", "high", "libssl3", "3.0.19-1~deb12u2", "99:0.9"),
    ]
    assert report["packages"] is None
    summary = debsecan(text("debsecan_summary.txt"))
    assert summary["packages"] == 412
    assert short(summary) == [
        ("CVE-2026-2222", "low", "bash", None, None),
        ("CVE-2026-1111", "high", "libssl-dev", None, "available"),
        ("CVE-2026-1111", "high", "libssl3", None, "available"),
        ("CVE-2026-3333", "unknown", "tar", None, None),
    ]
    assert debsecan("# packages: 412\n")["findings"] == []


@pytest.mark.parametrize(
    ("parser", "report", "told"),
    [
        (trivy, "", "not JSON"),
        (trivy, "[]", "not the report"),
        (trivy, '{"SchemaVersion": 1}', "schema 1 is not known"),
        (trivy, '{"SchemaVersion": 2, "CreatedAt": "2026-11-25T05:00:00Z"}', "looked at nothing"),
        (trivy, '{"SchemaVersion": 2, "Results": []}', "looked at nothing"),
        (grype, '{"matches": null, "descriptor": {"name": "grype"}}', "not the report of Grype"),
        (grype, '{"matches": [], "descriptor": {"name": "other"}}', "not the report of Grype"),
        (sarif, '{"version": "2.0.0", "runs": [{}]}', "not SARIF 2.1.0"),
        (sarif, '{"version": "2.1.0", "runs": []}', "not SARIF 2.1.0"),
        (sarif, '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}', "has no results"),
        (
            sarif,
            '{"version": "2.1.0", "runs": [{"results": [], "invocations": [{"executionSuccessful": false}]}]}',
            "says of itself that it failed",
        ),
        (debsecan, "", "a clean host and a failed run look the same"),
        (debsecan, "error: while downloading https://example.com", "is not one of debsecan's"),
        (debsecan, "CVE-2026-1111 (fixed, high urgency)\n  A sample flaw\n", "cut short"),
    ],
)
def test_what_looked_at_nothing_is_no_report(parser: Any, report: str, told: str) -> None:
    with pytest.raises(OpsError, match=told):
        parser(report)


@pytest.mark.parametrize(
    ("sample", "name", "target", "scanned"),
    [
        ("host.trivy.json", "host_db1.trivy.json", ("host", "db1"), "2026-11-25T05:00:00.123Z"),
        ("host.trivy.json", "host_db1@20261124T010203Z.trivy.json", ("host", "db1"), "2026-11-25T05:00:00.123Z"),
        (
            "image.grype.json",
            "image_ledger.grype.json",
            ("image", "registry.example.com/ledger:2.4.1"),
            "2026-11-25T05:10:00.500Z",
        ),
        ("repository.sarif", "repository_app.sarif", ("repository", "app"), "2026-11-25T05:20:00.000Z"),
        (
            "debsecan_detail.txt",
            "host_db1@20261125T060000Z.debsecan.txt",
            ("host", "db1"),
            "2026-11-25T06:00:00.000Z",
        ),
    ],
)
def test_a_report_becomes_a_record(
    tmp_path: Path, sample: str, name: str, target: tuple[str, str], scanned: str
) -> None:
    (tmp_path / "vulnerability_scan").mkdir()
    (tmp_path / "vulnerability_scan" / name).write_text(text(sample), encoding="utf-8")
    (found,) = load_records(tmp_path, environments=["production"]).found["vulnerability_scan"]
    validate(found.record, "vulnerability_scan")
    assert (found.record["target"]["kind"], found.record["target"]["name"]) == target
    assert (found.record["scanned"], found.record["environment"]) == (scanned, "production")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("db1@20261125T060000Z.debsecan.txt", "has to begin with host_, image_ or repository_"),
        ("host_@20261125T060000Z.debsecan.txt", "has to begin with host_, image_ or repository_"),
        ("host_db1.debsecan.txt", "does not say when it was made"),
        ("host_db1@20261125T060000Z.grype.json", "not JSON"),
    ],
)
def test_a_report_without_name_or_time_is_refused(name: str, told: str) -> None:
    with pytest.raises(OpsError, match=told) as raised:
        foreign_record(Path("vulnerability_scan") / name, text("debsecan_detail.txt"), "production")
    assert name in raised.value.message


def test_a_report_in_another_folder_is_refused() -> None:
    with pytest.raises(OpsError, match="belongs into the folder vulnerability_scan"):
        foreign_record(Path("incident/host_db1.trivy.json"), text("host.trivy.json"), "production")


@pytest.mark.parametrize("part", [(), ("Results", 0, "Vulnerabilities", 0, "PkgName"), ("Results", 0)])
def test_a_report_of_another_shape_is_told(part: tuple[Any, ...]) -> None:
    report = json.loads(text("host.trivy.json"))
    inner: Any = report
    for step in part[:-1]:
        inner = inner[step]
    if part:
        inner[part[-1]] = 7
        if part[-1] == "PkgName":
            del inner["PkgName"]
    body = json.dumps(report) if part else '{"SchemaVersion": 2, "Results": 7}'
    with pytest.raises(OpsError, match="is not what its name says"):
        foreign_record(Path("vulnerability_scan/host_db1.trivy.json"), body, "production")


# Costs.

HEADER = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ResourceId,Tags\n"
LINE = '41.50,38.20,EUR,2026-11-19T00:00:00Z,2026-11-20T00:00:00Z,Compute,vm-17,"{""team"": ""ledger""}"\n'


def test_a_cost_export_becomes_a_record(tmp_path: Path) -> None:
    (tmp_path / "cost").mkdir()
    path = tmp_path / "cost" / "provider@20261120T060000Z.focus.csv"
    path.write_text("\ufeff" + HEADER + LINE, encoding="utf-8")
    (found,) = load_records(tmp_path, environments=["production"]).found["cost"]
    assert found.record["source"] == "provider"
    (line,) = found.record["lines"]
    assert (line["EffectiveCost"], line["ChargePeriodStart"]) == (38.2, "2026-11-19T00:00:00.000Z")
    assert line["ResourceId"] == "vm-17"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("BilledCost\n1\n", "the FOCUS columns EffectiveCost"),
        (HEADER, "no line below the header"),
        (HEADER + LINE.replace("38.20", "n/a"), "line 2: could not convert"),
        (HEADER + LINE.replace("38.20", ""), "line 2: could not convert"),
        (HEADER + LINE.replace("00:00:00Z", "00:00:00"), "line 2: .*no.* instant|line 2: .*is not an instant"),
        (HEADER + "1,2\n", "line 2 has another number of columns"),
    ],
)
def test_an_export_that_lacks_something_is_refused(body: str, told: str) -> None:
    with pytest.raises(OpsError, match=told):
        focus_lines(body)
