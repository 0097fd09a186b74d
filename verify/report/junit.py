# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as JUnit XML: a suite a section, a case a control, and a case for each subject that is not green.

The elements are those that CI systems read (https://github.com/testmoapp/junitxml): ``failure`` for fail, ``error`` for
what could not be decided, ``skipped`` for waived and not applicable.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree

from verify.engine.coverage import KINDS
from verify.engine.judge import finding_id
from verify.engine.words import GREEN, Status
from verify.report.data import ControlRows, ReportData
from verify.report.summary import answer
from verify.report.text import clean, counted

__all__ = ["junit_xml"]

_ELEMENT = {
    Status.FAIL: "failure",
    Status.UNKNOWN: "error",
    Status.STALE: "error",
    Status.MANUAL_DUE: "error",
    Status.WAIVED: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}


def junit_xml(data: ReportData) -> bytes:
    """Return the XML. A run that did not end carries a case of its own that is an error."""
    root = ElementTree.Element("testsuites", name=clean(f"verify {data.run['environment']} {data.run['id']}"))
    sections: dict[str, list[ControlRows]] = {}
    for control in data.controls:
        sections.setdefault(data.item(control.item).section, []).append(control)
    for section, controls in sections.items():
        _suite(root, section, [case for control in controls for case in _cases(data, control)], data)
    if not answer(data).sign and not any(control.status not in GREEN for control in data.controls):
        _suite(root, "run", [_case("run", "complete", "error", "incomplete", answer(data).why)], data)
    totals = Counter(case[0].tag for case in root.iter("testcase") if len(case))
    root.set("tests", str(len(list(root.iter("testcase")))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        root.set(name, str(totals[tag]))
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _suite(root: ElementTree.Element, name: str, cases: Iterable[ElementTree.Element], data: ReportData) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=name, timestamp=str(data.run["started"])[:19])
    properties = ElementTree.SubElement(suite, "properties")
    counts = [(f"items_{key}", str(data.coverage[key])) for key in KINDS]
    for key, value in (("run", data.run["id"]), ("complete", str(data.complete).lower()), *counts):
        ElementTree.SubElement(properties, "property", name=key, value=clean(value))
    suite.extend(cases)
    totals = Counter(case[0].tag for case in suite.iter("testcase") if len(case))
    suite.set("tests", str(len(suite.findall("testcase"))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(totals[tag]))


def _cases(data: ReportData, control: ControlRows) -> Iterable[ElementTree.Element]:
    item = data.item(control.item)
    name = f"{control.control} {item.title}"
    told = Counter(row.status for row in control.rows)
    counts = ", ".join(f"{number} {status}".replace("_", " ") for status, number in sorted(told.items()))
    text = f"{counted(len(control.rows), 'subject')}: {counts or 'none'}"
    yield _case(control.control, name, _ELEMENT.get(control.status), str(control.status), text)
    for row in control.rows:
        if row.status in GREEN:
            continue
        finding = finding_id(control.control, row.kind, row.subject)
        lines = [row.says, f"finding: {finding}"]
        if row.failed_count:
            lines += [f"observed: {row.observed!r}", f"expected: {row.expected!r}"]
        yield _case(
            control.control, f"{row.kind} {row.subject} {finding}", _ELEMENT[row.status], str(row.status), *lines
        )


def _case(control: str, name: str, element: str | None, kind: str, *lines: str) -> ElementTree.Element:
    """Return a case; ``clean`` keeps out what XML cannot carry."""
    case = ElementTree.Element("testcase", classname=clean(control), name=clean(name))
    if element:
        told = ElementTree.SubElement(case, element, type=kind, message=clean(lines[0]))
        told.text = "\n".join(clean(line) for line in lines)
    return case
