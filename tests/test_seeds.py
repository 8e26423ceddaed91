"""Laws of the statistics over seeds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoise.comparison import seeds

SEEDS = 5
REPEATS = 2000


def test_the_interval_covers_the_true_mean_at_its_nominal_rate() -> None:
    drawn = np.random.default_rng(0).normal(3, 2, (REPEATS, SEEDS))
    intervals = [seeds.estimate(values) for values in drawn]
    covered = np.mean([found.low <= 3 <= found.high for found in intervals])
    assert covered == pytest.approx(seeds.CONFIDENCE, abs=3 * math.sqrt(0.95 * 0.05 / REPEATS))


def test_the_interval_matches_values_computed_by_hand() -> None:
    """Three values, with t(0.975, 2) = 4.3027."""
    found = seeds.estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.std, found.size) == (2.0, 1.0, 3)
    assert found.margin == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)


def test_one_seed_has_a_mean_but_no_interval() -> None:
    found = seeds.estimate([0.5])
    assert found.mean == 0.5
    assert all(map(math.isnan, (found.std, found.low, found.high)))
    assert seeds.p_value([0.5]) == 1


def test_pairing_removes_the_variation_that_seeds_share() -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(0, 1, SEEDS)
    one, other = (
        {str(i): s for i, s in enumerate(shared + generator.normal(0, 0.01, SEEDS))} for _ in "ab"
    )
    differences = seeds.estimate(list(seeds.paired(one, other).values()))
    assert differences.std < 0.1 * seeds.estimate(list(one.values())).std


def test_only_shared_seeds_are_paired() -> None:
    assert seeds.paired({"0": 3.0, "1": 5.0}, {"1": 4.0, "2": 9.0}) == {"1": 1.0}


def test_equal_runs_do_not_differ_significantly_and_steady_differences_do() -> None:
    assert seeds.p_value([0.0] * SEEDS) == 1
    assert seeds.p_value([0.25] * SEEDS) == 0
    assert seeds.p_value([1.0, 1.1, 0.9, 1.0, 1.05]) < 0.001


def test_false_positives_occur_at_the_nominal_rate() -> None:
    drawn = np.random.default_rng(1).normal(0, 1, (REPEATS, SEEDS))
    passed = np.mean([seeds.p_value(values) < 0.05 for values in drawn])
    assert passed == pytest.approx(0.05, abs=0.015)


def test_holm_limits_false_positives_among_many_settings() -> None:
    """Without correction, ten settings without an effect give one in two times a false positive."""
    drawn = np.random.default_rng(2).normal(0, 1, (REPEATS, 10, SEEDS))
    p_values = [[seeds.p_value(values) for values in settings] for settings in drawn]
    assert np.mean([min(p) < 0.05 for p in p_values]) > 0.3
    assert np.mean([min(seeds.holm(p)) < 0.05 for p in p_values]) < 0.065


def test_holm_matches_values_computed_by_hand() -> None:
    """The smallest p value times 4, the next times 3, and so on, never decreasing."""
    adjusted = seeds.holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_p_values_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = seeds.holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [q for _, q in sorted(zip(p_values, adjusted, strict=True))] == sorted(adjusted)
