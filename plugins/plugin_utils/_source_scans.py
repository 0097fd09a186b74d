# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of vulnerability scanners in one shape: Trivy JSON, Grype JSON, SARIF 2.1.0 and the text of debsecan.

Each parser takes the text and returns the keys of a ``vulnerability_scan`` that the form tells: ``scanner``,
``target`` (name and digest where it says them), ``scanned``, ``packages`` and ``findings``. A report that says of
itself that it looked at nothing is refused: it is no report of a clean host.

Sources: the report structures of aquasecurity/trivy (``pkg/types/report.go``, schema 2) and anchore/grype
(``grype/presenter/models``), OASIS SARIF 2.1.0, and debsecan(1); the severity bands of SARIF's ``security-severity``
are those of the CVSS v3.1 specification, section 5.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["SCANNERS", "debsecan", "grype", "sarif", "trivy"]

_SEVERITY = {
    **{word: word for word in ("critical", "high", "medium", "low", "unknown")},
    **{"moderate": "medium", "important": "high", "negligible": "low", "": "unknown"},
}
_BANDS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))


def _severity(word: Any) -> str:
    known = str(word or "").lower()
    if known not in _SEVERITY:
        raise OpsError(f"the severity {word!r} is unknown")
    return _SEVERITY[known]


def _instant(text: Any) -> str | None:
    """Return an instant of a scanner as this collection writes it; None when it says none, or Go's zero time."""
    return _utc.iso_ms(_utc.parse_iso(str(text))) if text and not str(text).startswith("0001-") else None


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise OpsError(f"it is not JSON, or was cut short ({exc})") from exc
    if not isinstance(found, Mapping):
        raise OpsError("it is not the report of a scanner")
    return found


def trivy(text: str) -> dict[str, Any]:
    """Read a report of Trivy in JSON, schema 2. Packages are counted when it was made with ``--list-all-pkgs``.

    The report does not tell of when its database is; the answer of ``trivy version --format json`` does, and its key
    ``VulnerabilityDB`` is read where somebody put it beside the others.
    """
    report = _document(text)
    if report.get("SchemaVersion") != 2:
        raise OpsError(f"Trivy's schema {report.get('SchemaVersion')!r} is not known; make it with a Trivy of schema 2")
    results = report.get("Results")
    if not results:
        raise OpsError("Trivy looked at nothing (no Results)")
    metadata = report.get("Metadata") or {}
    digests = metadata.get("RepoDigests") or [metadata.get("ImageID")]
    listed = [row for result in results for row in result.get("Packages") or ()]
    return {
        "scanner": {
            "name": "trivy",
            "version": str((report.get("Trivy") or {}).get("Version") or "unknown"),
            "database_built": _instant((report.get("VulnerabilityDB") or {}).get("UpdatedAt")),
        },
        "target": {"name": report.get("ArtifactName"), "digest": digests[0]},
        "scanned": _instant(report.get("CreatedAt")),
        "packages": len(listed) or None,
        "findings": [
            {
                "id": row["VulnerabilityID"],
                "severity": _severity(row.get("Severity")),
                "package": row["PkgName"],
                "installed": row.get("InstalledVersion"),
                "fixed_version": row.get("FixedVersion") or None,
                "published": _instant(row.get("PublishedDate")),
                "status": row.get("Status"),
                "title": row.get("Title"),
            }
            for result in results
            for row in result.get("Vulnerabilities") or ()
        ],
    }


def grype(text: str) -> dict[str, Any]:
    """Read a report of Grype in JSON. It does not tell how many packages it looked at."""
    report = _document(text)
    descriptor, target = report.get("descriptor") or {}, (report.get("source") or {}).get("target")
    if not isinstance(report.get("matches"), list) or descriptor.get("name") != "grype":
        raise OpsError("it is not the report of Grype (no matches, or another descriptor)")
    database = descriptor.get("db") or {}
    about = target if isinstance(target, Mapping) else {"userInput": target}
    return {
        "scanner": {
            "name": "grype",
            "version": str(descriptor.get("version") or "unknown"),
            "database_built": _instant((database.get("status") or database).get("built")),
        },
        "target": {"name": about.get("userInput"), "digest": about.get("manifestDigest")},
        "scanned": _instant(descriptor.get("timestamp")),
        "packages": None,
        "findings": [_grype_finding(row) for row in report["matches"]],
    }


def _grype_finding(row: Mapping[str, Any]) -> dict[str, Any]:
    vulnerability, artifact = row["vulnerability"], row["artifact"]
    fix = vulnerability.get("fix") or {}
    return {
        "id": vulnerability["id"],
        "severity": _severity(vulnerability.get("severity")),
        "package": artifact["name"],
        "installed": artifact.get("version"),
        "fixed_version": next(iter(fix.get("versions") or ()), None),
        "status": fix.get("state"),
        "title": vulnerability.get("description"),
    }


def sarif(text: str) -> dict[str, Any]:
    """Read a report in SARIF 2.1.0 of any scanner.

    The severity is ``security-severity`` of the rule, else a tag that names one, else unknown: SARIF's own level says
    how a result is shown, not how bad it is. Raises for a run that failed, or has no results at all.
    """
    report = _document(text)
    runs = report.get("runs")
    if str(report.get("version")) != "2.1.0" or not isinstance(runs, list) or not runs:
        raise OpsError("it is not SARIF 2.1.0 with a run in it")
    findings: list[dict[str, Any]] = []
    ended: list[str] = []
    for run in runs:
        if not isinstance(run.get("results"), list):
            raise OpsError("a run has no results: the scanner did not look, or was cut short")
        for invocation in run.get("invocations") or ():
            if invocation.get("executionSuccessful") is False:
                raise OpsError("a run says of itself that it failed")
            ended += [str(invocation[key]) for key in ("endTimeUtc",) if invocation.get(key)]
        rules = list(run["tool"]["driver"].get("rules") or ())
        findings += [_sarif_finding(row, _rule(row, rules)) for row in run["results"]]
    driver = runs[0]["tool"]["driver"]
    version = str(driver.get("version") or driver.get("semanticVersion") or "unknown")
    return {
        "scanner": {
            "name": str(driver["name"]),
            "version": version,
            "database_built": _instant((driver.get("properties") or {}).get("database_built")),
        },
        "target": {},
        "scanned": _instant(max(ended)) if ended else None,
        "packages": None,
        "findings": findings,
    }


def _rule(row: Mapping[str, Any], rules: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the rule of a result: by its id, else by its place in the list (SARIF 3.27.5 and 3.27.6)."""
    by_id = next((rule for rule in rules if rule["id"] == row.get("ruleId")), None)
    place = row.get("ruleIndex", -1)
    return by_id or (rules[place] if 0 <= place < len(rules) else {})


def _sarif_finding(row: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    said, named = str((row.get("message") or {}).get("text") or ""), str(row.get("ruleId") or rule["id"])
    places = [place["physicalLocation"]["artifactLocation"]["uri"] for place in row.get("locations") or ()]
    accepted = [one for one in row.get("suppressions") or () if one.get("status", "accepted") == "accepted"]
    return {
        "id": named,
        "severity": _sarif_severity({**(rule.get("properties") or {}), **(row.get("properties") or {})}),
        "package": _said("Package", said) or next(iter(places), "") or named,
        "installed": _said("Installed Version", said),
        "fixed_version": _said("Fixed Version", said),
        "status": "suppressed" if accepted else None,
        "title": str((rule.get("shortDescription") or {}).get("text") or said[:200]) or None,
    }


def _said(key: str, text: str) -> str | None:
    match = re.search(rf"^{key}: *(\S.*?)\s*$", text, re.MULTILINE)
    return match.group(1) if match else None


def _sarif_severity(about: Mapping[str, Any]) -> str:
    if about.get("security-severity") is not None:
        score = float(about["security-severity"])
        return next((name for least, name in _BANDS if score >= least), "low")
    tags = [str(tag).lower() for tag in about.get("tags") or ()]
    return next((_SEVERITY[tag] for tag in tags if tag in _SEVERITY and tag), "unknown")


_HEAD = re.compile(r"^(?P<id>(?:CVE|TEMP)-\S+)(?: (?P<package>[a-z0-9][a-z0-9+.-]*))?(?: \((?P<notes>[^)]*)\))?$")
_INSTALLED = re.compile(r"^  installed: (\S+) (\S+)$")
_BRANCH = re.compile(r"^  fixed (?:on branch|in unstable): +\S+ (\S+) \(")
_COUNTED = re.compile(r"^# packages: (\d+)$", re.MULTILINE)


def debsecan(text: str) -> dict[str, Any]:
    """Read what debsecan printed with ``--format detail`` or ``summary``.

    A line ``# packages: N`` may say how many packages are installed (``dpkg-query -f '.\\n' -W | wc -l``); an empty
    text without it is refused, because a clean host and a failed run look the same. debsecan knows low, medium and
    high; nothing of it is ever critical.
    """
    counted = _COUNTED.search(text)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if not lines and not counted:
        raise OpsError("it is empty: a clean host and a failed run look the same; add a line '# packages: N'")
    return {
        "scanner": {"name": "debsecan", "version": "unknown"},
        "target": {},
        "scanned": None,
        "packages": int(counted.group(1)) if counted else None,
        "findings": [_debsecan_finding(block) for block in _blocks(lines)],
    }


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if _HEAD.match(line) and block:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _debsecan_finding(block: list[str]) -> dict[str, Any]:
    head = _HEAD.match(block[0])
    installed = next((match for match in map(_INSTALLED.match, block) if match), None)
    package = (head and head["package"]) or (installed and installed.group(1))
    if not head or not package:
        raise OpsError(f"the line {block[0][:80]!r} is not one of debsecan's, or its block was cut short")
    notes = [note.strip() for note in (head["notes"] or "").split(",")]
    urgency = next((note.partition(" ")[0] for note in notes if note.endswith(" urgency")), "unknown")
    versions = [match.group(1) for match in map(_BRANCH.match, block) if match]
    fixed = "fixed" in notes
    return {
        "id": head["id"],
        "severity": _severity(urgency),
        "package": package,
        "installed": installed.group(2) if installed else None,
        "fixed_version": (versions[-1] if versions else "available") if fixed else None,
        "status": "fixed" if fixed else "affected",
        "title": block[1].strip() if len(block) > 1 and not _INSTALLED.match(block[1]) else None,
    }


SCANNERS: dict[str, Callable[[str], dict[str, Any]]] = {
    ".trivy.json": trivy,
    ".grype.json": grype,
    ".sarif": sarif,
    ".debsecan.txt": debsecan,
}
