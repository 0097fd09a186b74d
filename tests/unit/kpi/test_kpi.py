# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures: the guide's own cases, table values of the statistics, and properties that hold for all data."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi as kpi
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi_stats as stats
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_types import percent, span_text

HOUR, DAY = 3600.0, 86400.0
RANK = {"missed": 0, "unknown": 1, "met": 2}
counts = st.integers(0, 2000)
durations = st.lists(st.floats(0, 1e6), max_size=40)


# The statistics, against printed tables.


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),
    [  # Percentage points of the chi-squared distribution, NIST/SEMATECH e-Handbook 1.3.6.7.4
        (0.95, 1, 3.841),
        (0.95, 2, 5.991),
        (0.95, 4, 9.488),
        (0.95, 10, 18.307),
        (0.95, 30, 43.773),
        (0.95, 100, 124.342),
        (0.05, 10, 3.940),
        (0.975, 7, 16.013),
        (0.99, 50, 76.154),
    ],
)
def test_chi_squared_as_printed(probability: float, freedom: int, value: float) -> None:
    assert stats.chi2_quantile(probability, freedom) == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [  # Exact limits as in Garwood's table
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (5, 1.623, 11.668),
        (10, 4.795, 18.390),
        (30, 20.241, 42.827),
    ],
)
def test_poisson_limits_as_printed(count: int, low: float, high: float) -> None:
    assert stats.poisson_interval(count) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_printed(good: int, total: int, low: float, high: float) -> None:
    assert stats.wilson(good, total) == pytest.approx((low, high), abs=6e-5)


def test_fifty_nine_clean_trials_prove_95_percent() -> None:
    assert stats.zero_failure_count(0.95) == 59
    assert 0.95**59 < 0.05 < 0.95**58


@given(st.floats(0.01, 0.99), st.floats(0.5, 200))
def test_the_quantile_inverts_the_distribution(probability: float, freedom: float) -> None:
    value = stats.chi2_quantile(probability, freedom)
    assert stats.gamma_p(freedom / 2, value / 2) == pytest.approx(probability, abs=1e-9)


@given(st.integers(1, 60))
def test_two_degrees_of_freedom_are_an_exponential(tenth: int) -> None:
    assert stats.gamma_p(1.0, tenth / 10) == pytest.approx(1 - math.exp(-tenth / 10), abs=1e-13)


@given(counts, counts)
def test_wilson_holds_the_share(good: int, bad: int) -> None:
    low, high = stats.wilson(good, good + bad)
    assert 0 <= low <= high <= 1
    if good + bad:
        assert low <= good / (good + bad) <= high


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.floats(0.001, 1))
def test_the_percentile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = stats.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_impossible_statistics_are_refused() -> None:
    for call in (
        lambda: stats.wilson(3, 2),
        lambda: stats.chi2_quantile(1.0, 2),
        lambda: stats.gamma_p(0, 1),
        lambda: stats.poisson_interval(-1),
        lambda: stats.percentile([], 0.5),
        lambda: stats.zero_failure_count(1.0),
        lambda: stats.bootstrap_ratio([0.0], [1.0]),
        lambda: stats.rate_ratio_interval(1, 0, 1, 1),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            call()


# The guide's own contradiction.


def test_the_targets_of_the_guide_contradict_each_other() -> None:
    """720 h between failures and 2 h to recover can both be met while 99.9 % is missed."""
    found = kpi.consistency(availability=0.999, mtbf_s=720 * HOUR, mttr_s=2 * HOUR)
    assert found.value == pytest.approx(720 / 722)
    assert percent(found.value or 0) == "99.722 %"
    assert found.verdict == "missed"
    assert found.parts["mttr_needed_s"] == pytest.approx(43.243 * 60, abs=0.1)
    assert "43.2 min" in found.says
    assert kpi.consistency(availability=0.999, mtbf_s=720 * HOUR, mttr_s=2594).verdict == "met"


# Availability.


def test_a_budget_of_43_minutes_in_30_days() -> None:
    month = 30 * 1440
    assert kpi.uptime(month - 43, month, month).verdict == "met"
    assert kpi.uptime(month - 44, month, month).verdict == "missed"


def test_missing_samples_are_down_until_proved_otherwise() -> None:
    found = kpi.uptime(120, 120, 43200)
    assert (found.verdict, found.coverage) == ("unknown", pytest.approx(120 / 43200))
    assert found.interval == (pytest.approx(120 / 43200), 1.0)
    assert (found.value, found.parts["observed"]) == (None, 1.0)
    # What was down stays down, however little was seen.
    assert kpi.uptime(0, 120, 43200).verdict == "missed"


def test_an_approved_window_is_shown_beside_the_strict_figure() -> None:
    found = kpi.uptime(42900, 43200, 43200, excused=290)
    assert found.verdict == "met"
    assert found.parts["strict"] == pytest.approx(42900 / 43200)


@given(st.integers(1, 5000), st.data())
def test_uptime_is_a_share_and_more_up_is_never_worse(expected: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, expected))
    up = data.draw(st.integers(0, seen))
    found = kpi.uptime(up, seen, expected)
    assert found.interval is not None
    assert 0 <= found.interval[0] <= found.interval[1] <= 1
    if up < seen:
        assert RANK[kpi.uptime(up + 1, seen, expected).verdict] >= RANK[found.verdict]
    if seen < expected:
        assert RANK[kpi.uptime(up + 1, seen + 1, expected).verdict] >= RANK[found.verdict]


@given(st.integers(1, 400), st.data())
def test_unknown_is_resolved_by_what_is_seen_later(expected: int, data: st.DataObject) -> None:
    """Whatever the missing samples were, a verdict that was given stays right."""
    seen = data.draw(st.integers(0, expected))
    up = data.draw(st.integers(0, seen))
    early = kpi.uptime(up, seen, expected)
    late = kpi.uptime(data.draw(st.integers(up, up + expected - seen)), expected, expected)
    assert early.verdict in ("unknown", late.verdict)


def test_outages_within_the_gap_are_one() -> None:
    down = [(0.0, 0.0), (15.0, 0.0), (30.0, 1.0), (45.0, 0.0), (300.0, 0.0)]
    assert kpi.outages(down, step_s=15, gap_s=60) == [kpi.Outage(0, 60), kpi.Outage(300, 315)]
    assert kpi.outages(down, step_s=15, gap_s=0) == [kpi.Outage(0, 30), kpi.Outage(45, 60), kpi.Outage(300, 315)]
    assert [one.seconds for one in kpi.outages([(5.0, 1.0)], step_s=15)] == []


@given(st.sets(st.integers(0, 300)), st.integers(0, 30))
def test_outages_cover_each_down_sample_once(down: set[int], gap: int) -> None:
    found = kpi.outages([(float(at), 0.0) for at in down], step_s=1, gap_s=gap)
    assert all(sum(one.start <= at < one.end for one in found) == 1 for at in down)
    assert all(later.start - earlier.end > gap for earlier, later in itertools.pairwise(found))
    # Merging more never finds more outages.
    assert len(kpi.outages([(float(at), 0.0) for at in down], step_s=1, gap_s=gap + 1)) <= len(found)


@given(st.sets(st.integers(0, 200)), st.integers(1, 199))
def test_outages_of_two_halves_add_up(down: set[int], cut: int) -> None:
    def of(rows: list[int]) -> list[kpi.Outage]:
        return kpi.outages([(float(at), 0.0) for at in rows], step_s=1, gap_s=0)

    whole = of(sorted(down))
    halves = of([at for at in down if at < cut]) + of([at for at in down if at >= cut])
    assert sum(one.seconds for one in halves) == sum(one.seconds for one in whole) == len(down)


# Recovery and failures.


def spans(*seconds: float | None) -> list[kpi.Span]:
    """Spans that began at 0 and lasted so long; None lasts still."""
    return [kpi.Span(0.0, took, f"i{number}") for number, took in enumerate(seconds)]


def test_a_good_mean_does_not_hide_a_long_incident() -> None:
    found = kpi.mttr(spans(600, 600, 3 * HOUR), now=1e6)
    assert found.value == pytest.approx(4000)
    assert (found.verdict, found.parts["over"]) == ("missed", ["i2"])
    assert (found.parts["median"], found.parts["max"]) == (600, 3 * HOUR)


def test_an_open_incident_counts_until_now() -> None:
    assert kpi.mttr(spans(600, None), now=HOUR).verdict == "unknown"
    assert kpi.mttr(spans(600, None), now=3 * HOUR).verdict == "missed"
    assert kpi.mttr([], now=0).verdict == "unknown"
    with pytest.raises(ValueError, match="ends before"):
        kpi.mttr([kpi.Span(10, 5)], now=20)


@given(durations, st.floats(0, 1e6))
def test_an_open_span_never_becomes_better(lasted: list[float], now: float) -> None:
    rows = [*spans(*lasted), kpi.Span(0.0, None)]
    early, late = kpi.mttr(rows, now=now), kpi.mttr(rows, now=now + 1000)
    assert RANK[late.verdict] <= RANK[early.verdict]
    assert (late.value or 0) >= (early.value or 0)


def test_zero_failures_prove_720_hours_only_after_90_days() -> None:
    month, quarter = kpi.mtbf(730 * HOUR, 0), kpi.mtbf(2157 * HOUR, 0)
    assert (month.verdict, month.value) == ("unknown", None)
    assert month.parts["bound"] == pytest.approx(730 * HOUR / 2.9957, rel=1e-4)
    assert (quarter.verdict, quarter.value) == ("met", None)
    assert kpi.mtbf(24 * HOUR, 0).verdict == "unknown"


def test_mtbf_with_failures() -> None:
    assert kpi.mtbf(2160 * HOUR, 3).verdict == "met"
    assert kpi.mtbf(2160 * HOUR, 4).verdict == "missed"
    assert kpi.mtbf(700 * HOUR, 1).verdict == "missed"
    assert kpi.mtbf(730 * HOUR, 1).verdict == "unknown"


@given(st.floats(0, 1e8), st.integers(0, 50))
def test_fewer_failures_are_never_worse(observed: float, failures: int) -> None:
    more, fewer = kpi.mtbf(observed, failures + 1), kpi.mtbf(observed, failures)
    assert RANK[fewer.verdict] >= RANK[more.verdict]
    assert fewer.parts["bound"] >= more.parts["bound"]
    if more.value is not None:
        assert more.parts["bound"] <= more.value + 1e-6


# Answers.


def test_an_alert_that_nobody_answered_is_endless() -> None:
    found = kpi.response(spans(60, 120, None), now=DAY)
    assert (found.verdict, found.value, found.parts["unanswered"]) == ("missed", None, ["i2"])
    assert kpi.response(spans(*[60] * 40, None), now=DAY).value == 60
    assert kpi.response(spans(*[60] * 40, None), now=DAY).verdict == "missed"


def test_an_alert_whose_time_is_not_over_is_pending() -> None:
    found = kpi.response(spans(60, None), now=300)
    assert (found.verdict, found.n, found.parts["pending"]) == ("met", 1, ["i1"])
    assert kpi.response(spans(None), now=300).verdict == "unknown"


def test_patches_are_judged_by_the_slowest() -> None:
    found = kpi.patch_latency(spans(HOUR, 25 * HOUR), now=10 * DAY)
    assert (found.verdict, found.value, found.parts["over"]) == ("missed", 25 * HOUR, ["i1"])
    assert found.parts["share"] == 0.5


@given(durations, st.integers(0, 5), st.floats(1, 1e5))
def test_a_longer_bound_is_never_worse(lasted: list[float], unanswered: int, target: float) -> None:
    rows = [*spans(*lasted), *[kpi.Span(0.0, None)] * unanswered]
    short, long = (kpi.response(rows, now=1e7, target_s=bound) for bound in (target, target * 2))
    assert RANK[long.verdict] >= RANK[short.verdict]
    assert short.n == len(lasted) + unanswered


# Deliveries.


def deployment(number: int, **keys: Any) -> dict[str, Any]:
    """A deployment that went well."""
    return {"id": f"d{number}", "outcome": "ok", "manual_steps": 0, "ended": 0.0, **keys}


def test_failed_deployments_are_counted_and_not_their_incidents() -> None:
    """Four of 23 deployments failed with six incidents: 17.4 %, not 26.1 %."""
    failures = {0: ["a", "b"], 1: ["c"], 2: ["d", "e"], 3: ["f"]}
    rows = [deployment(number, linked_failures=failures.get(number, [])) for number in range(23)]
    found = kpi.change_failure(rows)
    assert f"{found.value:.1%}" == "17.4%"
    assert found.parts["incidents"] == 6
    assert f"{found.parts['incidents'] / found.n:.1%}" == "26.1%"
    assert kpi.deployment_success(rows).value == pytest.approx(19 / 23)


def test_what_makes_a_deployment_unclean() -> None:
    rows = [
        deployment(0),
        deployment(1, manual_steps=1),
        deployment(2, outcome="rolled_back"),
        deployment(3, outcome="cancelled"),
        deployment(4, outcome="running"),
        deployment(5),
        deployment(6),
    ]
    incidents = [
        {"id": "I1", "deployment": "d5", "impact_start": DAY - 1},
        {"id": "I2", "deployment": "d6", "impact_start": DAY + 1},
    ]
    found = kpi.deployment_success(rows, incidents=incidents)
    assert found.n == 5
    assert found.parts["not_clean"] == {"d1": "1 manual steps", "d2": "rolled_back", "d5": "caused I1"}
    assert (found.parts["cancelled"], found.parts["running"]) == (["d3"], ["d4"])
    assert kpi.deployment_success([]).verdict == "unknown"


@given(st.lists(st.tuples(st.sampled_from(["ok", "failed", "rolled_back", "cancelled"]), st.integers(0, 3))))
def test_failed_and_clean_make_one(outcomes: list[tuple[str, int]]) -> None:
    rows = [
        deployment(number, outcome=word, linked_failures=[f"i{one}" for one in range(many)])
        for number, (word, many) in enumerate(outcomes)
    ]
    failed, clean = kpi.change_failure(rows), kpi.deployment_success(rows)
    if failed.value is None or clean.value is None:
        assert failed.n == clean.n == 0
        return
    assert 0 <= failed.value <= 1
    assert failed.value + failed.parts["clean"] == pytest.approx(1)
    assert clean.value == pytest.approx(failed.parts["clean"])
    # The same deployment told twice is one.
    assert kpi.change_failure(rows + rows).value == failed.value


@given(counts, counts)
def test_success_is_monotone(good: int, bad: int) -> None:
    found, better = kpi.success(good, good + bad), kpi.success(good + 1, good + bad + 1)
    if found.value is not None and better.value is not None:
        assert better.value >= found.value - 1e-12
        assert RANK[better.verdict] >= RANK[found.verdict]


def test_95_percent_needs_59_to_be_proved() -> None:
    assert not kpi.success(58, 58).parts["proved"]
    assert kpi.success(75, 75).parts["proved"]
    assert kpi.success(1, 1).parts["needed"] == 59


# Automation, trends, money, use.


def test_the_lower_share_of_automation_counts() -> None:
    tasks = [{"id": "a", "automated": True}, {"id": "b", "automated": True}]
    runs = [
        {"task": "a", "automated": True, "result": "ok"},
        {"task": "a", "automated": True, "result": "failed"},
        {"task": "c", "automated": False, "result": "ok"},
    ]
    found = kpi.automation(tasks, runs)
    assert (found.verdict, found.value) == ("missed", pytest.approx(1 / 3))
    assert (found.parts["by_type"], found.parts["unregistered"], found.parts["never_run"]) == (1.0, ["c"], ["b"])
    assert kpi.automation([], runs).verdict == kpi.automation(tasks, []).verdict == "unknown"


def test_improvement_needs_enough_runs_and_shows_chance() -> None:
    before, after = [100.0 + number % 7 for number in range(40)], [88.0 + number % 7 for number in range(40)]
    found = kpi.improvement(before, after)
    assert found.verdict == "met"
    assert found.interval is not None
    assert found.interval[0] <= (found.value or 0) <= found.interval[1]
    assert found == kpi.improvement(before, after)
    assert kpi.improvement(before[:29], after).verdict == "unknown"
    assert kpi.improvement(before, before).verdict == "missed"


def test_ten_to_eight_incidents_can_be_chance() -> None:
    quarter = 90 * DAY
    found = kpi.incident_change(8, quarter, 10, quarter)
    assert (found.verdict, found.value, found.parts["significant"]) == ("met", pytest.approx(0.2), False)
    assert "chance" in found.says
    assert kpi.incident_change(20, quarter, 100, quarter).parts["significant"]
    assert kpi.incident_change(9, quarter, 10, quarter).verdict == "missed"
    # Half the exposure doubles the rate.
    assert kpi.incident_change(8, quarter / 2, 10, quarter).verdict == "missed"
    assert [kpi.incident_change(n, 1, 0, 1).verdict for n in (0, 1)] == ["met", "missed"]


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_of_a_change_holds_it(now: int, before: int) -> None:
    found = kpi.incident_change(now, DAY, before, DAY)
    assert found.value is not None
    if found.interval is not None:
        assert found.interval[0] - 1e-9 <= found.value <= found.interval[1] + 1e-9


@pytest.mark.parametrize(
    ("actual", "seen_days", "verdict", "value"),
    [
        (500.0, 15, "met", 0.0),
        (530.0, 15, "missed", 0.06),
        (470.0, 15, "missed", -0.06),
        (1000.0, 30, "met", 0.0),
        (60.0, 2, "unknown", None),
    ],
)
def test_cost_against_budget(actual: float, seen_days: float, verdict: str, value: float | None) -> None:
    found = kpi.cost_variance(actual, 1000.0, start=0.0, end=30 * DAY, seen_until=seen_days * DAY)
    assert found.verdict == verdict
    assert found.value == (None if value is None else pytest.approx(value))
    assert found.coverage == pytest.approx(seen_days / 30)


def test_no_cost_data_is_unknown() -> None:
    assert kpi.cost_variance(0, 1000, start=0, end=DAY, seen_until=None).verdict == "unknown"
    with pytest.raises(ValueError, match="budget is positive"):
        kpi.cost_variance(0, 0, start=0, end=DAY, seen_until=DAY)


def test_a_good_mean_does_not_hide_a_full_host() -> None:
    assert kpi.utilisation([0.72, 0.78]).verdict == "met"
    full = kpi.utilisation([0.5, 1.0])
    assert (full.verdict, full.parts["band"]) == ("missed", "in")
    assert kpi.utilisation([0.2, 0.3]).parts["band"] == "below"
    assert kpi.utilisation([0.9, 0.9]).parts["band"] == "above"
    assert kpi.utilisation([]).verdict == "unknown"
    assert kpi.utilisation([0.5, 0.9], weights=[1, 3]).value == pytest.approx(0.8)
    with pytest.raises(ValueError, match="finite"):
        kpi.utilisation([math.nan])


@pytest.mark.parametrize(("seconds", "text"), [(30, "30 s"), (2594.6, "43.2 min"), (7200, "2.0 h"), (9e5, "10.4 d")])
def test_durations_for_people(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
