# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Alertmanager sends an alert, by the configuration that it has in force.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

__all__ = ["parse_config", "routed"]

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


def routed(route: Mapping[str, Any], labels: Mapping[str, str], *, inherited: str) -> list[str]:
    """Return the receivers below a route that matches: the first child that matches, and further ones if it says so.

    Source: Prometheus, Alertmanager configuration, section route.
    """
    receiver = str(route.get("receiver") or inherited)
    found: list[str] = []
    for child in route.get("routes") or ():
        if _matches(child, labels):
            found += routed(child, labels, inherited=receiver)
            if not child.get("continue"):
                break
    return list(dict.fromkeys(found)) or [receiver]


def _matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    plain = all(labels.get(key, "") == str(value) for key, value in (route.get("match") or {}).items())
    expressions = all(_fits(value, labels.get(key, "")) for key, value in (route.get("match_re") or {}).items())
    return plain and expressions and _all_match(route.get("matchers") or (), labels)


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as exc:
        raise ValueError(f"the expression {pattern!r} cannot be read ({exc})") from exc


def _all_match(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
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
