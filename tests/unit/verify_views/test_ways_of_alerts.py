# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that are told at times only, and alerts that keep others from people."""

from __future__ import annotations

from typing import Any

import pytest

from verify.facts.alert_routes import all_match, inhibiting, routed
from verify.facts.alerts import parse_silences

PAGE = {"alertname": "ServiceDown", "severity": "critical", "host": "lb1"}
SWITCH = {"alertname": "Watchdog", "severity": "none"}


@pytest.mark.parametrize(
    ("child", "always"),
    [
        ({}, ["pager"]),
        ({"mute_time_intervals": ["nights"]}, []),
        ({"active_time_intervals": ["office"]}, []),
        ({"mute_time_intervals": ["nights"], "continue": True}, ["people"]),
        # A parent's times are not its children's.
        ({"mute_time_intervals": ["nights"], "routes": [{"matchers": ['host="lb1"']}]}, ["pager"]),
    ],
)
def test_who_is_told_at_any_time(child: dict[str, Any], always: list[str]) -> None:
    first = {"receiver": "pager", "matchers": ['severity="critical"'], **child}
    route = {"receiver": "root", "routes": [first, {"receiver": "people"}]}
    assert routed(route, PAGE, inherited="", at_any_time=True) == always
    assert routed(route, PAGE, inherited="")[0] == "pager"


@pytest.mark.parametrize(
    ("rule", "firing", "kept"),
    [
        ({"source_matchers": ['alertname="Watchdog"'], "target_matchers": ['severity="critical"']}, SWITCH, True),
        ({"source_match": {"alertname": "Watchdog"}, "target_match_re": {"severity": "crit.*"}}, SWITCH, True),
        ({"source_matchers": ['alertname="Watchdog"'], "target_matchers": ['severity="warning"']}, SWITCH, False),
        ({"source_matchers": ['alertname="Other"'], "target_matchers": ['severity="critical"']}, SWITCH, False),
        ({"source_matchers": [], "target_matchers": ['severity="critical"'], "equal": ["host"]}, SWITCH, False),
        ({"source_matchers": [], "target_matchers": ['severity="critical"'], "equal": ["job"]}, SWITCH, True),
        # What is on both sides is not inhibited by what is on both sides too, itself least of all.
        ({"source_matchers": ['severity="critical"'], "target_matchers": ['severity="critical"']}, PAGE, False),
    ],
)
def test_what_inhibits(rule: dict[str, Any], firing: dict[str, str], kept: bool) -> None:
    assert bool(inhibiting({"inhibit_rules": [rule]}, PAGE, [firing])) is kept
    assert inhibiting({}, PAGE, [firing]) == []


def test_a_silence_with_quotes_and_backslashes_matches_what_it_says() -> None:
    row = (
        '[{"id": "s", "status": {"state": "active"}, "startsAt": "2026-11-25T08:00:00Z",'
        ' "endsAt": "2026-11-25T09:00:00Z", "createdBy": "a", "comment": "b", "matchers":'
        ' [{"name": "path", "value": "say \\"\\\\d+\\"", "isRegex": true, "isEqual": true}]}]'
    )
    (silence,) = parse_silences(row)
    assert all_match(silence.matchers, {"path": 'say "12"'})
    assert not all_match(silence.matchers, {"path": 'say "d"'})
