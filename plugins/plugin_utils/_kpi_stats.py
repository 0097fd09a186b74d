# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intervals and quantiles of the key figures, in the standard library.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927); the
incomplete gamma function by its series and continued fraction, NIST Digital Library of Mathematical Functions 8.7.1
and 8.9.2; F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936); B. Efron, "Bootstrap
methods", Annals of Statistics 7 (1979); the conditional test of two Poisson rates by Przyborowski and Wilenski,
Biometrika 31 (1940).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist, median

__all__ = [
    *("bootstrap_ratio", "chi2_quantile", "gamma_p", "percentile", "poisson_interval", "rate_ratio_interval"),
    *("wilson", "zero_failure_count"),
]

CONFIDENCE = 0.95
_STEPS = 400
_RESAMPLES = 2000
_SEED = 20260101


def wilson(good: int, total: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's two-sided interval of a share; (0, 1) of nothing."""
    if not 0 <= good <= total:
        raise ValueError(f"{good} of {total} is no share")
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = good / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    # At the ends the formula gives the share itself but for rounding.
    low = 0.0 if good == 0 else max(0.0, centre - half)
    high = 1.0 if good == total else min(1.0, centre + half)
    return low, high


def gamma_p(shape: float, x: float) -> float:
    """Return the regularized lower incomplete gamma function P(shape, x), to about 1e-12."""
    if shape <= 0 or x < 0:
        raise ValueError("P(a, x) needs a > 0 and x >= 0")
    if x == 0:
        return 0.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        for step in range(1, 10 * _STEPS):
            term *= x / (shape + step)
            total += term
            if term < total * 1e-16:
                break
        return min(1.0, total * scale)
    return max(0.0, 1 - scale * _continued_fraction(shape, x))


def _continued_fraction(shape: float, x: float) -> float:
    """Return Q(shape, x) without its leading factor, by the modified Lentz method."""
    tiny = 1e-300
    b = x + 1 - shape
    c = 1 / tiny
    d = 1 / b
    value = d
    for step in range(1, 10 * _STEPS):
        a = -step * (step - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def chi2_quantile(probability: float, freedom: float) -> float:
    """Return the x below which a chi-squared variable of so many degrees of freedom lies with this probability."""
    if not 0 < probability < 1 or freedom <= 0:
        raise ValueError("a quantile needs a probability between 0 and 1 and at least some freedom")
    low, high = 0.0, max(1.0, freedom)
    while gamma_p(freedom / 2, high / 2) < probability:
        high *= 2
    for _step in range(_STEPS):
        middle = (low + high) / 2
        if gamma_p(freedom / 2, middle / 2) < probability:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2


def poisson_interval(count: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Garwood's exact interval of the mean of a Poisson variable that was seen to be ``count``."""
    if count < 0:
        raise ValueError("a count is not negative")
    tail = (1 - confidence) / 2
    low = chi2_quantile(tail, 2 * count) / 2 if count else 0.0
    return low, chi2_quantile(1 - tail, 2 * count + 2) / 2


def rate_ratio_interval(
    now: int, now_exposure: float, before: int, before_exposure: float, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of the ratio of two Poisson rates, given their sum, by Wilson's interval of the share."""
    if now_exposure <= 0 or before_exposure <= 0:
        raise ValueError("a rate needs exposure")
    low, high = wilson(now, now + before, confidence=confidence)
    scale = before_exposure / now_exposure
    return low / (1 - low) * scale, math.inf if high >= 1 else high / (1 - high) * scale


def zero_failure_count(target: float, *, confidence: float = CONFIDENCE) -> int:
    """Return how many trials without a failure prove a share of successes (59 for 95 % at 95 % confidence)."""
    if not 0 < target < 1:
        raise ValueError("the target is a share between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(target) - 1e-9)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that so large a share does not exceed. May be infinite."""
    if not values or not 0 < share <= 1:
        raise ValueError("a percentile needs values, and a share above 0 and up to 1")
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered) - 1e-9)) - 1]


def bootstrap_ratio(
    before: Sequence[float], after: Sequence[float], *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of median(after) / median(before); the same for the same samples."""
    if not before or not after or min(before) <= 0:
        raise ValueError("the ratio of medians needs samples, and positive ones before")
    # Not for secrets: a fixed seed gives the same figure for the same evidence.
    dice = random.Random(_SEED)  # noqa: S311
    ratios = sorted(
        median(dice.choices(after, k=len(after))) / median(dice.choices(before, k=len(before)))
        for _round in range(_RESAMPLES)
    )
    cut = int((1 - confidence) / 2 * _RESAMPLES)
    return ratios[cut], ratios[-cut - 1]
