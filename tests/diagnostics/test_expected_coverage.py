import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from retrodict.diagnostics import expected_coverage
from retrodict.diagnostics.rank_coverage import rank_coverage
from retrodict.errors import NonFiniteError, ShapeError, TooFewRowsError


def log_densities(seed, *, width=1.0, shift=0.0, num_observations=300, num_draws=99, dim=3):
    """Of posteriors N(m + shift, width^2) at their draws, and at truths from N(m, 1)."""
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(num_observations, num_draws, dim))
    truth = (rng.normal(size=(num_observations, dim)) - shift) / width
    return -(draws**2).sum(axis=-1) / 2, -(truth**2).sum(axis=-1) / 2


@pytest.mark.parametrize("seed", range(6))
def test_exact_posterior_passes(seed):
    result = expected_coverage(*log_densities(seed))
    assert result.passed
    assert result.finding == ""
    assert "as often as they claim, as far as 300 observations" in str(result)


@pytest.mark.parametrize("seed", range(3))
def test_wrong_posterior_is_rejected_and_described(lie, seed):
    result = expected_coverage(*log_densities(seed, **lie))
    assert not result.passed
    direction = "too large (conservative)" if lie.get("width") == 1.4 else "too small"
    assert direction in result.finding
    assert result.finding in str(result)


@pytest.mark.parametrize("width", [0.7, 1.0, 1.4])
def test_coverage_is_that_of_the_chi_squared_distribution(width):
    # The region of level a is a ball of squared radius q(a) width^2; the truth's is chi squared.
    result = expected_coverage(*log_densities(1, width=width, num_observations=4000, num_draws=999))
    expected = chi2.cdf(width**2 * chi2.ppf(result.levels, 3), 3)
    errors = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(result.coverage - expected) < 4 * errors + 2e-3).all()
    assert_allclose(result.excess, np.mean(expected - result.levels), atol=0.02)


def test_ranks_are_those_of_a_loop():
    of_draws, of_truth = log_densities(2, num_observations=40)
    result = expected_coverage(of_draws, of_truth)
    ranks = [sum(of_draws[i] > of_truth[i]) for i in range(40)]
    assert_array_equal(result.ranks, ranks)
    k = 33
    level = result.levels == k / 100
    assert result.coverage[level] == np.mean(np.asarray(ranks) < k)


@pytest.mark.parametrize("seed", range(4))
def test_flat_densities_are_ranked_fairly(seed):
    # A uniform posterior has no density higher than that of the truth.
    assert expected_coverage(np.zeros((200, 50)), np.zeros(200), seed=seed).passed


def test_truth_that_the_posterior_excludes_lies_outside_every_region():
    of_draws, of_truth = log_densities(3, num_observations=40)
    of_truth[:20] = -np.inf
    result = expected_coverage(of_draws, of_truth)
    assert_array_equal(result.ranks[:20], 99)
    assert not result.passed
    assert result.coverage[-1] <= 0.5


def test_the_curve_leaves_the_band_exactly_where_the_test_rejects():
    rng = np.random.default_rng(4)
    rejected = []
    for power in np.linspace(0.6, 1.5, 30):
        found = rank_coverage((51 * rng.random(60) ** power).astype(int), 50)
        inside = (found.band_lower <= found.coverage) & (found.coverage <= found.band_upper)
        assert inside.all() == (found.p_value > 0.01)
        rejected.append(found.p_value <= 0.01)
    assert 3 < sum(rejected) < 27


def test_dictionary_is_json():
    result = expected_coverage(*log_densities(5, width=0.5))
    loaded = json.loads(json.dumps(result.to_dict()))
    assert loaded["passed"] is False
    assert loaded["excess"] < 0
    assert len(loaded["levels"]) == len(loaded["coverage"]) == 99


def test_senseless_arguments_are_refused():
    of_draws, of_truth = log_densities(6, num_observations=30, num_draws=25)
    with pytest.raises(ShapeError, match=r"\(30,\); got \(29,\)"):
        expected_coverage(of_draws, of_truth[:-1])
    with pytest.raises(TooFewRowsError, match="got 19 and 25"):
        expected_coverage(of_draws[:19], of_truth[:19])
    with pytest.raises(TooFewRowsError, match="got 30 and 5"):
        expected_coverage(of_draws[:, :5], of_truth)
    with pytest.raises(NonFiniteError, match="1 NaN or infinite"):
        expected_coverage(of_draws, np.append(of_truth[:-1], np.nan))
    of_draws[3, 4] = -np.inf
    with pytest.raises(NonFiniteError, match=r"first at \[3\]"):
        expected_coverage(of_draws, of_truth)
