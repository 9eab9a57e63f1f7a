"""Bernoulli and negative binomial distributions against SciPy's."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.distributions import Bernoulli, NegativeBinomial, ZeroInflatedNegativeBinomial
from retrodict.errors import ConditionError

MEAN = np.array([0.3, 2.0, 40.0])
DISPERSION = np.array([0.5, 3.0, 10.0])
ZERO = np.array([0.7, 0.2, 0.01])
NB = stats.nbinom(DISPERSION, DISPERSION / (DISPERSION + MEAN))
COUNTS = NegativeBinomial(MEAN, DISPERSION)
INFLATED = ZeroInflatedNegativeBinomial(MEAN, DISPERSION, ZERO)
LOGITS = np.array([-1.0, 0.0, 2.0])
CASES = pytest.mark.parametrize("distribution", [Bernoulli(LOGITS), COUNTS, INFLATED])


@pytest.mark.parametrize("x", [[0, 0, 0], [1, 0, 1], [1, 1, 0]])
def test_bernoulli_log_probabilities(x):
    expected = stats.bernoulli(1 / (1 + np.exp(-LOGITS))).logpmf(x).sum()
    found = Bernoulli(LOGITS).log_prob(jnp.asarray(x, jnp.float32))
    assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("x", [[0, 0, 0], [1, 3, 30], [7, 0, 100]])
def test_count_log_probabilities(x):
    counted = NB.logpmf(x)
    found = COUNTS.log_prob(jnp.asarray(x, jnp.float32))
    assert_allclose(found, counted.sum(), rtol=1e-4)
    expected = np.log(ZERO * (np.array(x) == 0) + (1 - ZERO) * np.exp(counted)).sum()
    assert_allclose(INFLATED.log_prob(jnp.asarray(x, jnp.float32)), expected, rtol=1e-4)


@CASES
def test_probabilities_sum_to_one(distribution):
    """Entry by entry, the others at zero."""
    grid = np.arange(2 if isinstance(distribution, Bernoulli) else 2000, dtype=np.float32)
    at_zero = float(distribution.log_prob(jnp.zeros(3)))
    for i in range(3):
        rows = np.zeros((len(grid), 3), np.float32)
        rows[:, i] = grid
        log_probs = np.asarray(jax.vmap(distribution.log_prob)(jnp.asarray(rows)), float)
        # Each row holds the probabilities of the two other zeros.
        single = _alone(distribution, i)
        assert_allclose(np.exp(log_probs - at_zero + single).sum(), 1, rtol=2e-3)


def _alone(distribution, i):
    """log-probability of a zero of one entry."""
    if isinstance(distribution, Bernoulli):
        return stats.bernoulli(1 / (1 + np.exp(-LOGITS[i]))).logpmf(0)
    zero = NB.logpmf(0)[i]
    if isinstance(distribution, NegativeBinomial):
        return zero
    return np.log(ZERO[i] + (1 - ZERO[i]) * np.exp(zero))


@CASES
def test_draws_have_the_probabilities_that_are_stated(distribution):
    num = 20_000
    draws = np.asarray(distribution.sample_many(jr.key(3), num))
    assert draws.dtype == np.float32
    assert (draws == np.round(draws)).all()
    assert (draws >= 0).all()
    errors = (draws.mean(axis=0) - np.asarray(distribution.mean)) / draws.std(axis=0)
    assert np.abs(errors).max() < 4 / np.sqrt(num)
    for i in range(3):
        zero = np.exp(_alone(distribution, i))
        share = (draws[:, i] == 0).mean()
        assert abs(share - zero) < 4 * np.sqrt(zero * (1 - zero) / num) + 1e-4


def test_variances_are_those_of_the_formula():
    draws = np.asarray(COUNTS.sample_many(jr.key(4), 50_000))
    assert_allclose(draws.var(axis=0), MEAN + MEAN**2 / DISPERSION, rtol=0.1)


def test_gradients_are_finite_far_out():
    def log_prob(log_mean, x):
        template = NegativeBinomial(jnp.exp(log_mean), jnp.asarray(1e-3))
        return template.log_prob(x)

    for x in (0.0, 1e6):
        for log_mean in (-30.0, 20.0):
            slope = jax.grad(log_prob)(jnp.asarray(log_mean), jnp.asarray(x))
            assert np.isfinite(slope)


@CASES
def test_a_condition_is_refused(distribution):
    with pytest.raises(ConditionError, match="does not depend"):
        distribution.log_prob(jnp.zeros(3), jnp.zeros(1))
