# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures of a run: each is kept, also one that could not be had, and has words for people."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi import Kpi
from verify.engine import kpis
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, NoEvidence
from verify.facts import figures, figures_of_work


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kpis, "_FIGURES", {})
    yield


def estate(**variables: Any) -> Estate:
    """Return an estate that declares two services."""
    declared = {"verify_services": [{"name": "web"}, {"name": "mail"}], **variables}
    return Estate(Environment("test", "inventories/test", "", {}, {}, declared), Evidence(), now=0.0)


def declare(name: str, read: Any, **more: Any) -> None:
    """Declare a figure."""
    about = {"title": name.title(), "unit": "s", "better": "lower", "item": "OPEX-02", **more}
    kpis.figure(name, **about)(read)


def measured(value: float | None, verdict: Any = "met") -> Kpi:
    """Return a figure."""
    return Kpi("x", value, 3, verdict, "s", None, "said", 0.5)


def test_figures_of_the_environment_and_of_its_subjects() -> None:
    declare("mttr_s", lambda _estate, bounds: measured(bounds.mean_max_s), bound="mean_max_s")
    declare("uptime_ratio", lambda service, _estate, _bounds: measured(len(service.name)), each="service", unit="ratio")
    found = {one.name: one for one in kpis.samples(estate(verify_bounds={"OPEX-02": {"mean_max_s": 60}}))}
    assert list(found) == kpis.names(estate()) == ["mttr_s", "uptime_ratio.web", "uptime_ratio.mail"]
    assert found["mttr_s"] == kpis.Sample("mttr_s", 60, "s", 3, 0.5, "met")
    assert (found["uptime_ratio.web"].value, found["uptime_ratio.mail"].value) == (3, 4)


@pytest.mark.parametrize("error", [NoEvidence("gone"), ValueError("odd"), KeyError("x"), ZeroDivisionError()])
def test_a_figure_that_could_not_be_had_is_kept_as_missing(error: Exception) -> None:
    def read(_estate: Estate, _bounds: Any) -> Kpi:
        raise error

    declare("mttr_s", read)
    declare("other_s", lambda _estate, _bounds: measured(None, "unknown"))
    assert {one.name: (one.value, one.verdict) for one in kpis.samples(estate())} == {
        "mttr_s": (None, kpis.MISSING),
        "other_s": (None, "unknown"),
    }


def test_words_and_targets_of_today() -> None:
    declare("mttr_s", lambda _estate, _bounds: measured(1.0), bound="mean_max_s", note="Open ones count.")
    past = {
        "strips": {},
        "kpis": {"mttr_s": [["2026-11-01", 5.0, None]], "gone_s": [["2026-11-01", 1.0, None]]},
        "kpi_words": {"mttr_s": {"unit": "s"}, "gone_s": {"unit": "s"}},
    }
    told = kpis.with_words(past, estate(verify_bounds={"OPEX-02": {"mean_max_s": 3600}}))
    assert told["kpis"] == {"mttr_s": [["2026-11-01", 5.0, 3600]], "gone_s": [["2026-11-01", 1.0, None]]}
    words = {"title": "Mttr_S", "unit": "s", "better": "lower", "note": "Open ones count."}
    assert told["kpi_words"] == {"mttr_s": words, "gone_s": {"unit": "s"}}


def test_a_figure_is_declared_once_and_whole() -> None:
    with pytest.raises(ValueError, match="better is 'less'"):
        declare("mttr_s", print, better="less")
    declare("mttr_s", lambda _estate, _bounds: measured(1.0))
    with pytest.raises(ValueError, match="declared twice"):
        declare("mttr_s", print)


def test_the_figures_of_the_suite_name_bounds_that_exist() -> None:
    for module in (figures_of_work, figures):
        importlib.reload(module)
    words = kpis.words(estate(verify_pools=[{"name": "app"}], verify_pipelines=[{"name": "ci"}]))
    assert len(words) >= 25
    assert {one["unit"] for one in words.values()} == {"s", "ratio", "count"}
    assert {name for name, one in words.items() if not one["title"]} == set()
    assert words["availability_of_targets_ratio"]["target"] == 0.999
