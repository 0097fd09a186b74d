# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a failing probe reaches a person: the rules of Prometheus that look at it, and where their alert would go.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import operator as op
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from verify.engine.estate import Estate
from verify.facts.metrics import Rule, duration, metrics

__all__ = ["Watching", "probe_samples", "probe_targets", "rules_on"]

_METRIC = "probe_success"
_SELECTOR = rf"\b{_METRIC}\b\s*(?:\{{(?P<matchers>[^}}]*)\}})?"
_MATCHER = re.compile(
    r"""(?P<label>[a-zA-Z_]\w*)\s*(?P<how>=~|!~|!=|=)\s*(?P<quote>["'])(?P<value>(?:\\.|(?!(?P=quote)).)*)"""
)
# The probe itself, or what it said over a time, compared with a number.
_TEST = re.compile(
    rf"(?:(?P<fold>avg|max|min|last)_over_time\s*\(\s*)?{_SELECTOR}\s*"
    r"(?(fold)\[\s*(?P<range>\w+)\s*\]\s*\)\s*)(?P<sign>==|!=|<=|>=|<|>)\s*(?P<number>\d+(?:\.\d+)?)"
)
_SIGNS = {"==": op.eq, "!=": op.ne, "<=": op.le, ">=": op.ge, "<": op.lt, ">": op.gt}
_PIECES = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[(){}\[\]]|\bor\b""")


class Watching(NamedTuple):
    """A rule that fires on a failed probe, and after how many seconds of failures it does so at the latest."""

    rule: Rule
    delay_s: float


def probe_targets(estate: Estate, probe: str) -> list[Any]:
    """Return the targets of Prometheus that probe an address."""
    return [target for target in metrics(estate).targets if target.labels.get("instance", target.instance) == probe]


def probe_samples(estate: Estate, probe: str) -> list[Any]:
    """Return the newest samples of success of a probe."""
    return [sample for sample in metrics(estate).vector(_METRIC) if sample.labels.get("instance") == probe]


def rules_on(estate: Estate, labels: Mapping[str, str]) -> list[Watching]:
    """Return the alerting rules that fire when the series with these labels says that the probe failed, and only then.

    The comparison has to stand at the probe itself, alone or beside others with ``or``: what ``and`` or ``unless``
    narrows may never fire, and is none of them.
    """
    found = []
    for rule in metrics(estate).rules:
        if rule.kind == "alerting" and rule.health == "ok":
            delays = [delay for branch in _branches(rule.expr) for delay in _delays(branch, labels)]
            if delays:
                found.append(Watching(rule, rule.for_s + min(delays)))
    return found


def _delays(branch: str, labels: Mapping[str, str]) -> Iterator[float]:
    """Yield for how long the probe has to fail until a comparison holds, where it holds for a failed one alone."""
    test = _TEST.fullmatch(branch)
    if test is None or not _matches(_matchers(test["matchers"] or ""), labels):
        return
    compare, number = _SIGNS[test["sign"]], float(test["number"])
    if compare(0.0, number) and not compare(1.0, number):
        yield duration(test["range"]) if test["fold"] in ("avg", "max") else 0.0


def _branches(expression: str) -> Iterator[str]:
    """Yield the sides of each outermost ``or`` of an expression of PromQL, without the brackets around them."""
    depth, begun, parts = 0, 0, []
    for piece in _PIECES.finditer(expression):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(piece[0], 0)
        if piece[0] == "or" and depth == 0:
            parts.append(expression[begun : piece.start()])
            begun = piece.end()
    for part in (*parts, expression[begun:]):
        side = part.strip()
        if _bracketed(side):
            yield from _branches(side[1:-1])
        else:
            yield side


def _bracketed(text: str) -> bool:
    """Return whether the first bracket of a text closes with its end."""
    depth = 0
    for piece in _PIECES.finditer(text):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth == 0:
            return text.startswith("(") and piece.end() == len(text)
    return False


def _matchers(inner: str) -> list[tuple[str, str, str]]:
    return [(one["label"], one["how"], _unquoted(one["value"])) for one in _MATCHER.finditer(inner)]


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
