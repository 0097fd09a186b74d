# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key figures of time: availability, outages, recovery, failures, answers to alerts, patches.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_stats import chi2_quantile, percentile
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_types import (
    Kpi,
    Outage,
    Span,
    Verdict,
    percent,
    span_text,
)

__all__ = ["consistency", "mtbf", "mttr", "outages", "patch_latency", "resolution", "response", "uptime"]

# Beyond this many times the target a window can tell: with no failure at all the 95 % bound is T / 2.996.
_TELLING = chi2_quantile(0.95, 2) / 2


def uptime(
    up: int, seen: int, expected: int, *, target: float = 0.999, coverage_floor: float = 0.99, excused: int = 0
) -> Kpi:
    """Return availability by probe: the share of expected samples that were up; a missing sample counts as down.

    ``interval`` is what it is when every missing sample was down, and when every one was up. The target is met only
    by the first, missed only by the second, unknown between them and below the floor of coverage; an unknown one has
    no value, only the interval, and ``parts.observed`` for what was seen. ``excused`` down samples (approved windows)
    leave the expectation; both figures are kept. Source: the time-based availability of the
    Google SRE book, chapter 3, with missing data read strictly.
    """
    if not 0 <= up <= seen or expected < 1 or not 0 <= excused <= max(0, expected - up):
        raise ValueError(f"{up} up of {seen} seen of {expected} expected ({excused} excused) cannot be")
    # Clocks and restarts give a sample too many now and then; more than all is all.
    expected = max(expected, seen)
    strict, counted = up / expected, expected - excused
    low = up / counted if counted else 1.0
    high = min(1.0, (up + expected - seen) / counted) if counted else 1.0
    coverage = seen / expected
    verdict: Verdict = "unknown"
    if high < target:
        verdict = "missed"
    elif low >= target and coverage >= coverage_floor:
        verdict = "met"
    says = f"{percent(low)} up ({percent(coverage, 1)} of the samples seen)"
    if verdict == "unknown":
        says = f"between {percent(low)} and {percent(high)} up: only {percent(coverage, 1)} of the samples were seen"
    if excused:
        says += f"; {percent(strict)} with the planned downtime of {excused} samples"
    return Kpi(
        "uptime",
        # What was not seen has no figure: only its bounds are known.
        None if verdict == "unknown" else low,
        seen,
        verdict,
        "ratio",
        target,
        says,
        coverage,
        (low, high),
        {
            "strict": strict,
            "observed": up / seen if seen else None,
            "excused": excused,
            "budget_left": 1 - (1 - low) / (1 - target) if target < 1 else None,
        },
    )


def outages(points: Iterable[tuple[float, float]], *, step_s: float, gap_s: float = 60.0) -> list[Outage]:
    """Return the outages in samples ``(instant, value)``, where a value of 0 is down; other values may be left out.

    An outage lasts until one step after its last down sample. Two of them with at most ``gap_s`` between are one.
    """
    if step_s <= 0 or gap_s < 0:
        raise ValueError("a step is positive, a gap is not negative")
    found: list[Outage] = []
    for instant in sorted(instant for instant, value in points if value == 0):
        if found and instant - found[-1].end <= gap_s:
            found[-1] = Outage(found[-1].start, max(found[-1].end, instant + step_s))
        else:
            found.append(Outage(instant, instant + step_s))
    return found


def _durations(spans: Sequence[Span], now: float) -> list[float]:
    for span in spans:
        if span.end is not None and span.end < span.start:
            raise ValueError(f"{span.name or 'a span'} ends before it begins")
    return [max(0.0, (now if span.end is None else span.end) - span.start) for span in spans]


def mttr(spans: Iterable[Span], *, now: float, target_s: float = 7200.0, name: str = "mttr") -> Kpi:
    """Return the mean time to recovery in seconds; one that still lasts counts until now.

    The mean hides the one that took a day, so the verdict is about the longest: met when all are over in time, missed
    when any took longer, unknown while an open one can still do either, or there was none. Source: VOID report 2021
    on the skew of incident durations; the mean is kept because the guide asks for it.
    """
    rows = list(spans)
    lasted = _durations(rows, now)
    still = sum(span.end is None for span in rows)
    parts: dict[str, Any] = {"open": still}
    if not rows:
        return Kpi(name, None, 0, "unknown", "s", target_s, "there was none, so nothing was measured", parts=parts)
    over = sorted(((took, span.name) for took, span in zip(lasted, rows, strict=True) if took > target_s), reverse=True)
    verdict: Verdict = "missed" if over else "unknown" if still else "met"
    longest = max(lasted)
    parts |= {
        "median": median(lasted),
        "p90": percentile(lasted, 0.9),
        "max": longest,
        "over": [label or f"{took:.0f} s" for took, label in over],
    }
    says = f"{span_text(fmean(lasted))} on average, {span_text(longest)} at most, {len(rows)} in all, {still} open"
    return Kpi(name, fmean(lasted), len(rows), verdict, "s", target_s, says, parts=parts)


def resolution(spans: Iterable[Span], *, now: float, target_s: float) -> Kpi:
    """Return how long alerts lasted from fire to end, in seconds; judged as `mttr` is."""
    return mttr(spans, now=now, target_s=target_s, name="resolution")


def mtbf(observed_s: float, failures: int, *, target_s: float = 720 * 3600.0) -> Kpi:
    """Return the mean time between failures in seconds: time under observation by the number of failures.

    ``interval`` holds the one-sided 95 % lower bound 2T / chi2(0.95; 2n + 2) (MIL-HDBK-338B, section 8.3, a time
    truncated test) and the value. Without a failure there is only the bound. A window shorter than 2.996 times the
    target can miss it but never prove it: then a figure that looks good is unknown.
    """
    if observed_s < 0 or failures < 0:
        raise ValueError("time and failures are not negative")
    bound = 2 * observed_s / chi2_quantile(0.95, 2 * failures + 2)
    value = observed_s / failures if failures else None
    telling = observed_s >= _TELLING * target_s
    verdict: Verdict = "unknown"
    if value is not None and value < target_s:
        verdict = "missed"
    elif telling:
        verdict = "met"
    says = f"{failures} failures in {span_text(observed_s)}: "
    says += f"{span_text(value)} between them" if value is not None else "no value"
    says += f", at least {span_text(bound)} with 95 % confidence"
    if verdict == "unknown":
        says += f"; {span_text(_TELLING * target_s)} of observation can prove {span_text(target_s)}"
    return Kpi(
        "mtbf",
        value,
        failures,
        verdict,
        "s",
        target_s,
        says,
        interval=(bound, value if value is not None else bound),
        parts={"bound": bound, "observed_s": observed_s, "proved": bound >= target_s},
    )


def consistency(*, availability: float, mtbf_s: float, mttr_s: float) -> Kpi:
    """Return the availability that a time between failures and a time to recovery amount to, MTBF / (MTBF + MTTR).

    Given the three targets of an environment it shows whether they can hold together: 720 h and 2 h amount to
    99.723 %, so whoever meets both still misses 99.9 %. ``parts.mttr_needed_s`` is the recovery that would do.
    Source: steady-state availability, for example ITU-T E.800.
    """
    if mtbf_s <= 0 or mttr_s < 0 or not 0 < availability < 1:
        raise ValueError("availability is between 0 and 1, times are positive")
    implied = mtbf_s / (mtbf_s + mttr_s)
    needed = mtbf_s * (1 - availability) / availability
    verdict: Verdict = "met" if implied >= availability else "missed"
    says = f"{span_text(mtbf_s)} between failures and {span_text(mttr_s)} to recover amount to {percent(implied)}"
    if verdict == "missed":
        says += f"; {percent(availability)} needs a recovery within {span_text(needed)}"
    return Kpi(
        "consistency", implied, 1, verdict, "ratio", availability, says, parts={"mttr_needed_s": round(needed, 6)}
    )


def response(
    spans: Iterable[Span], *, now: float, target_s: float = 900.0, quantile: float = 0.95, name: str = "response"
) -> Kpi:
    """Return the quantile of the times from page to answer, in seconds.

    One that nobody answered counts as endless and stays in, once its time is over; before, it is pending and can be
    judged by nobody. Missed when the quantile or any unanswered one is over the target; unknown when none can be
    judged. The value is None when the quantile itself is endless.
    """
    rows = list(spans)
    judged: list[float] = []
    unanswered, pending = [], []
    for span, took in zip(rows, _durations(rows, now), strict=True):
        if span.end is not None:
            judged.append(took)
        elif took > target_s:
            judged.append(math.inf)
            unanswered.append(span.name)
        else:
            pending.append(span.name)
    parts: dict[str, Any] = {"unanswered": unanswered, "pending": pending}
    if not judged:
        return Kpi(name, None, 0, "unknown", "s", target_s, f"none can be judged ({len(pending)} pending)", parts=parts)
    found, most = percentile(judged, quantile), max(judged)
    over = [span.name for span in rows if span.end is not None and span.end - span.start > target_s]
    parts |= {
        "max": most if math.isfinite(most) else None,
        "over": over,
        "share": sum(took <= target_s for took in judged) / len(judged),
    }
    verdict: Verdict = "missed" if found > target_s or unanswered else "met"
    told, longest = (span_text(one) if math.isfinite(one) else "without end" for one in (found, most))
    says = (
        f"the {quantile:.0%} quantile is {told} of {len(judged)}, the longest {longest}, {len(unanswered)} unanswered"
    )
    return Kpi(name, found if math.isfinite(found) else None, len(judged), verdict, "s", target_s, says, parts=parts)


def patch_latency(spans: Iterable[Span], *, now: float, target_s: float = 86400.0) -> Kpi:
    """Return the longest time from a fix in the archive (or the host's first day) until it was in force, in seconds.

    The end is when it was effective: installed, no process on the old files, the kernel booted. One that is open
    counts as endless once its time is over. ``parts.share`` is the share in time.
    """
    return response(spans, now=now, target_s=target_s, quantile=1.0, name="patch_latency")
