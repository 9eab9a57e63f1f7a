"""The linear preconditioner against the closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from retrodict.bijections import fit_linear_regression
from retrodict.distributions import StandardNormal, Transformed
from retrodict.errors import ConstantColumnError, NonFiniteError, ShapeError

A = np.array([[1.0, 0.5, -0.3], [0.2, -2.0, 0.7]])
PRIOR_MEAN = np.array([1.0, -2.0, 100.0])
PRIOR_SCALE = np.array([1.0, 0.5, 10.0])
NOISE = 0.3


def simulate(num_rows, seed):
    rng = np.random.default_rng(seed)
    x = PRIOR_MEAN + PRIOR_SCALE * rng.normal(size=(num_rows, 3))
    return x, x @ A.T + NOISE * rng.normal(size=(num_rows, 2))


def exact_posterior(y):
    prior = np.diag(PRIOR_SCALE**2)
    gain = prior @ A.T @ np.linalg.inv(A @ prior @ A.T + NOISE**2 * np.eye(2))
    return PRIOR_MEAN + gain @ (y - A @ PRIOR_MEAN), prior - gain @ A @ prior


def test_it_is_the_posterior_of_a_linear_gaussian_problem():
    num_rows = 200_000
    x, y = simulate(num_rows, seed=0)
    bijection = fit_linear_regression(x, y)
    y_observed = np.array([-28.0, 73.0])
    mean, covariance = exact_posterior(y_observed)
    found_mean = bijection.inverse(jnp.zeros(3), jnp.asarray(y_observed, jnp.float32))
    found_covariance = np.asarray(bijection.cholesky @ bijection.cholesky.T)
    # y is within one standard deviation, so the mean's standard error is at most that of a
    # fitted plane two out: sd sqrt((1 + 4) / rows). A variance has relative error sqrt(2 / rows).
    standard_error = np.sqrt(np.diag(covariance) * 5 / num_rows)
    assert (np.abs(found_mean - mean) < 4 * standard_error + 1e-5 * PRIOR_SCALE).all()
    scale = np.sqrt(np.diag(covariance))
    error = (found_covariance - covariance) / np.outer(scale, scale)
    assert np.abs(error).max() < 4 * np.sqrt(2 / num_rows)


def test_its_density_is_the_normal_density():
    x, y = simulate(1000, seed=1)
    with jax.enable_x64(True):
        bijection = fit_linear_regression(x, y)
        flow = Transformed(StandardNormal((3,)), bijection)
        log_prob = jax.vmap(flow.log_prob)(jnp.asarray(x[:5]), jnp.asarray(y[:5]))
    weights, bias, cholesky = map(
        np.asarray, (bijection.weights, bijection.bias, bijection.cholesky)
    )
    expected = [
        scipy.stats.multivariate_normal.logpdf(x[i], weights @ y[i] + bias, cholesky @ cholesky.T)
        for i in range(5)
    ]
    assert_allclose(log_prob, expected, rtol=1e-9)


def test_residuals_are_white():
    x, y = simulate(5000, seed=2)
    bijection = fit_linear_regression(x, y)
    z = jax.vmap(bijection.forward)(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    assert_allclose(np.mean(z, axis=0), np.zeros(3), atol=1e-3)
    assert_allclose(np.cov(z.T), np.eye(3), atol=2e-3)


def test_what_the_condition_determines_stays_finite():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(200, 2))
    x = np.stack([y[:, 0] - 2 * y[:, 1], rng.normal(size=200)], axis=1)
    bijection = fit_linear_regression(x, y)
    z = jax.vmap(bijection.forward)(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    assert np.isfinite(z).all()
    draws = jax.vmap(bijection.inverse)(jnp.zeros((200, 2)), jnp.asarray(y, jnp.float32))
    assert_allclose(draws[:, 0], x[:, 0], atol=1e-4)


def test_duplicate_and_constant_conditions_change_next_to_nothing():
    x, y = simulate(500, seed=4)
    plain = fit_linear_regression(x, y)
    padded = fit_linear_regression(x, np.column_stack([y, y[:, 0], np.full(500, 7.0)]))
    mean = plain.inverse(jnp.zeros(3), jnp.asarray(y[0], jnp.float32))
    same = padded.inverse(jnp.zeros(3), jnp.asarray([*y[0], y[0, 0], 7.0], jnp.float32))
    # Twice the same weighs twice against the ridge, which is not quite zero.
    assert_allclose(same, mean, rtol=1e-3)


def test_more_conditions_than_rows_are_shrunk_and_not_learned_by_heart():
    rng = np.random.default_rng(7)
    y = rng.normal(size=(120, 100))
    x = y[:, :1] + 0.5 * rng.normal(size=(120, 1))
    bijection = fit_linear_regression(x[:60], y[:60])
    z = jax.vmap(bijection.forward)(
        jnp.asarray(x[60:], jnp.float32), jnp.asarray(y[60:], jnp.float32)
    )
    # A fit by heart would leave no residual in training, and so an enormous one afterwards.
    assert 0.5 < np.std(z) < 2


def test_nothing_in_it_is_trained():
    bijection = fit_linear_regression(*simulate(50, seed=5))
    gradients = eqx.filter_grad(lambda b: b.forward(jnp.ones(3), jnp.ones(2)).sum())(bijection)
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradients))


def test_unfit_rows_are_refused():
    x, y = simulate(10, seed=6)
    with pytest.raises(ShapeError, match="10 rows and 9"):
        fit_linear_regression(x, y[:9])
    with pytest.raises(ConstantColumnError):
        fit_linear_regression(np.column_stack([x, np.ones(10)]), y)
    with pytest.raises(NonFiniteError):
        fit_linear_regression(x, np.where(y > 0, y, np.nan))
