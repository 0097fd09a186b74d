# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a failing probe reaches a person: the rules of Prometheus that look at it, and where their alert would go.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from verify.engine.estate import Estate
from verify.facts.metrics import metrics

__all__ = ["probe_samples", "probe_targets", "rules_on", "selectors"]

_METRIC = "probe_success"
_SELECTOR = re.compile(rf"\b{_METRIC}\b\s*(?:\{{(?P<matchers>[^}}]*)\}})?")
_MATCHER = re.compile(
    r"""(?P<label>[a-zA-Z_]\w*)\s*(?P<how>=~|!~|!=|=)\s*(?P<quote>["'])(?P<value>(?:\\.|(?!(?P=quote)).)*)"""
)
_FAILS = re.compile(r"==\s*0\b|<=?\s*[01](\.\d+)?\b|!=\s*1\b")


def probe_targets(estate: Estate, probe: str) -> list[Any]:
    """Return the targets of Prometheus that probe an address."""
    return [target for target in metrics(estate).targets if target.labels.get("instance", target.instance) == probe]


def probe_samples(estate: Estate, probe: str) -> list[Any]:
    """Return the newest samples of success of a probe."""
    return [sample for sample in metrics(estate).vector(_METRIC) if sample.labels.get("instance") == probe]


def rules_on(estate: Estate, labels: Mapping[str, str]) -> list[Any]:
    """Return the alerting rules that fire when the series with these labels says that the probe failed."""
    return [
        rule
        for rule in metrics(estate).rules
        if rule.kind == "alerting"
        and rule.health == "ok"
        and _FAILS.search(rule.expr)
        and any(_matches(matchers, labels) for matchers in selectors(rule.expr))
    ]


def selectors(expression: str) -> Iterator[list[tuple[str, str, str]]]:
    """Yield the label matchers of each selector of ``probe_success`` in an expression of PromQL."""
    for found in _SELECTOR.finditer(expression):
        inner = found["matchers"] or ""
        yield [(one["label"], one["how"], _unquoted(one["value"])) for one in _MATCHER.finditer(inner)]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _matches(matchers: list[tuple[str, str, str]], labels: Mapping[str, str]) -> bool:
    for label, how, value in matchers:
        have = labels.get(label, "")
        # Prometheus anchors its patterns at both ends.
        same = re.fullmatch(value, have) is not None if "~" in how else have == value
        if same == how.startswith("!"):
            return False
    return True
