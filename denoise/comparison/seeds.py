"""Statistics over seeds: intervals, paired tests of difference and of equivalence, and power."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
POWER = 0.8
MOST_SEEDS = 1000
ROUNDING = 1e-9  # relative differences of values that are equal but for rounding


class Estimate(NamedTuple):
    """The mean of `size` values, their standard deviation, and the 95% interval of the mean.

    For a single value, the standard deviation and the interval are nan.
    """

    mean: float
    std: float
    low: float
    high: float
    size: int

    @property
    def margin(self) -> float:
        """Half the width of the interval: the number after ±."""
        return (self.high - self.low) / 2

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; both are the mean if there is none."""
        return (self.mean, self.mean) if math.isnan(self.low) else (self.low, self.high)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one or more values, with Student's t interval (Student 1908)."""
    mean, size = float(np.mean(values)), len(values)
    if size == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, size)
    std = float(np.std(values, ddof=1))
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, size - 1)) * std / math.sqrt(size)
    return Estimate(mean, std, mean - margin, mean + margin, size)


def paired(values: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    """`values` minus `baseline` for each seed that both have."""
    return {seed: values[seed] - baseline[seed] for seed in values if seed in baseline}


def p_value(found: Estimate) -> float:
    """The p value of the two-sided t test that the mean is 0; 1 for one value."""
    return min(1.0, 2 * _upper_tail(abs(found.mean), found))


def p_equivalent(found: Estimate, margin: float) -> float:
    """The p value of two one-sided t tests that the mean is not within ±`margin`; 1 for one value.

    Both tests must reject, so the larger p value counts (Schuirmann 1987).
    """
    return _upper_tail(margin - abs(found.mean), found)


def _upper_tail(distance: float, found: Estimate) -> float:
    """The one-sided p value of a mean that lies `distance` above that of the null hypothesis."""
    if found.size < 2:
        return 1.0
    if found.std <= ROUNDING * abs(found.mean):  # equal values have no spread to judge them by
        return float(found.mean != 0 or distance <= 0)
    t = distance / found.std * math.sqrt(found.size)
    return float(stats.t.sf(t, found.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for multiple comparisons (Holm 1979).

    If each is then compared with 0.05, the chance of any false positive is at most 0.05.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order])
    return [float(p) for p in adjusted.clip(max=1)]


def seeds_needed(std: float, difference: float, tests: int = 1) -> int | None:
    """The number of seeds that show a true `difference` with 80% power; None above 1,000.

    `std` is that of the paired differences. It is taken as known, although it is itself estimated.
    The level is 0.05 divided by the number of `tests`, the strictest that Holm's correction uses.
    """

    def power(size: int) -> float:
        critical = stats.t.isf(LEVEL / tests / 2, size - 1)
        return float(stats.nct.sf(critical, size - 1, difference / std * math.sqrt(size)))

    if not std > 0:
        return 2
    sizes = range(2, MOST_SEEDS + 1)
    place = bisect_left(sizes, POWER, key=power)
    return sizes[place] if place < len(sizes) else None
