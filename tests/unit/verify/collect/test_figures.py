# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Past figures as a fact: what had nothing to measure is told from what could not be told."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from verify.collect import figures
from verify.engine.evidence import Evidence
from verify.engine.trends import Measured


def test_a_figure_that_rests_on_nothing_had_nothing_to_measure() -> None:
    told = [
        Measured(1.0, "mttr_s", "s", None, "unknown", 0, None),
        Measured(2.0, "mttr_s", "s", 60.0, "unknown", 1, None),
        Measured(3.0, "mttr_s", "s", None, "missing", 0, None),
        Measured(4.0, "mttr_s", "s", None, "missed", 3, None),
        Measured(5.0, "availability_ratio", "ratio", None, "unknown", 0, 0.0),
        Measured(6.0, "availability_ratio", "ratio", None, "unknown", 9, 0.5),
    ]
    ledger: Any = SimpleNamespace(
        figures=lambda _environment, _since: (1.0, told),
        whole_run=lambda _environment, _before: None,
    )
    evidence = Evidence()
    figures.collect(ledger, "production", evidence, now=lambda: 100.0)
    fact = evidence.get("ledger", "figures")
    assert fact is not None
    found = json.loads(evidence.body(fact))["figures"]
    words = {name: [point[2] for point in about["points"]] for name, about in found.items()}
    assert words == {
        "mttr_s": ["nothing", "unknown", "missing", "missed"],
        "availability_ratio": ["unknown", "unknown"],
    }
