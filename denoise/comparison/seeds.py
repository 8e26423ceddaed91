"""Statistics over seeds: means with their intervals, paired differences, Holm's correction."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from denoise.metrics import Metric

CONFIDENCE = 0.95


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

    def margin_in(self, metric: Metric) -> str:
        """The margin with the metric's digits; empty for one seed, and if all seeds agree."""
        return metric.shown(self.margin) if self.margin > 0 else ""

    def shown(self, metric: Metric) -> str:
        """The mean with its margin: 0.01966 ± 0.00041."""
        return " ± ".join(filter(None, (metric.shown(self.mean), self.margin_in(metric))))


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


def p_value(differences: Sequence[float]) -> float:
    """The p value of the two-sided t test that the mean difference is 0, from 0 to 1.

    It is 1 for fewer than two differences, from which nothing follows.
    """
    if len(differences) < 2:
        return 1.0
    found = estimate(differences)
    if found.std == 0:
        return float(found.mean == 0)
    t = abs(found.mean) / found.std * math.sqrt(found.size)
    return float(2 * stats.t.sf(t, found.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for multiple comparisons (Holm 1979).

    If each is then compared with 0.05, the chance of any false positive is at most 0.05.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order])
    return [float(p) for p in adjusted.clip(max=1)]
