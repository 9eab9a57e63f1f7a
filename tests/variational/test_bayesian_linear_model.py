"""Variational Bayes where the posterior is known: linear regression with known noise."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from retrodict.objectives import WeightedLikelihood
from retrodict.variational import BayesianRegressor

NUM_ROWS, NOISE_SD, PRIOR_SD = 200, 0.5, 0.8


@pytest.fixture(scope="module")
def rows():
    """Two correlated columns of mean 0 and deviation 1, and targets likewise."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=NUM_ROWS)
    X = np.stack([common + 0.8 * rng.normal(size=NUM_ROWS) for _ in range(2)], axis=1)
    y = X @ [1.0, -0.4] + 0.5 * rng.normal(size=NUM_ROWS)
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


@pytest.fixture(scope="module")
def exact(rows):
    """Mean and precision of the posterior of both weights and the bias, and log p(y)."""
    X, y = rows
    features = np.concatenate([X, np.ones((NUM_ROWS, 1))], axis=1)
    prior_variance = PRIOR_SD**2 / 2
    precision = features.T @ features / NOISE_SD**2 + np.eye(3) / prior_variance
    mean = np.linalg.solve(precision, features.T @ y / NOISE_SD**2)
    covariance = prior_variance * features @ features.T + NOISE_SD**2 * np.eye(NUM_ROWS)
    return mean, precision, stats.multivariate_normal(np.zeros(NUM_ROWS), covariance).logpdf(y)


def fitted(rows, **settings):
    X, y = rows
    return BayesianRegressor(
        "variational", hidden=(), noise_sd=NOISE_SD, prior_sd=PRIOR_SD, max_epochs=150,
        batch_size=50, learning_rate=3e-2, **settings,
    ).fit(X, y)  # fmt: skip


@pytest.fixture(scope="module")
def estimator(rows):
    return fitted(rows)


def posterior_of(estimator):
    layer = estimator._model.members.networks.layers[0]
    means = np.concatenate([layer.mean[0, 0], layer.bias_mean[0]])
    return means, np.exp(np.concatenate([layer.log_sd[0, 0], layer.bias_log_sd[0]]))


def bound(estimator, rows, num_draws=400):
    """The evidence lower bound of all rows, by many draws."""
    X, y = rows
    batch = (
        jnp.asarray(X, jnp.float32), jnp.asarray(y[:, None], jnp.float32),
        jnp.ones((NUM_ROWS, 1)),
    )  # fmt: skip
    loss = WeightedLikelihood(jnp.asarray(float(NUM_ROWS)), num_draws)
    return -NUM_ROWS * float(eqx.filter_jit(loss)(estimator._model.members, batch, jr.key(1)))


def test_means_are_those_of_the_posterior_and_deviations_those_given_the_others(estimator, exact):
    """Independent weights have the variance 1 / Lambda_ii, below that of the posterior."""
    mean, precision, _ = exact
    found, sds = posterior_of(estimator)
    exact_sds = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert (np.abs(found - mean) < 0.1 * exact_sds).all()
    assert_allclose(sds, np.diag(precision) ** -0.5, rtol=0.12)
    # The two weights are correlated, the bias is not.
    assert (sds[:2] < 0.9 * exact_sds[:2]).all()
    assert_allclose(sds[2], exact_sds[2], rtol=0.12)


def test_the_bound_lies_below_the_evidence_by_what_independence_costs(estimator, rows, exact):
    _, precision, log_evidence = exact
    gap = (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]) / 2
    found = bound(estimator, rows)
    assert gap > 0.2
    assert found < log_evidence
    assert_allclose(found, log_evidence - gap, atol=0.15)


def test_predictions_have_both_parts_in_closed_form(estimator, rows):
    X, _ = rows
    found, sds = posterior_of(estimator)
    uncertainty = estimator.uncertainty(X)
    features = np.concatenate([X, np.ones((NUM_ROWS, 1))], axis=1)
    expected = np.sqrt(features**2 @ sds**2)
    assert_allclose(uncertainty.epistemic_sd, expected, rtol=0.3)
    assert_allclose(uncertainty.epistemic_sd.mean(), expected.mean(), rtol=0.1)
    assert_allclose(uncertainty.aleatoric_sd, NOISE_SD, rtol=1e-6)
    assert_allclose(estimator.noise_sd_, [NOISE_SD], rtol=1e-6)
    # The mean over 100 draws.
    assert (np.abs(uncertainty.mean - features @ found) < 0.5 * expected).all()


def test_the_divergence_may_be_drawn_too(rows, exact):
    drawn = fitted(rows, kl="sampled", num_train_draws=3)
    mean, precision, log_evidence = exact
    found, sds = posterior_of(drawn)
    assert (np.abs(found - mean) < 0.15 * np.diag(precision) ** -0.5).all()
    assert_allclose(sds, np.diag(precision) ** -0.5, rtol=0.3)
    assert bound(drawn, rows) < log_evidence
