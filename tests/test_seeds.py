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
    assert seeds.p_value(found) == seeds.p_equivalent(found, 10) == 1


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


def test_equal_runs_are_equivalent_and_steady_differences_are_significant() -> None:
    equal = seeds.estimate([0.0] * SEEDS)
    assert (seeds.p_value(equal), seeds.p_equivalent(equal, 0.1)) == (1, 0)
    assert seeds.p_value(seeds.estimate([1.0, 1.1, 0.9, 1.0, 1.05])) < 0.001


def test_equal_differences_show_nothing() -> None:
    """Accuracies are multiples of one test image, so a few of them are often equally far apart."""
    lower, higher = {"0": 0.765, "1": 0.775}, {"0": 0.770, "1": 0.780}
    differences = seeds.estimate(list(seeds.paired(higher, lower).values()))
    assert (seeds.p_value(differences), seeds.p_equivalent(differences, 0.1)) == (1, 1)


def drawn(mean: float, *shape: int) -> list[seeds.Estimate]:
    """Estimates of so many seeds each, drawn with a standard deviation of 1."""
    values = np.random.default_rng(1).normal(mean, 1, (*shape, SEEDS)).reshape(-1, SEEDS)
    return [seeds.estimate(each) for each in values]


def test_false_positives_occur_at_the_nominal_rate() -> None:
    passed = np.mean([seeds.p_value(found) < 0.05 for found in drawn(0, REPEATS)])
    assert passed == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_as_large_as_the_margin_is_called_equivalent_at_the_nominal_rate(
    sign: int,
) -> None:
    """The margin is far from 0, so that one of the two tests decides and the rate is reached."""
    wrong = np.mean([seeds.p_equivalent(found, 4) < 0.05 for found in drawn(4 * sign, REPEATS)])
    assert wrong == pytest.approx(0.05, abs=0.015)


def test_a_margin_that_seeds_cannot_resolve_is_hardly_ever_called_equivalent() -> None:
    wrong = np.mean([seeds.p_equivalent(found, 0.3) < 0.05 for found in drawn(0.3, REPEATS)])
    assert wrong < 0.05


def test_the_equivalence_test_matches_the_interval() -> None:
    """Equivalent at the 5% level means that the 90% interval lies within the margin."""
    found = seeds.estimate([1.0, 2.0, 3.0])
    half = 2.9200 * found.std / math.sqrt(3)  # t(0.95, 2)
    assert seeds.p_equivalent(found, 2 + half) == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize(("std", "tests"), [(0.5, 1), (1.0, 1), (1.0, 11), (3.0, 4)])
def test_the_number_of_seeds_suggested_reaches_the_power_it_promises(
    std: float, tests: int
) -> None:
    """And not many fewer would: all settings but one are equal to the baseline."""
    size = seeds.seeds_needed(std, 1.0, tests)
    assert size

    def power(size: int) -> float:
        generator, shown = np.random.default_rng(0), 0
        for _ in range(REPEATS):
            values = generator.normal(0, std, (tests, size))
            values[0] += 1
            p_values = seeds.holm([seeds.p_value(seeds.estimate(each)) for each in values])
            shown += p_values[0] < 0.05
        return shown / REPEATS

    assert power(size) > seeds.POWER - 0.027  # three standard errors
    if tests == 1:
        assert power(max(2, size - 2)) < seeds.POWER


def test_hopeless_numbers_of_seeds_are_not_suggested() -> None:
    assert seeds.seeds_needed(1000, 1.0) is None
    assert seeds.seeds_needed(1e-9, 1.0, 1000) == 2


def test_holm_limits_false_positives_among_many_settings() -> None:
    """Without correction, ten settings without an effect give one in two times a false positive."""
    p_values = np.array([seeds.p_value(found) for found in drawn(0, REPEATS, 10)]).reshape(-1, 10)
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
