import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom

from retrodict.diagnostics.rank_uniformity import simultaneous_band, uniformity_p_value

LAST_RANK = 5
POINTS = np.arange(1, LAST_RANK + 1)
PROBABILITIES = POINTS / (LAST_RANK + 1)


def smallest_tail(counts, num_observations):
    tails = [
        min(binom.cdf(c, num_observations, p), binom.sf(c - 1, num_observations, p))
        for c, p in zip(counts, PROBABILITIES, strict=True)
    ]
    return min(1.0, 2 * min(tails))


def test_p_value_is_the_share_of_all_outcomes_at_least_as_extreme():
    num_observations = 5
    outcomes = itertools.product(range(LAST_RANK + 1), repeat=num_observations)
    all_counts = np.asarray([[sum(r < k for r in ranks) for k in POINTS] for ranks in outcomes])
    unique, frequency = np.unique(all_counts, axis=0, return_counts=True)
    statistics = np.asarray([smallest_tail(counts, num_observations) for counts in unique])
    for counts, statistic in zip(unique, statistics, strict=True):
        exact = frequency[statistics <= statistic * (1 + 1e-9)].sum() / frequency.sum()
        assert_allclose(
            uniformity_p_value(counts, PROBABILITIES, num_observations), exact, atol=1e-10
        )


@pytest.mark.parametrize("num_observations", [30, 500, 20_000])
def test_band_is_left_as_often_as_promised(num_observations):
    probabilities = np.arange(1, 100) / 100
    lower, upper = simultaneous_band(probabilities, num_observations, 0.1)
    counts = (
        np.random.default_rng(0)
        .multinomial(num_observations, np.full(100, 0.01), size=4000)
        .cumsum(axis=1)[:, :-1]
    )
    left = ((counts < lower) | (counts > upper)).any(axis=1).mean()
    standard_error = np.sqrt(0.1 * 0.9 / 4000)
    assert left < 0.1 + 4 * standard_error
    # Counts are discrete, so few of them cannot use up the level.
    assert left > (0.1 if num_observations > 1000 else 0.06) - 4 * standard_error


def test_band_and_p_value_agree():
    probabilities, n, level = np.arange(1, 50) / 50, 80, 0.1
    lower, upper = simultaneous_band(probabilities, n, level)
    counts = np.random.default_rng(1).multinomial(n, np.full(50, 0.02), size=300)
    counts = counts.cumsum(axis=1)[:, :-1]
    left = ((counts < lower) | (counts > upper)).any(axis=1)
    p_values = np.asarray([uniformity_p_value(c, probabilities, n) for c in counts])
    assert 10 < left.sum() < 60
    assert (left == (p_values <= level)).all()


def test_tiny_p_values_stay_positive_and_ordered():
    probabilities, n = np.arange(1, 50) / 50, 400
    p_values = [
        uniformity_p_value(np.round(n * probabilities**power).astype(int), probabilities, n)
        for power in (1.0, 1.2, 1.5, 2.0, 3.0, 6.0)
    ]
    assert all(later < earlier for earlier, later in itertools.pairwise(p_values))
    assert p_values[0] == 1
    assert 0 < p_values[-1] < 1e-30
