# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host, a system or a person wrote stays text in the page and in every export."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families
from trestle.oscal.assessment_results import Model

from tests.unit.report.conftest import Page
from tests.unit.report.test_hostile_output import ATTACKS
from tests.unit.verify_report.sample import Maker
from verify.report import read_pack, render
from verify.report.data import ReportData
from verify.report.junit import junit_xml
from verify.report.metrics import metrics_text
from verify.report.notices import notice
from verify.report.oscal import oscal_json
from verify.report.page import pages as files_of
from verify.report.summary import summary_text

# Words that choose a branch, instants, and names that are ours and not a target's.
KEPT = {
    *("status", "original", "kind", "class", "klass", "severity", "frequency", "method", "event", "item", "control"),
    *("started", "ended", "collected", "date", "since", "digest", "previous_status", "finding", "section", "waiver"),
    *("owner", "unit", "better", "strips", "evidence", "error", "id"),
}
FILES = ("run.json", "catalogue.json", "changes.json", "waivers.json", "attestations.json", "history.json")
SPOT = "\ue000"


def poisoned(value: Any, attack: str, key: str = "") -> Any:
    """Return a value with every text in it followed by the attack, names of hosts too."""
    if isinstance(value, dict):
        return {name: poisoned(inner, attack, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, attack, key) for inner in value]
    return f"{value}{attack}" if isinstance(value, str) and key not in KEPT else value


def attacked(folder: Path, attack: str) -> ReportData:
    """Return a run all of whose texts carry the attack."""
    data = read_pack(folder)
    controls = []
    for control in data.controls:
        rows = []
        for row in control.rows:
            keys = tuple(key.replace("/", f"{attack}/", 1) for key in row.evidence)
            told = {"says": f"{row.says}{attack}", "subject": f"{row.subject}{attack}", "evidence": keys}
            failed = tuple(poisoned(dict(one), attack) for one in row.failed)
            rows.append(row._replace(**told, observed=poisoned(row.observed, attack), failed=failed))
        controls.append(dataclasses.replace(control, rows=tuple(rows), procedure=f"{control.procedure}{attack}"))
    facts = [
        dataclasses.replace(
            fact,
            **{key: f"{getattr(fact, key)}{attack}" for key in ("subject", "name", "source", "command", "identity")},
            error=f"{fact.error}{attack}" if fact.error else None,
        )
        for fact in data.facts.values()
    ]
    known = {f"{fact.subject}/{fact.name.removesuffix(attack)}": fact for fact in facts}
    parts = {name: poisoned(json.loads((folder / name).read_text(encoding="utf-8")), attack) for name in FILES}
    return dataclasses.replace(
        data,
        run=parts["run.json"],
        controls=controls,
        facts=known,
        bodies={digest: body.replace("=", attack) for digest, body in data.bodies.items()},
        changes=parts["changes.json"],
        waivers=parts["waivers.json"],
        attestations=parts["attestations.json"],
        kpi_words=parts["history.json"]["kpi_words"],
        items={
            name: dataclasses.replace(item, title=f"{item.title}{attack}", objective=f"{item.objective}{attack}")
            for name, item in data.items.items()
        },
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every kind of result."""
    base = tmp_path_factory.mktemp("small")
    return Maker(hosts=4, seed=11, open_share=0.3, dead=1, most=20).write(base / "run")


@pytest.fixture(scope="module")
def clean(small: Path) -> Page:
    """The page of the run as it is."""
    return Page(render(read_pack(small)))


@pytest.fixture(scope="module", params=ATTACKS)
def poison(request: pytest.FixtureRequest, small: Path) -> ReportData:
    """The run under one attack; pytest runs all tests of one before it makes the next."""
    return attacked(small, request.param)


@pytest.fixture(scope="module")
def page(poison: ReportData) -> Page:
    """Its page, drawn once for all that is asked of it."""
    return Page(render(poison))


def test_poison_in_every_field_changes_no_element(clean: Page, page: Page) -> None:
    assert page.elements <= clean.elements | {"wbr", "details", "summary"}
    assert page.attributes <= clean.attributes
    classes = {value for name, value in page.values if name == "class"}
    assert classes <= {value for name, value in clean.values if name == "class"} | {"names"}
    assert [value for name, value in page.values if name == "href" and not value.startswith("#")] == []
    assert page.markup.count("<script>") == 1


def test_nothing_hidden_reaches_the_page(page: Page) -> None:
    hidden = {char for char in set(page.markup) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")}
    assert hidden <= {"\n"}


def test_no_attribute_of_ours_can_be_left(page: Page) -> None:
    """Names of subjects reach ids only as digests; what stands in data attributes are words of ours."""
    assert [name for name in page.ids if not re.fullmatch(r"[A-Za-z0-9_.-]+", name)] == []
    for key in ("data-s", "data-o", "data-v"):
        assert [text for name, text in page.values if name == key and not re.fullmatch(r"[a-z _-]*", text)] == []


def test_the_exports_stay_well_formed(poison: ReportData) -> None:
    assert ElementTree.fromstring(junit_xml(poison)).tag == "testsuites"  # noqa: S314 - our own
    Model.model_validate_json(oscal_json(poison))
    assert list(text_string_to_metric_families(metrics_text(poison)))
    assert summary_text(poison).count("\n") == 1
    json.dumps(notice(poison)).encode("ascii")


@pytest.mark.parametrize("attack", ATTACKS[:3])
def test_the_pages_of_a_split_report_are_as_safe(small: Path, attack: str) -> None:
    for name, content in files_of(attacked(small, attack), most=10_000).items():
        page = Page(content)
        assert page.markup.count("<script>") == 1, name
        links = [value for key, value in page.values if key == "href"]
        assert [
            link for link in links if not re.fullmatch(r"(\.\./)?(audit(/[A-Za-z0-9-]+)?\.html)?(#[\w.-]+)?", link)
        ] == []


def test_output_of_a_hostile_host_is_readable_as_it_was(pages: dict[str, Page]) -> None:
    text = pages["hostile"].text
    assert "<script>document.title='owned'</script>⟨U+202E⟩gnp.exe ⟨U+001B⟩[31mred" in text
