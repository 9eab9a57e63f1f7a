"""The normal by regressions against the covariance that they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.distributions import PrecisionNormal, num_parameters
from retrodict.errors import ConfigurationError

LOC = np.array([0.5, -1.0, 2.0, 0.1])
SCALE = np.array([1.0, 0.02, 3.0, 0.5])
COEFFICIENTS = np.zeros((4, 4))
COEFFICIENTS[np.tril_indices(4, -1)] = [0.7, -1.2, 0.4, 2.0, 0.3, -0.6]


def covariance():
    unit = np.linalg.inv(np.eye(4) - COEFFICIENTS)
    return unit @ np.diag(SCALE**2) @ unit.T


def test_density_is_that_of_the_covariance(key):
    ours = PrecisionNormal(LOC, SCALE, COEFFICIENTS)
    expected = stats.multivariate_normal(LOC, covariance())
    x = expected.rvs(20, random_state=1)
    found = jax.vmap(lambda x: ours.log_prob(x))(jnp.asarray(x, jnp.float32))
    assert_allclose(found, expected.logpdf(x), atol=2e-3)
    assert num_parameters(ours) == 4 + 4 + 6


def test_draws_have_its_moments(key):
    num = 20_000
    draws = PrecisionNormal(LOC, SCALE, COEFFICIENTS).sample_many(key, num)
    draws = np.asarray(draws, np.float64)
    expected = covariance()
    variances = np.diag(expected)
    assert (np.abs(draws.mean(axis=0) - LOC) < 5 * np.sqrt(variances / num)).all()
    errors = np.sqrt((np.outer(variances, variances) + expected**2) / num)
    assert (np.abs(np.cov(draws.T) - expected) < 5 * errors).all()


@pytest.mark.parametrize("dim", [1, 3])
def test_without_coefficients_entries_are_independent(dim, key):
    ours = PrecisionNormal(LOC[:dim], SCALE[:dim])
    x = jnp.asarray(LOC[:dim] + 0.3 * SCALE[:dim], jnp.float32)
    expected = stats.norm(LOC[:dim], SCALE[:dim]).logpdf(x).sum()
    assert_allclose(ours.log_prob(x), expected, rtol=1e-4)
    one = PrecisionNormal(LOC[:1], SCALE[:1], np.zeros((1, 1)))
    assert one.sample(key).shape == (1,)
    assert_allclose(one.log_prob(x[:1]), stats.norm(LOC[0], SCALE[0]).logpdf(x[0]), rtol=1e-4)


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_no_parameters_make_it_fail(raw, key):
    ours = PrecisionNormal(LOC, SCALE, COEFFICIENTS)
    extreme = jax.tree.map(lambda leaf: jnp.full_like(leaf, raw), ours)
    log_prob, gradient = jax.value_and_grad(lambda model: model.log_prob(jnp.zeros(4)))(extreme)
    assert np.isfinite(log_prob)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert_allclose(np.abs(extreme.log_scale), 9.0, rtol=1e-5)


def test_a_largest_deviation_of_ones_own_holds_whatever_the_parameters():
    ours = PrecisionNormal(np.zeros(2), np.array([0.1, 1.9]), largest_scale=2.0)
    assert_allclose(np.exp(ours.log_scale), [0.1, 1.9], rtol=1e-5)
    extreme = jax.tree.map(lambda leaf: jnp.full_like(leaf, 1e6), ours)
    assert_allclose(np.exp(extreme.log_scale), 2.0, rtol=1e-5)
    with pytest.raises(ConfigurationError, match=r"between 0\.00012 and 2;"):
        PrecisionNormal(np.zeros(1), np.array([2.5]), largest_scale=2.0)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e-4, 1e4, np.nan])
def test_deviations_beyond_the_limits_are_refused(scale):
    with pytest.raises(ConfigurationError, match=r"between 0\.00012 and 8\.1e\+03"):
        PrecisionNormal(np.zeros(2), np.array([1.0, scale]))
