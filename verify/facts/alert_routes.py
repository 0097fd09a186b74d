# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Alertmanager sends an alert, by the configuration that it has in force.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

__all__ = ["all_match", "inhibiting", "parse_config", "routed"]

_MATCHER = re.compile(r'^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|(.*?))\s*$', re.DOTALL)


def parse_config(text: str) -> Mapping[str, Any]:
    """Read the configuration in the fact ``status``; ValueError when it is none."""
    try:
        found = yaml.safe_load(json.loads(text)["config"]["original"])
    except yaml.YAMLError as exc:
        raise ValueError(f"the configuration is no YAML ({exc})") from exc
    if not isinstance(found, Mapping) or "route" not in found:
        raise ValueError("the configuration has no route")
    return found


def routed(
    route: Mapping[str, Any], labels: Mapping[str, str], *, inherited: str, at_any_time: bool = False
) -> list[str]:
    """Return the receivers below a route that matches: the first child that matches, and further ones if it says so.

    ``at_any_time`` leaves out those whose own route is quiet at times (``mute_time_intervals``) or tells at times only
    (``active_time_intervals``): a page of the night may be lost there. A route does not inherit these from its parent.
    Source: Prometheus, Alertmanager configuration, section route.
    """
    return list(dict.fromkeys(name for name, timed in _ends(route, labels, inherited) if not (at_any_time and timed)))


def _ends(route: Mapping[str, Any], labels: Mapping[str, str], inherited: str) -> list[tuple[str, bool]]:
    """Return the receivers where the way of an alert ends, and whether each of them is told at times only."""
    receiver = str(route.get("receiver") or inherited)
    found: list[tuple[str, bool]] = []
    for child in route.get("routes") or ():
        if _matches(child, labels):
            found += _ends(child, labels, receiver)
            if not child.get("continue"):
                break
    return found or [(receiver, bool(route.get("mute_time_intervals") or route.get("active_time_intervals")))]


def inhibiting(
    config: Mapping[str, Any], labels: Mapping[str, str], firing: Iterable[Mapping[str, str]]
) -> list[Mapping[str, str]]:
    """Return which of the alerts that fire keep an alert with these labels from everybody.

    An alert that matches both sides of a rule is not inhibited by another one that does.
    Source: Prometheus, Alertmanager configuration, section inhibit_rule.
    """
    found = []
    for rule in config.get("inhibit_rules") or ():
        if not _side(rule, "target", labels):
            continue
        both = _side(rule, "source", labels)
        for one in firing:
            equal = all(one.get(name, "") == labels.get(name, "") for name in rule.get("equal") or ())
            if equal and _side(rule, "source", one) and not (both and _side(rule, "target", one)):
                found.append(one)
    return found


def _side(rule: Mapping[str, Any], side: str, labels: Mapping[str, str]) -> bool:
    return _matches({key: rule.get(f"{side}_{key}") for key in ("match", "match_re", "matchers")}, labels)


def _matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    plain = all(labels.get(key, "") == str(value) for key, value in (route.get("match") or {}).items())
    expressions = all(_fits(value, labels.get(key, "")) for key, value in (route.get("match_re") or {}).items())
    return plain and expressions and all_match(route.get("matchers") or (), labels)


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as exc:
        raise ValueError(f"the expression {pattern!r} cannot be read ({exc})") from exc


def all_match(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Return whether labels fit each matcher, such as ``severity=~"critical|page"``. Raises ValueError for none."""
    for text in matchers:
        match = _MATCHER.match(text)
        if not match:
            raise ValueError(f"the matcher {text!r} cannot be read")
        name, sign, quoted, bare = match.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        said = labels.get(name, "")
        holds = _fits(value, said) if sign.endswith("~") else said == value
        if holds is sign.startswith("!"):
            return False
    return True
