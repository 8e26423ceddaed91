"""What a few seeds can tell: means with their intervals, paired differences, Holm's correction."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """The mean of `size` values, their standard deviation, and the ends of its 95% interval.

    One value has neither deviation nor interval: they are nan.
    """

    mean: float
    std: float
    low: float
    high: float
    size: int

    @property
    def margin(self) -> float:
        """Half of the interval, what stands behind ±."""
        return (self.high - self.low) / 2


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of at least one value, with Student's t interval (Student 1908)."""
    mean, size = float(np.mean(values)), len(values)
    if size == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, size)
    std = float(np.std(values, ddof=1))
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, size - 1)) * std / math.sqrt(size)
    return Estimate(mean, std, mean - margin, mean + margin, size)


def paired(values: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    """`values` minus `baseline`, seed by seed, for the seeds that both have."""
    return {seed: values[seed] - baseline[seed] for seed in values if seed in baseline}


def p_value(differences: Sequence[float]) -> float:
    """How often chance alone takes a mean so far from 0: the two-sided t test, from 0 to 1.

    1 where there is a single difference, as it tells nothing.
    """
    if len(differences) < 2:
        return 1.0
    found = estimate(differences)
    if found.std == 0:
        return float(found.mean == 0)
    t = abs(found.mean) / found.std * math.sqrt(found.size)
    return float(2 * stats.t.sf(t, found.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """The same p values, made fit to be judged together (Holm 1979): all of them against 0.05.

    The chance that any one of the differences is a mistake then stays below 0.05.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order])
    return [float(p) for p in adjusted.clip(max=1)]
