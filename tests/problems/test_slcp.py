"""SLCP against the published reference draws, SciPy's normal density and its own moments."""

import jax
import numpy as np
import pytest
from published_draws import (
    assert_predicts,
    assert_same_moments,
    published,
    row_by_row,
    wide_proposals,
)
from scipy import stats

from retrodict.problems import SLCP

PROBLEM = SLCP()
NUMBERS = range(1, 11)
many_log_likelihoods = jax.jit(jax.vmap(PROBLEM.log_likelihood))


def log_likelihoods(x, y):
    return row_by_row(many_log_likelihoods, x, y, 16_384)


def covariance(x):
    s1, s2, rho = x[2] ** 2, x[3] ** 2, np.tanh(x[4])
    return np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]])


@pytest.mark.parametrize("number", NUMBERS)
def test_weighted_proposals_agree_with_the_published_draws(number, data_folder):
    """In x1, x2, log |x3|, log |x4|, x5: both signs are equally probable, see below."""
    y, draws = published(data_folder, "slcp", number)
    draws[:, 2:4] = np.log(np.abs(draws[:, 2:4]))
    proposed, log_proposal = wide_proposals(draws, 16_384, number)
    x = proposed.copy()
    x[:, 2:4] = np.exp(x[:, 2:4])
    inside = (np.abs(x) <= 3).all(axis=1)
    # Flat in x3 and x4, so exp(x3') exp(x4') in their logarithms.
    log_weights = np.where(
        inside, log_likelihoods(x, y) + proposed[:, 2:4].sum(axis=1) - log_proposal, -np.inf
    )
    assert_same_moments(log_weights[inside], proposed[inside], draws)


@pytest.mark.parametrize("number", NUMBERS)
def test_published_draws_predict_the_observation(number, key, data_folder):
    y, draws = published(data_folder, "slcp", number)
    assert_predicts(PROBLEM.simulate_rows(key, draws[:4096]), y)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_published_draws_have_both_signs_alike(number, data_folder):
    """And so has the likelihood: four modes."""
    y, draws = published(data_folder, "slcp", number)
    share = (draws[:, 2:4] > 0).mean(axis=0)
    assert (np.abs(share - 0.5) < 5 * np.sqrt(0.25 / len(draws))).all()
    flipped = draws[:100] * [1, 1, -1, 1, 1]
    np.testing.assert_array_equal(log_likelihoods(draws[:100], y), log_likelihoods(flipped, y))


def test_likelihood_is_that_of_four_normal_points(rng):
    x, y = rng.uniform(-3, 3, size=(50, 5)), 3 * rng.normal(size=8)
    expected = [
        stats.multivariate_normal(row[:2], covariance(row)).logpdf(y.reshape(4, 2)).sum()
        for row in x
    ]
    np.testing.assert_allclose(log_likelihoods(x, y), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "x", [(0.7, -2.9, 0.5, 2.0, -1.0), (-2.8, 1.0, -1.5, -0.3, 2.5)], ids=["apart", "together"]
)
def test_simulations_are_four_independent_normal_points(x, key):
    num = 4096
    y = PROBLEM.simulate_rows(key, np.tile(x, (num, 1)))
    normal = stats.multivariate_normal(x[:2], covariance(x))
    # Whitened by the Cholesky factor they are standard normal, all eight numbers.
    points = y.reshape(num, 4, 2) - normal.mean
    z = np.linalg.solve(np.linalg.cholesky(normal.cov), points[..., None])[..., 0].reshape(num, 8)
    for column in z.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    correlations = np.corrcoef(z.T) - np.eye(8)
    assert (np.abs(correlations) < 5 / np.sqrt(num)).all()


def test_a_standard_deviation_of_zero_has_no_density():
    assert not np.isfinite(log_likelihoods(np.zeros((1, 5)), np.ones(8))).any()
